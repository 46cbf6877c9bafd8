package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.plan.Mode;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Run directories with files that are gone, cut or of something else.
class DamagedRunTest {
  @TempDir Path folder;

  private PlantedRun planted;

  @BeforeEach
  void write() throws IOException {
    planted = new PlantedRun(folder, Mode.ASYMML, 2).write("train");
  }

  @ParameterizedTest
  @ValueSource(strings = {"run.json", "ledger.json"})
  void a_file_of_something_else_is_named_in_one_line(String name) throws Exception {
    Path file = Files.writeString(folder.resolve(name), "[\"something else\"]");
    assertThatThrownBy(() -> planted.read())
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file.toString())
        .hasMessageNotContaining("\n");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 100, 1000})
  void a_checkpoint_that_was_cut_is_named_in_one_line(int bytes) throws Exception {
    Path file = new RunLayout(folder).checkpoint();
    Files.write(file, Arrays.copyOf(Files.readAllBytes(file), bytes));
    assertThatThrownBy(() -> planted.read())
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file.getFileName().toString())
        .hasMessageNotContaining("\n");
  }

  @Test
  void a_run_without_a_checkpoint_has_no_graph() throws Exception {
    Files.delete(new RunLayout(folder).checkpoint());
    ReportedRun run = planted.read();
    assertThat(run.graph()).isNull();
    assertThat(run.epochs()).hasSize(2);
  }

  @Test
  void a_run_without_metrics_has_no_epochs() throws Exception {
    Files.delete(new RunLayout(folder).metrics());
    assertThat(planted.read().epochs()).isEmpty();
  }

  @Test
  void a_run_without_a_ledger_has_no_statement() throws Exception {
    Files.delete(new RunLayout(folder).ledger());
    ReportedRun run = planted.read();
    assertThat(run.ledger()).isNull();
    assertThat(run.statement()).isNull();
  }

  @Test
  void facts_that_are_no_objects_are_none() throws Exception {
    Files.writeString(
        folder.resolve("run.json"),
        "{\"outcome\": \"running\", \"plan\": 3, \"provenance\": [], \"trainingImages\":"
            + " \"many\"}");
    ReportedRun run = planted.read();
    assertThat(run.fact("outcome")).contains("running");
    assertThat(run.placements()).isEmpty();
    assertThat(run.provenance()).isEmpty();
    assertThat(run.trainingImages()).isEmpty();
    assertThat(run.arguments()).isEqualTo(List.of());
    assertThat(run.needsWorker()).isFalse();
  }
}
