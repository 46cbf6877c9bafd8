package asymml.study.bench;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.plan.Mode;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Steps of a small network, with a worker process.
class BenchmarkTest {
  private static final class Heard implements BenchListener {
    private final List<String> lines = new ArrayList<>();

    @Override
    public void warmingUp(String place, Mode mode) {
      lines.add("warm-up " + place + " " + mode.label());
    }

    @Override
    public void measuring(int round, String place, Mode mode) {
      lines.add(round + " " + place + " " + mode.label());
    }
  }

  @Test
  void modes_take_turns_and_each_is_measured() throws Exception {
    Heard heard = new Heard();
    BenchSpec spec = BenchSpecTest.spec(Mode.TRUSTED_ONLY, Mode.ASYMML);
    BenchResult result = new Benchmark(spec, heard).run(BenchPoint.of(spec));
    assertThat(heard.lines)
        .containsExactly("1  trusted-only", "1  asymml", "2  trusted-only", "2  asymml");
    ModeCosts whole = result.of(Mode.TRUSTED_ONLY);
    ModeCosts split = result.of(Mode.ASYMML);
    assertThat(whole.rounds()).hasSize(2);
    assertThat(whole.lowerBoundMillis()).isPositive();
    assertThat(whole.cost().bytesToWorker()).isZero();
    assertThat(whole.millis(Phase.KERNELS)).isPositive();
    assertThat(split.cost().bytesToWorker()).isPositive();
    assertThat(split.cost().bytesFromWorker()).isPositive();
    assertThat(split.millis(Phase.DOOR)).isPositive();
    assertThat(split.lowerBoundMillis()).isLessThan(whole.lowerBoundMillis());
    assertThat(result.trustedCostRatio()).isPresent();
  }

  @Test
  void all_values_of_a_sweep_run_once_before_any_is_measured() throws Exception {
    Heard heard = new Heard();
    SweepResult result =
        new Benchmark(BenchSpecTest.spec(Mode.TRUSTED_ONLY), heard)
            .run(BenchSweep.parse("batch-size:2,3"));
    assertThat(heard.lines)
        .containsExactly(
            "warm-up batch-size 2 trusted-only",
            "warm-up batch-size 3 trusted-only",
            "1 batch-size 2 trusted-only",
            "1 batch-size 3 trusted-only",
            "2 batch-size 2 trusted-only",
            "2 batch-size 3 trusted-only");
    assertThat(result.results()).extracting(r -> r.point().batchSize()).containsExactly(2, 3);
  }
}
