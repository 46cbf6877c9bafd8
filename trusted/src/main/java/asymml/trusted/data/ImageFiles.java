package asymml.trusted.data;

import asymml.model.Shape;
import java.nio.file.Path;

/// Single image files, as `predict` reads them.
public final class ImageFiles {
  private ImageFiles() {}

  /// Decodes one JPEG or PNG file as data sets do: a gray image is spread over three channels if
  /// the network wants colour; profiles and EXIF orientation are not applied.
  ///
  /// @param file the image
  /// @param expected the network's input shape
  /// @return unsigned bytes `[H, W, C]`
  /// @throws DataException if the file is missing, unreadable, no regular file, corrupt or of
  ///   another shape
  public static byte[] decode(Path file, Shape expected) throws DataException {
    if (FileKind.isMissing(file)) {
      throw new DataException(
          TreeNames.shown(file.toString())
              + " does not exist; give the path of a JPEG or PNG file");
    }
    DataLimits limits =
        new DataLimits(Math.max(DataLimits.DEFAULT.imagePixels(), expected.pixels()));
    byte[] content = ImageTree.readFile(file, limits);
    try (ImageDecoder decoder = new ImageDecoder(limits)) {
      DecodedImage image = decoder.decode(file.toString(), content, expected, "the network takes");
      if (image.shape().channels() > expected.channels()) {
        throw new DataException(
            file + " has colour, but the network takes gray images; convert it to gray");
      }
      return image.spread(expected.channels());
    }
  }
}
