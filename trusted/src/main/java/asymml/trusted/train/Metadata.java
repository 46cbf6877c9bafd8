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

  long number(String key) {
    try {
      return Long.parseLong(text(key));
    } catch (NumberFormatException e) {
      throw broken("has no whole number in '" + key + "'");
    }
  }

  double real(String key) {
    try {
      return Double.parseDouble(text(key));
    } catch (NumberFormatException e) {
      throw broken("has no number in '" + key + "'");
    }
  }

  UncheckedIOException broken(String what) {
    return new UncheckedIOException(
        new IOException(file + " is no checkpoint of this program: it " + what));
  }
}
