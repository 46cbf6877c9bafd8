package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.study.audit.AuditReport;
import asymml.study.audit.MuEstimate;
import asymml.study.audit.RunAudit;
import asymml.study.audit.StepAudit;
import asymml.trusted.plan.Mode;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jsoup.Jsoup;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AuditTableTest {
  @TempDir Path folder;

  private static final AuditReport REPORT =
      new AuditReport(
          1.2228,
          7.86,
          1e-5,
          List.of(
              new StepAudit.View(
                  "released model", 0.818, new MuEstimate(20_480, 3400, 3500, 0.779, 0.95)),
              new StepAudit.View(
                  "worker with masked values",
                  0.826,
                  new MuEstimate(20_480, 2400, 2500, 1.1, 0.95))),
          new RunAudit.Result(
              1000,
              497,
              100,
              1e-5,
              1,
              List.of(new RunAudit.Guesses("projection", 330, 190, 0.0625)),
              0.95));

  private Document page(PlantedRun run) throws IOException {
    Path file = folder.resolve("report.html");
    new ReportPage(List.of(run.read()), List.of(), List.of(), "1", "asymml", List.of("report"))
        .write(file, true);
    return Jsoup.parse(Files.readString(file));
  }

  private PlantedRun run() throws IOException {
    return new PlantedRun(folder.resolve("run"), Mode.ASYMML, 2).write("train");
  }

  @Test
  void lower_bounds_stand_beside_what_is_claimed() throws IOException {
    PlantedRun run = run();
    REPORT.write(new RunLayout(folder.resolve("run")).audit());
    assertThat(page(run).select("tr:contains(refuted)"))
        .extracting(Element::text)
        .containsExactly(
            "mu of a step, released model 0.779 0.818 not refuted",
            "mu of a step, worker with masked values 1.100 0.826 REFUTED",
            "epsilon of an audited training 0.063 1.000 not refuted");
  }

  @Test
  void a_run_that_was_not_audited_has_no_such_table() throws IOException {
    assertThat(page(run()).text()).doesNotContain("Audit");
  }

  @Test
  void a_damaged_report_is_named() throws IOException {
    PlantedRun run = run();
    Path file = new RunLayout(folder.resolve("run")).audit();
    Files.writeString(file, "{\"steps\": [{\"observer\": \"x\"}]}");
    assertThatThrownBy(() -> page(run))
        .isInstanceOf(IOException.class)
        .hasMessage(
            file + " is no report of an audit: delete it, or run 'asymml privacy audit' again");
  }
}
