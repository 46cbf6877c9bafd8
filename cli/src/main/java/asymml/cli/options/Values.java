package asymml.cli.options;

import asymml.attest.release.RequiredTee;
import asymml.model.PrintableText;
import asymml.model.Zoo;
import asymml.privacy.AccountantKind;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.SamplingRate;
import asymml.report.MaskedTensors;
import asymml.session.Limit;
import asymml.session.ModelFormat;
import asymml.session.WorkerChoice;
import asymml.study.bench.BenchSweep;
import asymml.trusted.data.DataLimits;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Update;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.DoubleFunction;
import java.util.function.Function;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// How values are read from the command line.
public final class Values {
  private Values() {}

  /// Lets a command and those below it read values of our own types.
  ///
  /// @param line with all its subcommands
  /// @return the same
  public static CommandLine readBy(CommandLine line) {
    return line.registerConverter(Mode.class, oneOf(Mode.values(), Mode::label))
        .registerConverter(Decomposition.class, oneOf(Decomposition.values(), Decomposition::label))
        .registerConverter(Update.class, oneOf(Update.values(), Update::label))
        .registerConverter(
            Zoo.Norm.class, oneOf(Zoo.Norm.values(), norm -> norm.name().toLowerCase(Locale.ROOT)))
        .registerConverter(
            AccountantKind.class, oneOf(AccountantKind.values(), AccountantKind::label))
        .registerConverter(ModelFormat.class, oneOf(ModelFormat.values(), ModelFormat::label))
        .registerConverter(RequiredTee.class, oneOf(RequiredTee.values(), RequiredTee::label))
        .registerConverter(Path.class, read(Values::path))
        .registerConverter(RankPolicy.class, read(RankPolicy::parse))
        .registerConverter(MaskedTensors.class, read(MaskedTensors::parse))
        .registerConverter(Limit.class, read(Limit::parse))
        .registerConverter(DataLimits.class, read(Values::dataLimits))
        .registerConverter(WorkerChoice.Local.class, read(WorkerChoice.Local::parse))
        .registerConverter(BenchSweep.class, read(BenchSweep::parse))
        .registerConverter(Delta.class, number(Values::delta))
        .registerConverter(Epsilon.class, number(Values::epsilon))
        .registerConverter(NoiseMultiplier.class, number(NoiseMultiplier::new))
        .registerConverter(SamplingRate.class, number(SamplingRate::new));
  }

  /// A path: what is named here is named again in lines, reports and logs.
  ///
  /// @param text as given
  /// @return the path
  /// @throws IllegalArgumentException if it holds a control character, or is no path
  public static Path path(String text) {
    if (!PrintableText.isPrintable(text)) {
      throw new IllegalArgumentException(
          "a path must not have line ends or other control characters: " + PrintableText.of(text));
    }
    return Path.of(text);
  }

  private static <T> ITypeConverter<T> read(Function<String, T> parse) {
    return text -> {
      try {
        return parse.apply(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    };
  }

  private static <T> ITypeConverter<T> number(DoubleFunction<T> type) {
    return read(text -> {
      double value;
      try {
        value = Double.parseDouble(text);
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException("'" + text + "' is no number", e);
      }
      return type.apply(value);
    });
  }

  private static <T> ITypeConverter<T> oneOf(T[] choices, Function<? super T, String> label) {
    return text ->
        Arrays.stream(choices)
            .filter(choice -> label.apply(choice).equals(text))
            .findFirst()
            .orElseThrow(() ->
                new TypeConversionException(
                    noneOf(text, Arrays.stream(choices).map(label).toList())));
  }

  private static String noneOf(String text, List<String> names) {
    return "'%s' is none of %s".formatted(text, String.join(", ", names));
  }

  private static DataLimits dataLimits(String text) {
    int pixels;
    try {
      pixels = Integer.parseInt(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("'" + text + "' is not a whole number", e);
    }
    return new DataLimits(pixels);
  }

  private static Delta delta(double value) {
    if (value == 0 || value == 1) {
      throw new IllegalArgumentException("delta must be above 0 and below 1: " + value);
    }
    return new Delta(value);
  }

  private static Epsilon epsilon(double value) {
    Epsilon epsilon = new Epsilon(value);
    if (!epsilon.isFinite()) {
      throw new IllegalArgumentException("epsilon must be finite");
    }
    return epsilon;
  }

  /// Reads the name of a model.
  public static final class ModelName implements ITypeConverter<String> {
    @Override
    public String convert(String text) {
      if (!Zoo.names().contains(text)) {
        throw new TypeConversionException(noneOf(text, Zoo.names()));
      }
      return text;
    }
  }
}
