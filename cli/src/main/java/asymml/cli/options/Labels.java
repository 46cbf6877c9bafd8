package asymml.cli.options;

import asymml.model.Zoo;
import asymml.session.Limit;
import asymml.session.WorkerChoice;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.Function;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// How values are written on the command line and in YAML, and read back.
public final class Labels {
  private Labels() {}

  static <E extends Enum<E>> E choice(String text, E[] choices, Function<? super E, String> label) {
    return Arrays.stream(choices)
        .filter(choice -> label.apply(choice).equals(text))
        .findFirst()
        .orElseThrow(() ->
            new TypeConversionException(
                "'%s' is none of %s"
                    .formatted(
                        text, String.join(", ", Arrays.stream(choices).map(label).toList()))));
  }

  /// Reads a mode.
  public static final class ModeConverter implements ITypeConverter<Mode> {
    @Override
    public Mode convert(String text) {
      return choice(text, Mode.values(), Mode::label);
    }
  }

  /// Reads a decomposition.
  public static final class DecompositionConverter implements ITypeConverter<Decomposition> {
    @Override
    public Decomposition convert(String text) {
      return choice(text, Decomposition.values(), Decomposition::label);
    }
  }

  /// Reads the kind of normalisation layers.
  public static final class NormConverter implements ITypeConverter<Zoo.Norm> {
    @Override
    public Zoo.Norm convert(String text) {
      return choice(text, Zoo.Norm.values(), norm -> norm.name().toLowerCase(Locale.ROOT));
    }
  }

  /// Reads the name of an accountant.
  public static final class AccountantConverter implements ITypeConverter<AccountantChoice> {
    @Override
    public AccountantChoice convert(String text) {
      return choice(text, AccountantChoice.values(), AccountantChoice::label);
    }
  }

  /// Reads the name of a model.
  public static final class ModelConverter implements ITypeConverter<String> {
    @Override
    public String convert(String text) {
      if (!Zoo.names().contains(text)) {
        throw new TypeConversionException(
            "'%s' is none of %s".formatted(text, String.join(", ", Zoo.names())));
      }
      return text;
    }
  }

  /// Reads a rank policy.
  public static final class RankConverter implements ITypeConverter<RankPolicy> {
    @Override
    public RankPolicy convert(String text) {
      try {
        return RankPolicy.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  /// Reads the device of a worker that is started here.
  public static final class LocalWorkerConverter implements ITypeConverter<WorkerChoice.Local> {
    @Override
    public WorkerChoice.Local convert(String text) {
      try {
        return WorkerChoice.Local.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  /// Reads a number of images.
  public static final class LimitConverter implements ITypeConverter<Limit> {
    @Override
    public Limit convert(String text) {
      try {
        return Limit.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}
