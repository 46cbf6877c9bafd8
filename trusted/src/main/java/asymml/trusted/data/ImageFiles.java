package asymml.trusted.data;

import asymml.model.PrintableText;
import asymml.model.Shape;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Image files outside data sets, as `predict` reads them.
public final class ImageFiles {
  private static final List<String> ENDINGS = List.of(".jpg", ".jpeg", ".png");

  private ImageFiles() {}

  /// What a folder holds.
  ///
  /// @param images in the order of their paths
  /// @param others files with other endings; without hidden ones and what systems leave behind
  public record Found(List<Path> images, int others) {
    /// Copies the list.
    public Found {
      images = List.copyOf(images);
    }
  }

  /// Finds the images below a folder by the endings of their names, `.jpg`, `.jpeg` or `.png`.
  /// Hidden files and folders, and what systems leave behind, are skipped; symbolic links to
  /// folders are not followed.
  ///
  /// @param folder where to look, with all folders in it
  /// @return the images
  /// @throws DataException with the reason, if a folder cannot be read
  public static Found below(Path folder) throws DataException {
    List<Path> images = new ArrayList<>();
    int others = add(folder, images);
    images.sort(null);
    return new Found(images, others);
  }

  private static int add(Path folder, List<Path> images) throws DataException {
    int others = 0;
    for (Path child : ImageTree.Folder.children(folder)) {
      String name = TreeNames.of(child).toLowerCase(Locale.ROOT);
      if (Files.isDirectory(child, LinkOption.NOFOLLOW_LINKS)) {
        others += add(child, images);
      } else if (ENDINGS.stream().anyMatch(name::endsWith)) {
        images.add(child);
      } else {
        others++;
      }
    }
    return others;
  }

  /// Decodes one JPEG or PNG file as data sets do: a gray image is spread over three channels if
  /// the network wants colour; it is turned upright by its EXIF orientation, and profiles are not
  /// applied.
  ///
  /// @param file the image
  /// @param expected the network's input shape
  /// @param decoding that of the network's training images
  /// @return unsigned bytes `[H, W, C]`
  /// @throws DataException if the file is missing, unreadable, no regular file, corrupt or of
  ///   another shape
  public static byte[] decode(Path file, Shape expected, Decoding decoding) throws DataException {
    if (FileKind.isMissing(file)) {
      throw new DataException(
          PrintableText.of(file.toString())
              + " does not exist; give the path of a JPEG or PNG file");
    }
    byte[] content = ImageTree.readFile(file, limits(expected, decoding));
    return decode(file.toString(), content, expected, decoding);
  }

  /// The same for the bytes of a file.
  ///
  /// @param name how to call it in errors
  /// @param content its bytes
  /// @param expected the network's input shape
  /// @param decoding that of the network's training images
  /// @return unsigned bytes `[H, W, C]`
  /// @throws DataException if they are corrupt, no image, or one of another shape
  public static byte[] decode(String name, byte[] content, Shape expected, Decoding decoding)
      throws DataException {
    try (ImageDecoder decoder = new ImageDecoder(limits(expected, decoding), decoding.window())) {
      DecodedImage image =
          decoding.scales()
              ? ImageScaler.fit(decoder.decode(name, content), expected.height())
              : decoder.decode(name, content, expected, "the network takes");
      if (image.shape().channels() > expected.channels()) {
        throw new DataException(
            name + " has colour, but the network takes gray images; convert it to gray");
      }
      return image.spread(expected.channels());
    }
  }

  /// The shape of an image.
  ///
  /// @param name how to call it in errors
  /// @param content the bytes of a JPEG or PNG file
  /// @param decoding of it
  /// @return what it is decoded to, scaled where `decoding` says so; 1 channel if it is gray, else
  ///   3
  /// @throws DataException if they are corrupt, no image, or one beyond the limits
  public static Shape shape(String name, byte[] content, Decoding decoding) throws DataException {
    try (ImageDecoder decoder = new ImageDecoder(decoding.limits(), decoding.window())) {
      Shape stored = decoder.decode(name, content).shape();
      int size = decoding.imageSize();
      return decoding.scales() ? new Shape(size, size, stored.channels()) : stored;
    }
  }

  private static DataLimits limits(Shape expected, Decoding decoding) {
    return new DataLimits(Math.max(decoding.limits().imagePixels(), expected.pixels()));
  }
}
