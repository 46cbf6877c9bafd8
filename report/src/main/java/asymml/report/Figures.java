package asymml.report;

import asymml.study.Decimal;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Numbers as people read them.
public final class Figures {
  /// Digits of a bound. Accountants are good to four.
  private static final int BOUND_DIGITS = 5;

  private static final String UNKNOWN = "-";

  private Figures() {}

  /// Minutes and seconds, or hours.
  ///
  /// @param time any; negative counts as 0
  /// @return `m:ss` or `h:mm:ss`
  public static String time(Duration time) {
    long seconds = Math.max(0, Math.round(time.toMillis() / 1000.0));
    return seconds < 3600
        ? String.format(Locale.ROOT, "%d:%02d", seconds / 60, seconds % 60)
        : String.format(
            Locale.ROOT, "%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
  }

  /// Bytes in decimal units.
  ///
  /// @param bytes a count
  /// @return for example `12.3 kB`
  public static String bytes(long bytes) {
    return scaled(bytes) + "B";
  }

  /// A count with three digits and k, M, G or T.
  ///
  /// @param value a count
  /// @return for example `12.3 k`, without a unit
  public static String scaled(long value) {
    double count = value;
    String[] units = {" ", " k", " M", " G", " T"};
    int unit = 0;
    while (count >= 999.5 && unit < units.length - 1) {
      count /= 1000;
      unit++;
    }
    return String.format(
            Locale.ROOT, unit == 0 || count >= 100 ? "%.0f" : count >= 10 ? "%.1f" : "%.2f", count)
        + units[unit];
  }

  /// A count in groups of three digits, with thin spaces as the SI has them.
  ///
  /// @param value a count
  /// @return its digits
  public static String grouped(long value) {
    return String.format(Locale.ROOT, "%,d", value).replace(',', '\u2009');
  }

  /// Seconds with one digit.
  ///
  /// @param seconds a time
  /// @return for example `1.5 s`
  public static String seconds(double seconds) {
    return String.format(Locale.ROOT, "%.1f s", seconds);
  }

  /// A share as percent with one digit.
  ///
  /// @param share from 0 to 1, null if it is not known
  /// @return for example `12.5 %`; `-` if it is not known
  public static String percent(@Nullable Double share) {
    return share == null ? UNKNOWN : String.format(Locale.ROOT, "%.1f %%", 100 * share);
  }

  /// A loss with four digits.
  ///
  /// @param loss a loss, null if it is not known
  /// @return its digits; `-` if it is not known
  public static String loss(@Nullable Double loss) {
    return loss == null ? UNKNOWN : String.format(Locale.ROOT, "%.4f", loss);
  }

  /// Images a second.
  ///
  /// @param imagesPerSecond a rate
  /// @return for example `24 images/s`
  public static String speed(double imagesPerSecond) {
    return String.format(Locale.ROOT, "%.0f images/s", imagesPerSecond);
  }

  /// The smallest number of five digits that is at least a value.
  ///
  /// @param value any finite number
  /// @return the bound
  public static double roundedUp(double value) {
    return rounded(BigDecimal.valueOf(value), RoundingMode.CEILING);
  }

  /// The largest number of five digits that is at most a value.
  ///
  /// @param value any finite number
  /// @return the bound
  public static double roundedDown(double value) {
    return roundedDown(BigDecimal.valueOf(value));
  }

  /// The same of a value that is no `double`.
  ///
  /// @param value any finite number
  /// @return the bound
  public static double roundedDown(BigDecimal value) {
    return rounded(value, RoundingMode.FLOOR);
  }

  private static double rounded(BigDecimal value, RoundingMode mode) {
    return value.round(new MathContext(BOUND_DIGITS, mode)).doubleValue();
  }

  /// A number with all of its digits and no more, from which it can be read back.
  ///
  /// @param value any number
  /// @return its digits
  public static String plain(double value) {
    return Decimal.plain(value);
  }
}
