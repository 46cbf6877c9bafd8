package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.privacy.Ledger;
import asymml.trusted.plan.Mode;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportedRunTest {
  @TempDir Path folder;

  @Test
  void a_run_is_read_from_its_files() throws Exception {
    PlantedRun planted =
        new PlantedRun(folder.resolve("mine"), Mode.ASYMML, 2).write("train", "--seed", "1");
    ReportedRun run = planted.read();
    assertThat(run.name()).isEqualTo("mine");
    assertThat(run.arguments()).containsExactly("train", "--seed", "1");
    assertThat(run.trainingImages()).contains(48L);
    assertThat(run.epochs()).containsExactly(planted.metrics(1), planted.metrics(2));
    assertThat(run.ledger()).isEqualTo(PlantedRun.unaccounted());
    assertThat(run.ranks()).containsExactly(PlantedRun.ranks(2, 0));
    assertThat(Objects.requireNonNull(run.graph()).nodes()).isEqualTo(PlantedRun.graph().nodes());
    assertThat(run.needsWorker()).isTrue();
  }

  @Test
  void a_trusted_run_needs_no_worker_and_has_no_statement() throws Exception {
    ReportedRun run = new PlantedRun(folder, Mode.TRUSTED_ONLY, 1).write().read();
    assertThat(run.needsWorker()).isFalse();
    assertThat(run.statement()).isNull();
    assertThat(run.ranks()).isEmpty();
  }

  @Test
  void a_directory_without_settings_or_facts_is_no_run() throws Exception {
    new PlantedRun(folder, Mode.ASYMML, 1).write();
    assertThat(ReportedRun.isOne(folder)).isTrue();
    Files.delete(folder.resolve("config.yaml"));
    assertThat(ReportedRun.isOne(folder)).isFalse();
  }

  @Test
  void unusable_settings_are_named_with_their_file() throws Exception {
    new PlantedRun(folder, Mode.ASYMML, 1).write();
    Files.writeString(folder.resolve("config.yaml"), "epochs: 0\n");
    assertThatThrownBy(() -> ReportedRun.read(folder))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(folder.resolve("config.yaml") + " has unusable settings: ")
        .hasMessageContaining("epochs");
  }

  /// A ledger of an earlier moment is genuine, and states too small an epsilon.
  @Test
  void a_ledger_that_is_older_than_the_model_is_refused() throws Exception {
    new PlantedRun(folder, Mode.ASYMML, 1).write();
    Ledger all = PlantedRun.unaccounted();
    List<Ledger.Entry> fewer =
        List.of(new Ledger.Entry(all.entries().getFirst().releases(), all.steps() - 1));
    LedgerFile.write(folder.resolve("ledger.json"), new Ledger(all.sampling(), all.delta(), fewer));
    assertThatThrownBy(() -> ReportedRun.read(folder))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is behind its checkpoint (5 steps of 6)");
  }

  @Test
  void facts_that_an_earlier_version_did_not_write_are_empty() throws Exception {
    PlantedRun planted = new PlantedRun(folder, Mode.ASYMML, 1).write("train");
    Map<String, Object> facts = new LinkedHashMap<>(RunFile.read(folder.resolve("run.json")));
    facts.keySet().removeAll(List.of("trainingImages", "provenance", "plan"));
    RunFile.write(folder.resolve("run.json"), facts);
    ReportedRun run = planted.read();
    assertThat(run.trainingImages()).isEmpty();
    assertThat(run.arguments()).isEmpty();
    assertThat(run.placements()).isEmpty();
    assertThat(new RunCosts(run).trainingSeconds()).isEmpty();
  }

  /// What the record of a run says of its protection, with or without evidence beside it.
  private ReportedRun of(String protection, int requests) throws IOException {
    PlantedRun planted = new PlantedRun(folder, Mode.TRUSTED_ONLY, 1).write();
    Map<String, Object> facts = new LinkedHashMap<>(RunFile.read(folder.resolve("run.json")));
    facts.put("trustedProcess", protection);
    RunFile.write(folder.resolve("run.json"), facts);
    for (int i = 1; i <= requests; i++) {
      Path evidence = Files.createDirectories(folder.resolve("evidence/" + i));
      Files.write(evidence.resolve("evidence.bin"), new byte[] {1});
    }
    return planted.read();
  }

  @Test
  void accepted_evidence_in_the_directory_is_named_and_nothing_else_counts() throws Exception {
    String accepted = "TDX domain 91eb, TCB UpToDate, accepted by the owner";
    ReportedRun claimed = of(accepted, 0);
    assertThat(claimed.trustedProcess())
        .isEqualTo(accepted + "; not running in a TEE (simulation, not protected)");
    assertThat(claimed.isProtected()).isFalse();
    ReportedRun shown = of(accepted, 2);
    assertThat(shown.trustedProcess())
        .isEqualTo(accepted + "; evidence and decision in evidence/1, evidence/2");
    assertThat(shown.isProtected()).isTrue();
    ReportedRun simulated = of("SIMULATION: not protected: " + accepted, 2);
    assertThat(simulated.trustedProcess()).startsWith("SIMULATION: not protected: TDX");
    assertThat(simulated.isProtected()).isFalse();
    ReportedRun plain = of("not running in a TEE (simulation, not protected)", 2);
    assertThat(plain.isProtected()).isFalse();
    assertThat(plain.trustedProcess()).doesNotContain("evidence");
  }
}
