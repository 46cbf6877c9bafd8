package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TemporaryFolderTest {
  @TempDir private Path parent;

  @Test
  void a_folder_is_its_owners_alone_and_is_deleted_with_all_in_it() throws IOException {
    TemporaryFolder folder = TemporaryFolder.create(parent);
    assertThat(folder.path()).isAbsolute().isDirectory();
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.path())))
        .isEqualTo("rwx------");
    Files.createDirectories(folder.path().resolve("a/b"));
    Files.writeString(folder.path().resolve("a/b/c"), "text");
    folder.close();
    folder.close();
    assertThat(parent).isEmptyDirectory();
  }

  @Test
  void a_killed_process_leaves_a_folder_that_the_next_one_deletes() throws Exception {
    Path theirs;
    Process other = start();
    try {
      theirs = Path.of(other.inputReader().readLine());
      assertThat(theirs.resolve("file")).exists();
      TemporaryFolder.create(parent).close();
      assertThat(theirs).as("of a process that runs").isDirectory();
    } finally {
      other.destroyForcibly().waitFor();
    }
    assertThat(theirs).as("SIGKILL leaves it").isDirectory();
    TemporaryFolder mine = TemporaryFolder.create(parent);
    assertThat(list()).containsExactly(mine.path());
    mine.close();
  }

  @Test
  void an_earlier_folder_of_this_process_stays_and_stays_locked() throws Exception {
    try (TemporaryFolder first = TemporaryFolder.create(parent);
        TemporaryFolder second = TemporaryFolder.create(parent)) {
      Process other = start();
      try {
        Path theirs = Path.of(other.inputReader().readLine());
        assertThat(list()).containsExactlyInAnyOrder(first.path(), second.path(), theirs);
      } finally {
        other.destroyForcibly().waitFor();
      }
    }
  }

  /// A worker deletes its socket while the trainer deletes the folder that it is in.
  @Test
  void what_somebody_else_deletes_meanwhile_is_no_error() throws Exception {
    for (int round = 0; round < 20; round++) {
      TemporaryFolder folder = TemporaryFolder.create(parent);
      List<Path> files = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        files.add(Files.createFile(folder.path().resolve("file" + i)));
      }
      Thread other =
          Thread.ofPlatform()
              .start(() -> files.reversed().forEach(TemporaryFolderTest::deleteIfThere));
      folder.close();
      other.join();
      assertThat(folder.path()).doesNotExist();
    }
  }

  private static void deleteIfThere(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void what_is_not_of_this_kind_stays() throws IOException {
    Path other = Files.createDirectory(parent.resolve("asymml-of-somebody"));
    Files.writeString(other.resolve("file"), "text");
    Path outside = Files.createDirectory(parent.resolve("outside"));
    Files.createFile(outside.resolve(".lock"));
    Path link = Files.createSymbolicLink(parent.resolve("asymml-link"), outside);
    Files.createDirectory(parent.resolve("asymml-empty"));
    TemporaryFolder.create(parent).close();
    assertThat(list()).containsExactlyInAnyOrder(other, outside, link);
    assertThat(outside.resolve(".lock")).exists();
  }

  private List<Path> list() throws IOException {
    try (Stream<Path> files = Files.list(parent)) {
      return files.toList();
    }
  }

  private Process start() throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp",
            System.getProperty("java.class.path"),
            Holder.class.getName(),
            parent.toString())
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  /// Another process, which holds a folder until it is killed.
  static final class Holder {
    private Holder() {}

    public static void main(String[] args) throws IOException {
      TemporaryFolder folder = TemporaryFolder.create(Path.of(args[0]));
      Files.createFile(folder.path().resolve("file"));
      System.out.println(folder.path());
      System.out.flush();
      System.in.read();
    }
  }
}
