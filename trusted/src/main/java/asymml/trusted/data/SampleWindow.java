package asymml.trusted.data;

import org.jspecify.annotations.Nullable;

/// The range of samples of 16 bits that becomes 0 to 255: what lies below is black, what lies above
/// is white. Scanners store 10 to 14 bits in 16.
///
/// @param low what becomes 0, at least 0
/// @param high what becomes 255, above `low` and at most 65535
public record SampleWindow(int low, int high) {
  private static final int MOST = 65535;

  /// Checks the range.
  public SampleWindow {
    if (low < 0 || high <= low || high > MOST) {
      throw new IllegalArgumentException(
          "a window is LOW:HIGH with 0 <= LOW < HIGH <= 65535: %s:%s".formatted(low, high));
    }
  }

  /// Reads `LOW:HIGH`.
  ///
  /// @param text two whole numbers
  /// @return the window
  /// @throws IllegalArgumentException if it is another text, or out of range
  public static SampleWindow parse(String text) {
    String[] parts = text.strip().split(":", -1);
    try {
      if (parts.length == 2) {
        return new SampleWindow(Integer.parseInt(parts[0]), Integer.parseInt(parts[1]));
      }
    } catch (NumberFormatException _) {
      // Said below.
    }
    throw new IllegalArgumentException("a window is LOW:HIGH, such as 0:4095: " + text);
  }

  /// A sample in 8 bits, rounded to nearest.
  ///
  /// @param window null for all of the range
  static int scaled(@Nullable SampleWindow window, int sample) {
    int low = window == null ? 0 : window.low;
    int range = window == null ? MOST : window.high - window.low;
    int inside = Math.clamp((long) sample - low, 0, range);
    return (inside * 255 + range / 2) / range;
  }

  @Override
  public String toString() {
    return low + ":" + high;
  }
}
