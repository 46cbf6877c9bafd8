package asymml.cli;

import asymml.model.FileReason;
import asymml.trusted.data.DataException;
import asymml.trusted.data.ImageFiles;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/// The images that arguments of a command name: files, folders with all below them, and patterns
/// such as `images/**.png` that the shell has left as they are.
final class ImagePaths {
  private final List<Path> images = new ArrayList<>();
  private int others;

  /// Finds them.
  ///
  /// @param arguments as given
  /// @throws DataException one line, if a folder cannot be read or a pattern names nothing
  ImagePaths(List<String> arguments) throws DataException {
    for (String argument : arguments) {
      Path path = Path.of(argument);
      if (Files.isDirectory(path)) {
        ImageFiles.Found found = ImageFiles.below(path);
        if (found.images().isEmpty()) {
          throw new DataException(argument + " holds no .jpg, .jpeg or .png files");
        }
        images.addAll(found.images());
        others += found.others();
      } else if (!Files.exists(path) && isPattern(argument)) {
        images.addAll(matching(path.normalize()));
      } else {
        images.add(path);
      }
    }
  }

  private static boolean isPattern(String text) {
    return text.chars().anyMatch(c -> "*?[{".indexOf(c) >= 0);
  }

  private static List<Path> matching(Path pattern) throws DataException {
    Path base = pattern.isAbsolute() ? pattern.getRoot() : Path.of("");
    for (Path part : pattern) {
      if (isPattern(part.toString())) {
        break;
      }
      base = base.resolve(part);
    }
    try {
      PathMatcher matcher = FileSystems.getDefault().getPathMatcher("glob:" + pattern);
      List<Path> found = List.of();
      if (Files.isDirectory(base)) {
        found = new ArrayList<>();
        boolean anyDepth = pattern.toString().contains("**");
        Files.walkFileTree(
            base,
            Set.of(),
            anyDepth ? Integer.MAX_VALUE : pattern.getNameCount() - names(base),
            new Matching(matcher, found));
        found.sort(null);
      }
      if (found.isEmpty()) {
        throw new DataException("no file matches " + pattern);
      }
      return found;
    } catch (PatternSyntaxException e) {
      throw new DataException(pattern + " is neither a file nor a pattern of file names", e);
    } catch (IOException e) {
      throw new DataException("cannot look for " + pattern + ": " + FileReason.of(e), e);
    }
  }

  private static int names(Path base) {
    return base.toString().isEmpty() ? 0 : base.getNameCount();
  }

  /// Collects what matches, and passes over folders that cannot be read, as a shell does.
  private static final class Matching extends SimpleFileVisitor<Path> {
    private final PathMatcher matcher;
    private final List<Path> found;

    Matching(PathMatcher matcher, List<Path> found) {
      this.matcher = matcher;
      this.found = found;
    }

    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
      if (matcher.matches(file) && Files.isRegularFile(file)) {
        found.add(file);
      }
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFileFailed(Path file, IOException why) {
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException why) {
      return FileVisitResult.CONTINUE;
    }
  }

  /// The images, in the order of the arguments and then of names.
  List<Path> images() {
    return List.copyOf(images);
  }

  /// How many files of the folders are no images by their names.
  int others() {
    return others;
  }
}
