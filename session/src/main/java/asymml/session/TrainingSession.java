package asymml.session;

import asymml.interop.InitialWeights;
import asymml.kernels.Kernels;
import asymml.model.Initializer;
import asymml.privacy.Ledger;
import asymml.trusted.data.DataException;
import asymml.trusted.run.RunDirectory;
import asymml.trusted.run.RunLayout;
import asymml.trusted.split.Workers;
import asymml.trusted.train.GradientStage;
import asymml.trusted.train.InitialValues;
import asymml.trusted.train.Trainer;
import asymml.trusted.train.TrainingException;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.ZoneId;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// One session of a training run: from an empty run directory or its last checkpoint to the end, or
/// until it is stopped. It holds the directory's lock until it is closed.
///
/// The directory gets the settings (`config.yaml`), what the run was made with and how it ended
/// (`run.json`), metrics, the privacy ledger, and a checkpoint.
public final class TrainingSession implements AutoCloseable {
  private final ResolvedRun run;
  private final RunDirectory directory;
  private final boolean resumed;
  private SessionListener listener = new SessionListener() {};
  private BooleanSupplier stop = () -> false;
  private List<String> arguments = List.of();
  private String protection = RunRecord.NOT_PROTECTED;
  private InitialValues initial;
  private @Nullable GradientStage stage;

  private TrainingSession(ResolvedRun run, RunDirectory directory, boolean resumed) {
    this.run = run;
    this.directory = directory;
    this.resumed = resumed;
    this.initial = InitialValues.drawn(run.spec().training().seed());
  }

  /// Opens the data of a new run.
  ///
  /// @param spec what to run
  /// @param directory of the run; created if absent, must not hold another
  /// @return the session, which the caller closes
  /// @throws DataException if anything is wrong with the data
  /// @throws InvalidSpecException if the run cannot be
  /// @throws IOException if the directory cannot be used
  public static TrainingSession create(TrainingSpec spec, Path directory)
      throws DataException, IOException {
    return create(ResolvedRun.open(spec, (_, _, _) -> {}), directory);
  }

  /// A new run on data that is open.
  ///
  /// @param run what to run
  /// @param directory of the run; created if absent, must not hold another
  /// @return the session, which the caller closes
  /// @throws IOException if the directory cannot be used
  public static TrainingSession create(ResolvedRun run, Path directory) throws IOException {
    return create(run, new RunLayout(directory));
  }

  /// A new run on data that is open, whose files are stored in a way of their own.
  ///
  /// @param run what to run
  /// @param layout its directory is created if absent, and must not hold another run
  /// @return the session, which the caller closes
  /// @throws IOException if the directory cannot be used
  public static TrainingSession create(ResolvedRun run, RunLayout layout) throws IOException {
    return new TrainingSession(run, RunDirectory.create(layout), false);
  }

  /// A new run in a directory of its own, named by time, model and mode.
  ///
  /// @param run what to run
  /// @param runs where to create it
  /// @return the session, which the caller closes
  /// @throws IOException if the directory cannot be created
  public static TrainingSession createUnder(ResolvedRun run, Path runs) throws IOException {
    return createUnder(run, runs, RunLayout::new);
  }

  /// The same with files that are stored in a way of their own.
  ///
  /// @param run what to run
  /// @param runs where to create it
  /// @param layouts of a directory's name
  /// @return the session, which the caller closes
  /// @throws IOException if the directory cannot be created
  public static TrainingSession createUnder(
      ResolvedRun run, Path runs, Function<Path, RunLayout> layouts) throws IOException {
    return new TrainingSession(
        run,
        RunDirectory.createUnder(
            runs,
            Clock.system(ZoneId.systemDefault()),
            run.spec().training().model().name(),
            run.spec().training().mode().label(),
            layouts),
        false);
  }

  /// Opens the data of a run that was stopped, with its own settings.
  ///
  /// @param directory of the run
  /// @return the session, which the caller closes
  /// @throws DataException if anything is wrong with the data
  /// @throws IOException if the directory holds no run to resume
  public static TrainingSession resume(Path directory) throws DataException, IOException {
    return resume(
        ResolvedRun.open(Settings.ofRun(new RunLayout(directory)), (_, _, _) -> {}), directory);
  }

  /// A run that was stopped, on data that is open.
  ///
  /// @param run with the settings of the directory, but for those that do not change what is
  ///   computed ([Settings#FREE_ON_RESUME]); with more epochs if it is neither accounted for nor
  ///   sealed
  /// @param directory of the run
  /// @return the session, which the caller closes
  /// @throws InvalidSpecException if other settings have changed
  /// @throws IOException if the directory holds no run to resume
  public static TrainingSession resume(ResolvedRun run, Path directory) throws IOException {
    return resume(run, new RunLayout(directory));
  }

  /// A run that was stopped, on data that is open, whose files are stored in a way of their own.
  ///
  /// @param run as of [#resume(ResolvedRun, Path)]
  /// @param layout of the run
  /// @return the session, which the caller closes
  /// @throws InvalidSpecException if other settings have changed
  /// @throws IOException if the directory holds no run to resume
  public static TrainingSession resume(ResolvedRun run, RunLayout layout) throws IOException {
    RunDirectory locked = RunDirectory.resume(layout);
    boolean same = false;
    try {
      Settings begun = Settings.read(locked.layout().config());
      begun.requireUnchangedBy(run.spec());
      if (layout.store().isSealed()) {
        requireEpochs(begun.spec().training().epochs(), run.spec().training().epochs());
      }
      same = true;
      return new TrainingSession(run, locked, true);
    } finally {
      if (!same) {
        locked.close();
      }
    }
  }

  /// The owner has released the key to a run with so many.
  private static void requireEpochs(int begun, int resumed) {
    if (begun != resumed) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.CHANGED_ON_RESUME,
              "a sealed run has the epochs that its owner was told: it began with %s and is to have %s"
                  .formatted(begun, resumed)));
    }
  }

  /// Who hears how it goes.
  ///
  /// @param listener in place of an earlier one
  /// @return this session
  public TrainingSession listener(SessionListener listener) {
    this.listener = listener;
    return this;
  }

  /// When to stop early.
  ///
  /// @param stop asked after each step; once it says true the run is saved and the session ends
  /// @return this session
  public TrainingSession stopWhen(BooleanSupplier stop) {
    this.stop = stop;
    return this;
  }

  /// Who computes the sums of gradients in place of this process and its workers.
  ///
  /// @param stage has the images: [asymml.trusted.data.ImageSet#elsewhere] for this process
  /// @return this session
  public TrainingSession stage(GradientStage stage) {
    this.stage = stage;
    return this;
  }

  /// What `run.json` says of how the run was started.
  ///
  /// @param arguments of the calling program
  /// @return this session
  public TrainingSession arguments(List<String> arguments) {
    this.arguments = List.copyOf(arguments);
    return this;
  }

  /// What `run.json` says of what protects this process.
  ///
  /// @param protection in place of [RunRecord#NOT_PROTECTED]
  /// @return this session
  public TrainingSession protection(String protection) {
    this.protection = protection;
    return this;
  }

  /// What is run.
  ///
  /// @return the resolved run
  public ResolvedRun run() {
    return run;
  }

  /// Where it is written.
  ///
  /// @return the files of the run directory
  public RunLayout layout() {
    return directory.layout();
  }

  /// Trains until the last epoch, until asked to stop, or until the privacy budget is spent. Starts
  /// or connects the workers, and ends those that it has started.
  ///
  /// @return how it ended
  /// @throws IOException if a file cannot be read or written, or a worker fails
  /// @throws TrainingException if training diverges, or the run cannot be resumed
  /// @throws InvalidSpecException if what the workers are does not go with the specification
  public TrainingResult train() throws IOException, TrainingException {
    Kernels.setThreads(run.spec().threads());
    RunRecord record = new RunRecord(layout(), run, arguments, protection);
    try {
      initial = readInitial();
      Trainer.Outcome outcome = trainWithWorkers(record);
      return new TrainingResult(
          outcome, RunRecord.epochs(layout()), RunRecord.statement(layout()), layout());
    } catch (IOException | TrainingException e) {
      try {
        record.failed(e);
      } catch (IOException second) {
        // What filled the disk, say, is the first failure.
        e.addSuppressed(second);
      }
      throw e;
    }
  }

  /// The parameters to begin with. A resumed run reads them again: what it accounts for follows
  /// from them.
  private InitialValues readInitial() throws IOException {
    long seed = run.spec().training().seed();
    @Nullable Path file = run.spec().init().file();
    if (file == null) {
      return InitialValues.drawn(seed);
    }
    InitialWeights read = InitialWeights.read(file, run.graph());
    if (run.spec().training().privacy().accounted()
        && run.data().train().digest().equals(read.metadata().get("trainData"))) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.CONTRADICTION,
              "init",
              "was trained on the private images of this run: its epsilon would be false"));
    }
    listener.initialised(read);
    return new InitialValues(new Initializer(seed, read.values()), read.sha256());
  }

  private Trainer.Outcome trainWithWorkers(RunRecord record) throws IOException, TrainingException {
    if (stage != null || !run.needsWorker()) {
      listener.workersConnected(List.of(), layout());
      boolean accounted = run.spec().training().privacy().accounted();
      return train(
          record, trainer(null, resumed && accounted ? RunRecord.earlierLedger(layout()) : null));
    }
    Ledger earlier = resumed ? RunRecord.earlierLedger(layout()) : null;
    try (WorkerPool workers = WorkerPool.open(run.spec(), layout())) {
      listener.workersConnected(workers.describe(), layout());
      return train(record, trainer(workers.parties(), earlier));
    }
  }

  private Trainer trainer(@Nullable Workers workers, @Nullable Ledger earlier)
      throws ProtocolException {
    try {
      return stage != null
          ? Trainer.onCluster(run.spec().training(), run.data(), stage, earlier, initial)
          : new Trainer(
              run.spec().training(), run.data(), run.publicImages(), workers, earlier, initial);
    } catch (IllegalArgumentException e) {
      throw new InvalidSpecException(Finding.Kind.MISFIT, e);
    }
  }

  private Trainer.Outcome train(RunRecord record, Trainer planned)
      throws IOException, TrainingException {
    try (Trainer trainer = planned) {
      trainer.forecast().ifPresent(listener::forecast);
      record.write(RunRecord.RUNNING);
      Settings.of(run.spec()).write(layout().config());
      Trainer.Outcome outcome =
          trainer.run(layout(), resumed, listener, EpochRanks.of(run, layout(), listener), stop);
      record.write(
          switch (outcome) {
            case FINISHED -> "finished";
            case BUDGET_SPENT -> "budget spent";
            case STOPPED -> "stopped";
            case EARLY_STOPPED -> "early-stopped";
          });
      return outcome;
    }
  }

  /// The model of the last checkpoint, to evaluate it and to predict.
  ///
  /// @return the run as it is on disk, which the caller closes
  /// @throws IOException if there is no checkpoint yet
  public TrainedRun trained() throws IOException {
    return TrainedRun.open(layout());
  }

  /// Releases the directory. Idempotent.
  @Override
  public void close() throws IOException {
    directory.close();
  }
}
