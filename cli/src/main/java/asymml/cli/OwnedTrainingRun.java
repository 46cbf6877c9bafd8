package asymml.cli;

import asymml.attest.EvidenceException;
import asymml.cli.options.OwnerOptions;
import asymml.cli.terminal.DataOpening;
import asymml.cli.terminal.PrefixWriter;
import asymml.cli.terminal.SealedDisplay;
import asymml.cli.terminal.StopSignals;
import asymml.privacy.Ledger;
import asymml.report.Figures;
import asymml.session.ResolvedRun;
import asymml.session.SessionListener;
import asymml.session.TrainingResult;
import asymml.session.TrainingSession;
import asymml.session.TrainingSpec;
import asymml.session.owner.OwnedRun;
import asymml.session.owner.OwnerAccess;
import asymml.trusted.data.DataException;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainListener;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;

/// One call of `asymml train` on sealed data, from the request for the key to the summary. What is
/// printed is not the owner's to keep: it says nothing that follows from the data.
final class OwnedTrainingRun {
  private static final Path RUNS = Path.of("runs");

  private final TrainingSpec spec;
  private final OwnerOptions owner;
  private final CommandLine command;
  private PrintWriter out;

  OwnedTrainingRun(TrainingSpec spec, OwnerOptions owner, CommandLine command) {
    this.spec = spec;
    this.owner = owner;
    this.command = command;
    this.out = command.getOut();
  }

  /// A writer whose lines say that nothing is protected.
  static PrintWriter marked(PrintWriter writer) {
    return new PrintWriter(new PrefixWriter(writer, OwnedRun.SIMULATION + ": "), true);
  }

  private RunLines lines() {
    return new RunLines(out, spec, false);
  }

  /// Trains.
  ///
  /// @param resumed the run to go on with, or null for a new one
  /// @param directory of a new run; empty for one named by the time
  /// @return the exit code
  int run(@Nullable Path resumed, String directory)
      throws DataException, IOException, EvidenceException, TrainingException, RunException {
    OwnerAccess access = owner.access();
    if (access.isSimulated()) {
      out = marked(out);
      command.setErr(marked(command.getErr()));
    }
    if (!spec.usedWorkers().isEmpty()) {
      spec.workers().requireTrust();
    }
    try (OwnedRun owned = OwnedRun.request(spec, access)) {
      if (owned.isSimulation() && !access.isSimulated()) {
        out = marked(out);
        command.setErr(marked(command.getErr()));
      }
      owned.lines().forEach(out::println);
      out.flush();
      ResolvedRun run = owned.open(DataOpening.lines(out, System::nanoTime));
      try (TrainingSession session = session(owned, run, resumed, directory);
          StopSignals signals = new StopSignals(command.getErr())) {
        session
            .arguments(command.getParseResult().originalArgs())
            .listener(new Shown(owned, run))
            .stopWhen(signals::received);
        long began = System.nanoTime();
        TrainingResult result = train(session);
        return ended(result, Duration.ofNanos(System.nanoTime() - began), signals);
      }
    }
  }

  private static TrainingSession session(
      OwnedRun owned, ResolvedRun run, @Nullable Path resumed, String directory)
      throws IOException {
    if (resumed != null) {
      return owned.resume(run, resumed);
    }
    return directory.isEmpty()
        ? owned.createUnder(run, RUNS)
        : owned.create(run, Path.of(directory));
  }

  private TrainingResult train(TrainingSession session)
      throws IOException, TrainingException, RunException {
    try {
      return session.train();
    } catch (IOException e) {
      throw new RunException(e.getMessage() + goOn(session.layout()), e);
    }
  }

  private int ended(TrainingResult result, Duration time, StopSignals signals) {
    lines().statement(result);
    int code =
        switch (result.outcome()) {
          case FINISHED, EARLY_STOPPED -> {
            out.println("done in %s".formatted(Figures.time(time)));
            yield ExitCode.OK;
          }
          case BUDGET_SPENT -> {
            out.println(
                "the privacy budget is spent: the last step inside it is done, and the run is"
                    + " saved");
            yield ExitCode.OK;
          }
          case STOPPED -> {
            out.println("stopped and saved" + goOn(result.layout()));
            yield signals.exitCode();
          }
        };
    String word = ShellWord.of(result.layout().directory());
    out.printf("The run is in %s. Its owner opens it by:%n", result.layout().directory());
    out.printf("  %s owner open %s OUT --key FILE%n", Build.command(), word);
    out.flush();
    return code;
  }

  /// How to go on with a run that has a checkpoint: the end of a line.
  private String goOn(RunLayout layout) {
    return Files.isRegularFile(layout.checkpoint())
        ? "; resume with: %s train --resume %s %s"
            .formatted(
                Build.command(),
                ShellWord.of(layout.directory()),
                owner.given().entrySet().stream()
                    .map(option -> option.getKey() + " " + ShellWord.of(Path.of(option.getValue())))
                    .collect(Collectors.joining(" ")))
        : "";
  }

  /// What is printed while a session runs.
  private final class Shown implements SessionListener {
    private final OwnedRun owned;
    private final ResolvedRun run;
    private final TrainListener display =
        new SealedDisplay(out, spec.training().epochs(), System::nanoTime);

    private Shown(OwnedRun owned, ResolvedRun run) {
      this.owned = owned;
      this.run = run;
    }

    @Override
    public void workersConnected(List<String> workers, RunLayout layout) {
      lines().begun(run, run.describeSizes(), owned.protection(), workers, layout);
    }

    @Override
    public void forecast(Ledger ledger) {
      lines().forecast(ledger);
    }

    @Override
    public TrainListener display() {
      return display;
    }
  }
}
