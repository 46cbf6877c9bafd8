package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// SIGKILL of the trainer or of its worker at random moments of a run without noise, which is then
/// resumed: it must end with the bytes of a run that nothing happened to.
///
/// The system property `asymml.kills` says how many of each kind, half of them of runs whose worker
/// holds the weights; `asymml.seed` says where the random moments begin. Both are printed.
class CrashAndResumeTest {
  private static final int KILLS = Integer.getInteger("asymml.kills", 2);
  private static final long SEED = Long.getLong("asymml.seed", 1);

  private static final Pattern TIMES =
      Pattern.compile("\"(imagesPerSecond|trustedCpuSeconds|workerCpuSeconds)\":[^,}]*");

  private static final Pattern TIMES_AND_BYTES =
      Pattern.compile(TIMES + "|\"bytesToWorker\":[^,}]*");

  /// A process that hangs must not hang the tests.
  private static final long LIMIT_MINUTES = 10;

  /// Kills come at moments up to this, which adapts to the machine such that a run is killed some
  /// ten times before it ends: it grows with each kill that came too early for a new checkpoint,
  /// and is halved by a run that ended.
  private static double rangeMillis;

  private static final double FIRST_RANGE_MILLIS = 4000;

  /// What a run that nothing happens to leaves, by who updates the weights.
  private static final Map<String, Undisturbed> UNDISTURBED = new HashMap<>();

  @SuppressWarnings("ArrayRecordComponent") // Compared by AssertJ.
  private record Undisturbed(byte[] checkpoint, List<String> metrics) {}

  private static final int EPOCHS = 40;

  @TempDir static Path folder;

  private enum Victim {
    TRAINER,
    WORKER
  }

  @BeforeAll
  static void train_without_disturbance() throws Exception {
    System.out.printf("%s kills of each kind, seed %s%n", KILLS, SEED);
    draw(folder.resolve("images"));
    Files.createDirectory(folder.resolve("tmp"));
    for (String update : List.of("trusted", "worker")) {
      Path run = folder.resolve("whole-" + update);
      Attempt whole = new Attempt(fresh(run, update));
      assertThat(whole.end()).as(whole.said()).isZero();
      UNDISTURBED.put(
          update,
          new Undisturbed(
              Files.readAllBytes(run.resolve("checkpoint.safetensors")), metrics(run, update)));
      assertThat(metrics(run, update)).hasSize(EPOCHS);
      assertThat(folder.resolve("tmp")).isEmptyDirectory();
    }
  }

  /// A few images of 8x8 pixels in three classes.
  private static void draw(Path images) throws IOException {
    SplittableRandom random = new SplittableRandom(SEED);
    for (String split : new String[] {"train", "test"}) {
      for (int label = 0; label < 3; label++) {
        Path place = images.resolve(split).resolve("class" + label);
        Files.createDirectories(place);
        for (int i = 0; i < 6; i++) {
          BufferedImage image = new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB);
          for (int pixel = 0; pixel < 64; pixel++) {
            image.setRGB(
                pixel % 8, pixel / 8, (80 * label + random.nextInt(90)) * 0x010101 & 0xffffff);
          }
          ImageIO.write(image, "png", place.resolve(i + ".png").toFile());
        }
      }
    }
  }

  private static List<String> fresh(Path run, String update) {
    return List.of(
        "train",
        "--data",
        folder.resolve("images").toString(),
        "--model",
        "cnn",
        "--batch-size",
        "4",
        "--epochs",
        Integer.toString(EPOCHS),
        "--threads",
        "1",
        "--noise-multiplier",
        "0",
        "--update",
        update,
        "--out",
        run.toString());
  }

  private static List<String> resumed(Path run) {
    return List.of("train", "--resume", run.toString());
  }

  /// A worker that is to hold the weights is sent them again by a run that is resumed.
  private static List<String> metrics(Path run, String update) throws IOException {
    Pattern other = update.equals("worker") ? TIMES_AND_BYTES : TIMES;
    return Files.readAllLines(run.resolve("metrics.jsonl")).stream()
        .map(line -> other.matcher(line).replaceAll(""))
        .toList();
  }

  /// A trainer process with its worker process.
  private static final class Attempt {
    private final Process trainer;
    private final Path log;

    Attempt(List<String> arguments) throws IOException {
      List<String> command =
          new ArrayList<>(
              List.of(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-XX:+UseSerialGC",
                  "-XX:TieredStopAtLevel=1",
                  "-Djava.io.tmpdir=" + folder.resolve("tmp"),
                  "--add-modules",
                  "jdk.incubator.vector",
                  "--enable-native-access=ALL-UNNAMED",
                  "-cp",
                  System.getProperty("java.class.path"),
                  "asymml.cli.Main"));
      command.addAll(arguments);
      log = folder.resolve("output");
      trainer =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
    }

    /// Kills the trainer or the worker after a time, unless the trainer ends before.
    ///
    /// @return whether something was killed
    boolean kill(Victim victim, long millis) throws Exception {
      Optional<ProcessHandle> worker = Optional.empty();
      if (victim == Victim.WORKER) {
        while (worker.isEmpty() && trainer.isAlive()) {
          worker = trainer.children().findFirst();
          Thread.onSpinWait();
        }
      }
      if (trainer.waitFor(millis, TimeUnit.MILLISECONDS)) {
        return false;
      }
      if (victim == Victim.WORKER) {
        return worker.isPresent() && worker.get().destroyForcibly();
      }
      trainer.destroyForcibly();
      return true;
    }

    int end() throws Exception {
      if (!trainer.waitFor(LIMIT_MINUTES, TimeUnit.MINUTES)) {
        trainer.destroyForcibly();
        throw new AssertionError("it hangs: " + said());
      }
      return trainer.exitValue();
    }

    String said() throws IOException {
      return Files.readString(log);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"trusted", "worker"})
  void a_run_whose_trainer_is_killed_ends_with_the_same_bytes(String update) throws Exception {
    killAndResume(Victim.TRAINER, update);
  }

  @ParameterizedTest
  @ValueSource(strings = {"trusted", "worker"})
  void a_run_whose_worker_is_killed_ends_with_the_same_bytes(String update) throws Exception {
    killAndResume(Victim.WORKER, update);
  }

  /// @param whileTraining how many came after the attempt had written a checkpoint
  private record Kills(int all, int whileTraining) {
    Kills plus(Kills more) {
      return new Kills(all + more.all, whileTraining + more.whileTraining);
    }
  }

  private static void killAndResume(Victim victim, String update) throws Exception {
    SplittableRandom random = new SplittableRandom(SEED);
    int wanted = KILLS / 2;
    rangeMillis = FIRST_RANGE_MILLIS;
    Kills kills = new Kills(0, 0);
    int runs = 0;
    while (kills.all < wanted) {
      Path run = folder.resolve(victim + "-" + update + "-" + runs++);
      kills = kills.plus(disturb(victim, run, update, wanted - kills.all, random));
      assertEndsAsUndisturbed(run, update);
      System.out.printf(
          "%s, update %s: %s kills, %s of them after a new checkpoint, in %s runs%n",
          victim, update, kills.all, kills.whileTraining, runs);
    }
    assertThat(kills.all).isEqualTo(wanted);
  }

  /// Kills a run again and again until it has come to its end all the same, or often enough.
  ///
  /// @return how often
  private static Kills disturb(
      Victim victim, Path run, String update, int most, SplittableRandom random) throws Exception {
    int kills = 0;
    int whileTraining = 0;
    while (true) {
      // What was killed before its first checkpoint has nothing to resume.
      boolean begun = Files.exists(run.resolve("checkpoint.safetensors"));
      if (!begun && Files.exists(run)) {
        assertThat(run.resolve("metrics.jsonl")).doesNotExist();
        delete(run);
      }
      byte[] before = checkpoint(run);
      Attempt attempt = new Attempt(begun ? resumed(run) : fresh(run, update));
      if (kills < most && attempt.kill(victim, (long) random.nextDouble(rangeMillis))) {
        boolean trained = !Arrays.equals(before, checkpoint(run));
        kills++;
        whileTraining += trained ? 1 : 0;
        rangeMillis *= trained ? 1 : 1.07;
        int code = attempt.end();
        if (victim == Victim.WORKER) {
          assertThat(code).as(attempt.said()).isIn(0, 1);
        }
        assertThat(attempt.said()).doesNotContain("Exception");
      } else {
        assertThat(attempt.end()).as(attempt.said()).isZero();
        rangeMillis *= 0.5;
        return new Kills(kills, whileTraining);
      }
    }
  }

  /// Empty before the first.
  private static byte[] checkpoint(Path run) throws IOException {
    Path file = run.resolve("checkpoint.safetensors");
    return Files.exists(file) ? Files.readAllBytes(file) : new byte[0];
  }

  private static void assertEndsAsUndisturbed(Path run, String update) throws IOException {
    Undisturbed whole = Objects.requireNonNull(UNDISTURBED.get(update));
    assertThat(metrics(run, update)).isEqualTo(whole.metrics());
    assertThat(Files.readAllBytes(run.resolve("checkpoint.safetensors")))
        .isEqualTo(whole.checkpoint());
    assertThat(Files.readString(run.resolve("run.json"))).contains("\"outcome\" : \"finished\"");
    try (Stream<Path> files = Files.list(run)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder(
              ".lock",
              "checkpoint.safetensors",
              "config.yaml",
              "events",
              "ledger.json",
              "metrics.jsonl",
              "run.json",
              "worker.log");
    }
    assertNothingAbandoned(folder.resolve("tmp"));
    delete(run);
  }

  /// A process that lives has its folder locked: a worker that was started when its trainer died
  /// may live for a while.
  private static void assertNothingAbandoned(Path temporary) throws IOException {
    try (Stream<Path> folders = Files.list(temporary)) {
      for (Path left : folders.toList()) {
        try (FileChannel lock = FileChannel.open(left.resolve(".lock"), StandardOpenOption.WRITE)) {
          assertThat(lock.tryLock()).as("the lock of %s", left).isNull();
        } catch (NoSuchFileException e) {
          // Its process has deleted it meanwhile.
        }
      }
    }
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted((a, b) -> b.compareTo(a)).toList()) {
        Files.delete(file);
      }
    }
  }
}
