package asymml.cli;

import asymml.trusted.plan.RankPolicy;
import java.util.List;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// Values of one setting of a benchmark, to be measured beside each other.
///
/// @param key the setting
/// @param values as its own option takes them; at least two, all different
record BenchSweep(Key key, List<String> values) {
  enum Key {
    BATCH_SIZE("batch-size"),
    IMAGE_SIZE("image-size"),
    RANK("rank");

    private final String label;

    Key(String label) {
      this.label = label;
    }

    String label() {
      return label;
    }

    /// A value in the one form that it has.
    ///
    /// @throws IllegalArgumentException if the setting has no such value
    private String checked(String text) {
      if (this == RANK) {
        return RankPolicy.parse(text).toString();
      }
      if (!text.matches("0*[1-9]\\d{0,8}")) {
        throw new IllegalArgumentException(
            "%s '%s' is no whole number of at least 1".formatted(label, text));
      }
      return Integer.toString(Integer.parseInt(text));
    }
  }

  BenchSweep {
    values = values.stream().map(key::checked).toList();
    if (values.size() < 2 || values.stream().distinct().count() < values.size()) {
      throw new IllegalArgumentException("a sweep takes two or more different values: " + values);
    }
  }

  /// What each value stands for.
  ///
  /// @throws IllegalArgumentException with the value, if model, images and layers do not fit
  ///   together
  List<BenchPoint> points(BenchCommand options) {
    return values.stream().map(value -> point(options, value)).toList();
  }

  /// How the value at an index is called.
  String place(int index) {
    return key.label() + " " + values.get(index);
  }

  private BenchPoint point(BenchCommand options, String value) {
    try {
      return switch (key) {
        case BATCH_SIZE ->
            BenchPoint.of(options, options.imageSize, Integer.parseInt(value), options.rank());
        case IMAGE_SIZE ->
            BenchPoint.of(options, Integer.parseInt(value), options.batchSize, options.rank());
        case RANK ->
            BenchPoint.of(options, options.imageSize, options.batchSize, RankPolicy.parse(value));
      };
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(key.label() + " " + value + ": " + e.getMessage(), e);
    }
  }

  /// Reads `KEY:V1,V2,...`.
  static final class Converter implements ITypeConverter<BenchSweep> {
    @Override
    public BenchSweep convert(String text) {
      String[] parts = text.split(":", 2); // ranks may have colons too
      Key key = Labels.choice(parts[0], Key.values(), Key::label);
      try {
        return new BenchSweep(
            key, parts.length == 1 ? List.of() : List.of(parts[1].split(",", -1)));
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}
