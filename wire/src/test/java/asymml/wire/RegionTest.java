package asymml.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class RegionTest {
  @Test
  void a_slot_beyond_the_region_is_refused() {
    try (Region region = Region.allocate(1000)) {
      assertThat(region.holds(new Slot(960, 10))).isTrue();
      assertThat(region.holds(new Slot(960, 11))).isFalse();
      assertThatThrownBy(() -> region.at(new Slot(960, 11)))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void use_after_close_throws_and_close_is_idempotent() {
    Region region = Region.allocate(64);
    region.close();
    region.close();
    assertThatThrownBy(() -> region.at(new Slot(0, 1)).fill((byte) 1))
        .isInstanceOf(IllegalStateException.class);
  }
}
