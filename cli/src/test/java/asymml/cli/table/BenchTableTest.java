package asymml.cli.table;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.Zoo;
import asymml.study.bench.BenchPoint;
import asymml.study.bench.BenchResult;
import asymml.study.bench.BenchSpec;
import asymml.study.bench.BenchSweep;
import asymml.study.bench.ModeCosts;
import asymml.study.bench.SweepResult;
import asymml.trusted.bench.MachineRates;
import asymml.trusted.bench.StepCost;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/// Planted costs as text.
class BenchTableTest {
  private static final BenchSpec SPEC = spec(1);
  private static final BenchPoint POINT = BenchPoint.of(SPEC);

  private static BenchSpec spec(int chunks) {
    return new BenchSpec(
        new BenchSpec.Network("cnn", Zoo.Norm.BATCH, 32, 4),
        new BenchSpec.Split(
            List.of(Mode.TRUSTED_ONLY, Mode.ASYMML),
            RankPolicy.parse("1/8"),
            Decomposition.SHARED,
            List.of("first", "last"),
            0.1,
            new Shield.Residual()),
        new BenchSpec.Rounds(2, 1, 2),
        new BenchSpec.Processes(3, "cpu", chunks));
  }

  private static ModeCosts costs(Mode mode, double trustedCpu, double wait) {
    Map<String, Map<Phase, Double>> layers = new LinkedHashMap<>();
    layers.put("conv1", Map.of(Phase.KERNELS, 7.0));
    layers.put("conv3", Map.of(Phase.KERNELS, 2.5, Phase.WAIT, wait));
    layers.put("whole step", Map.of(Phase.UPDATE, 1.25));
    return new ModeCosts(
        POINT.plan(mode),
        trustedCpu / 2,
        List.of(new StepCost(60, trustedCpu, 5, 4_000_000, 2_000_000)),
        layers,
        OptionalLong.of(300_000_000),
        OptionalLong.empty());
  }

  private static BenchResult result() {
    Map<Mode, ModeCosts> modes = new LinkedHashMap<>();
    modes.put(Mode.TRUSTED_ONLY, costs(Mode.TRUSTED_ONLY, 120, 0));
    modes.put(Mode.ASYMML, costs(Mode.ASYMML, 40, 10));
    return new BenchResult(POINT, modes);
  }

  private static String printed(BenchSpec spec, Consumer<BenchTable> print) {
    StringWriter text = new StringWriter();
    print.accept(new BenchTable(spec, new PrintWriter(text, true)));
    return text.toString();
  }

  @Test
  void the_header_says_what_is_measured_where_and_with_what() {
    MachineRates rates = new MachineRates(52.4, 11.6, 2.345);
    assertThat(printed(SPEC, table -> table.printHeader(List.of(POINT), rates, "local")))
        .contains("model    cnn, batch 4 of 32x32x3, batch norm; 4 linear layers")
        .contains("rank 1/8, shared decomposition, noise ratio 0.1; trusted whole: first, last")
        .contains("3 thread(s) a process; one core: 52 GFLOP/s", "12 GB/s", "2.35 ns a sample")
        .contains("worker   local\n")
        .contains("not running in a TEE");
    BenchPoint other = BenchPoint.of(SPEC.withNetwork(SPEC.network().withBatchSize(8)));
    assertThat(printed(spec(2), table -> table.printHeader(List.of(POINT, other), rates, "local")))
        .contains("batch 4 | 8 of 32x32x3", "worker   local, batches in 2 chunks");
  }

  @Test
  void modes_stand_side_by_side_and_the_ratio_at_the_end() {
    assertThat(printed(SPEC, table -> table.print(result())))
        .containsPattern("per step +trusted-only +asymml\n")
        .containsPattern("trusted CPU ms +120\\.00 +40\\.00\n")
        .containsPattern("to worker +4\\.00 MB +4\\.00 MB\n")
        .containsPattern("peak memory +300 MB +300 MB\n")
        .containsPattern("  of the worker +- +-\n")
        .containsPattern("  trusted kernels +9\\.50 +9\\.50\n")
        .containsPattern("lower bound, CPU ms +60\\.00 +20\\.00\n")
        .containsPattern("  CPU over it +2\\.00 +2\\.00\n")
        .contains("trusted-cost ratio  3.00: trusted CPU of trusted-only over that of asymml")
        .contains("6.00 at most: measured trusted-only over the lower bound of asymml");
  }

  @Test
  void a_layer_has_only_the_kinds_of_work_that_took_time() {
    String text = printed(SPEC, table -> table.print(result()));
    String whole =
        text.substring(text.indexOf("trusted-only by layer"), text.indexOf("asymml by layer"));
    assertThat(whole)
        .containsPattern("layer +placement +trusted kernels +loss and update\n")
        .containsPattern("conv3 +trusted +2\\.50 +0\\.00\n")
        .doesNotContain("wait");
    assertThat(text.substring(text.indexOf("asymml by layer")))
        .containsPattern("conv3 +split, rank 4 +2\\.50 +10\\.00 +0\\.00\n")
        .containsPattern("whole step +0\\.00 +0\\.00 +1\\.25\n");
  }

  @Test
  void one_mode_has_no_ratio() {
    BenchResult one = new BenchResult(POINT, Map.of(Mode.ASYMML, costs(Mode.ASYMML, 40, 10)));
    assertThat(printed(SPEC, table -> table.print(one))).doesNotContain("ratio");
  }

  @Test
  void a_projection_is_called_one() {
    assertThat(printed(SPEC, table -> table.printProjection(result(), 3)))
        .contains("PROJECTION, not measured: a TEE 3 times as slow")
        .containsPattern("  wall ms +180\\.00 +160\\.00\n")
        .contains("asymml 1.13 times as fast");
  }

  @Test
  void a_sweep_has_the_cost_of_an_image() {
    SweepResult sweep =
        new SweepResult(BenchSweep.parse("batch-size:4,8"), List.of(result(), result()));
    assertThat(printed(SPEC, table -> table.print(sweep)))
        .containsPattern(
            "batch-size 4 +trusted-only +30\\.000 +1\\.250 +15\\.000 +1\\.00 MB +500 kB +300 MB")
        .containsPattern("batch-size 8 +asymml +10\\.000 .* 3\\.00\n")
        .contains("trusted peak  of the process, not of an image");
  }
}
