package asymml.kernels;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;

/// Loads oneDNN. JavaCPP unpacks it, once for each user and version, into a cache folder and loads
/// it from there.
final class NativeLibraries {
  /// JavaCPP's own setting for the cache folder.
  static final String CACHE = "org.bytedeco.javacpp.cachedir";

  private NativeLibraries() {}

  /// Loads the library if it is not yet loaded.
  ///
  /// @throws NativeLibraryException if that fails
  static void load() {
    Path cache = cache(System.getProperty(CACHE), System.getProperty("user.home"));
    System.setProperty(CACHE, cache.toString());
    try {
      Loader.load(dnnl.class);
    } catch (LinkageError e) {
      throw failure(cache, e);
    }
  }

  /// Where the library is unpacked to: what is set, the home folder, or, for users without one, a
  /// new folder of this process alone. Others could plant libraries in a shared one.
  ///
  /// @param set by the user, or null
  /// @param home folder of the user; "?" where the system knows none
  static Path cache(@Nullable String set, @Nullable String home) {
    if (set != null && !set.isBlank()) {
      return Path.of(set);
    }
    if (home != null && Path.of(home).isAbsolute() && Files.isWritable(Path.of(home))) {
      return Path.of(home, ".javacpp", "cache");
    }
    try {
      TemporaryFolder own = TemporaryFolder.create();
      Runtime.getRuntime().addShutdownHook(new Thread(own::close));
      return Files.createDirectory(own.path().resolve("native"));
    } catch (IOException e) {
      throw new NativeLibraryException(
          "native libraries cannot be unpacked: there is no home folder that can be written, and no"
              + " temporary folder; "
              + remedy(),
          e);
    }
  }

  /// What is said of a failure.
  ///
  /// @param cache where the library was unpacked to
  /// @param error of the JVM
  static NativeLibraryException failure(Path cache, Throwable error) {
    Throwable root = error;
    for (int depth = 0; root.getCause() != null && depth < 32; depth++) {
      root = root.getCause();
    }
    String reason = String.valueOf(root.getMessage()).lines().findFirst().orElse("no reason given");
    return new NativeLibraryException(
        "native libraries cannot be loaded from %s (%s): %s".formatted(cache, reason, remedy()),
        error);
  }

  private static String remedy() {
    return "give a folder with 200 MB of free space on a disk that allows programs to run, with"
        + " JAVA_TOOL_OPTIONS=-D"
        + CACHE
        + "=FOLDER";
  }
}
