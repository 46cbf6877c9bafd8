package asymml.trusted.data;

import asymml.model.Shape;
import asymml.trusted.data.format.ExifOrientation;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Decodes JPEG and PNG files to unsigned bytes `[H, W, C]`. It goes by the content, not by the
/// file's ending. One decoder serves one thread; it keeps the reader of JPEG files, since making
/// one costs as much as decoding a small image.
///
/// Colours are taken as stored: profiles and gamma are not applied, in training, testing and
/// prediction alike. Images are turned upright as their EXIF orientation says. What would have to
/// be guessed is refused.
final class ImageDecoder implements AutoCloseable {
  private final DataLimits limits;
  private final Decoding.@Nullable Window window;
  private final JpegDecoder jpeg = new JpegDecoder();

  /// @param limits on what headers declare
  /// @param window of samples of 16 bits; null where they use all of their range
  ImageDecoder(DataLimits limits, Decoding.@Nullable Window window) {
    this.limits = limits;
    this.window = window;
  }

  /// @param limits on what headers declare
  ImageDecoder(DataLimits limits) {
    this(limits, null);
  }

  /// Decodes an image of any size within the limits.
  ///
  /// @param name how to call the file in errors
  /// @param file its bytes
  /// @return its pixels, with 1 channel if it is gray, else 3
  DecodedImage decode(String name, byte[] file) throws DataException {
    return read(name, file, null, "");
  }

  /// Decodes an image that must have a given height and width.
  ///
  /// @param name how to call the file in errors
  /// @param file its bytes
  /// @param expected whose height and width it must have
  /// @param reference who wants that, for errors
  /// @return its pixels, with 1 channel if it is gray, else 3
  DecodedImage decode(String name, byte[] file, Shape expected, String reference)
      throws DataException {
    return read(name, file, expected, reference);
  }

  private DecodedImage read(String name, byte[] file, @Nullable Shape expected, String reference)
      throws DataException {
    if (JpegFrame.isJpeg(file)) {
      JpegFrame frame = JpegFrame.parse(name, file);
      require(name, frame.width(), frame.height(), frame.orientation(), expected, reference);
      return jpeg.decode(name, frame).upright(frame.orientation());
    }
    if (PngHeader.isPng(file)) {
      PngHeader header = PngHeader.parse(name, file);
      ExifOrientation orientation = PngChunks.orientation(file);
      require(name, header.width(), header.height(), orientation, expected, reference);
      return new PngDecoder(name, file, header, window).decode().upright(orientation);
    }
    throw none(name, file);
  }

  /// Checks what a file says of its size and kind, as decoding does, but not its pixels.
  ///
  /// @param name how to call the file in errors
  /// @param file its bytes
  /// @param expected whose height and width it must have; null for any within the limits
  /// @param reference who wants that, for errors
  /// @return whether it is sure to have colour: a palette may turn out to be gray
  boolean checkHeader(String name, byte[] file, @Nullable Shape expected, String reference)
      throws DataException {
    if (JpegFrame.isJpeg(file)) {
      JpegFrame frame = JpegFrame.parse(name, file);
      require(name, frame.width(), frame.height(), frame.orientation(), expected, reference);
      return frame.model() != JpegColour.GRAY;
    }
    if (PngHeader.isPng(file)) {
      PngHeader header = PngHeader.parse(name, file);
      ExifOrientation orientation = PngChunks.orientation(file);
      require(name, header.width(), header.height(), orientation, expected, reference);
      return header.type() == PngHeader.RGB || header.type() == PngHeader.RGB_ALPHA;
    }
    throw none(name, file);
  }

  private static DataException none(String name, byte[] file) {
    byte[] head = Arrays.copyOf(file, Math.min(file.length, FileKind.HEAD_BYTES));
    return new DataException(
        file.length == 0
            ? name + " is empty; replace or remove it"
            : "%s is neither a JPEG nor a PNG file: it %s; convert or remove it"
                .formatted(name, FileKind.describe(head)));
  }

  private void require(
      String name,
      int storedWidth,
      int storedHeight,
      ExifOrientation orientation,
      @Nullable Shape expected,
      String reference)
      throws DataException {
    int width = orientation.swapsSides() ? storedHeight : storedWidth;
    int height = orientation.swapsSides() ? storedWidth : storedHeight;
    if (expected == null) {
      limits.require(name, width, height);
    } else if (height != expected.height() || width != expected.width()) {
      throw DataException.ofAnotherSize(
          "%s is %s x %s pixels (width x height), but %s %s x %s; resize it"
              .formatted(name, width, height, reference, expected.width(), expected.height()));
    }
  }

  /// A file whose pixels are not all there, or not what was stored.
  static DataException corrupt(String name, String why) {
    return new DataException(name + " is corrupt or truncated: " + why + "; replace it");
  }

  /// A file of a kind that is not read.
  static DataException unsupported(String name, String why) {
    return new DataException(name + " " + why + "; convert it to a plain RGB or gray JPEG or PNG");
  }

  /// Frees the reader's native state.
  @Override
  public void close() {
    jpeg.close();
  }
}
