package asymml.verify;

import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyEvent;
import asymml.privacy.SamplingRate;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/// The epsilon of a million steps by privacy loss distributions.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class AccountantBenchmark {
  private static final long STEPS = 1_000_000;
  private static final Delta DELTA = new Delta(1e-5);

  /// The sampling rate of a step.
  @Param({"1e-4", "1e-2"})
  public double rate = 1e-4;

  /// The noise multiplier of a step.
  @Param({"1", "50"})
  public double noise = 1;

  /// Used by JMH.
  public AccountantBenchmark() {}

  /// Epsilon at delta 1e-5.
  ///
  /// @return the bound
  @Benchmark
  public Epsilon millionSteps() {
    PrivacyEvent step =
        new PrivacyEvent.PoissonSampled(
            new SamplingRate(rate), new PrivacyEvent.Gaussian(new NoiseMultiplier(noise)));
    return new PldAccountant().epsilon(new PrivacyEvent.SelfComposed(step, STEPS), DELTA);
  }
}
