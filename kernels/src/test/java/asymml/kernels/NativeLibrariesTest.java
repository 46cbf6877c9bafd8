package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeLibrariesTest {
  @TempDir Path home;

  @Test
  void the_cache_is_where_the_user_says() {
    assertThat(NativeLibraries.cache("/var/cache/asymml", home.toString()))
        .isEqualTo(Path.of("/var/cache/asymml"));
  }

  @Test
  void the_cache_lies_in_the_home_folder() {
    assertThat(NativeLibraries.cache(null, home.toString()))
        .isEqualTo(home.resolve(".javacpp/cache"));
  }

  @Test
  void users_without_a_home_get_a_folder_of_their_own() throws Exception {
    for (String none : new String[] {"?", home.resolve("absent").toString(), null}) {
      Path own = NativeLibraries.cache(null, none);
      assertThat(own).isAbsolute().isEmptyDirectory();
      assertThat(Files.getPosixFilePermissions(own.getParent()))
          .as("only its owner can plant libraries in it")
          .hasToString("[OWNER_READ, OWNER_WRITE, OWNER_EXECUTE]");
      assertThat(own).isNotEqualTo(NativeLibraries.cache(null, none));
    }
    assertThat(Path.of("?")).doesNotExist();
  }

  @Test
  void a_failure_says_from_where_why_and_what_to_set() {
    Throwable jvm =
        new UnsatisfiedLinkError("no jnidnnl in java.library.path")
            .initCause(
                new UnsatisfiedLinkError(
                    "/mnt/libjnidnnl.so: failed to map segment from shared object\nmore"));
    NativeLibraryException failure = NativeLibraries.failure(Path.of("/mnt"), jvm);
    assertThat(failure)
        .hasMessage(
            "native libraries cannot be loaded from /mnt (/mnt/libjnidnnl.so: failed to map segment"
                + " from shared object): give a folder with 200 MB of free space on a disk that"
                + " allows programs to run, with"
                + " JAVA_TOOL_OPTIONS=-Dorg.bytedeco.javacpp.cachedir=FOLDER");
    assertThat(NativeLibraryException.behind(new ExceptionInInitializerError(failure)))
        .isSameAs(failure);
    assertThat(NativeLibraryException.behind(new IllegalStateException("else"))).isNull();
  }
}
