package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Each rule holds for the product, and catches the breaches of it in `violations`, all of them and
/// nothing else.
class ArchitectureTest {
  private static final String VIOLATIONS = "asymml.verify.violations";

  static final JavaClasses PRODUCT =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .withImportOption(location -> !location.contains("/asymml/verify/"))
          // The simulated TEE and owner.
          .withImportOption(location -> !location.contains("-tests.jar"))
          .importPackages(ArchitectureRules.PRODUCT.root());

  private static final JavaClasses BROKEN = new ClassFileImporter().importPackages(VIOLATIONS);

  private static final Map<String, List<String>> BREACHES =
      Map.ofEntries(
          breaches("trusted does not know untrusted", "trusted.data.Breaches$LinksTheWorker"),
          breaches(
              "untrusted does not know trusted",
              "untrusted.Breaches$ReadsTheData",
              "untrusted.Breaches$KnowsTheModel"),
          breaches(
              "the adversary knows the worker's view and public code",
              "analysis.Breaches$ReadsTheTruth",
              "analysis.Breaches$LinksTheWorker",
              "analysis.Breaches$AsksTheCommand"),
          breaches("attacks do not see their scorers", "analysis.Breaches$AsksItsScorer"),
          breaches(
              "the report knows the files of runs and records of studies",
              "report.Breaches$AsksTheCommand"),
          breaches(
              "sessions know neither untrusted nor commands",
              "session.Breaches$CallsACommand",
              "session.Breaches$LinksTheWorker"),
          breaches("the server of models knows sessions", "serve.Breaches$AsksTheCommand"),
          breaches("only the server of models uses Jetty", "trusted.data.Breaches$ServesHttp"),
          breaches("studies know neither untrusted nor commands", "study.Breaches$CallsACommand"),
          breaches("cli does not know untrusted", "cli.Breaches$LinksTheWorker"),
          breaches("wire knows nothing of ours", "wire.Breaches$NamesItsModel"),
          breaches("kernels know nothing of ours", "kernels.Breaches$SendsItsResult"),
          breaches("model knows nothing of ours", "model.Breaches$RunsRemotely"),
          breaches(
              "model files of other programs know models alone", "interop.Breaches$SendsItsModel"),
          breaches("privacy knows nothing of ours", "privacy.Breaches$LooksAtTheData"),
          breaches("attest knows nothing of ours", "attest.Breaches$LooksAtTheData"),
          breaches(
              "the owner's commands know evidence and sealed files alone",
              "cli.owner.Breaches$LooksAtTheData"),
          breaches(
              "only commands parse command lines",
              "study.Breaches$ParsesOptions",
              "untrusted.Breaches$ParsesOptions"),
          breaches(
              "only the release door makes a Released",
              "trusted.boundary.Breaches$ForgesAReleased"),
          breaches(
              "only the release door writes the worker's memory",
              "trusted.boundary.Breaches$WritesPastTheDoor",
              "trusted.boundary.Breaches$PublishesPastTheDoor"),
          breaches(
              "only the release door uses the region writer",
              "trusted.boundary.Breaches$UsesTheWriter"),
          breaches(
              "only the boundary speaks to the worker",
              "trusted.split.Breaches$SpeaksToTheWorker",
              "trusted.rank.Breaches$SpeaksToTheWorker",
              "session.Breaches$SpeaksToTheWorker",
              "cli.Breaches$SpeaksToTheWorker"),
          breaches(
              "the rank analysis has no way out",
              "trusted.rank.Breaches$SpeaksToTheWorker",
              "trusted.rank.Breaches$ReleasesItsResult"),
          breaches(
              "nothing on the trusted side reads the rank analysis",
              "trusted.split.Breaches$DecidesByRanks"),
          breaches(
              "where training runs only plans resolve ranks",
              "trusted.split.Breaches$ResolvesARank"),
          breaches(
              "only transports and the key release open sockets",
              "wire.Breaches$ListensOnTheSide",
              "trusted.data.Breaches$OpensASocket",
              "trusted.data.Breaches$OpensAChannel",
              "trusted.data.Breaches$OpensAUrl",
              "trusted.data.Breaches$UsesHttp"),
          breaches(
              "only WorkerProcess starts processes",
              "trusted.data.Breaches$StartsAProcess",
              "trusted.data.Breaches$ExecutesACommand"),
          breaches(
              "where private data live nothing is printed",
              "trusted.split.Breaches$PrintsToOut",
              "trusted.split.Breaches$PrintsToErr",
              "session.Breaches$PrintsToOut",
              "serve.Breaches$PrintsToOut",
              "trusted.split.Breaches$PrintsAStack"),
          breaches(
              "where private data live nothing is logged",
              "trusted.split.Breaches$LogsWithTheJdk",
              "session.Breaches$LogsWithTheSystem",
              "trusted.split.Breaches$LogsWithTheSystem"),
          breaches(
              "the boundary uses no predictable randomness",
              "trusted.boundary.Breaches$UsesRandom",
              "trusted.boundary.Breaches$UsesSplittableRandom",
              "trusted.boundary.Breaches$UsesThreadLocalRandom",
              "trusted.boundary.Breaches$UsesMathRandom"),
          breaches(
              "no cryptographic generator is seeded",
              "trusted.boundary.Breaches$SeedsByConstructor",
              "trusted.boundary.Breaches$SeedsByMethod",
              "trusted.boundary.Breaches$ChoosesAnAlgorithm",
              "trusted.boundary.Breaches$FeignsRandomness"));

  private static Map.Entry<String, List<String>> breaches(String rule, String... classes) {
    return Map.entry(rule, Arrays.stream(classes).map(c -> VIOLATIONS + "." + c).toList());
  }

  static Stream<String> rules() {
    return ArchitectureRules.PRODUCT.all().keySet().stream();
  }

  @Test
  void every_module_of_the_product_is_looked_at() {
    for (String module :
        List.of(
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
            "cli")) {
      assertThat(PRODUCT)
          .anyMatch(c -> (c.getPackageName() + ".").startsWith("asymml." + module + "."));
    }
  }

  @ParameterizedTest
  @MethodSource("rules")
  void holds_for_the_product(String rule) {
    Objects.requireNonNull(ArchitectureRules.PRODUCT.all().get(rule)).check(PRODUCT);
  }

  @ParameterizedTest
  @MethodSource("rules")
  void catches_its_breaches_and_nothing_else(String rule) {
    List<String> caught =
        Objects.requireNonNull(new ArchitectureRules(VIOLATIONS).all().get(rule))
            .evaluate(BROKEN)
            .getFailureReport()
            .getDetails();
    List<String> expected = Objects.requireNonNull(BREACHES.get(rule));
    for (String breach : expected) {
      assertThat(caught).anyMatch(detail -> names(detail, breach));
    }
    assertThat(caught).allMatch(detail -> expected.stream().anyMatch(b -> names(detail, b)));
  }

  /// The class that breaks the rule comes first in a detail, before what it should not use.
  private static boolean names(String detail, String breach) {
    int at = detail.indexOf('<');
    return detail.startsWith(breach, at + 1);
  }
}
