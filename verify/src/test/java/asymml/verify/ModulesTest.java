package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What each module shows of itself and which others it reads, as compiled.
class ModulesTest {
  private static ModuleDescriptor descriptor(String module, String type)
      throws ReflectiveOperationException {
    Class<?> member = Class.forName("asymml." + module + "." + type, false, loader());
    Path classes =
        Path.of(URI.create(member.getProtectionDomain().getCodeSource().getLocation().toString()));
    return ModuleFinder.of(classes)
        .find("asymml." + module)
        .orElseThrow(() -> new AssertionError("no module in " + classes))
        .descriptor();
  }

  private static ClassLoader loader() {
    return ModulesTest.class.getClassLoader();
  }

  private static Set<String> words(String list) {
    return list.equals("-") ? Set.of() : Arrays.stream(list.split(" ")).collect(Collectors.toSet());
  }

  @ParameterizedTest
  @CsvSource({
    "wire, Slot, asymml.wire",
    "kernels, Tensor, asymml.kernels",
    "model, Graph, asymml.model",
    "interop, OnnxExport, asymml.interop",
    "privacy, Epsilon, asymml.privacy",
    "attest, Finding, asymml.attest asymml.attest.amd asymml.attest.intel asymml.attest.nvidia"
        + " asymml.attest.policy asymml.attest.release asymml.attest.seal asymml.attest.source",
    "trusted, train.Trainer, asymml.trusted.data asymml.trusted.plan asymml.trusted.run"
        + " asymml.trusted.train",
    "untrusted, Main, -",
    "session, TrainingSpec, asymml.session asymml.session.owner",
    "analysis, WorkerView, asymml.analysis asymml.analysis.score",
    "report, ReportPage, asymml.report",
    "serve, ModelServer, asymml.serve",
    "study, NoiseAlone, asymml.study asymml.study.attack asymml.study.audit asymml.study.bench"
        + " asymml.study.compare asymml.study.plan asymml.study.tradeoff",
    "cli, Main, -",
  })
  void a_module_exports_no_more_than_others_need(String module, String type, String exports)
      throws ReflectiveOperationException {
    assertThat(descriptor(module, type).exports())
        .filteredOn(e -> !e.isQualified())
        .extracting(ModuleDescriptor.Exports::source)
        .containsExactlyInAnyOrderElementsOf(words(exports));
  }

  /// The asymml command and `mvn install` as the README has it build without tests, so that there
  /// are no jars of tests: only a profile that such a build does not have may ask for one.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "wire",
        "kernels",
        "model",
        "interop",
        "privacy",
        "attest",
        "trusted",
        "untrusted",
        "session",
        "analysis",
        "study",
        "report",
        "serve",
        "cli",
        "spark"
      })
  void the_command_builds_without_jars_of_tests(String module) throws IOException {
    String pom = Files.readString(Path.of("").toAbsolutePath().resolveSibling(module + "/pom.xml"));
    assertThat(pom.replaceAll("(?s)<profiles>.*</profiles>", "")).doesNotContain("<type>test-jar");
    assertThat(pom.contains("<type>test-jar"))
        .isEqualTo(pom.contains("<name>!maven.test.skip</name>"));
  }

  @Test
  void internals_of_the_trusted_module_are_for_our_own_modules()
      throws ReflectiveOperationException {
    assertThat(descriptor("trusted", "train.Trainer").exports())
        .filteredOn(ModuleDescriptor.Exports::isQualified)
        .allSatisfy(e ->
            assertThat(e.targets())
                .isSubsetOf("asymml.session", "asymml.study", "asymml.report", "asymml.cli"))
        .extracting(ModuleDescriptor.Exports::source)
        .doesNotContain("asymml.trusted.decompose", "asymml.trusted.memory");
  }

  @ParameterizedTest
  @CsvSource({
    "wire, Slot, -",
    "kernels, Tensor, -",
    "model, Graph, -",
    "interop, OnnxExport, asymml.model",
    "privacy, Epsilon, -",
    "attest, Finding, -",
    "trusted, train.Trainer, asymml.kernels asymml.model asymml.privacy asymml.wire",
    "untrusted, Main, asymml.kernels asymml.wire",
    "session, TrainingSpec, asymml.attest asymml.interop asymml.trusted",
    "analysis, WorkerView, asymml.kernels asymml.model asymml.wire",
    "study, NoiseAlone, asymml.analysis asymml.privacy asymml.session asymml.trusted",
    "report, ReportPage, asymml.privacy asymml.session asymml.study asymml.trusted",
    "serve, ModelServer, asymml.session",
    "cli, Main, asymml.analysis asymml.attest asymml.privacy asymml.report asymml.serve"
        + " asymml.session asymml.study asymml.trusted",
  })
  void a_module_reads_no_others_of_ours_than_it_should(String module, String type, String reads)
      throws ReflectiveOperationException {
    assertThat(descriptor(module, type).requires())
        .extracting(ModuleDescriptor.Requires::name)
        .filteredOn(name -> name.startsWith("asymml."))
        .containsExactlyInAnyOrderElementsOf(words(reads));
  }

  @ParameterizedTest
  @CsvSource({
    "wire, Slot, -",
    "kernels, Tensor, org.bytedeco.dnnl org.bytedeco.javacpp org.bytedeco.opencl",
    "model, Graph, -",
    "interop, OnnxExport, -",
    "privacy, Epsilon, -",
    "attest, Finding, -",
    "trusted, train.Trainer, -",
    // CUDA only where the launcher adds it.
    "untrusted, Main, static:org.bytedeco.cuda org.bytedeco.javacpp",
    "session, TrainingSpec, -",
    "report, ReportPage, -",
    "serve, ModelServer, -",
    "cli, Main, -",
  })
  void bindings_are_read_by_the_kernels_and_the_worker_alone(
      String module, String type, String reads) throws ReflectiveOperationException {
    assertThat(
            descriptor(module, type).requires().stream()
                .filter(r -> r.name().startsWith("org.bytedeco."))
                .map(r ->
                    (r.modifiers().contains(ModuleDescriptor.Requires.Modifier.STATIC)
                            ? "static:"
                            : "")
                        + r.name())
                .collect(Collectors.toSet()))
        .isEqualTo(words(reads));
  }

  @ParameterizedTest
  @CsvSource({
    "wire, Slot, -",
    "kernels, Tensor, -",
    "model, Graph, -",
    "interop, OnnxExport, -",
    "privacy, Epsilon, -",
    "attest, Finding, -",
    "trusted, train.Trainer, -",
    "untrusted, Main, info.picocli",
    "session, TrainingSpec, -",
    "analysis, WorkerView, -",
    "report, ReportPage, -",
    "serve, ModelServer, -",
    "study, NoiseAlone, -",
    "cli, Main, info.picocli",
  })
  void only_commands_are_open_to_reflection_and_only_to_their_parser(
      String module, String type, String openTo) throws ReflectiveOperationException {
    ModuleDescriptor descriptor = descriptor(module, type);
    assertThat(descriptor.isOpen()).isFalse();
    assertThat(descriptor.opens()).allMatch(ModuleDescriptor.Opens::isQualified);
    assertThat(
            descriptor.opens().stream()
                .flatMap(o -> o.targets().stream())
                .collect(Collectors.toSet()))
        .isEqualTo(words(openTo));
  }
}
