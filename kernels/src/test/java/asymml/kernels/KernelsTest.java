package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;

class KernelsTest {
  @Test
  void the_version_is_that_of_the_library() {
    assertThat(Kernels.version()).matches("3\\.\\d+\\.\\d+");
  }

  @Test
  void threads_are_at_least_one() {
    int threads = Kernels.threads();
    assertThat(threads).isPositive();
    assertThatThrownBy(() -> Kernels.setThreads(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("threads must be at least 1: 0");
    assertThat(Kernels.threads()).isEqualTo(threads);
  }

  @Test
  void every_piece_runs_once() {
    int threads = Kernels.threads();
    try {
      for (int workers : new int[] {1, 2, 7}) {
        Kernels.setThreads(workers);
        for (int pieces : new int[] {1, 2, 13, 207}) {
          AtomicIntegerArray runs = new AtomicIntegerArray(pieces);
          Parallel.run(pieces, runs::incrementAndGet);
          for (int i = 0; i < pieces; i++) {
            assertThat(runs.get(i)).isEqualTo(1);
          }
        }
      }
    } finally {
      Kernels.setThreads(threads);
    }
  }

  @Test
  void a_failure_in_a_piece_reaches_the_caller_after_the_others_ended() {
    int threads = Kernels.threads();
    AtomicIntegerArray runs = new AtomicIntegerArray(50);
    try {
      Kernels.setThreads(3);
      assertThatThrownBy(() ->
              Parallel.run(
                  50,
                  i -> {
                    runs.incrementAndGet(i);
                    if (i == 17) {
                      throw new IllegalStateException("piece 17");
                    }
                  }))
          .hasMessage("piece 17");
      for (int i = 0; i < 50; i++) {
        assertThat(runs.get(i)).isEqualTo(1);
      }
    } finally {
      Kernels.setThreads(threads);
    }
  }
}
