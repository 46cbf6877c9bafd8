package asymml.cli;

import asymml.session.RunRecord;
import asymml.study.StudyRun;
import java.util.List;
import picocli.CommandLine;

/// The runs of a study, recorded as those of `asymml train`.
final class StudyRuns {
  private StudyRuns() {}

  /// Runs that stop at a signal.
  ///
  /// @param command whose arguments are recorded
  static StudyRun of(CommandLine command, StudyDisplay display, StopSignals signals) {
    List<String> arguments = command.getParseResult().originalArgs();
    return new StudyRun(
        (run, layout, outcome) -> new RunRecord(layout, run, arguments).write(outcome),
        display,
        signals::received);
  }
}
