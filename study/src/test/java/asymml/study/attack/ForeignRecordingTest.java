package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Epsilon;
import asymml.session.TrainingSpec;
import asymml.study.StudyException;
import asymml.study.attack.PlantedStep.Extent;
import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Mode;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Recordings that end early, are of other runs or are no recordings: scored as far as they go, or
/// refused in one line that names them.
class ForeignRecordingTest {
  private static final TrainingSpec SPEC = PlantedStep.spec(4).withMode(Mode.UNTRUSTED_ONLY);
  private static final AttackSettings SETTINGS = new AttackSettings(4, 64, 16, 1);
  private static final Set<AttackName> CHEAP =
      EnumSet.of(
          AttackName.GRADIENT_SOLVE,
          AttackName.MASK,
          AttackName.SUBSPACE,
          AttackName.MEMBERSHIP,
          AttackName.RELEASED_MEMBERSHIP);
  private static final DataSet DATA = PlantedStep.images(16, 48);

  @TempDir Path folder;

  private Path file;

  @BeforeEach
  void record() throws Exception {
    file = folder.resolve("view.rec");
    record(SPEC, file);
  }

  private static void record(TrainingSpec spec, Path to) throws Exception {
    try (PlantedStep step = new PlantedStep(spec, DATA, to)) {
      step.record(input -> input, Extent.WHOLE);
    }
  }

  private AttackReport attack(Path recording, TrainingSpec spec) throws Exception {
    return RecordingAttack.run(
        new AttackTarget(recording, new RunLayout(folder.resolve("run")), spec.training(), DATA),
        CHEAP,
        SETTINGS);
  }

  private void assertForeign(Path recording, TrainingSpec spec, String why) {
    assertThatThrownBy(() -> attack(recording, spec))
        .isInstanceOf(StudyException.class)
        .hasMessageStartingWith(recording + " is no recording of ")
        .hasMessageContaining("that can be scored: ")
        .hasMessageContaining(why)
        .hasMessageNotContaining("\n")
        .hasMessageNotContaining("--");
  }

  private Path cut(int percent) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    return Files.write(
        folder.resolve("cut.rec"), Arrays.copyOf(bytes, (int) (bytes.length * (percent / 100.0))));
  }

  @Test
  void a_whole_recording_is_scored_and_the_model_that_is_not_there_noted() throws Exception {
    AttackReport report = attack(file, SPEC);
    assertThat(report.verdict()).startsWith("recovered: ");
    assertThat(report.notes()).extracting(AttackNote::why).contains("there is no released model");
    assertThat(report.seconds()).isPositive();
  }

  /// Whatever the place, it is scored as far as it goes or refused: nothing else comes out.
  @ParameterizedTest
  @ValueSource(ints = {10, 25, 40, 50, 60, 70, 80, 90, 97, 99})
  void a_recording_that_was_cut_is_scored_or_refused(int percent) throws Exception {
    Path cut = cut(percent);
    AttackReport report;
    try {
      report = attack(cut, SPEC);
    } catch (StudyException e) {
      assertThat(e)
          .hasMessageMatching(
              ".*: the recording (holds no pass|has [123] operations for 4 layers)");
      return;
    }
    assertThat(report.notes()).isNotEmpty();
    assertThat(report.scores()).allMatch(score -> Double.isFinite(score.value()));
  }

  @Test
  void a_recording_cut_before_its_last_weights_has_notes_for_what_is_missing() throws Exception {
    byte[] bytes = Files.readAllBytes(file);
    Path cut = Files.write(folder.resolve("cut.rec"), Arrays.copyOf(bytes, bytes.length - 100));
    AttackReport report = attack(cut, SPEC);
    assertThat(report.notes())
        .extracting(AttackNote::toString)
        .contains("not applied: gradient-solve, fc: no weights + optimiser recorded");
    assertThat(report.scores()).isNotEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "x", "asymml but no recording at all, and long enough for a header"})
  void something_else_is_no_recording(String content) throws Exception {
    Path other = Files.writeString(folder.resolve("letter.txt"), content);
    assertThatThrownBy(() -> attack(other, SPEC))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("letter.txt")
        .hasMessageNotContaining("\n");
  }

  @Test
  void a_recording_that_is_not_there_is_named() {
    assertThatThrownBy(() -> attack(folder.resolve("gone.rec"), SPEC))
        .isInstanceOf(IOException.class)
        .isNotInstanceOf(NoSuchFileException.class)
        .hasMessageContaining("gone.rec");
  }

  @Test
  void a_recording_of_another_seed_is_refused() {
    assertForeign(file, SPEC.withSeed(2), "its first weights of conv1 are not those");
  }

  @Test
  void a_recording_of_another_network_is_refused() {
    assertForeign(file, SPEC.withModel("resnet20"), "the recording has 4 operations for 22 layers");
  }

  @Test
  void a_recording_of_more_layers_than_the_plan_sends_is_refused() {
    TrainingSpec split = PlantedStep.spec(4).withTrustedLayers(List.of("first", "last"));
    assertForeign(file, split, "the recording has 4 operations for 2 layers");
  }

  @Test
  void a_recording_of_other_normalisation_is_refused() {
    assertForeign(file, SPEC.withNorm(Zoo.Norm.GROUP), "its first weights of conv");
  }

  /// One of two workers that share a batch records half of it.
  @ParameterizedTest
  @CsvSource({"8, 'it holds 4 of the first batch''s 8 images'", "16, 'of the first batch''s 16'"})
  void a_recording_of_a_part_of_the_batch_is_refused(int batch, String why) {
    assertForeign(file, SPEC.withBatchSize(batch), why);
  }

  @Test
  void a_run_that_is_accounted_for_needs_its_ledger() throws Exception {
    TrainingSpec accounted =
        PlantedStep.spec(4)
            .withNorm(Zoo.Norm.GROUP)
            .withTrustedLayers(List.of("first", "last"))
            .withProtection(new Epsilon(8), Channel.RESIDUALS);
    Path own = folder.resolve("accounted.rec");
    record(accounted, own);
    assertForeign(own, accounted, "its directory has no ledger, which states its noise");
  }

  @Test
  void a_damaged_ledger_is_named() throws Exception {
    Files.createDirectories(folder.resolve("run"));
    Files.writeString(folder.resolve("run/ledger.json"), "{\"format\": \"something else\"}");
    assertThatThrownBy(() -> attack(file, SPEC))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("ledger.json");
  }

  @Test
  void a_damaged_checkpoint_is_named() throws Exception {
    Path run = Files.createDirectories(folder.resolve("run"));
    Files.writeString(new RunLayout(run).checkpoint(), "no checkpoint");
    assertThatThrownBy(() -> attack(file, SPEC))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(new RunLayout(run).checkpoint().getFileName().toString());
  }

  @ParameterizedTest
  @EnumSource(
      value = AttackName.class,
      names = {"GRADIENT_SOLVE", "MASK", "SUBSPACE", "MEMBERSHIP", "RELEASED_MEMBERSHIP"})
  void each_attack_gives_a_score_or_says_why_not(AttackName attack) throws Exception {
    AttackReport report =
        RecordingAttack.run(
            new AttackTarget(file, new RunLayout(folder.resolve("run")), SPEC.training(), DATA),
            Set.of(attack),
            SETTINGS);
    assertThat(report.scores().size() + report.notes().size()).isPositive();
    assertThat(report.scores()).allMatch(score -> score.attack().equals(attack.label()));
    assertThat(report.notes()).allMatch(note -> note.attack() == attack);
  }
}
