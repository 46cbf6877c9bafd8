package asymml.cli;

import asymml.model.Zoo;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.train.TrainConfig.Schedule;
import asymml.wire.Encoding;
import asymml.wire.WorkerAddress;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// How values are written on the command line and in YAML, and read back.
final class Labels {
  private Labels() {}

  /// A value as a YAML scalar or list.
  static Object of(Object value) {
    return switch (value) {
      case Mode mode -> mode.label();
      case Decomposition decomposition -> decomposition.label();
      case Basis basis -> basis.label();
      case Enum<?> constant -> constant.name().toLowerCase(Locale.ROOT);
      case Number number -> number;
      case Boolean flag -> flag;
      case List<?> list -> list.stream().map(Labels::of).toList();
      default -> value.toString();
    };
  }

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

  static final class ModeConverter implements ITypeConverter<Mode> {
    @Override
    public Mode convert(String text) {
      return choice(text, Mode.values(), Mode::label);
    }
  }

  static final class DecompositionConverter implements ITypeConverter<Decomposition> {
    @Override
    public Decomposition convert(String text) {
      return choice(text, Decomposition.values(), Decomposition::label);
    }
  }

  static final class NormConverter implements ITypeConverter<Zoo.Norm> {
    @Override
    public Zoo.Norm convert(String text) {
      return choice(text, Zoo.Norm.values(), norm -> norm.name().toLowerCase(Locale.ROOT));
    }
  }

  static final class ScheduleConverter implements ITypeConverter<Schedule> {
    @Override
    public Schedule convert(String text) {
      return choice(text, Schedule.values(), s -> s.name().toLowerCase(Locale.ROOT));
    }
  }

  static final class EncodingConverter implements ITypeConverter<Encoding> {
    @Override
    public Encoding convert(String text) {
      return choice(text, Encoding.values(), e -> e.name().toLowerCase(Locale.ROOT));
    }
  }

  static final class AccountantConverter implements ITypeConverter<AccountantChoice> {
    @Override
    public AccountantChoice convert(String text) {
      return choice(text, AccountantChoice.values(), AccountantChoice::label);
    }
  }

  static final class ModelConverter implements ITypeConverter<String> {
    @Override
    public String convert(String text) {
      if (!Zoo.names().contains(text)) {
        throw new TypeConversionException(
            "'%s' is none of %s".formatted(text, String.join(", ", Zoo.names())));
      }
      return text;
    }
  }

  static final class RankConverter implements ITypeConverter<RankPolicy> {
    @Override
    public RankPolicy convert(String text) {
      try {
        return RankPolicy.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  static final class LocalWorkerConverter implements ITypeConverter<WorkerChoice.Local> {
    @Override
    public WorkerChoice.Local convert(String text) {
      WorkerChoice.Local local = WorkerChoice.Local.parse(text);
      if (local == null) {
        throw new TypeConversionException("'" + text + "' is neither local nor cuda:N");
      }
      return local;
    }
  }

  static final class WorkerConverter implements ITypeConverter<WorkerChoice> {
    @Override
    public WorkerChoice convert(String text) {
      WorkerChoice.Local local = WorkerChoice.Local.parse(text);
      if (local != null) {
        return local;
      }
      try {
        return new WorkerChoice.Remote(WorkerAddress.parse(text));
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage() + ", or 'local' to start one here");
      }
    }
  }

  static final class LimitConverter implements ITypeConverter<Limit> {
    @Override
    public Limit convert(String text) {
      if (text.equals(Limit.ALL)) {
        return new Limit(Integer.MAX_VALUE);
      }
      try {
        return new Limit(Integer.parseInt(text));
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException("'" + text + "' is neither 1 or more images nor 'all'");
      }
    }
  }
}
