package asymml.cli;

import asymml.cli.options.JsonOption;
import asymml.cli.options.RunOptions;
import asymml.cli.options.ThreadOptions;
import asymml.privacy.Epsilon;
import asymml.session.TrainedRun;
import asymml.study.StudyException;
import asymml.study.audit.AuditReport;
import asymml.study.audit.PrivacyAudit;
import asymml.study.audit.RunAudit;
import asymml.trusted.train.TrainListener;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `asymml privacy audit`.
@Command(
    name = "audit",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Tests what a run with --dp-sgd claims: makes steps and one whole training with its settings"
          + " on canaries, images that take part by a coin each, guesses which did from what is"
          + " released, and shows what the guesses prove beside what is claimed.",
      "Steps are those of the run's own code, with its noise, clip norm, batches and workers; they find"
          + " wrong factors. The training has the run's network and a small epsilon, and finds gross"
          + " faults alone. An audit can refute a guarantee and cannot prove one. The run's images are"
          + " not read. The report is written to audit.json in the run directory."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml privacy audit --run runs/dp8",
      "  asymml privacy audit --run runs/dp8 --training-canaries 0 --json"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class PrivacyAuditCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private RunOptions run;

  @Option(
      names = "--audited-steps",
      paramLabel = "N",
      defaultValue = "20",
      description =
          "Single steps, each with 1024 canaries: more of them find smaller faults"
              + " (default: ${DEFAULT-VALUE}).")
  private int steps;

  @Option(
      names = "--training-canaries",
      paramLabel = "N",
      defaultValue = "1000",
      description =
          "Canaries of the audited training, at least 100; 0 for no training"
              + " (default: ${DEFAULT-VALUE}).")
  private int canaries;

  @Option(
      names = "--training-epsilon",
      paramLabel = "EPSILON",
      defaultValue = "1",
      description = "Epsilon of the audited training (default: ${DEFAULT-VALUE}).")
  private Epsilon target;

  @Mixin private ThreadOptions threads;

  @Mixin private JsonOption json;

  @Override
  public Integer call() throws IOException, StudyException {
    PrivacyAudit audit =
        UsageErrors.checked(
            spec,
            () ->
                canaries == 0
                    ? PrivacyAudit.ofSteps(steps)
                    : new PrivacyAudit(steps, new RunAudit.Settings(canaries, target)));
    threads.apply();
    PrintWriter out = spec.commandLine().getOut();
    try (TrainedRun opened = run.open()) {
      AuditReport report = audit.of(opened, TrainListener.NONE);
      report.write(opened.layout().audit());
      if (json.isGiven()) {
        json.print(out, report.facts());
      } else {
        report.lines().forEach(out::println);
        out.println("written: " + opened.layout().audit());
      }
      out.flush();
      return report.holds() ? ExitCode.OK : ExitCode.SOFTWARE;
    }
  }
}
