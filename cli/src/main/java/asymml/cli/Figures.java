package asymml.cli;

import java.time.Duration;
import java.util.Locale;

/// Numbers as people read them.
final class Figures {
  private Figures() {}

  /// A number without needless digits.
  static String plain(double value) {
    return value == Math.rint(value) && Math.abs(value) < 1e6
        ? Long.toString((long) value)
        : Double.toString(value);
  }

  /// Minutes and seconds, or hours.
  static String time(Duration time) {
    long seconds = Math.max(0, Math.round(time.toMillis() / 1000.0));
    return seconds < 3600
        ? "%d:%02d".formatted(seconds / 60, seconds % 60)
        : "%d:%02d:%02d".formatted(seconds / 3600, seconds / 60 % 60, seconds % 60);
  }

  /// Bytes in decimal units.
  static String bytes(long bytes) {
    return scaled(bytes) + "B";
  }

  /// A count with three digits and k, M, G or T.
  static String scaled(long value) {
    double count = value;
    String[] units = {" ", " k", " M", " G", " T"};
    int unit = 0;
    while (count >= 999.5 && unit < units.length - 1) {
      count /= 1000;
      unit++;
    }
    String number = unit == 0 || count >= 100 ? "%.0f" : count >= 10 ? "%.1f" : "%.2f";
    return String.format(Locale.ROOT, number, count) + units[unit];
  }

  /// A share as percent with one digit.
  static String percent(double share) {
    return String.format(Locale.ROOT, "%.1f %%", 100 * share);
  }

  /// A loss with four digits.
  static String loss(double loss) {
    return String.format(Locale.ROOT, "%.4f", loss);
  }

  /// Images a second.
  static String speed(double imagesPerSecond) {
    return String.format(Locale.ROOT, "%.0f images/s", imagesPerSecond);
  }
}
