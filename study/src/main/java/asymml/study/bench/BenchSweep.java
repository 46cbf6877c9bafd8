package asymml.study.bench;

import asymml.trusted.check.Verification;
import asymml.trusted.plan.RankPolicy;
import java.util.Arrays;
import java.util.List;

/// Values of one setting of a benchmark, to be measured beside each other.
///
/// @param key the setting
/// @param values in the one form that each has; at least two, all different
public record BenchSweep(Key key, List<String> values) {
  /// A setting that can be swept.
  public enum Key {
    /// Images a step.
    BATCH_SIZE("batch-size"),
    /// Height and width of images.
    IMAGE_SIZE("image-size"),
    /// Directions that stay trusted.
    RANK("rank"),
    /// How many steps' results are checked.
    VERIFY("verify");

    private final String label;

    Key(String label) {
      this.label = label;
    }

    /// Its name.
    ///
    /// @return lower-case words with dashes
    public String label() {
      return label;
    }

    /// A value in the one form that it has.
    ///
    /// @throws IllegalArgumentException if the setting has no such value
    private String checked(String text) {
      if (this == RANK) {
        return RankPolicy.parse(text).toString();
      }
      if (this == VERIFY) {
        return Verification.parse(text).toString();
      }
      if (!text.matches("0*[1-9]\\d{0,8}")) {
        throw new IllegalArgumentException(
            "%s '%s' is no whole number of at least 1".formatted(label, text));
      }
      return Integer.toString(Integer.parseInt(text));
    }

    private static Key of(String text) {
      return Arrays.stream(values())
          .filter(key -> key.label.equals(text))
          .findFirst()
          .orElseThrow(() ->
              new IllegalArgumentException(
                  "'%s' is none of %s"
                      .formatted(
                          text,
                          String.join(", ", Arrays.stream(values()).map(Key::label).toList()))));
    }
  }

  /// Brings the values into their one form and checks the rules above.
  ///
  /// @throws IllegalArgumentException with the rule that a value breaks
  public BenchSweep {
    values = values.stream().map(key::checked).toList();
    if (values.size() < 2 || values.stream().distinct().count() < values.size()) {
      throw new IllegalArgumentException("a sweep takes two or more different values: " + values);
    }
  }

  /// Reads `KEY:V1,V2,...`.
  ///
  /// @param text for example `batch-size:8,16`
  /// @return the sweep
  /// @throws IllegalArgumentException if the text is something else
  public static BenchSweep parse(String text) {
    String[] parts = text.split(":", 2); // ranks may have colons too
    return new BenchSweep(
        Key.of(parts[0]), parts.length == 1 ? List.of() : List.of(parts[1].split(",", -1)));
  }

  /// What each value stands for.
  ///
  /// @param base with the values of all other settings
  /// @return one for each value, in their order
  /// @throws IllegalArgumentException with the value, if model, images and layers do not fit
  ///   together
  public List<BenchPoint> points(BenchSpec base) {
    return values.stream().map(value -> point(base, value)).toList();
  }

  /// Setting and value in words.
  ///
  /// @param index of a value
  /// @return for example `batch-size 8`
  public String place(int index) {
    return key.label() + " " + values.get(index);
  }

  private BenchPoint point(BenchSpec base, String value) {
    try {
      return BenchPoint.of(
          switch (key) {
            case BATCH_SIZE ->
                base.withNetwork(base.network().withBatchSize(Integer.parseInt(value)));
            case IMAGE_SIZE ->
                base.withNetwork(base.network().withImageSize(Integer.parseInt(value)));
            case RANK -> base.withSplit(base.split().withRank(RankPolicy.parse(value)));
            case VERIFY -> base.withProcesses(base.processes().verified(Verification.parse(value)));
          });
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(key.label() + " " + value + ": " + e.getMessage(), e);
    }
  }
}
