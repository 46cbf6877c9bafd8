package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.privacy.Ledger;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Trainer.Outcome;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Runs of which images are damaged at the start, or lost after the first epoch. None of them are
/// kept in memory.
class BadImagesSessionTest {
  private static final String COMMON =
      """
      mode: trusted-only
      model: cnn
      batch-size: 8
      epochs: 2
      threads: 1
      image-cache: 0
      """;
  private static final String SKIP = "on-bad-image: skip\n";
  private static final String DP_SGD =
      """
      dp-sgd: true
      logical-batch-size: 8
      noise-multiplier: 2
      delta: 1.0e-3
      """;

  @TempDir Path folder;
  private Path images = Path.of("");

  @BeforeEach
  void write() throws IOException {
    images = TinyImages.folder(folder.resolve("images"), 24, 20, 5);
  }

  private TrainingSession session(String yaml, String name) throws Exception {
    TrainingSpec spec =
        Settings.parse("run.yaml", "data: '" + images + "'\n" + COMMON + yaml).spec();
    return TrainingSession.create(spec, folder.resolve(name));
  }

  /// Removes images after the first epoch.
  private SessionListener losing(String... lost) {
    return new SessionListener() {
      @Override
      public void epochDone(EpochMetrics metrics) {
        try {
          for (String each : lost) {
            Files.deleteIfExists(images.resolve(each));
          }
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    };
  }

  private Map<String, Object> record(String name) throws IOException {
    return RunFile.read(new RunLayout(folder.resolve(name)).runFile());
  }

  private Ledger ledger(String name) throws IOException {
    return LedgerFile.read(new RunLayout(folder.resolve(name)).ledger());
  }

  @Test
  void a_lost_image_ends_a_run_unless_it_is_to_be_left_out() throws Exception {
    try (TrainingSession session = session("", "fails")) {
      assertThatThrownBy(session.listener(losing("train/dark/3.png"))::train)
          .isInstanceOf(TrainingException.class)
          .hasMessageContaining("3.png cannot be read: no such file")
          .hasMessageEndingWith("; the last checkpoint is intact");
    }
  }

  @Test
  void a_run_goes_on_without_lost_images_and_says_so_in_metrics_and_record() throws Exception {
    try (TrainingSession session = session(SKIP, "goes-on")) {
      assertThat(session.run().describeLeftOut()).isEmpty();
      TrainingResult result =
          session.listener(losing("train/dark/3.png", "test/bright/4.png")).train();
      assertThat(result.outcome()).isEqualTo(Outcome.FINISHED);
      assertThat(result.epochs()).extracting(EpochMetrics::imagesLeftOut).containsExactly(null, 2);
      // 19 of 20 test images were read.
      assertThat(result.testAccuracy() * 19)
          .isCloseTo(Math.rint(result.testAccuracy() * 19), within(1e-9));
      assertThat(session.run().describeLeftOut())
          .isEqualTo(
              "2 bad images are left out (%s/train/dark/3.png, %s/test/bright/4.png)"
                  .formatted(images, images));
    }
    assertThat(record("goes-on").get("imagesLeftOut"))
        .isEqualTo(List.of(images + "/train/dark/3.png", images + "/test/bright/4.png"));
  }

  /// The sampling rate, and so the guarantee, is that of the images which were there at the start;
  /// one that is lost contributes nothing, as a null example does.
  @Test
  void a_lost_image_changes_nothing_that_is_accounted_for() throws Exception {
    try (TrainingSession session = session(SKIP + DP_SGD, "whole")) {
      session.train();
    }
    try (TrainingSession session = session(SKIP + DP_SGD, "lost")) {
      TrainingResult result = session.listener(losing("train/dark/3.png")).train();
      assertThat(result.outcome()).isEqualTo(Outcome.FINISHED);
    }
    assertThat(ledger("lost")).isEqualTo(ledger("whole"));
    assertThat(record("lost")).containsEntry("trainingImages", 24);
  }

  @Test
  void what_is_damaged_at_the_start_does_not_count_as_an_image() throws Exception {
    Files.write(images.resolve("train/dark/3.png"), new byte[] {1});
    try (TrainingSession session = session(SKIP, "damaged")) {
      assertThat(session.run().describeData())
          .startsWith("images: 23 training and 20 test images")
          .contains("; 1 bad image is left out (" + images + "/train/dark/3.png)");
      assertThat(session.train().epochs())
          .extracting(EpochMetrics::imagesLeftOut)
          .containsExactly(1, 1);
    }
    // What is there by then is another data set.
    Files.delete(images.resolve("train/dark/5.png"));
    Settings more = Settings.read(new RunLayout(folder.resolve("damaged")).config());
    Settings longer = more.overriddenBy(Settings.parse("more.yaml", "epochs: 3"));
    try (TrainingSession session =
        TrainingSession.resume(
            ResolvedRun.open(longer.spec(), (_, _, _) -> {}), folder.resolve("damaged"))) {
      assertThatThrownBy(session::train).isInstanceOf(TrainingException.class);
    }
  }
}
