package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.SoftmaxCrossEntropy;
import asymml.model.ClearStore;
import asymml.privacy.Ledger;
import asymml.trusted.plan.Terms;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.run.StepLease;
import asymml.trusted.train.Checkpoint.Position;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// 20 steps an epoch. What counts is the file on disk: a run that is killed leaves nothing else.
class LedgerKeeperTest {
  private static final int AHEAD = 8;
  private static final int BATCHES = 20;
  private static final Position START = new Position(0, 0, EpochTotals.ZERO);
  private static final Accounting ACCOUNTED = accounting(PrivacyRuns.clean());
  private static final Accounting UNACCOUNTED =
      accounting(PrivacyRuns.clean().with(PrivacyConfig.NONE));

  @TempDir private Path directory;
  private RunLayout layout = new RunLayout(Path.of(""));

  @BeforeEach
  void nameFiles() {
    layout = new RunLayout(directory);
  }

  private static Accounting accounting(PrivacyRuns run) {
    return Accounting.of(
        run.config(),
        run.graph(),
        run.plan(),
        PrivacyRuns.EXAMPLES,
        () -> Terms.bounds(run.graph()),
        null);
  }

  private static LedgerKeeper accounted(@Nullable Ledger earlier) {
    return new LedgerKeeper(ACCOUNTED, true, earlier);
  }

  private static LedgerKeeper unaccounted(@Nullable Ledger earlier) {
    return new LedgerKeeper(UNACCOUNTED, false, earlier);
  }

  private Ledger onDisk() throws IOException {
    return LedgerFile.read(layout.ledger());
  }

  private static long leftOfEpoch(long step) {
    return BATCHES - step % BATCHES;
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void a_new_run_begins_with_a_ledger_of_no_steps(boolean isAccounted) throws Exception {
    LedgerKeeper keeper = isAccounted ? accounted(null) : unaccounted(null);
    keeper.begin(layout);
    assertThat(onDisk().steps()).isZero();
    assertThat(onDisk()).isEqualTo((isAccounted ? ACCOUNTED : UNACCOUNTED).ledger(0));
  }

  @Test
  void the_ledger_on_disk_covers_a_step_before_it_begins_and_never_a_later_epoch()
      throws Exception {
    LedgerKeeper keeper = accounted(null);
    keeper.begin(layout);
    for (long step = 0; step < 2 * BATCHES; step++) {
      keeper.reserve(layout, step, leftOfEpoch(step));
      long endOfEpoch = (step / BATCHES + 1) * BATCHES;
      assertThat(onDisk().steps())
          .as("as step %d begins", step)
          .isBetween(step + 1, Math.min(step + AHEAD, endOfEpoch));
      assertThat(onDisk()).isEqualTo(ACCOUNTED.ledger(onDisk().steps()));
    }
  }

  @Test
  void it_is_written_once_for_eight_steps_and_at_the_end_of_an_epoch_for_fewer() throws Exception {
    LedgerKeeper keeper = accounted(null);
    List<Long> writes = new ArrayList<>();
    for (long step = 0; step < 2 * BATCHES; step++) {
      Files.deleteIfExists(layout.ledger());
      keeper.reserve(layout, step, leftOfEpoch(step));
      if (Files.exists(layout.ledger())) {
        writes.add(step);
      }
    }
    assertThat(writes).containsExactly(0L, 8L, 16L, 20L, 28L, 36L);
  }

  @Test
  void what_was_reserved_and_not_used_is_given_back_and_an_exact_ledger_is_not_written_again()
      throws Exception {
    LedgerKeeper keeper = accounted(null);
    keeper.reserve(layout, 0, BATCHES);
    assertThat(onDisk().steps()).isEqualTo(AHEAD);
    keeper.settle(layout, 3);
    assertThat(onDisk()).isEqualTo(ACCOUNTED.ledger(3));
    Files.delete(layout.ledger());
    keeper.settle(layout, 3);
    assertThat(layout.ledger()).doesNotExist();
    // The next step is no longer covered, and is reserved again.
    keeper.reserve(layout, 3, BATCHES - 3);
    assertThat(onDisk().steps()).isEqualTo(3 + AHEAD);
  }

  /// The checkpoint is the one before the epoch.
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 7, 8, 9, 15, 16, 19})
  void a_run_killed_in_any_step_continues_behind_all_that_it_may_have_released(int killedIn)
      throws Exception {
    LedgerKeeper killed = accounted(null);
    killed.begin(layout);
    for (long step = 0; step <= killedIn; step++) {
      killed.reserve(layout, step, leftOfEpoch(step));
    }
    Ledger left = onDisk();
    LedgerKeeper resumed = accounted(left);
    Position position = resumed.afterSpent(START, BATCHES);
    assertThat(position.step()).isEqualTo(left.steps()).isGreaterThan(killedIn);
    assertThat(position.totals().batches()).isEqualTo((int) position.step());
    assertThat(position.epoch()).isZero();
    for (long step = position.step(); step < BATCHES; step++) {
      resumed.reserve(layout, step, leftOfEpoch(step));
    }
    resumed.settle(layout, BATCHES);
    // It costs what it would have cost.
    assertThat(onDisk()).isEqualTo(ACCOUNTED.ledger(BATCHES));
  }

  @Test
  void a_run_killed_again_and_again_never_begins_a_step_twice() throws Exception {
    long seed = 4_711;
    System.out.println("seed " + seed);
    SplittableRandom random = new SplittableRandom(seed);
    for (int trial = 0; trial < 12; trial++) {
      accounted(null).begin(layout);
      List<Long> begun = new ArrayList<>();
      Position saved = START;
      while (saved.step() < 3 * BATCHES) {
        LedgerKeeper keeper = accounted(onDisk());
        Position position = keeper.afterSpent(saved, BATCHES);
        long step = position.step();
        long end = (saved.epoch() + 1L) * BATCHES;
        long killedAt = random.nextInt(4) == 0 ? end : step + random.nextInt(6);
        while (step < Math.min(end, killedAt)) {
          keeper.reserve(layout, step, end - step);
          begun.add(step);
          step++;
        }
        if (step == end) {
          keeper.settle(layout, step);
          saved = new Position(saved.epoch() + 1, step, EpochTotals.ZERO);
        }
      }
      assertThat(begun).isSorted().doesNotHaveDuplicates();
      assertThat(onDisk()).isEqualTo(ACCOUNTED.ledger(3 * BATCHES));
    }
  }

  /// A stopped run saves a checkpoint in the middle of an epoch.
  @Test
  void lost_steps_are_those_behind_the_checkpoint_and_leave_its_sums() throws Exception {
    EpochTotals half =
        EpochTotals.ZERO.plusStep(new SoftmaxCrossEntropy.Result(7.5, 5, 3), 0.25).plusLost(4);
    Position saved = new Position(3, 65, half);
    Position position = accounted(ACCOUNTED.ledger(70)).afterSpent(saved, BATCHES);
    assertThat(position).isEqualTo(new Position(3, 70, half.plusLost(5)));
    assertThat(position.totals().meanLoss()).isEqualTo(7.5 / 5);
    assertThat(position.totals().images()).isEqualTo(5);
    assertThat(accounted(ACCOUNTED.ledger(65)).afterSpent(saved, BATCHES)).isEqualTo(saved);
  }

  @ParameterizedTest
  @CsvSource({"65, 5, 80, true", "65, 5, 81, false", "60, 0, 80, true", "60, 0, 81, false"})
  void a_ledger_may_be_ahead_by_the_rest_of_the_epoch_and_no_more(
      long step, int batches, long ledger, boolean accepted) throws Exception {
    Position saved = new Position(3, step, EpochTotals.ZERO.plusLost(batches));
    LedgerKeeper keeper = accounted(ACCOUNTED.ledger(ledger));
    if (accepted) {
      assertThat(keeper.afterSpent(saved, BATCHES).totals().batches()).isEqualTo(BATCHES);
    } else {
      assertThatThrownBy(() -> keeper.afterSpent(saved, BATCHES))
          .isInstanceOf(TrainingException.class)
          .hasMessageContaining("further ahead than one epoch");
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void a_ledger_behind_the_checkpoint_is_of_another_run(boolean isAccounted) {
    LedgerKeeper keeper =
        isAccounted ? accounted(ACCOUNTED.ledger(39)) : unaccounted(UNACCOUNTED.ledger(39));
    assertThatThrownBy(() -> keeper.afterSpent(new Position(2, 40, EpochTotals.ZERO), BATCHES))
        .isInstanceOf(TrainingException.class)
        .hasMessageContaining("the ledger is behind the checkpoint")
        .extracting(e -> ((TrainingException) e).diverged())
        .isEqualTo(false);
  }

  /// Else the steps of its first epoch could be had twice for the price of once.
  @ParameterizedTest
  @ValueSource(longs = {0, 20, 40})
  void a_run_whose_ledger_was_deleted_does_not_start_to_count_again(long step) {
    Position saved = new Position((int) step / BATCHES, step, EpochTotals.ZERO);
    assertThatThrownBy(() -> accounted(null).afterSpent(saved, BATCHES))
        .isInstanceOf(TrainingException.class)
        .hasMessage(
            "the run has no ledger, and what it has released is not known: start a new run");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 3, 8, 12})
  void a_run_that_accounts_for_nothing_repeats_lost_steps_and_counts_them_twice(int killedIn)
      throws Exception {
    LedgerKeeper killed = unaccounted(null);
    killed.begin(layout);
    for (long step = 0; step <= killedIn; step++) {
      killed.reserve(layout, step, leftOfEpoch(step));
    }
    long lost = onDisk().steps();
    LedgerKeeper resumed = unaccounted(onDisk());
    assertThat(resumed.afterSpent(START, BATCHES)).isEqualTo(START);
    for (long step = 0; step < BATCHES; step++) {
      resumed.reserve(layout, step, leftOfEpoch(step));
      assertThat(onDisk().steps()).isBetween(lost + step + 1, lost + BATCHES);
    }
    resumed.settle(layout, BATCHES);
    assertThat(onDisk()).isEqualTo(UNACCOUNTED.ledger(lost + BATCHES));
  }

  /// Somebody who counts, and can be out of reach.
  private static final class Counter implements StepLease {
    private long counted;
    private boolean away;
    private final List<String> changes = new ArrayList<>();

    @Override
    public long counted(long listed, long most) throws IOException {
      if (counted - listed > most) {
        throw new IOException("an old copy");
      }
      return counted;
    }

    @Override
    public void change(long from, long to) throws IOException {
      if (away) {
        throw new IOException("out of reach");
      }
      assertThat(from).isEqualTo(counted);
      counted = to;
      changes.add(from + " to " + to);
    }
  }

  @Test
  void consent_comes_before_the_ledger_for_no_later_epoch_and_what_is_not_used_is_given_back()
      throws Exception {
    Counter counter = new Counter();
    layout = new RunLayout(directory, ClearStore.CLEAR, counter);
    LedgerKeeper keeper = accounted(null);
    keeper.begin(layout);
    for (long step = 0; step < BATCHES + 9; step++) {
      keeper.reserve(layout, step, leftOfEpoch(step));
      assertThat(counter.counted).isBetween(onDisk().steps(), (step / BATCHES + 1) * BATCHES);
    }
    keeper.settle(layout, BATCHES + 9);
    assertThat(counter.changes).containsExactly("0 to 20", "20 to 40", "40 to 29");
    counter.away = true;
    assertThatThrownBy(() -> keeper.reserve(layout, BATCHES + 9, BATCHES - 9))
        .hasMessage("out of reach");
    assertThat(onDisk().steps()).isEqualTo(BATCHES + 9);
  }

  @Test
  void where_nothing_can_be_given_back_it_is_spent_and_the_process_goes_no_further()
      throws Exception {
    Counter counter = new Counter();
    layout = new RunLayout(directory, ClearStore.CLEAR, counter);
    LedgerKeeper keeper = accounted(null);
    keeper.begin(layout);
    keeper.reserve(layout, 0, BATCHES);
    counter.away = true;
    keeper.settle(layout, 3);
    counter.away = false;
    assertThatThrownBy(() -> keeper.reserve(layout, 3, BATCHES - 3))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("resume it");
    LedgerKeeper resumed = accounted(onDisk());
    resumed.count(layout, BATCHES);
    assertThat(onDisk()).isEqualTo(ACCOUNTED.ledger(BATCHES));
    Position saved = new Position(0, 3, EpochTotals.ZERO.plusLost(3));
    assertThat(resumed.afterSpent(saved, BATCHES).step()).isEqualTo(BATCHES);
    resumed.reserve(layout, BATCHES, BATCHES);
    assertThat(counter.changes).containsExactly("0 to 20", "20 to 40");
    assertThatThrownBy(() -> accounted(ACCOUNTED.ledger(3)).count(layout, BATCHES))
        .hasMessage("an old copy");
  }

  @Test
  void a_ledger_that_cannot_be_written_stops_the_run_before_the_step() throws Exception {
    LedgerKeeper keeper = accounted(null);
    keeper.begin(layout);
    Files.createDirectories(directory.resolve("ledger.json.tmp").resolve("full"));
    assertThatThrownBy(() -> keeper.reserve(layout, 0, BATCHES))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("ledger.json")
        .hasMessageNotContaining("\n");
    assertThat(onDisk().steps()).isZero();
  }
}
