package asymml.trusted.data;

import asymml.model.PrintableText;
import asymml.model.Shape;
import java.io.IOException;
import java.io.Serializable;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/// Image files outside data sets, as `predict` and Spark read them.
public final class ImageFiles {
  private static final List<String> ENDINGS = List.of(".jpg", ".jpeg", ".png");

  private ImageFiles() {}

  /// An image of a [Listing].
  ///
  /// @param className its class
  /// @param name how to call it in errors
  /// @param place where [#read(Path, List, DataLimits)] finds it
  public record Listed(String className, String name, String place) implements Serializable {
    private static final long serialVersionUID = 1;
  }

  /// The images of a folder or zip file of `<split>/<class>/<image>`, for those who read them
  /// later, or in another process. Names are made comparable, litter is passed over, and trees of
  /// another form are refused, as where a data set is opened.
  ///
  /// @param training in the order in which a data set numbers them: by class and name
  /// @param testing likewise
  public record Listing(List<Listed> training, List<Listed> testing) {
    /// Copies the lists.
    public Listing {
      training = List.copyOf(training);
      testing = List.copyOf(testing);
    }

    /// Lists a tree; no image is read.
    ///
    /// @param root a folder or zip file
    /// @return its images
    /// @throws DataException with the reason, if it cannot be read, has another form, or has a file
    ///   twice
    public static Listing of(Path root) throws DataException {
      try (ImageTree tree =
          Files.isDirectory(root) ? ImageTree.Folder.open(root) : ImageTree.Zip.open(root)) {
        ImageListing listing = new ImageListing(tree);
        Map<String, List<String>> training = listing.train();
        Map<String, List<String>> testing = listing.test(training.keySet());
        listing.requireSameClasses(training.keySet());
        return new Listing(listed(tree, training), listed(tree, testing));
      } catch (IOException e) {
        throw FileKind.unreadable(root, e);
      }
    }

    private static List<Listed> listed(ImageTree tree, Map<String, List<String>> classes) {
      List<Listed> images = new ArrayList<>();
      classes.forEach((name, paths) -> {
        for (String path : paths) {
          images.add(new Listed(name, tree.describe(path), place(tree, path)));
        }
      });
      return images;
    }

    /// The file of a folder as a URI: its name may have no text in another process's locale.
    private static String place(ImageTree tree, String path) {
      return tree instanceof ImageTree.Folder folder
          ? Objects.requireNonNull(folder.files().place(path)).toUri().toString()
          : path;
    }
  }

  /// Reads images of a listing.
  ///
  /// @param root the listed folder or zip file
  /// @param images some of its images
  /// @param limits on their sizes
  /// @return the bytes of each, in the same order
  /// @throws DataException with the reason, if one cannot be read or is beyond the limits
  public static List<byte[]> read(Path root, List<Listed> images, DataLimits limits)
      throws DataException {
    List<byte[]> content = new ArrayList<>();
    if (Files.isDirectory(root)) {
      for (Listed image : images) {
        content.add(ImageTree.readFile(Path.of(URI.create(image.place())), limits));
      }
      return content;
    }
    try (ImageTree.Zip zip = ImageTree.Zip.open(root)) {
      for (Listed image : images) {
        content.add(zip.read(image.place(), limits));
      }
    } catch (IOException e) {
      throw FileKind.unreadable(root, e);
    }
    return content;
  }

  /// Whether a path is hidden or no data, such as what systems leave behind.
  ///
  /// @param path parts separated by `/`
  /// @return whether any part is, such as `.DS_Store` or `@eaDir`
  public static boolean isLitter(String path) {
    return TreeNames.isLitter(path);
  }

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
