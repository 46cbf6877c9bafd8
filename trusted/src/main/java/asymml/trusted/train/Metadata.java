package asymml.trusted.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Map;

/// The string map of a checkpoint file, read with errors that name the file.
///
/// @param file where it came from
/// @param values as read
record Metadata(Path file, Map<String, String> values) {
  String text(String key) {
    String value = values.get(key);
    if (value == null) {
      throw broken("lacks '" + key + "'");
    }
    return value;
  }

  /// A count.
  ///
  /// @return at least 0
  long number(String key) {
    try {
      long number = Long.parseLong(text(key));
      if (number >= 0) {
        return number;
      }
    } catch (NumberFormatException e) {
      throw broken("has no whole number in '" + key + "'");
    }
    throw broken("has a negative number in '" + key + "'");
  }

  /// A count that fits an `int`.
  int smallNumber(String key) {
    long number = number(key);
    if (number > Integer.MAX_VALUE) {
      throw broken("has too large a number in '" + key + "'");
    }
    return (int) number;
  }

  /// A finite number.
  double real(String key) {
    try {
      double number = Double.parseDouble(text(key));
      if (Double.isFinite(number)) {
        return number;
      }
    } catch (NumberFormatException e) {
      throw broken("has no number in '" + key + "'");
    }
    throw broken("has no finite number in '" + key + "'");
  }

  UncheckedIOException broken(String what) {
    return new UncheckedIOException(
        new IOException(file + " is no checkpoint of this program: it " + what));
  }
}
