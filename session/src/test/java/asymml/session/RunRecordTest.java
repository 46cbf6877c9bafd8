package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.privacy.Delta;
import asymml.privacy.Ledger;
import asymml.privacy.Sampling;
import asymml.trusted.plan.Mode;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Records in a directory in which nothing trains.
class RunRecordTest {
  private static final TrainingSpec SPLIT = TrainingSpec.defaults().withThreads(1);

  @TempDir Path folder;
  private RunLayout layout;

  @BeforeEach
  void locate() {
    layout = new RunLayout(folder);
  }

  private RunRecord record(TrainingSpec spec) {
    return new RunRecord(
        layout, ResolvedRun.of(spec, TinyImages.data(), null), List.of("train", "--out", "x"));
  }

  private Map<String, Object> written() throws IOException {
    return RunFile.read(layout.runFile());
  }

  @Test
  void a_run_that_never_began_leaves_no_record_of_its_failure() throws Exception {
    record(SPLIT).failed(new IOException("no worker listens"));
    assertThat(layout.runFile()).doesNotExist();
  }

  @Test
  void a_run_that_began_is_recorded_with_the_reason_of_its_failure() throws Exception {
    Settings.of(SPLIT).write(layout.config());
    record(SPLIT).failed(new TrainingException("training diverged"));
    assertThat(written())
        .containsEntry("outcome", "failed: training diverged")
        .containsEntry("epochsDone", 0)
        .doesNotContainKeys("lastEpoch");
  }

  @Test
  void of_a_run_with_workers_nothing_is_said_before_it_has_a_ledger() throws Exception {
    record(SPLIT).write("stopped");
    assertThat(written()).doesNotContainKey("privacy");
    record(SPLIT.withMode(Mode.TRUSTED_ONLY)).write("stopped");
    assertThat(written()).containsEntry("privacy", TrainingResult.NOTHING_RELEASED);
  }

  @Test
  void a_ledger_is_stated_once_the_run_has_ended_and_not_before() throws Exception {
    LedgerFile.write(
        layout.ledger(), new Ledger(new Sampling.Shuffled(24, 8), new Delta(1e-5), List.of()));
    record(SPLIT).write(RunRecord.RUNNING);
    assertThat(written()).containsEntry("privacy", "under way: see ledger.json");
    record(SPLIT).write("finished");
    assertThat(written().get("privacy"))
        .asString()
        .contains("residualEpsilon=0", "viewEpsilon=0", "steps=0", "examples=24");
    assertThat(Objects.requireNonNull(RunRecord.statement(layout)).ledger().steps()).isZero();
  }

  @Test
  void the_record_says_where_each_layer_runs_and_with_what_it_was_started() throws Exception {
    record(SPLIT).write("finished");
    assertThat(written().get("plan"))
        .isEqualTo(
            Map.of(
                "conv1", "trusted",
                "conv2", "split shared 2",
                "conv3", "split shared 4",
                "fc", "trusted"));
    assertThat(written().get("provenance")).asString().contains("[train, --out, x]");
  }

  @Test
  void a_directory_without_metrics_has_no_epochs_and_without_a_ledger_no_statement()
      throws Exception {
    assertThat(RunRecord.epochs(layout)).isEmpty();
    assertThat(RunRecord.statement(layout)).isNull();
    Files.writeString(layout.ledger(), "[]");
    assertThatThrownBy(() -> RunRecord.statement(layout))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("ledger.json");
  }
}
