package asymml.trusted.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.Linear;
import asymml.model.Layer.Relu;
import asymml.model.Shape;
import asymml.trusted.boundary.OpenDoor;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.plan.Terms;
import asymml.trusted.split.Workers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Steps with workers that answer and compute nothing: what they are sent is counted exactly.
class StepBenchWorkersTest {
  private static final int BATCH = 6;
  private static final Graph GRAPH = graph();
  private static final ReleaseTerms EXACT =
      new ReleaseTerms.Unaccounted(new NoiseStrength.None(), "a benchmark");

  @TempDir Path folder;

  /// The layer `conv` reads 4 channels and gives 8, on maps of 6x6.
  private static Graph graph() {
    GraphBuilder b = new GraphBuilder(new Shape(6, 6, 3));
    b.add("first", new Conv2d(4, 3, 1, 1));
    b.add("norm", new GroupNorm(2, 1e-5f));
    b.add("relu", new Relu());
    b.add("conv", new Conv2d(8, 3, 1, 1));
    b.add("flatten", new Flatten());
    b.add("fc", new Linear(5));
    return b.build("small");
  }

  private static Plan plan(String rank) {
    return Plan.of(
        GRAPH,
        Mode.ASYMML,
        Decomposition.SHARED,
        RankPolicy.parse(rank),
        List.of(Plan.FIRST, Plan.LAST));
  }

  private OpenDoor open(String name) throws Exception {
    return new OpenDoor(Files.createDirectory(folder.resolve(name)), 31, 1);
  }

  private static Workers.Party party(OpenDoor open) {
    return new Workers.Party(open.worker(), open.door());
  }

  @Test
  void a_step_s_bytes_are_those_of_its_tensors_and_its_time_is_booked_where_it_goes()
      throws Exception {
    try (OpenDoor open = open("one");
        StepBench bench =
            new StepBench(
                GRAPH, plan("2"), BATCH, EXACT, Workers.one(open.worker(), open.door()))) {
      bench.run(2);
      StepCost cost = bench.run(3);
      long x = BATCH * 36 * 4;
      long y = BATCH * 36 * 8;
      long w = 8 * 9 * 4;
      assertThat(cost.bytesToWorker()).isEqualTo(4 * (x + w + y));
      assertThat(cost.bytesFromWorker()).isEqualTo(4 * (y + x + w));
      for (Phase phase : List.of(Phase.DECOMPOSE, Phase.DOOR, Phase.WEIGHTS, Phase.SEND)) {
        assertThat(bench.profile().nanos(3, phase)).as(phase.label()).isPositive();
        assertThat(bench.profile().nanos(5, phase)).as(phase.label()).isZero();
      }
    }
  }

  @Test
  void a_batch_of_inference_sends_inputs_and_weights_only_before_the_first() throws Exception {
    try (OpenDoor open = open("one");
        StepBench bench =
            StepBench.ofInference(
                GRAPH, plan("2"), BATCH, EXACT, Workers.one(open.worker(), open.door()))) {
      long x = BATCH * 36 * 4;
      long y = BATCH * 36 * 8;
      long w = 8 * 9 * 4;
      assertThat(bench.run(1).bytesToWorker()).isEqualTo(4 * (x + w));
      StepCost cost = bench.run(11);
      assertThat(cost.bytesToWorker()).isEqualTo(4 * x);
      assertThat(cost.bytesFromWorker()).isEqualTo(4 * y);
      assertThat(bench.profile().nanos(3, Phase.WEIGHTS)).isZero();
      assertThat(bench.profile().nanos(3, Phase.DOOR)).isPositive();
    }
  }

  @Test
  void workers_that_share_a_batch_get_one_batch_and_the_weights_each() throws Exception {
    try (OpenDoor one = open("one");
        OpenDoor two = open("two");
        StepBench bench =
            new StepBench(
                GRAPH, plan("0"), BATCH, EXACT, new Workers(List.of(party(one), party(two)), 1))) {
      StepCost cost = bench.run(2);
      long xAndY = BATCH * 36 * (4 + 8);
      long w = 8 * 9 * 4;
      assertThat(cost.bytesToWorker()).isEqualTo(4 * (xAndY + 2 * w));
      assertThat(cost.bytesFromWorker()).isEqualTo(4 * (xAndY + 2 * w));
      assertThat(one.worker().bytesToWorker()).isEqualTo(two.worker().bytesToWorker());
      assertThat(cost.workerCpuMillis()).isNotNegative();
    }
  }

  /// A basis of public activations is needed before the first step, and is fitted by the bench.
  @Test
  void steps_that_are_accounted_for_find_their_bases() throws Exception {
    for (Basis basis : List.of(Basis.PUBLIC, Basis.DP)) {
      ReleaseTerms terms = Terms.accounted(GRAPH, Terms.PROTECTED.getLast(), basis);
      try (OpenDoor open = open(basis.name());
          StepBench bench =
              new StepBench(
                  GRAPH, plan("2"), BATCH, terms, Workers.one(open.worker(), open.door()))) {
        // The steps in which bases are renewed, and such in between.
        assertThat(bench.run(12).bytesToWorker()).isPositive();
      }
    }
  }

  @Test
  void a_plan_that_needs_a_worker_is_refused_without_one() {
    assertThatThrownBy(() -> new StepBench(GRAPH, plan("2"), BATCH, EXACT, null).close())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("layer conv is split shared 2, which needs a worker");
  }

  @Test
  void a_bench_whose_worker_has_left_fails_when_it_is_planned_and_when_it_runs() throws Exception {
    try (OpenDoor open = open("one")) {
      Workers workers = Workers.one(open.worker(), open.door());
      try (StepBench bench = new StepBench(GRAPH, plan("2"), BATCH, EXACT, workers)) {
        open.worker().close();
        assertThatThrownBy(() -> bench.run(1))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("closed");
      }
    }
    try (OpenDoor open = open("two")) {
      Workers workers = Workers.one(open.worker(), open.door());
      open.worker().close();
      assertThatThrownBy(() -> new StepBench(GRAPH, plan("2"), BATCH, EXACT, workers).close())
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("the connection to the worker is closed");
    }
  }

  @Test
  void a_bench_is_closed_twice_and_runs_no_more() throws Exception {
    StepBench bench = new StepBench(GRAPH, Plan.trusted(GRAPH), BATCH, EXACT, null);
    assertThat(bench.run(1).wallMillis()).isPositive();
    bench.close();
    bench.close();
    assertThatThrownBy(() -> bench.run(1)).isInstanceOf(IllegalStateException.class);
  }
}
