package asymml.cli.options;

import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.SamplingRate;
import java.util.function.DoubleFunction;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// How the quantities of differential privacy are read from the command line.
public final class PrivacyLabels {
  private PrivacyLabels() {}

  private static <T> T quantity(String text, DoubleFunction<T> type) {
    try {
      return type.apply(Double.parseDouble(text));
    } catch (NumberFormatException e) {
      throw new TypeConversionException("'" + text + "' is no number");
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }

  /// Reads a delta above 0 and below 1.
  public static final class DeltaConverter implements ITypeConverter<Delta> {
    @Override
    public Delta convert(String text) {
      Delta delta = quantity(text, Delta::new);
      if (delta.equals(Delta.ZERO) || delta.equals(Delta.ONE)) {
        throw new TypeConversionException("delta must be above 0 and below 1: " + delta.value());
      }
      return delta;
    }
  }

  /// Reads a finite epsilon.
  public static final class EpsilonConverter implements ITypeConverter<Epsilon> {
    @Override
    public Epsilon convert(String text) {
      Epsilon epsilon = quantity(text, Epsilon::new);
      if (!epsilon.isFinite()) {
        throw new TypeConversionException("epsilon must be finite");
      }
      return epsilon;
    }
  }

  /// Reads a noise multiplier.
  public static final class NoiseMultiplierConverter implements ITypeConverter<NoiseMultiplier> {
    @Override
    public NoiseMultiplier convert(String text) {
      return quantity(text, NoiseMultiplier::new);
    }
  }

  /// Reads a sampling rate.
  static final class SamplingRateConverter implements ITypeConverter<SamplingRate> {
    @Override
    public SamplingRate convert(String text) {
      return quantity(text, SamplingRate::new);
    }
  }
}
