package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.Kernels;
import java.util.Collection;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

class BenchmarksTest {
  private static Throwable rootOf(Throwable e) {
    if (e.getSuppressed().length > 0) {
      return rootOf(e.getSuppressed()[0]);
    }
    Throwable cause = e.getCause();
    return cause == null ? e : rootOf(cause);
  }

  /// Once, in this JVM and at the smallest layer: what comes out says nothing of the costs.
  @Test
  void every_benchmark_runs() {
    Options once =
        new OptionsBuilder()
            .param("layer", LayerShape.VGG16_CLASSIFIER.name())
            .forks(0)
            .warmupIterations(0)
            .measurementIterations(1)
            .measurementTime(TimeValue.milliseconds(1))
            .shouldFailOnError(true)
            .verbosity(VerboseMode.SILENT)
            .build();
    int threads = Kernels.threads();
    Collection<RunResult> results;
    try {
      results = new Runner(once).run();
    } catch (RunnerException e) {
      // Its own message says only that there was an exception.
      throw new AssertionError("a benchmark failed: " + rootOf(e), e);
    } finally {
      Kernels.setThreads(threads);
    }
    assertThat(results)
        .extracting(result -> result.getParams().getBenchmark())
        .extracting(name -> name.substring(name.lastIndexOf('.', name.lastIndexOf('.') - 1) + 1))
        .containsOnly(
            "AccountantBenchmark.millionSteps",
            "BatchBenchmark.assemble",
            "DoorBenchmark.noisy",
            "DoorBenchmark.withoutNoise",
            "DoorBenchmark.exact",
            "LowRankBenchmark.fit",
            "LowRankBenchmark.residual",
            "LowRankBenchmark.forward",
            "LowRankBenchmark.backwardWeights",
            "MergeBenchmark.addFinite",
            "NoiseBenchmark.sample",
            "NoiseBenchmark.cipherStream",
            "RoundTripBenchmark.roundTrip",
            "WeightGradientBenchmark.exact",
            "WeightGradientBenchmark.sampled");
    assertThat(results)
        .allSatisfy(result -> assertThat(result.getPrimaryResult().getScore()).isPositive());
  }
}
