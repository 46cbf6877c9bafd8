package asymml.trusted.data;

import asymml.model.Shape;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Iterator;
import java.util.zip.CRC32;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.jspecify.annotations.Nullable;

/// Decodes JPEG and PNG files to unsigned bytes `[H, W, C]`. It goes by the content, not by the
/// file's ending. What a reader would only warn of, such as a truncated JPEG, counts as corrupt.
/// One decoder serves one thread; it keeps its readers, since making one costs as much as decoding
/// a small image.
final class ImageDecoder implements AutoCloseable {
  /// The most pixels of one image: beyond, its header is taken to be corrupt.
  private static final long MAX_PIXELS = 1L << 28;

  private static final int PNG_SIGNATURE_BYTES = 8;

  /// Length, type and CRC-32, four bytes each.
  private static final int PNG_CHUNK_FRAME_BYTES = 12;

  /// The type `IEND`.
  private static final int PNG_END = 0x49454E44;

  private @Nullable ImageReader jpeg;
  private @Nullable ImageReader png;
  private @Nullable String warning;

  /// Decodes an image of any size.
  ///
  /// @param name how to call the file in errors
  /// @param file its bytes
  /// @return its pixels, with 1 channel if it is gray, else 3
  DecodedImage decode(String name, byte[] file) throws DataException {
    return read(name, file, null, "");
  }

  /// Decodes an image that must have a given shape; a gray one is spread over three channels.
  ///
  /// @param name how to call the file in errors
  /// @param file its bytes
  /// @param expected the shape it must have
  /// @param reference who wants that shape, for errors
  /// @return its pixels
  byte[] decode(String name, byte[] file, Shape expected, String reference) throws DataException {
    return read(name, file, expected, reference).withChannels(name, expected.channels(), reference);
  }

  private DecodedImage read(String name, byte[] file, @Nullable Shape expected, String reference)
      throws DataException {
    ImageReader reader = readerOf(name, file);
    warning = null;
    try (MemoryCacheImageInputStream input =
        new MemoryCacheImageInputStream(new ByteArrayInputStream(file))) {
      reader.setInput(input, true, true);
      int height = reader.getHeight(0);
      int width = reader.getWidth(0);
      if (expected != null && (height != expected.height() || width != expected.width())) {
        throw new DataException(
            "%s is %d x %d pixels (width x height), but %s %d x %d; resize it"
                .formatted(name, width, height, reference, expected.width(), expected.height()));
      }
      if ((long) height * width > MAX_PIXELS) {
        throw corrupt(name, "its header claims " + width + " x " + height + " pixels", null);
      }
      DecodedImage image = DecodedImage.of(name, reader.read(0));
      if (warning != null) {
        throw corrupt(name, warning, null);
      }
      return image;
    } catch (IOException
        | IllegalArgumentException
        | IllegalStateException
        | IndexOutOfBoundsException
        | NegativeArraySizeException
        | NullPointerException
        | ClassCastException
        | ArithmeticException e) {
      // The platform's readers meet many kinds of damage with unchecked exceptions.
      throw corrupt(
          name, e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage(), e);
    }
  }

  private static DataException corrupt(String name, String why, @Nullable Exception cause) {
    String message =
        name + " is corrupt, truncated or of an unsupported kind (" + why + "); replace it";
    return cause == null ? new DataException(message) : new DataException(message, cause);
  }

  private ImageReader readerOf(String name, byte[] file) throws DataException {
    if (file.length == 0) {
      throw new DataException(name + " is empty; replace or remove it");
    }
    if (startsWith(file, 0xFF, 0xD8, 0xFF)) {
      jpeg = jpeg == null ? newReader("jpeg") : jpeg;
      return jpeg;
    }
    if (startsWith(file, 0x89, 'P', 'N', 'G')) {
      requireWholePng(name, file);
      png = png == null ? newReader("png") : png;
      return png;
    }
    throw new DataException(name + " is neither a JPEG nor a PNG file; convert or remove it");
  }

  /// Walks the chunks (length, type, data, CRC-32 of type and data) up to the end mark. The
  /// platform's reader checks no CRC and does not miss the end of the file.
  private static void requireWholePng(String name, byte[] file) throws DataException {
    ByteBuffer chunks = ByteBuffer.wrap(file);
    int at = PNG_SIGNATURE_BYTES;
    while (file.length - at >= PNG_CHUNK_FRAME_BYTES) {
      int length = chunks.getInt(at);
      int type = chunks.getInt(at + 4);
      if (length < 0 || length > file.length - at - PNG_CHUNK_FRAME_BYTES) {
        break;
      }
      CRC32 checksum = new CRC32();
      checksum.update(file, at + 4, 4 + length);
      if ((int) checksum.getValue() != chunks.getInt(at + 8 + length)) {
        throw corrupt(name, "a checksum does not match", null);
      }
      if (type == PNG_END) {
        return;
      }
      at += PNG_CHUNK_FRAME_BYTES + length;
    }
    throw corrupt(name, "the file ends before its end mark", null);
  }

  private ImageReader newReader(String format) {
    Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName(format);
    ImageReader reader = readers.next();
    reader.addIIOReadWarningListener((source, text) -> warning = text);
    return reader;
  }

  private static boolean startsWith(byte[] file, int... magic) {
    if (file.length < magic.length) {
      return false;
    }
    for (int i = 0; i < magic.length; i++) {
      if ((file[i] & 0xFF) != magic[i]) {
        return false;
      }
    }
    return true;
  }

  /// Frees the readers' native state.
  @Override
  public void close() {
    if (jpeg != null) {
      jpeg.dispose();
      jpeg = null;
    }
    if (png != null) {
      png.dispose();
      png = null;
    }
  }
}
