package asymml.trusted.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Delta;
import asymml.privacy.Ledger;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.privacy.Sampling;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LedgerFileTest {
  private static final List<Channel> CHANNELS = List.of(Channel.values());

  /// Every mechanism, under Poisson sampling.
  static final Ledger SAMPLED =
      new Ledger(
          new Sampling.Poisson(50_000, 256, 400),
          new Delta(1e-5),
          List.of(
              new Ledger.Entry(
                  List.of(
                      new Release(
                          Channel.RESIDUALS,
                          "conv1",
                          16_384,
                          new Release.Gaussian(new ClipNorm(3.5), new NoiseMultiplier(0.7))),
                      new Release(
                          Channel.WEIGHTS, "conv1", 432, new Release.PostProcessing("sums")),
                      new Release(
                          Channel.GRADIENTS, "conv1", 10, new Release.Uncovered("as it is"))),
                  14_040)));

  static final Ledger SHUFFLED =
      new Ledger(new Sampling.Shuffled(50_000, 256), new Delta(1e-5), SAMPLED.entries());

  @TempDir private Path directory;

  private Path file() {
    return directory.resolve("ledger.json");
  }

  private static String text(SplittableRandom random) {
    String[] texts = {"conv1", "a \"quoted\"\nline \\", "Größe \u2264 \ud83d\ude00", "{}", "\t,:"};
    return texts[random.nextInt(texts.length)] + random.nextInt(1000);
  }

  private static double positive(SplittableRandom random) {
    return switch (random.nextInt(6)) {
      case 0 -> Double.MIN_VALUE;
      case 1 -> Double.MAX_VALUE;
      case 2 -> random.nextInt(1, 1000);
      default -> Double.longBitsToDouble(random.nextLong(1, 0x7ff0_0000_0000_0000L));
    };
  }

  private static Release release(SplittableRandom random) {
    Release.Mechanism mechanism =
        switch (random.nextInt(3)) {
          case 0 ->
              new Release.Gaussian(
                  new ClipNorm(positive(random)), new NoiseMultiplier(positive(random)));
          case 1 -> new Release.PostProcessing(text(random));
          default -> new Release.Uncovered(text(random));
        };
    return new Release(
        CHANNELS.get(random.nextInt(CHANNELS.size())),
        text(random),
        random.nextLong(1, random.nextBoolean() ? 1000 : Long.MAX_VALUE),
        mechanism);
  }

  private static Ledger ledger(SplittableRandom random) {
    int batchSize = random.nextInt(1, random.nextBoolean() ? 300 : Integer.MAX_VALUE);
    long examples = random.nextLong(batchSize, random.nextBoolean() ? 1L << 31 : Long.MAX_VALUE);
    int slots = (int) random.nextLong(batchSize, Math.min(examples, Integer.MAX_VALUE) + 1);
    List<Ledger.Entry> entries = new ArrayList<>();
    for (int i = random.nextInt(5); i > 0; i--) {
      List<Release> releases = new ArrayList<>();
      for (int j = random.nextInt(5); j > 0; j--) {
        releases.add(release(random));
      }
      entries.add(new Ledger.Entry(releases, random.nextLong(1L << random.nextInt(1, 60))));
    }
    return new Ledger(
        random.nextBoolean()
            ? new Sampling.Poisson(examples, batchSize, slots)
            : new Sampling.Shuffled(examples, batchSize),
        new Delta(random.nextBoolean() ? 1e-5 : Math.nextUp(random.nextDouble())),
        entries);
  }

  @Test
  void what_is_written_is_read_back_to_the_last_bit() throws IOException {
    System.out.println("seed 411");
    SplittableRandom random = new SplittableRandom(411);
    for (int i = 0; i < 300; i++) {
      Ledger ledger = ledger(random);
      LedgerFile.write(file(), ledger);
      assertThat(LedgerFile.read(file())).isEqualTo(ledger);
    }
  }

  @Test
  void every_mechanism_survives_under_both_samplings() throws IOException {
    for (Ledger ledger : List.of(SAMPLED, SHUFFLED)) {
      LedgerFile.write(file(), ledger);
      assertThat(LedgerFile.read(file())).isEqualTo(ledger);
    }
  }

  @Test
  void a_ledger_is_readable_by_people() throws IOException {
    LedgerFile.write(
        file(),
        new Ledger(
            new Sampling.Shuffled(95, 10),
            new Delta(1e-5),
            List.of(new Ledger.Entry(SAMPLED.entries().getFirst().releases().subList(0, 2), 20))));
    assertThat(file())
        .hasContent(
            """
            {
              "format" : "asymml-ledger-2",
              "delta" : 1.0E-5,
              "workers" : 1,
              "sampling" : {
                "kind" : "shuffle",
                "examples" : 95,
                "batchSize" : 10
              },
              "entries" : [ {
                "steps" : 20,
                "releases" : [ {
                  "channel" : "residuals",
                  "layer" : "conv1",
                  "values" : 16384,
                  "clipNorm" : 3.5,
                  "noiseMultiplier" : 0.7
                }, {
                  "channel" : "weights",
                  "layer" : "conv1",
                  "values" : 432,
                  "postProcessing" : "sums"
                } ]
              } ]
            }
            """);
  }

  @Test
  void a_ledger_is_replaced_whole_and_never_written_over() throws IOException {
    LedgerFile.write(file(), SAMPLED);
    String before = Files.readString(file());
    try (InputStream reader = Files.newInputStream(file())) {
      LedgerFile.write(file(), SHUFFLED);
      // Who opened the old file still has all of it.
      assertThat(new String(reader.readAllBytes(), StandardCharsets.UTF_8)).isEqualTo(before);
    }
    assertThat(LedgerFile.read(file())).isEqualTo(SHUFFLED);
    assertThat(directory).isDirectoryContaining("glob:**/ledger.json");
    try (var files = Files.list(directory)) {
      assertThat(files).hasSize(1);
    }
  }

  @Test
  void a_write_that_fails_leaves_the_old_ledger_and_names_the_file() throws IOException {
    LedgerFile.write(file(), SAMPLED);
    // The place of the temporary file is taken by a directory that cannot be deleted.
    Files.createDirectories(directory.resolve("ledger.json.tmp").resolve("full"));
    assertIsOneLine(file(), () -> LedgerFile.write(file(), SHUFFLED));
    assertThat(LedgerFile.read(file())).isEqualTo(SAMPLED);
  }

  @Test
  void an_absent_or_unreadable_file_is_one_line() throws IOException {
    assertIsOneLine(file(), () -> LedgerFile.read(file()));
    Files.write(file(), new byte[] {'{', (byte) 0xff, (byte) 0xfe, '}'});
    assertIsOneLine(file(), () -> LedgerFile.read(file()));
  }

  /// Expects a failure that a user can read.
  static void assertIsOneLine(Path file, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file.toString())
        .message()
        .doesNotContain("\n")
        .doesNotContain("Exception");
  }
}
