package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.interop.InitialWeights;
import asymml.model.Initializer;
import asymml.model.Zoo;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.DpSgd;
import asymml.trusted.train.Evaluator;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Runs that begin with the parameters of another.
class InitialParametersTest {
  private static final TrainingSpec SPEC =
      TrainingSpec.defaults()
          .withMode(Mode.TRUSTED_ONLY)
          .withBatchSize(6)
          .withEpochs(1)
          .withThreads(1);
  private static final DataSet DATA = TinyImages.data();

  @TempDir static Path shared;

  @TempDir Path folder;

  private static Path run(Zoo.Norm norm) {
    return shared.resolve(norm.name());
  }

  @BeforeAll
  static void train() throws Exception {
    for (Zoo.Norm norm : Zoo.Norm.values()) {
      try (TrainingSession session =
          TrainingSession.create(ResolvedRun.of(SPEC.withNorm(norm), DATA, null), run(norm))) {
        session.train();
      }
    }
  }

  private Path exported(Zoo.Norm norm, ModelFormat format) throws IOException {
    Path file = folder.resolve("m." + format.label());
    try (TrainedRun run = TrainedRun.open(run(norm))) {
      run.export(format, file);
    }
    return file;
  }

  @ParameterizedTest
  @EnumSource
  void an_exported_model_that_is_read_again_classifies_every_image_as_before(ModelFormat format)
      throws Exception {
    ImageSet images = TinyImages.images(TinyImages.SHAPE, 60, 5000);
    for (Zoo.Norm norm : Zoo.Norm.values()) {
      Path file = exported(norm, format);
      try (TrainedRun run = TrainedRun.open(run(norm))) {
        TrainedModel model = run.model();
        InitialWeights read = InitialWeights.read(file, model.graph());
        assertThat(read.missing()).isEmpty();
        try (Parameters parameters =
                new Parameters(model.graph(), new Initializer(99, read.values()), false);
            Evaluator evaluator = new Evaluator(model.graph(), parameters, 7)) {
          Evaluator.Score again =
              evaluator.score(images, model.description().normalization(), (_, _) -> {});
          Evaluator.Score before = run.evaluate(images, 7);
          for (int cell = 0; cell < 4; cell++) {
            assertThat(again.confusion().count(cell / 2, cell % 2))
                .isEqualTo(before.confusion().count(cell / 2, cell % 2));
          }
          assertThat(again.accuracy()).isEqualTo(before.accuracy());
        }
      }
    }
  }

  private static List<InitialWeights> train(TrainingSpec spec, Path directory) throws Exception {
    List<InitialWeights> heard = new ArrayList<>();
    try (TrainingSession session =
        TrainingSession.create(ResolvedRun.of(spec, DATA, null), directory)) {
      session
          .listener(
              new SessionListener() {
                @Override
                public void initialised(InitialWeights initial) {
                  heard.add(initial);
                }
              })
          .train();
    }
    return heard;
  }

  /// At a learning rate that moves nothing the run ends where it began.
  @Test
  void a_run_begins_with_the_parameters_of_the_file() throws Exception {
    Path file = exported(Zoo.Norm.GROUP, ModelFormat.ONNX);
    TrainingSpec still =
        SPEC.withNorm(Zoo.Norm.GROUP)
            .withSeed(77)
            .withOptimizer(SPEC.training().optimizer().withLearningRate(1e-30f))
            .withInit(InitSpec.of(file));
    Path directory = folder.resolve("run");
    List<InitialWeights> heard = train(still, directory);
    assertThat(heard).singleElement().satisfies(w -> assertThat(w.missing()).isEmpty());
    try (TrainedRun begun = TrainedRun.open(directory);
        TrainedRun source = TrainedRun.open(run(Zoo.Norm.GROUP))) {
      assertThat(begun.spec().init()).isEqualTo(InitSpec.of(file));
      assertThat(begun.model().parameters().used("conv2.weight").toArray())
          .usingComparatorWithPrecision(1e-6f)
          .containsExactly(source.model().parameters().used("conv2.weight").toArray());
      assertThat(begun.model().parameters().value("fc.bias").toArray())
          .containsExactly(source.model().parameters().value("fc.bias").toArray());
    }
  }

  @Test
  void a_resumed_run_needs_the_same_file() throws Exception {
    Path file = exported(Zoo.Norm.BATCH, ModelFormat.SAFETENSORS);
    Path directory = folder.resolve("run");
    TrainingSpec spec = SPEC.withInit(InitSpec.of(file));
    train(spec, directory);
    Files.copy(
        exported(Zoo.Norm.BATCH, ModelFormat.ONNX), file, StandardCopyOption.REPLACE_EXISTING);
    Files.move(file, folder.resolve("other.onnx"));
    TrainingSpec changed = spec.withInit(InitSpec.of(folder.resolve("other.onnx")));
    try (TrainingSession session =
        TrainingSession.resume(ResolvedRun.of(changed, DATA, null), directory)) {
      assertThatThrownBy(session::train)
          .isInstanceOf(TrainingException.class)
          .hasMessageContaining("belongs to a run with another initialParameters");
    }
  }

  private static TrainingSpec accounted() {
    return TrainingSpec.defaults()
        .withNorm(Zoo.Norm.GROUP)
        .withProtection(new Epsilon(8))
        .withThreads(1);
  }

  @Test
  void an_accounted_run_refuses_parameters_that_are_not_declared_public() {
    InitSpec init = InitSpec.of(Path.of("weights.safetensors"));
    assertThatThrownBy(() -> accounted().withInit(init))
        .isInstanceOfSatisfying(
            InvalidSpecException.class,
            e ->
                assertThat(e.findings())
                    .extracting(Finding::kind)
                    .containsExactly(Finding.Kind.PRIVATE_START));
    assertThat(accounted().withInit(init.declaredPublic()).init().isPublic()).isTrue();
  }

  /// Whatever is declared: the checkpoint names the images that it was trained on.
  @Test
  void an_accounted_run_refuses_a_checkpoint_of_its_own_images() throws Exception {
    Path checkpoint = new RunLayout(run(Zoo.Norm.GROUP)).checkpoint();
    TrainingSpec spec =
        SPEC.withNorm(Zoo.Norm.GROUP).withInit(InitSpec.of(checkpoint).declaredPublic());
    TrainingSpec dp =
        spec.withTraining(
            Defaults.dpSgd()
                .withModel("cnn")
                .withBatchSize(6)
                .withPrivacy(
                    PrivacyConfig.of(
                        new DpSgd(6, 1, 0, 0.02, 1 << 20), new Epsilon(8), new Delta(1e-3)))
                .withNoise(new NoiseStrength.None()));
    assertThatThrownBy(() -> train(dp, folder.resolve("run")))
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining("was trained on the private images of this run");
  }

  @ParameterizedTest
  @ValueSource(strings = {"none.safetensors", "none.onnx"})
  void a_file_that_is_not_there_ends_the_run_before_it_begins(String name) {
    TrainingSpec spec = SPEC.withInit(InitSpec.of(folder.resolve(name)));
    assertThatThrownBy(() -> train(spec, folder.resolve("run")))
        .isInstanceOf(IOException.class)
        .hasMessage("cannot read model file " + folder.resolve(name) + ": there is no such file");
  }

  @Test
  void settings_name_the_file_and_the_declaration() {
    TrainingSpec spec = accounted().withInit(InitSpec.of(Path.of("w.onnx")).declaredPublic());
    assertThat(Settings.of(spec).values())
        .containsEntry("init", "w.onnx")
        .containsEntry("init-public", true);
    assertThat(Settings.of(spec).spec()).isEqualTo(spec);
  }
}
