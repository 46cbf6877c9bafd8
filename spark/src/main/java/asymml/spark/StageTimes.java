package asymml.spark;

import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.io.Serializable;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// Where the time of steps goes, as wall time at the driver: to broadcast the parameters; in the
/// slowest task to fetch them and to compute; for the rest of the stage, which is scheduling, the
/// way of tasks and sums, and adding up; and to update, which is all that the driver does until the
/// next stage: noise, optimiser, ledger and checkpoint. For one thread.
///
/// The first steps are left out if there are more: networks are planned in them, and Java compiles.
final class StageTimes {
  /// How many steps are left out.
  static final int FIRST = 5;

  private static final double MILLIS = 1e6;

  private final LongSupplier clock;
  private final Totals all = new Totals();
  private final Totals later = new Totals();
  private @Nullable Step open;
  private long parameterBytes;
  private long sumBytes;
  private int tasks;

  /// No step yet.
  ///
  /// @param clock in nanoseconds
  StageTimes(LongSupplier clock) {
    this.clock = clock;
  }

  /// What a task took.
  ///
  /// @param fetch nanoseconds until the parameters were there
  /// @param compute nanoseconds
  record Task(long fetch, long compute) implements Serializable {
    private static final long serialVersionUID = 1;

    /// The slower one.
    Task slower(Task other) {
      return fetch + compute >= other.fetch + other.compute ? this : other;
    }
  }

  /// A step whose update is not done.
  private record Step(long broadcast, long stage, Task slowest, long end) {}

  private static final class Totals {
    private long steps;
    private long broadcast;
    private long fetch;
    private long compute;
    private long rest;
    private long update;

    void add(Step step, long updated) {
      steps++;
      broadcast += step.broadcast;
      fetch += step.slowest.fetch;
      compute += step.slowest.compute;
      // The clocks of two machines do not run at the same speed.
      rest += Math.max(0, step.stage - step.slowest.fetch - step.slowest.compute);
      update += updated - step.end;
    }

    double mean(long nanos) {
      return nanos / (MILLIS * steps);
    }
  }

  /// The time.
  long now() {
    return clock.getAsLong();
  }

  /// Notes that what the driver does after a stage is done.
  void updated() {
    if (open != null) {
      long now = now();
      all.add(open, now);
      if (all.steps > FIRST) {
        later.add(open, now);
      }
      open = null;
    }
  }

  /// Notes a stage that has ended now.
  ///
  /// @param begun when the broadcast began
  /// @param broadcast when the stage began
  /// @param slowest task
  void staged(long begun, long broadcast, Task slowest) {
    long now = now();
    open = new Step(broadcast - begun, now - broadcast, slowest, now);
  }

  /// Notes how much is sent.
  ///
  /// @param parameterBytes to each executor
  /// @param sumBytes of each task
  /// @param tasks of a stage
  void sends(long parameterBytes, long sumBytes, int tasks) {
    this.parameterBytes = parameterBytes;
    this.sumBytes = sumBytes;
    this.tasks = tasks;
  }

  private Totals counted() {
    return later.steps > 0 ? later : all;
  }

  /// Milliseconds by what they went to.
  private Map<String, Double> means() {
    Totals totals = counted();
    Map<String, Double> means = new LinkedHashMap<>();
    means.put("broadcast", totals.mean(totals.broadcast));
    means.put("fetch", totals.mean(totals.fetch));
    means.put("compute", totals.mean(totals.compute));
    means.put("scheduleAndAggregate", totals.mean(totals.rest));
    means.put("update", totals.mean(totals.update));
    return means;
  }

  /// What it is in a line.
  ///
  /// @return empty if no step is done
  String line() {
    if (all.steps == 0) {
      return "";
    }
    Map<String, Double> means = means();
    return String.format(
        Locale.ROOT,
        "a step took %.0f ms: %.1f to broadcast, %.1f to fetch parameters, %.1f to compute, %.1f to schedule and add up, %.1f to update (mean of %s steps%s)",
        means.values().stream().mapToDouble(d -> d).sum(),
        means.get("broadcast"),
        means.get("fetch"),
        means.get("compute"),
        means.get("scheduleAndAggregate"),
        means.get("update"),
        counted().steps,
        later.steps > 0 ? ", without the first " + FIRST : "");
  }

  /// Writes `steps.json`: means over the steps of this session.
  ///
  /// @param layout of the run
  /// @throws IOException if it cannot be written
  void write(RunLayout layout) throws IOException {
    if (all.steps == 0) {
      return;
    }
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("steps", counted().steps);
    facts.put("milliseconds", means());
    facts.put("tasks", tasks);
    facts.put("parameterBytes", parameterBytes);
    facts.put("sumBytesOfTask", sumBytes);
    RunFile.write(layout.store(), layout.directory().resolve("steps.json"), facts);
  }
}
