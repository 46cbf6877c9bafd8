package asymml.cli.options;

import asymml.trusted.data.DataLimits;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// How large data may say they are, for commands that open data of their own.
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
public final class DataLimitOptions {
  /// The flag that raises the limit.
  public static final String FLAG = "--max-image-pixels";

  @Option(
      names = FLAG,
      paramLabel = "N",
      defaultValue = "16777216",
      converter = PixelsConverter.class,
      description =
          "Refuse images that declare more pixels, height times width, before memory is taken"
              + " (default: ${DEFAULT-VALUE}).")
  private DataLimits limits;

  /// The limits on data.
  public DataLimits limits() {
    return limits;
  }

  /// Reads the limit.
  static final class PixelsConverter implements ITypeConverter<DataLimits> {
    @Override
    public DataLimits convert(String text) {
      try {
        return new DataLimits(Integer.parseInt(text));
      } catch (NumberFormatException e) {
        throw new TypeConversionException("'" + text + "' is not a whole number");
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(String.valueOf(e.getMessage()));
      }
    }
  }
}
