package asymml.trusted.data;

import asymml.model.Shape;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.jspecify.annotations.Nullable;

/// Decodes JPEG files to samples with the platform's codec (IJG libjpeg: slow integer DCT, smooth
/// upsampling of chroma), and to colours by [JpegColour]. The codec gets a stream without
/// application data, so that it decides nothing about colours.
final class JpegDecoder implements AutoCloseable {
  /// What the codec says where data are left over after all pixels: they are whole.
  private static final String LEFT_OVER = "extraneous bytes before marker";

  private final List<String> warnings = new ArrayList<>();
  private @Nullable ImageReader reader;

  /// Decodes a file.
  ///
  /// @param name how to call it in errors
  /// @param frame what it says of itself; its size is accepted
  DecodedImage decode(String name, JpegFrame frame) throws DataException {
    byte[] samples = samples(name, frame);
    int channels = frame.model() == JpegColour.GRAY ? 1 : 3;
    return new DecodedImage(
        new Shape(frame.height(), frame.width(), channels), frame.model().colours(samples));
  }

  private byte[] samples(String name, JpegFrame frame) throws DataException {
    ImageReader codec = codec();
    warnings.clear();
    try (MemoryCacheImageInputStream input =
        new MemoryCacheImageInputStream(new ByteArrayInputStream(frame.stream()))) {
      codec.setInput(input, true, true);
      Raster raster = codec.readRaster(0, null);
      requireWhole(name);
      if (raster.getNumBands() != frame.components()
          || raster.getWidth() != frame.width()
          || raster.getHeight() != frame.height()) {
        throw ImageDecoder.corrupt(name, "the codec found another image than its header declares");
      }
      return (byte[]) raster.getDataElements(0, 0, frame.width(), frame.height(), null);
    } catch (IOException
        | IllegalArgumentException
        | IllegalStateException
        | IndexOutOfBoundsException
        | NegativeArraySizeException
        | NullPointerException
        | ClassCastException
        | ArithmeticException e) {
      // The platform's reader meets many kinds of damage with unchecked exceptions.
      String why = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
      throw ImageDecoder.corrupt(name, "its JPEG data cannot be decoded (" + why + ")");
    }
  }

  /// Damage of the data is told by warnings; the codec goes on with gray or shifted blocks.
  private void requireWhole(String name) throws DataException {
    for (String warning : warnings) {
      if (!warning.contains(LEFT_OVER)) {
        throw ImageDecoder.corrupt(name, "its JPEG data are not whole (" + warning + ")");
      }
    }
  }

  private ImageReader codec() {
    if (reader == null) {
      reader = ImageIO.getImageReadersByFormatName("jpeg").next();
      reader.addIIOReadWarningListener((_, text) -> warnings.add(text));
    }
    return reader;
  }

  /// Frees the codec's native state.
  @Override
  public void close() {
    if (reader != null) {
      reader.dispose();
      reader = null;
    }
  }
}
