package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ProcessorTimeTest {
  /// The system counts in hundredths of a second, and rounds twice.
  private static final long TICKS_NANOS = 20_000_000;

  @Test
  void it_sees_work_far_shorter_than_the_ten_milliseconds_of_the_system_s_accounting() {
    long last = ProcessorTime.nanos();
    for (int i = 0; i < 100; i++) {
      long now = ProcessorTime.nanos();
      assertThat(now).isGreaterThan(last);
      last = now;
    }
  }

  @Test
  void it_counts_the_time_of_this_process_as_the_system_does() {
    long before = ProcessorTime.nanos();
    long system = ProcessHandle.current().info().totalCpuDuration().orElseThrow().toNanos();
    long after = ProcessorTime.nanos();
    assertThat(system).isBetween(before - TICKS_NANOS, after + TICKS_NANOS);
  }
}
