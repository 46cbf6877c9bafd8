package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.analysis.Maps;
import java.util.List;
import org.junit.jupiter.api.Test;

class AttackCacheTest {
  private int computed;

  private Maps maps() {
    computed++;
    return new Maps(1, 1, 1, 1, new float[1]);
  }

  @Test
  void what_is_the_same_for_several_plans_is_computed_once() {
    AttackCache cache = new AttackCache();
    Maps first = cache.best(List.of("model", 1), this::maps);
    assertThat(cache.best(List.of("model", 1), this::maps)).isSameAs(first);
    assertThat(computed).isEqualTo(1);
    assertThat(cache.best(List.of("model", 2), this::maps)).isNotSameAs(first);
    assertThat(computed).isEqualTo(2);
  }

  @Test
  void shadows_are_trained_once() {
    AttackCache cache = new AttackCache();
    cache.shadows(
        List.of("model"),
        () -> {
          computed++;
          return List.of();
        });
    cache.shadows(
        List.of("model"),
        () -> {
          computed++;
          return List.of();
        });
    assertThat(computed).isEqualTo(1);
  }
}
