package asymml.report;

import asymml.study.audit.AuditReport;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// What `asymml privacy audit` found of a run: lower bounds beside what is claimed.
final class AuditTable {
  private AuditTable() {}

  /// Appends the table, where the run was audited.
  ///
  /// @param section about the run's privacy
  /// @param run its directory
  /// @throws IOException if the file of the audit is damaged
  static void appendTo(PageSection section, Path run) throws IOException {
    Path file = new RunLayout(run).audit();
    if (!Files.exists(file)) {
      return;
    }
    Map<String, Object> audit = RunFile.read(file);
    PageTable table =
        new PageTable("Audit: what canaries prove, beside what is claimed")
            .words("audited")
            .numbers("lower bound", "claimed")
            .words("claim");
    if (!(audit.get("steps") instanceof List<?> steps)) {
      throw damaged(file);
    }
    for (Object step : steps) {
      row(table, file, "mu of a step, %s", step, "lowerMu", "claimedMu");
    }
    if (audit.get("training") instanceof Map<?, ?> training) {
      row(
          table,
          file,
          "epsilon of an audited training",
          training,
          "lowerEpsilon",
          "claimedEpsilon");
    }
    section.table(table);
    section.text("Note: " + AuditReport.NOTICE + ".");
  }

  private static void row(
      PageTable table, Path file, String name, Object entry, String lower, String claimed)
      throws IOException {
    if (entry instanceof Map<?, ?> facts
        && facts.get(lower) instanceof Number low
        && facts.get(claimed) instanceof Number claim
        && facts.get("holds") instanceof Boolean holds) {
      table.row(
          name.formatted(facts.get("observer")),
          String.format(Locale.ROOT, "%.3f", low.doubleValue()),
          String.format(Locale.ROOT, "%.3f", claim.doubleValue()),
          holds ? "not refuted" : "REFUTED");
    } else {
      throw damaged(file);
    }
  }

  private static IOException damaged(Path file) {
    return new IOException(
        file + " is no report of an audit: delete it, or run 'asymml privacy audit' again");
  }
}
