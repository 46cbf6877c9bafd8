package asymml.trusted.train;

import asymml.privacy.Ledger;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Checkpoint.Position;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// Keeps the ledger on disk ahead of the steps that are begun, so that a run that is killed at any
/// moment has released at most what stands there.
final class LedgerKeeper {
  /// How many steps it runs ahead. A run that is killed has spent them.
  private static final int STEPS_AHEAD = 8;

  /// For how many steps consent is asked at a time. A run that is killed has spent those too.
  private static final int STEPS_LEASED = 64;

  private final Accounting accounting;
  private final boolean accounted;
  private final boolean hasEarlier;

  /// Steps that the ledger on disk covers.
  private long reserved;

  /// Steps that are consented to.
  private long leased;

  /// Whether it is not known what was given back.
  private boolean unsettled;

  /// Steps that the ledger has and the run's own count has not, since they were repeated.
  private long repeated;

  /// Keeps the ledger of a run.
  ///
  /// @param accounting what the run releases
  /// @param accounted whether releases are accounted for
  /// @param earlier the ledger on disk, if the run is resumed
  LedgerKeeper(Accounting accounting, boolean accounted, @Nullable Ledger earlier) {
    this.accounting = accounting;
    this.accounted = accounted;
    this.hasEarlier = earlier != null;
    this.reserved = earlier == null ? 0 : earlier.steps();
    this.leased = reserved;
  }

  /// Counts what was consented to before the run was stopped, and never reached its ledger.
  ///
  /// @param batches of an epoch: consent is never asked for more
  /// @throws IOException if this is an old copy of the run
  void count(RunLayout layout, int batches) throws IOException {
    leased = layout.lease().counted(reserved, Math.min(STEPS_LEASED, batches));
    if (leased > reserved) {
      reserved = leased;
      LedgerFile.write(layout, accounting.ledger(reserved));
    }
  }

  /// Begins the ledger of a new run.
  void begin(RunLayout layout) throws IOException {
    LedgerFile.write(layout, accounting.ledger(0));
  }

  /// Where a resumed run continues. What was released after the checkpoint has been seen, whether
  /// or not it led to anything. Where releases are accounted for, those steps are spent: they are
  /// not repeated, so that the run costs what it would have cost. Elsewhere they are, and count
  /// twice.
  ///
  /// @param saved the checkpoint's position
  /// @param batches of an epoch
  /// @throws TrainingException if the ledger cannot be the run's
  Position afterSpent(Position saved, int batches) throws TrainingException {
    if (accounted && !hasEarlier) {
      // A run has a ledger before it has a checkpoint: no ledger is not one of no steps.
      throw new TrainingException(
          "the run has no ledger, and what it has released is not known: start a new run");
    }
    long lost = reserved - saved.step();
    if (lost < 0) {
      throw new TrainingException(
          "the ledger is behind the checkpoint: it is not the one of this run, and what the run has"
              + " released is not known");
    }
    if (!accounted) {
      repeated = lost;
      return saved;
    }
    if (saved.totals().batches() + lost > batches) {
      throw new TrainingException("the ledger is further ahead than one epoch of the checkpoint");
    }
    return new Position(
        saved.epoch(), saved.step() + lost, saved.totals().plusLost(Math.toIntExact(lost)));
  }

  /// Makes sure that the ledger on disk covers a step before anything of it is released.
  ///
  /// @param step that is about to begin
  /// @param stepsLeft of this epoch, with this one: no further, since a checkpoint comes then
  void reserve(RunLayout layout, long step, long stepsLeft) throws IOException {
    if (step + repeated >= reserved) {
      lease(layout, step + repeated, stepsLeft);
      reserved = step + repeated + Math.min(STEPS_AHEAD, stepsLeft);
      LedgerFile.write(layout, accounting.ledger(reserved));
    }
  }

  /// Asks before the ledger says so: what is consented to and not written down is spent.
  private void lease(RunLayout layout, long next, long stepsLeft) throws IOException {
    if (unsettled) {
      throw new IOException("it is not known how many steps of this run are counted: resume it");
    }
    if (next + Math.min(STEPS_AHEAD, stepsLeft) > leased) {
      long wanted = next + Math.min(STEPS_LEASED, stepsLeft);
      layout.lease().change(leased, wanted);
      leased = wanted;
    }
  }

  /// Gives back what is not used. Where that fails it stays spent, which is safe; what was done is
  /// to be saved all the same.
  private void giveBack(RunLayout layout) {
    if (leased != reserved && !unsettled) {
      try {
        layout.lease().change(leased, reserved);
        leased = reserved;
      } catch (IOException e) {
        unsettled = true;
      }
    }
  }

  /// Releases what was reserved and not used.
  ///
  /// @param done steps
  void settle(RunLayout layout, long done) throws IOException {
    if (reserved != done + repeated) {
      reserved = done + repeated;
      LedgerFile.write(layout, accounting.ledger(reserved));
    }
    giveBack(layout);
  }
}
