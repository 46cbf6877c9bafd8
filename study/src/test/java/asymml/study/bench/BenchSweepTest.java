package asymml.study.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.plan.Mode;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BenchSweepTest {
  @Test
  void values_are_read_as_their_settings_are() {
    assertThat(BenchSweep.parse("rank:schedule:2:32,1/8,energy:0.10"))
        .isEqualTo(
            new BenchSweep(BenchSweep.Key.RANK, List.of("schedule:2:32", "1/8", "energy:0.1:1/2")));
    assertThat(BenchSweep.parse("image-size:032,64").values()).containsExactly("32", "64");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "threads:1,2 | is none of batch-size, image-size, rank",
        "batch-size | a sweep takes two or more different values: []",
        "batch-size:8 | a sweep takes two or more different values: [8]",
        "batch-size:8,08 | a sweep takes two or more different values: [8, 8]",
        "batch-size:8,0 | batch-size '0' is no whole number of at least 1",
        "batch-size:8,x | batch-size 'x' is no whole number",
        "rank:1/8,all | 'all'"
      })
  void a_mistake_is_told(String text, String message) {
    assertThatThrownBy(() -> BenchSweep.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  @Test
  void each_value_takes_the_place_of_its_setting_and_of_no_other() {
    BenchSpec base = BenchSpecTest.spec(Mode.ASYMML);
    List<BenchPoint> batches = BenchSweep.parse("batch-size:2,8").points(base);
    assertThat(batches).extracting(BenchPoint::batchSize).containsExactly(2, 8);
    assertThat(batches).extracting(p -> p.graph().input().height()).containsOnly(32);
    List<BenchPoint> sizes = BenchSweep.parse("image-size:16,32").points(base);
    assertThat(sizes).extracting(p -> p.graph().input().height()).containsExactly(16, 32);
    assertThat(sizes).extracting(BenchPoint::batchSize).containsOnly(4);
    List<BenchPoint> ranks = BenchSweep.parse("rank:2,1/4").points(base);
    assertThat(ranks).extracting(p -> p.rank().toString()).containsExactly("2", "1/4");
  }

  @Test
  void a_value_that_does_not_fit_is_named() {
    assertThatThrownBy(
            () -> BenchSweep.parse("image-size:32,2").points(BenchSpecTest.spec(Mode.ASYMML)))
        .hasMessageStartingWith("image-size 2: ");
  }

  @Test
  void a_place_is_setting_and_value() {
    assertThat(BenchSweep.parse("batch-size:2,8").place(1)).isEqualTo("batch-size 8");
  }
}
