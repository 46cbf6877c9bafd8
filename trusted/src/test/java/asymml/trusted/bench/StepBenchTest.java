package asymml.trusted.bench;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.ReleaseTerms;
import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class StepBenchTest {
  private static final ReleaseTerms TERMS =
      new ReleaseTerms.Unaccounted(new NoiseStrength.None(), "a benchmark");

  @Test
  void the_profile_books_no_moment_of_a_step_twice_and_each_to_its_phase() throws Exception {
    Graph graph = Zoo.build("cnn", new Shape(32, 32, 3), 10, Zoo.Norm.BATCH);
    try (StepBench bench = new StepBench(graph, Plan.trusted(graph), 16, TERMS, null)) {
      bench.run(5);
      StepCost cost = bench.run(20);
      double booked = 0;
      for (Phase phase : Phase.values()) {
        booked += bench.profile().nanos(phase) / 1e6 / 20;
      }
      assertThat(booked).isPositive().isLessThanOrEqualTo(cost.wallMillis());
      for (Phase phase : List.of(Phase.KERNELS, Phase.NORM, Phase.ELEMENTWISE, Phase.UPDATE)) {
        assertThat(bench.profile().nanos(phase)).as(phase.label()).isPositive();
      }
      for (Phase phase : List.of(Phase.DOOR, Phase.DECOMPOSE, Phase.SEND, Phase.WAIT)) {
        assertThat(bench.profile().nanos(phase)).as(phase.label()).isZero();
      }
      assertThat(cost.bytesToWorker()).isZero();
      assertThat(cost.workerCpuMillis()).isZero();
      // The kernels of a layer are booked to that layer.
      assertThat(bench.profile().nanos(0, Phase.KERNELS)).isPositive();
      assertThat(bench.profile().nanos(1, Phase.KERNELS)).isZero();
      assertThat(bench.profile().nanos(1, Phase.NORM)).isPositive();
    }
  }

  /// Views and operands of calls are small objects; a buffer would be megabytes.
  @Test
  void a_step_allocates_no_buffers() throws Exception {
    Graph graph = Zoo.build("resnet20", new Shape(32, 32, 3), 10, Zoo.Norm.BATCH);
    try (StepBench bench = new StepBench(graph, Plan.trusted(graph), 16, TERMS, null)) {
      bench.run(10);
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      long before = threads.getCurrentThreadAllocatedBytes();
      bench.run(10);
      long perStep = (threads.getCurrentThreadAllocatedBytes() - before) / 10;
      System.out.println("allocated by a step: " + perStep + " bytes");
      assertThat(perStep).isLessThan(300_000);
    }
  }

  @Test
  void the_mean_of_costs_is_taken_figure_by_figure() {
    StepCost one = new StepCost(1, 2, 3, 40, 50);
    StepCost other = new StepCost(3, 6, 9, 40, 50);
    assertThat(StepCost.mean(List.of(one, other))).isEqualTo(new StepCost(2, 4, 6, 40, 50));
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void the_peak_is_that_since_the_last_reset_where_the_system_counts_it() {
    long pid = ProcessHandle.current().pid();
    int bytes = 256 << 20;
    try (Arena arena = Arena.ofConfined()) {
      arena.allocate(bytes).fill((byte) 1);
    }
    long peak = PeakMemory.bytes(pid).orElseThrow();
    assertThat(peak).isGreaterThan(bytes);
    if (PeakMemory.reset()) {
      // Half is left for what other threads of this process may need meanwhile.
      assertThat(PeakMemory.bytes(pid).orElseThrow()).isLessThan(peak - bytes / 2);
    }
    assertThat(PeakMemory.bytes(-1)).isEmpty();
  }

  @Test
  void a_machine_s_rates_are_positive_and_finite() {
    MachineRates rates = MachineRates.measure(new SecureRandom());
    assertThat(new double[] {rates.gflops(), rates.gigabytes(), rates.noiseNanos()})
        .hasSize(3)
        .doesNotContain(Double.POSITIVE_INFINITY)
        .satisfies(all -> assertThat(Arrays.stream(all)).allMatch(rate -> rate > 0));
  }
}
