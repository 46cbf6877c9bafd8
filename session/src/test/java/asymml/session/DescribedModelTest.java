package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Layer;
import asymml.privacy.PrivacyStatement;
import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Mode;
import asymml.trusted.run.RunLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Networks of files, on images that train in milliseconds.
class DescribedModelTest {
  private static final DataSet DATA = TinyImages.data();

  private static final String NET =
      """
      name: own
      layers:
        - {name: conv, type: conv, out: 6, kernel: 3, padding: 1, bias: true}
        - {name: act, type: clip}
        - {name: dw, type: conv, out: 6, kernel: 3, padding: 1, groups: 6}
        - {name: norm, type: batch-norm}
        - {name: join, type: concat, inputs: [act, norm]}
        - {name: pool, type: global-avg-pool}
        - {name: fc, type: linear, out: classes}
      """;

  @TempDir Path folder;

  private Path net() throws Exception {
    return Files.writeString(folder.resolve("own.yaml"), NET);
  }

  private static TrainingSpec spec(Path file) {
    return Settings.parse("test", "model: " + file)
        .spec()
        .withMode(Mode.TRUSTED_ONLY)
        .withBatchSize(8)
        .withEpochs(2)
        .withThreads(1);
  }

  @Test
  void a_run_keeps_the_network_of_a_file_that_is_gone_and_gives_it_away_again() throws Exception {
    Path file = net();
    TrainingSpec spec = spec(file);
    assertThat(spec.training().model().name()).isEqualTo("own");
    assertThat(Settings.of(spec).spec()).isEqualTo(spec);
    Path directory = folder.resolve("run");
    try (TrainingSession session =
        TrainingSession.create(ResolvedRun.of(spec, DATA, null), directory)) {
      session.train();
    }
    Files.delete(file);
    assertThat(Files.readString(new RunLayout(directory).config())).contains("type: concat");
    assertThat(Settings.read(new RunLayout(directory).config()).spec().training())
        .isEqualTo(spec.training());
    Path onnx = folder.resolve("own.onnx");
    try (TrainedRun run = TrainedRun.open(directory)) {
      assertThat(run.model().graph().nodes().get(2).layer())
          .isEqualTo(new Layer.GroupedConv2d(6, 3, 1, 1, 6, false, false));
      run.export(ModelFormat.ONNX, onnx);
    }
    TrainingSpec again = spec(onnx);
    assertThat(
            again
                .training()
                .model()
                .graph(DATA.train().shape(), 2, again.training().norm())
                .nodes())
        .extracting(n -> n.layer())
        .filteredOn(l -> !(l instanceof Layer.Flatten))
        .hasSize(7);
  }

  /// Weights and biases of both kinds of convolution are in the one sum that gets noise.
  @Test
  void with_dp_sgd_the_joint_release_covers_all_parameters_of_a_described_network()
      throws Exception {
    Path file =
        Files.writeString(
            folder.resolve("own.yaml"),
            NET.replace("type: batch-norm", "type: group-norm, groups: 2"));
    TrainingSpec spec =
        Settings.parse(
                "test",
                ("model: %s\nmode: trusted-only\ndp-sgd: true\nnoise-multiplier: 1\nepochs: 1\n"
                        + "logical-batch-size: 8\nbatch-size: 4\nthreads: 1\naugment: true\n"
                        + "augmentation-multiplicity: 2")
                    .formatted(file))
            .spec();
    assertThat(Settings.of(spec).spec()).isEqualTo(spec);
    Path directory = folder.resolve("dp");
    try (TrainingSession session =
        TrainingSession.create(ResolvedRun.of(spec, DATA, null), directory)) {
      session.train();
    }
    try (TrainedRun run = TrainedRun.open(directory)) {
      PrivacyStatement statement = Objects.requireNonNull(run.statement());
      assertThat(statement.ledger().entries().getFirst().releases())
          .singleElement()
          .satisfies(release ->
              assertThat(release.values())
                  .isEqualTo(
                      run.model().graph().parameters().stream()
                          .filter(p -> p.trained())
                          .mapToLong(p -> p.size())
                          .sum()));
      assertThat(statement.view().value()).isFinite();
    }
  }

  @Test
  void what_is_no_network_is_refused_in_a_line() throws Exception {
    Path file = net();
    assertThatThrownBy(() -> spec(folder.resolve("none.yaml")))
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining("none.yaml: no such file or directory");
    assertThatThrownBy(() -> spec(folder.resolve("none.onnx")))
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining("no such file");
    Path dir = Files.createDirectory(folder.resolve("dir.yaml"));
    assertThatThrownBy(() -> spec(dir)).hasMessageContaining("not a regular file");
    assertThatThrownBy(
            () -> Settings.parse("test", "model: %s\nnorm: group".formatted(file)).spec())
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining("a described network has its own normalisation");
    Files.writeString(file, NET.replace("clip", "gelu"));
    assertThatThrownBy(() -> spec(file))
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining("own.yaml: layer act: has the type 'gelu'");
  }
}
