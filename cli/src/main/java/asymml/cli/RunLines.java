package asymml.cli;

import asymml.privacy.Ledger;
import asymml.report.PrivacyForecast;
import asymml.report.PrivacySummary;
import asymml.report.RunDescription;
import asymml.session.ResolvedRun;
import asymml.session.TrainingResult;
import asymml.session.TrainingSpec;
import asymml.trusted.run.RunLayout;
import java.io.PrintWriter;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What `asymml train` prints about any run, sealed or in clear.
///
/// @param out gets the lines
/// @param spec of the run
/// @param measured whether what splitting is worth has been measured and said
record RunLines(PrintWriter out, TrainingSpec spec, boolean measured) {
  /// Before the first step.
  ///
  /// @param run what is run
  /// @param data what may be said of the images
  /// @param protection of this process
  /// @param workers a line each
  /// @param layout of the run
  void begun(
      ResolvedRun run, String data, String protection, List<String> workers, RunLayout layout) {
    out.println("data     " + data);
    out.println("model    " + RunDescription.model(run.graph(), spec.training()));
    out.println("plan     " + RunDescription.plan(run.graph(), spec.training(), run.plan()));
    if (run.needsWorker() && !measured) {
      out.println("cost     " + RunDescription.cost(run.graph(), spec.training(), run.plan()));
    }
    out.printf("trusted  this process, %s threads; %s%n", spec.threads(), protection);
    (workers.isEmpty() ? List.of("none") : workers)
        .forEach(worker -> out.println("worker   " + worker));
    out.println("run      " + layout.directory());
    if (!run.needsWorker() && !spec.training().privacy().accounted()) {
      privacy(RunDescription.privacyOfTrustedOnly());
    }
    out.flush();
  }

  /// What the run will have cost at its end.
  void forecast(Ledger ledger) {
    privacy(new PrivacyForecast(spec.training(), ledger).lines());
    groups();
    out.flush();
  }

  /// What the run has cost so far.
  void statement(TrainingResult result) {
    if (result.statement() != null) {
      privacy(new PrivacySummary(result.statement()).lines());
      groups();
    }
  }

  /// Whoever names groups may take an epsilon for that of a group.
  private void groups() {
    @Nullable String column = spec.data().decoding().columns().group();
    if (column != null && spec.training().privacy().accounted()) {
      privacy(
          List.of(
              "epsilon is for one image; k images of one %s together have up to k times the epsilon, at a larger delta"
                  .formatted(column)));
    }
  }

  private void privacy(List<String> lines) {
    lines.forEach(line -> out.println("privacy  " + line));
  }
}
