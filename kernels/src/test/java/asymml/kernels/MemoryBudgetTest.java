package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class MemoryBudgetTest {
  @Test
  void no_more_than_the_limit_is_taken() {
    MemoryBudget budget = new MemoryBudget(100);
    budget.take(60);
    budget.take(40);
    assertThatThrownBy(() -> budget.take(1)).isInstanceOf(MemoryLimitException.class);
    assertThat(budget.takenBytes()).isEqualTo(100);
    budget.giveBack(30);
    assertThatThrownBy(() -> budget.take(Long.MAX_VALUE)).isInstanceOf(MemoryLimitException.class);
    budget.take(30);
    assertThat(budget.takenBytes()).isEqualTo(budget.limitBytes());
  }

  @Test
  void a_refusal_names_all_three_numbers() {
    MemoryBudget budget = new MemoryBudget(100L << 20);
    budget.take(30L << 20);
    assertThatThrownBy(() -> budget.take((70L << 20) + 1))
        .hasMessage("it needs 71 MiB of memory, and 30 MiB of the limit of 100 MiB are taken");
  }

  @Test
  void threads_together_take_no_more_than_the_limit() {
    MemoryBudget budget = new MemoryBudget(500);
    long granted =
        IntStream.range(0, 2000)
            .parallel()
            .filter(_ -> {
              try {
                budget.take(1);
                return true;
              } catch (MemoryLimitException e) {
                return false;
              }
            })
            .count();
    assertThat(granted).isEqualTo(500);
  }

  @Test
  void impossible_numbers_are_refused() {
    assertThatThrownBy(() -> new MemoryBudget(0)).isInstanceOf(IllegalArgumentException.class);
    MemoryBudget budget = new MemoryBudget(10);
    assertThatThrownBy(() -> budget.take(-1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> budget.giveBack(1)).isInstanceOf(IllegalArgumentException.class);
  }
}
