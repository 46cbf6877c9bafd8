package asymml.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileReasonTest {
  @TempDir private Path folder;

  /// What reading a file fails with.
  private static IOException failure(Path file) {
    try {
      Files.readAllBytes(file);
      throw new AssertionError(file + " can be read");
    } catch (IOException e) {
      return e;
    }
  }

  @Test
  void what_the_system_says_becomes_a_reason_without_the_path() throws Exception {
    assertThat(FileReason.of(failure(folder.resolve("none"))))
        .isEqualTo("no such file or directory");
    Path loop = folder.resolve("loop");
    Files.createSymbolicLink(loop, loop);
    assertThat(FileReason.of(failure(loop))).isEqualTo("loop of symbolic links");
    Path file = Files.writeString(folder.resolve("file"), "x");
    assertThat(FileReason.of(failure(file.resolve("below")))).isEqualTo("Not a directory");
    assertThat(FileReason.of(failure(folder))).isEqualTo("Is a directory");
  }

  @Test
  void exceptions_that_carry_the_path_alone_speak_by_their_type() {
    assertThat(FileReason.of(new AccessDeniedException("x"))).isEqualTo("permission denied");
    assertThat(FileReason.of(new NoSuchFileException("x"))).isEqualTo("no such file or directory");
    assertThat(FileReason.of(new NotDirectoryException("x"))).isEqualTo("not a directory");
    assertThat(FileReason.of(new FileSystemLoopException("x"))).isEqualTo("loop of symbolic links");
    assertThat(FileReason.of(new DirectoryNotEmptyException("x"))).isEqualTo("directory not empty");
    assertThat(FileReason.of(new FileAlreadyExistsException("x"))).isEqualTo("it exists already");
    assertThat(FileReason.of(new FileSystemException("x", null, "No space left on device")))
        .isEqualTo("No space left on device");
    assertThat(FileReason.of(new IOException("cut short"))).isEqualTo("cut short");
    assertThat(FileReason.of(new IOException())).isEqualTo("IOException");
  }
}
