package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ProcessorTimeTest {
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
    long here = ProcessorTime.nanos();
    Duration system = ProcessHandle.current().info().totalCpuDuration().orElseThrow();
    assertThat((double) here)
        .isCloseTo((double) system.toNanos(), within((double) TimeUnit.SECONDS.toNanos(1)));
  }
}
