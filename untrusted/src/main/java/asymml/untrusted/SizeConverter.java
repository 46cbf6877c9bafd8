package asymml.untrusted;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine;

/// Reads a size in bytes, with K, M or G for powers of 1024.
final class SizeConverter implements CommandLine.ITypeConverter<Long> {
  private static final Pattern SIZE =
      Pattern.compile("(?<number>\\d{1,15})(?<unit>[KMG]?)(i?B)?", Pattern.CASE_INSENSITIVE);

  SizeConverter() {}

  @Override
  public Long convert(String text) {
    Matcher m = SIZE.matcher(text.strip());
    if (!m.matches()) {
      throw new CommandLine.TypeConversionException("'" + text + "' is no size such as 500M or 2G");
    }
    int shift =
        switch (m.group("unit")) {
          case "k", "K" -> 10;
          case "m", "M" -> 20;
          case "g", "G" -> 30;
          default -> 0;
        };
    long number = Long.parseLong(m.group("number"));
    if (number > Long.MAX_VALUE >> shift) {
      throw new CommandLine.TypeConversionException("'" + text + "' is more than any machine has");
    }
    return number << shift;
  }
}
