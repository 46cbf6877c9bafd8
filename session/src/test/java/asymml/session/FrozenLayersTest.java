package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.NamedTensor;
import asymml.model.SafeTensors;
import asymml.model.Zoo;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.Release;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.DpSgd;
import asymml.trusted.train.PrivacyConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Runs with layers that are not trained.
class FrozenLayersTest {
  private static final TrainingSpec SPEC =
      TrainingSpec.defaults()
          .withMode(Mode.TRUSTED_ONLY)
          .withBatchSize(6)
          .withEpochs(2)
          .withThreads(1);
  private static final DataSet DATA = TinyImages.data();
  private static final List<String> STEM = List.of("conv1", "bn1", "relu1", "pool1");

  @TempDir static Path shared;

  @TempDir Path folder;

  private static Path source(Zoo.Norm norm) {
    return new RunLayout(shared.resolve(norm.name())).checkpoint();
  }

  /// Other images than those of the runs below: theirs would be no public initial parameters.
  @BeforeAll
  static void train() throws Exception {
    var others = TinyImages.images(TinyImages.SHAPE, 24, 700);
    DataSet data = new DataSet("other", others, DATA.test(), Normalization.of(others), true, 1);
    for (Zoo.Norm norm : Zoo.Norm.values()) {
      train(SPEC.withNorm(norm).withEpochs(1), data, shared.resolve(norm.name()));
    }
  }

  private static void train(TrainingSpec spec, DataSet data, Path directory) throws Exception {
    try (TrainingSession session =
        TrainingSession.create(ResolvedRun.of(spec, data, null), directory)) {
      session.train();
    }
  }

  private static TrainingSpec frozen(TrainingSpec spec, Zoo.Norm norm, List<String> layers) {
    TrainingSpec initialised =
        spec.withNorm(norm).withInit(InitSpec.of(source(norm)).declaredPublic());
    return initialised.withTraining(initialised.training().withFrozen(layers));
  }

  private static Map<String, float[]> parameters(Path checkpoint) throws IOException {
    return SafeTensors.read(checkpoint).tensors().stream()
        .collect(Collectors.toMap(NamedTensor::name, NamedTensor::toArray));
  }

  @Test
  void frozen_layers_keep_their_parameters_and_statistics_to_the_bit_and_others_are_trained()
      throws Exception {
    for (Zoo.Norm norm : Zoo.Norm.values()) {
      Path run = folder.resolve(norm.name());
      train(frozen(SPEC, norm, List.of("(conv|bn)[12]")), DATA, run);
      Map<String, float[]> before = parameters(source(norm));
      Map<String, float[]> after = parameters(new RunLayout(run).checkpoint());
      for (String name : before.keySet()) {
        boolean kept = name.matches("(conv|bn)[12]\\..*");
        if (kept) {
          assertThat(after.get(name)).as(name).isEqualTo(before.get(name));
          assertThat(after).doesNotContainKey("velocity/" + name);
        } else if (!name.startsWith("velocity/")) {
          assertThat(after.get(name)).as(name).isNotEqualTo(before.get(name));
        }
      }
      assertThat(after).containsKey("conv2.weight").containsKey("velocity/conv3.weight");
    }
  }

  @Test
  void frozen_layers_are_computed_in_the_trusted_process_in_every_mode() {
    for (Mode mode : Mode.values()) {
      ResolvedRun run =
          ResolvedRun.of(
              frozen(SPEC.withMode(mode), Zoo.Norm.BATCH, List.of("(conv|bn)[12]")), DATA, null);
      assertThat(run.plan().placement("conv1")).isInstanceOf(Placement.Trusted.class);
      assertThat(run.plan().placement("conv2")).isInstanceOf(Placement.Trusted.class);
    }
  }

  /// The one gradient that DP-SGD noises has as many values as are trained.
  @Test
  void frozen_parameters_count_for_nothing_in_the_gradient_of_dp_sgd() throws Exception {
    TrainingSpec dpSgd =
        SPEC.withTraining(
            Defaults.dpSgd()
                .withModel("cnn")
                .withBatchSize(6)
                .withEpochs(1)
                .withPrivacy(
                    PrivacyConfig.of(
                        new DpSgd(6, 1, 0.5, 0.02, 1 << 24), new Epsilon(8), new Delta(1e-3))));
    Path run = folder.resolve("dp");
    TrainingSpec spec = frozen(dpSgd, Zoo.Norm.GROUP, STEM);
    train(spec, DATA, run);
    ResolvedRun resolved = ResolvedRun.of(spec, DATA, null);
    long trained =
        resolved.graph().parameters().stream()
            .filter(p -> p.trained())
            .mapToLong(p -> p.size())
            .sum();
    long all = resolved.graph().parameters().stream().mapToLong(p -> p.size()).sum();
    assertThat(all - trained).isEqualTo(16 * 3 * 3 * 3 + 2 * 16);
    assertThat(LedgerFile.read(new RunLayout(run).ledger()).entries())
        .isNotEmpty()
        .allSatisfy(entry ->
            assertThat(entry.releases())
                .singleElement()
                .extracting(Release::values)
                .isEqualTo(trained));
    Map<String, float[]> before = parameters(source(Zoo.Norm.GROUP));
    Map<String, float[]> after = parameters(new RunLayout(run).checkpoint());
    // The moving average, which is the model, and what is trained.
    assertThat(after.get("conv1.weight")).isEqualTo(before.get("conv1.weight"));
    assertThat(after.get("trained/bn1.bias")).isEqualTo(before.get("bn1.bias"));
    assertThat(after.get("conv2.weight")).isNotEqualTo(before.get("conv2.weight"));
  }

  @Test
  void layers_behind_trained_ones_and_unknown_ones_are_refused_by_name() {
    assertRefused(List.of("conv2"), "layer conv2: is frozen behind layers that are trained");
    assertRefused(List.of("conv7"), "no layer of cnn is called 'conv7'; it has [conv1, bn1,");
    assertRefused(List.of("conv("), "'conv(' is neither a layer nor a regular expression");
    assertRefused(List.of(".*"), "all layers are frozen: nothing is left to train");
  }

  private static void assertRefused(List<String> layers, String why) {
    assertThatThrownBy(() -> ResolvedRun.of(frozen(SPEC, Zoo.Norm.BATCH, layers), DATA, null))
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining(why);
  }

  @Test
  void freezing_what_the_seed_draws_is_refused() {
    assertThatThrownBy(() -> SPEC.withTraining(SPEC.training().withFrozen(STEM)))
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining("leaves layers as the seed draws them");
  }

  @Test
  void settings_name_the_layers() {
    TrainingSpec spec = frozen(SPEC, Zoo.Norm.BATCH, STEM);
    assertThat(Settings.of(spec).values()).containsEntry("freeze", STEM);
    assertThat(Settings.of(spec).spec()).isEqualTo(spec);
  }
}
