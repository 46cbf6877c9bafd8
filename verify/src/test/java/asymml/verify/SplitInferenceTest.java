package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.session.TrainingSpec;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.WorkerProcess;
import asymml.trusted.check.Verification;
import asymml.trusted.inference.SplitInference;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.split.Workers;
import asymml.trusted.train.TrainConfig;
import asymml.wire.ProtocolException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Inference through the split against the same network unsplit, without noise.
class SplitInferenceTest {
  private static final double ROUNDING = 1e-4;

  /// Under masks: some 4e-4 in each of up to twenty layers.
  private static final double MASK_ROUNDING = 5e-3;

  @TempDir Path folder;

  private static Graph graph(String model, int side, Zoo.Norm norm) {
    return Zoo.build(model, new Shape(side, side, 3), 10, norm);
  }

  /// The largest difference of any logit, over the largest logit.
  private static void compare(
      SplitInference split, Graph graph, Parameters parameters, int[] counts, double tolerance)
      throws Exception {
    try (Arena arena = Arena.ofShared()) {
      for (int b = 0; b < counts.length; b++) {
        Tensor images = Inference.images(arena, graph, counts[b], 100 + b);
        float[] expected;
        try (TrustedNetwork whole = TrustedNetwork.forInference(graph, counts[b], parameters)) {
          whole.load(images);
          whole.forward(0);
          expected = whole.logits().toArray();
        }
        float[] actual = split.logits(images).toArray();
        assertThat(actual).hasSameSizeAs(expected);
        double largest = 0;
        double off = 0;
        for (int i = 0; i < expected.length; i++) {
          largest = Math.max(largest, Math.abs(expected[i]));
          off = Math.max(off, Math.abs(expected[i] - actual[i]));
        }
        assertThat(largest).isGreaterThan(1e-3);
        assertThat(off / largest).as("batch %s", b).isLessThan(tolerance);
      }
    }
  }

  /// Full batches, and one that is filled up; of the small network so many that bases are renewed.
  @ParameterizedTest
  @CsvSource({
    "cnn, 32, BATCH, SHARED, 1/8, 12",
    "resnet20, 32, BATCH, PER_EXAMPLE, 1/8, 2",
    "resnet20, 32, GROUP, SHARED, energy:0.2, 2",
    "resnet18, 16, BATCH, SHARED, 1/8, 2",
    "vgg11, 32, BATCH, SHARED, schedule:2:32, 2",
    "scatter-cnn, 32, GROUP, SHARED, 0, 2",
  })
  void inference_without_noise_equals_unsplit(
      String model, int side, Zoo.Norm norm, Decomposition decomposition, String rank, int batches)
      throws Exception {
    Graph graph = graph(model, side, norm);
    int[] counts = new int[batches];
    for (int b = 0; b < batches; b++) {
      counts[b] = b == 1 ? 1 : 3;
    }
    TrainConfig config = Inference.exact(decomposition, rank, 3);
    try (LocalWorker worker = new LocalWorker();
        Parameters parameters = Inference.parameters(graph);
        SplitInference split =
            new SplitInference(
                config,
                graph,
                parameters,
                Workers.of(worker.party()).verified(Verification.EVERY),
                null)) {
      compare(split, graph, parameters, counts, ROUNDING);
    }
  }

  @Test
  void workers_share_batches_in_chunks() throws Exception {
    Graph graph = graph("cnn", 32, Zoo.Norm.BATCH);
    try (LocalWorker first = new LocalWorker();
        LocalWorker second = new LocalWorker();
        Parameters parameters = Inference.parameters(graph);
        SplitInference split =
            new SplitInference(
                Inference.exact(Decomposition.SHARED, "1/8", 9),
                graph,
                parameters,
                new Workers(List.of(first.party(), second.party()), 2, Verification.EVERY),
                null)) {
      compare(split, graph, parameters, new int[] {9, 4, 9}, ROUNDING);
      assertThat(second.remote.bytesFromWorker()).isPositive();
    }
  }

  @ParameterizedTest
  @CsvSource({"resnet20, BATCH, SHARED, 0", "cnn, BATCH, PER_EXAMPLE, 1/8"})
  void under_masks_only_their_rounding_is_left(
      String model, Zoo.Norm norm, Decomposition decomposition, String rank) throws Exception {
    Graph graph = graph(model, 32, norm);
    TrainConfig config =
        TrainingSpec.defaults()
            .withShield(new Shield.Shares(1))
            .withRank(RankPolicy.parse(rank))
            .withBatchSize(3)
            .training()
            .withDecomposition(decomposition);
    try (LocalWorker first = new LocalWorker();
        LocalWorker second = new LocalWorker();
        Parameters parameters = Inference.parameters(graph);
        SplitInference split =
            new SplitInference(
                config,
                graph,
                parameters,
                Workers.of(first.party(), second.party()).verified(Verification.EVERY),
                null)) {
      compare(split, graph, parameters, new int[] {3, 2, 3}, MASK_ROUNDING);
      assertThat(split.statement(8, "a model").epsilon().isFinite()).isTrue();
    }
  }

  @Test
  void a_worker_that_dies_between_batches_ends_it_in_one_line() throws Exception {
    Graph graph = graph("cnn", 32, Zoo.Norm.BATCH);
    try (WorkerProcess process = LocalWorker.process(folder);
        RemoteWorker remote = RemoteWorker.connect(process, LocalWorker.LIMIT);
        ReleaseDoor door = new ReleaseDoor(remote, new SecureRandom(), 1);
        Parameters parameters = Inference.parameters(graph);
        Arena arena = Arena.ofShared();
        SplitInference split =
            new SplitInference(
                Inference.exact(Decomposition.SHARED, "1/8", 3),
                graph,
                parameters,
                Workers.one(remote, door),
                null)) {
      Tensor images = Inference.images(arena, graph, 3, 1);
      assertThat(split.logits(images).toArray()).hasSize(30);
      ProcessHandle.of(process.pid()).orElseThrow().destroyForcibly();
      LocalWorker.awaitEnd(process);
      assertThatThrownBy(() -> split.logits(images))
          .isInstanceOf(ProtocolException.class)
          .hasMessageStartingWith("the worker went away")
          .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
    }
  }
}
