package asymml.trusted.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.ClearStore;
import asymml.model.PrivateStore;
import asymml.privacy.Delta;
import asymml.privacy.Ledger;
import asymml.privacy.Sampling;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RunDirectoryTest {
  private static final Clock NOON =
      Clock.fixed(Instant.parse("2026-03-04T12:05:06Z"), ZoneOffset.UTC);

  @TempDir private Path directory;

  @Test
  void a_new_run_is_named_after_time_model_and_mode() throws IOException {
    Path runs = directory.resolve("a").resolve("runs");
    try (RunDirectory first = RunDirectory.createUnder(runs, NOON, "resnet20", "asymml");
        RunDirectory second = RunDirectory.createUnder(runs, NOON, "resnet20", "asymml")) {
      assertThat(first.layout().directory())
          .isEqualTo(runs.resolve("20260304-120506-resnet20-asymml"));
      assertThat(second.layout().directory())
          .isEqualTo(runs.resolve("20260304-120506-resnet20-asymml-2"));
      assertThat(first.layout().events()).isEmptyDirectory();
    }
    assertThatThrownBy(() -> RunDirectory.createUnder(runs, NOON, "../up", "asymml"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  /// A worker that does not answer is no reason for a directory of nothing.
  @Test
  void a_directory_that_was_named_here_and_holds_nothing_does_not_stay() throws IOException {
    Path runs = directory.resolve("runs");
    RunDirectory.createUnder(runs, NOON, "cnn", "asymml").close();
    assertThat(runs).isEmptyDirectory();
    RunDirectory used = RunDirectory.createUnder(runs, NOON, "cnn", "asymml");
    Path log = Files.writeString(used.layout().directory().resolve("worker.log"), "no memory");
    used.close();
    assertThat(log).exists();
    RunDirectory told = RunDirectory.create(directory.resolve("told"));
    told.close();
    assertThat(told.layout().lock()).exists();
  }

  @Test
  void what_is_created_is_its_owners_alone_and_a_directory_that_is_there_keeps_its_mode()
      throws IOException {
    Path runs = directory.resolve("a").resolve("runs");
    try (RunDirectory run = RunDirectory.createUnder(runs, NOON, "resnet20", "asymml")) {
      Path created = run.layout().directory();
      MetricsLog.open(run.layout().metrics()).close();
      TensorBoardLog.open(run.layout().events(), NOON).close();
      try (Stream<Path> all = Files.walk(directory.resolve("a"))) {
        List<Path> paths = all.toList();
        assertThat(paths).contains(created, run.layout().metrics()).hasSize(7);
        assertThat(paths).allSatisfy(RunDirectoryTest::isPrivate);
      }
    }
    Path existing = Files.createDirectory(directory.resolve("existing"));
    Files.setPosixFilePermissions(existing, PosixFilePermissions.fromString("rwxr-xr-x"));
    RunDirectory.create(existing).close();
    assertThat(Files.getPosixFilePermissions(existing))
        .isEqualTo(PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private static void isPrivate(Path path) throws IOException {
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
        .isEqualTo(Files.isDirectory(path) ? "rwx------" : "rw-------");
  }

  @Test
  void the_files_have_their_names() {
    RunLayout layout = new RunLayout(directory);
    assertThat(
            List.of(
                layout.config(),
                layout.runFile(),
                layout.metrics(),
                layout.checkpoint(),
                layout.events(),
                layout.workerLog(0)))
        .extracting(file -> directory.relativize(file).toString())
        .containsExactly(
            "config.yaml",
            "run.json",
            "metrics.jsonl",
            "checkpoint.safetensors",
            "events",
            "worker.log");
  }

  @ParameterizedTest
  @ValueSource(strings = {"config.yaml", "metrics.jsonl", "checkpoint.safetensors", "ledger.json"})
  void a_directory_with_a_run_is_not_taken_for_a_new_one(String file) throws IOException {
    Files.createFile(directory.resolve(file));
    assertThatThrownBy(() -> RunDirectory.create(directory))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "%s already holds a run (%s): resume it or choose another output directory"
                .formatted(directory, file));
    // The refusal must not keep the lock.
    Files.delete(directory.resolve(file));
    RunDirectory.create(directory).close();
  }

  @Test
  void a_run_that_ended_before_its_first_checkpoint_can_be_started_again() throws IOException {
    Files.createFile(directory.resolve("run.json"));
    Files.createFile(directory.resolve("config.yaml"));
    Path ledger = directory.resolve("ledger.json");
    LedgerFile.write(ledger, ledger(0));
    RunDirectory.create(directory).close();
    // What has been released stays on record.
    LedgerFile.write(ledger, ledger(1));
    assertThatThrownBy(() -> RunDirectory.create(directory))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("already holds a run (ledger.json)");
  }

  /// A store whose files no other can read.
  private static final class Mirrored implements PrivateStore {
    private static byte[] mirrored(byte[] bytes) {
      byte[] all = bytes.clone();
      for (int i = 0; i < all.length; i++) {
        all[i] ^= -1;
      }
      return all;
    }

    @Override
    public boolean isSealed() {
      return true;
    }

    @Override
    public void replace(Path file, long size, Body body) throws IOException {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      body.writeTo(Channels.newChannel(out));
      assertThat(out.size()).isEqualTo((int) size);
      ClearStore.CLEAR.replace(file, mirrored(out.toByteArray()));
    }

    @Override
    public SeekableByteChannel open(Path file) throws IOException {
      Path clear = Files.createTempFile("mirrored", "");
      Files.write(clear, mirrored(Files.readAllBytes(file)));
      return Files.newByteChannel(clear, StandardOpenOption.DELETE_ON_CLOSE);
    }
  }

  @Test
  void a_sealed_run_and_one_in_clear_do_not_share_a_directory() throws IOException {
    RunLayout sealed = new RunLayout(directory, new Mirrored());
    RunLayout clear = new RunLayout(directory);
    try (RunDirectory run = RunDirectory.create(sealed)) {
      assertThat(run.layout().events()).doesNotExist();
      assertThat(sealed.ledger()).hasFileName("ledger.json.sealed");
      LedgerFile.write(sealed, ledger(1));
      assertThat(LedgerFile.read(sealed)).isEqualTo(ledger(1));
      assertThat(LedgerFile.readIfAny(clear)).isNull();
      assertThat(clear.holdsSealedRun()).isFalse();
    }
    assertThatThrownBy(() -> RunDirectory.create(sealed))
        .hasMessageContaining("already holds a run (ledger.json.sealed)");
    Files.writeString(sealed.config(), "");
    Files.writeString(sealed.checkpoint(), "");
    assertThat(clear.holdsSealedRun()).isTrue();
    assertThatThrownBy(() -> RunDirectory.resume(clear))
        .hasMessageContaining("holds a sealed run, which is resumed with its owner's key");
    assertThatThrownBy(() -> RunDirectory.create(clear))
        .hasMessageContaining("already holds a run (checkpoint.safetensors.sealed)");
    RunDirectory.resume(sealed).close();
    Files.delete(sealed.checkpoint());
    Files.delete(sealed.ledger());
    Files.writeString(clear.checkpoint(), "");
    assertThatThrownBy(() -> RunDirectory.create(sealed))
        .hasMessageContaining("already holds a run (checkpoint.safetensors)");
    assertThatThrownBy(() -> RunDirectory.resume(sealed))
        .hasMessageContaining("it has no checkpoint.safetensors.sealed");
  }

  private static Ledger ledger(long steps) {
    return new Ledger(
        new Sampling.Shuffled(10, 2), new Delta(1e-5), List.of(new Ledger.Entry(List.of(), steps)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"notes.txt", "worker.log"})
  void an_existing_directory_with_other_files_is_taken(String file) throws IOException {
    // The log of a worker that did not start is no run.
    Files.createFile(directory.resolve(file));
    try (RunDirectory run = RunDirectory.create(directory)) {
      assertThat(run.layout().events()).isDirectory();
    }
  }

  @Test
  void a_run_resumes_with_configuration_and_checkpoint_only() throws IOException {
    Path absent = directory.resolve("absent");
    assertThatThrownBy(() -> RunDirectory.resume(absent))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("there is no run directory " + absent);
    assertThat(absent).doesNotExist();
    assertThatThrownBy(() -> RunDirectory.resume(directory))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("it has no config.yaml");
    Files.createFile(directory.resolve("config.yaml"));
    assertThatThrownBy(() -> RunDirectory.resume(directory))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("it has no checkpoint.safetensors");
    Files.createFile(directory.resolve("checkpoint.safetensors"));
    RunDirectory.resume(directory).close();
  }

  @Test
  void two_trainers_of_one_process_cannot_share_a_run() throws IOException {
    RunDirectory run = RunDirectory.create(directory);
    assertThatThrownBy(() -> RunDirectory.create(directory))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("in use by another trainer");
    run.close();
    run.close();
    RunDirectory.create(directory).close();
  }

  @Test
  void a_refusal_does_not_give_up_the_lock_that_this_process_holds() throws Exception {
    try (RunDirectory run = RunDirectory.create(directory)) {
      assertThatThrownBy(() -> RunDirectory.create(directory)).isInstanceOf(IOException.class);
      Process other =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-cp",
                  System.getProperty("java.class.path"),
                  LockTrier.class.getName(),
                  directory.resolve(".lock").toString())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      try {
        assertThat(other.getInputStream().read()).as(run.layout().toString()).isEqualTo('N');
      } finally {
        other.destroyForcibly();
      }
    }
  }

  @Test
  void two_processes_cannot_share_a_run() throws IOException, InterruptedException {
    Process other =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                LockHolder.class.getName(),
                directory.resolve(".lock").toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try {
      assertThat(other.getInputStream().read()).isEqualTo('L');
      assertThatThrownBy(() -> RunDirectory.create(directory))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("in use by another trainer");
    } finally {
      other.destroyForcibly();
    }
    assertThat(other.waitFor(5, TimeUnit.MINUTES)).isTrue();
    // What a killed trainer leaves does not lock anybody out.
    RunDirectory.create(directory).close();
  }

  /// Another process: says whether it could lock the file.
  static final class LockTrier {
    private LockTrier() {}

    public static void main(String[] args) throws IOException {
      try (FileChannel channel = FileChannel.open(Path.of(args[0]), StandardOpenOption.WRITE)) {
        System.out.write(channel.tryLock() == null ? 'N' : 'L');
        System.out.flush();
      }
    }
  }

  /// The other process of a test above: locks the file and waits to be killed.
  static final class LockHolder {
    public static void main(String[] args) throws IOException {
      try (FileChannel channel =
              FileChannel.open(
                  Path.of(args[0]), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          FileLock lock = channel.lock()) {
        System.out.write(lock.isValid() ? 'L' : '?');
        System.out.flush();
        // Ends by itself when the test goes away.
        int end = System.in.read();
        System.exit(end);
      }
    }
  }

  @Test
  void a_file_in_the_place_of_the_directory_is_named() throws IOException {
    Path file = Files.createFile(directory.resolve("file"));
    assertThatThrownBy(() -> RunDirectory.create(file))
        .isInstanceOf(IOException.class)
        .hasMessage(file + " is a file, not a directory: choose another output directory");
    assertThatThrownBy(() -> RunDirectory.create(file.resolve("below")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file.toString());
  }
}
