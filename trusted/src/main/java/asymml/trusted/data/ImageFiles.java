package asymml.trusted.data;

import asymml.model.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/// Single image files, as `predict` reads them.
public final class ImageFiles {
  private ImageFiles() {}

  /// Decodes one JPEG or PNG file. A gray image is spread over three channels if the network wants
  /// colour. EXIF orientation is not applied.
  ///
  /// @param file the image
  /// @param expected the network's input shape
  /// @return unsigned bytes `[H, W, C]`
  /// @throws DataException if the file is missing, unreadable, corrupt or of another shape
  public static byte[] decode(Path file, Shape expected) throws DataException {
    byte[] content;
    try {
      content = Files.readAllBytes(file);
    } catch (NoSuchFileException e) {
      throw new DataException(file + " does not exist; give the path of a JPEG or PNG file", e);
    } catch (IOException e) {
      throw new DataException(file + " cannot be read (" + e.getMessage() + ")", e);
    }
    try (ImageDecoder decoder = new ImageDecoder()) {
      return decoder.decode(file.toString(), content, expected, "the network takes");
    }
  }
}
