package asymml.report;

import asymml.privacy.SamplingRate;
import java.math.BigDecimal;
import java.math.MathContext;

/// How a step draws its examples, and how many steps an epoch has.
public sealed interface StepSampling {
  /// The probability with which a step draws an example.
  ///
  /// @return q
  SamplingRate rate();

  /// How many epochs so many steps are.
  ///
  /// @param steps at least 0
  /// @return their number, rounded down
  double epochs(long steps);

  /// What an epoch is.
  ///
  /// @return half a sentence, for people
  String epochInWords();

  /// By the rate alone: an epoch is `1 / Q` steps, which need not be a whole number.
  ///
  /// @param rate q
  record ByRate(SamplingRate rate) implements StepSampling {
    @Override
    public double epochs(long steps) {
      return Figures.roundedDown(
          BigDecimal.valueOf(steps).multiply(BigDecimal.valueOf(rate.value())));
    }

    @Override
    public String epochInWords() {
      return "of 1/rate steps each";
    }
  }

  /// By the sizes of batch and data set.
  ///
  /// @param batch at least 1
  /// @param examples at least the batch
  record BySizes(long batch, long examples) implements StepSampling {
    /// Checks the ranges above.
    ///
    /// @throws IllegalArgumentException if one does not hold
    public BySizes {
      if (batch < 1) {
        throw new IllegalArgumentException("a batch has at least 1 example: " + batch);
      }
      if (examples < batch) {
        throw new IllegalArgumentException(
            "a batch of %s cannot be drawn from %s examples".formatted(batch, examples));
      }
    }

    @Override
    public SamplingRate rate() {
      return new SamplingRate((double) batch / examples);
    }

    @Override
    public double epochs(long steps) {
      return Figures.roundedDown(
          BigDecimal.valueOf(steps)
              .divide(BigDecimal.valueOf(stepsPerEpoch()), MathContext.DECIMAL128));
    }

    @Override
    public String epochInWords() {
      return "of %s steps each".formatted(stepsPerEpoch());
    }

    /// Steps that make an epoch.
    ///
    /// @return the number of examples over the batch, rounded up
    public long stepsPerEpoch() {
      return Math.ceilDiv(examples, batch);
    }
  }
}
