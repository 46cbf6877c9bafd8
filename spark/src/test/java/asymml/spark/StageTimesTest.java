package asymml.spark;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StageTimesTest {
  private static final long MS = 1_000_000;

  @TempDir private Path directory;
  private long now;

  private final StageTimes times = new StageTimes(() -> now);

  private void step(long broadcast, long fetch, long compute, long rest, long update) {
    long begun = now;
    now += broadcast * MS;
    long sent = now;
    now += (fetch + compute + rest) * MS;
    StageTimes.Task fast = new StageTimes.Task(0, compute * MS / 2);
    times.staged(begun, sent, fast.slower(new StageTimes.Task(fetch * MS, compute * MS)));
    now += update * MS;
    times.updated();
    // Such as an evaluation.
    now += 1000 * MS;
    times.updated();
  }

  @Test
  void nothing_is_said_before_a_step() {
    assertThat(times.line()).isEmpty();
  }

  @Test
  void the_parts_of_a_step_are_told_apart() {
    step(1, 2, 30, 4, 5);
    assertThat(times.line())
        .isEqualTo(
            "a step took 42 ms: 1.0 to broadcast, 2.0 to fetch parameters, 30.0 to compute, 4.0 to schedule and add up, 5.0 to update (mean of 1 steps)");
  }

  @Test
  void the_first_steps_are_left_out() throws Exception {
    times.sends(400, 800, 2);
    for (int i = 0; i < StageTimes.FIRST; i++) {
      step(100, 100, 100, 100, 100);
    }
    step(1, 2, 30, 4, 5);
    step(3, 4, 40, 6, 7);
    assertThat(times.line())
        .startsWith("a step took 51 ms: 2.0 to broadcast")
        .contains("of 2 steps");
    times.write(new RunLayout(directory));
    Map<String, Object> facts = RunFile.read(directory.resolve("steps.json"));
    assertThat(facts).containsEntry("steps", 2).containsEntry("sumBytesOfTask", 800);
    assertThat(facts.get("milliseconds"))
        .isEqualTo(
            Map.of(
                "broadcast", 2.0,
                "fetch", 3.0,
                "compute", 35.0,
                "scheduleAndAggregate", 5.0,
                "update", 6.0));
  }
}
