package asymml.trusted.boundary;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.wire.Slot;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RegionLayoutTest {
  @Test
  void slots_do_not_overlap_and_the_region_holds_them_all() {
    long seed = 17;
    Random random = new Random(seed);
    RegionLayout layout = new RegionLayout();
    List<Slot> slots = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      slots.add(layout.reserve(1 + random.nextInt(50), 1 + random.nextInt(50)));
    }
    for (int i = 0; i < slots.size(); i++) {
      assertThat(slots.get(i).endOffset()).isLessThanOrEqualTo(layout.sizeBytes());
      for (int j = 0; j < i; j++) {
        assertThat(slots.get(i).overlaps(slots.get(j))).as("seed " + seed).isFalse();
      }
    }
    long wasted = layout.sizeBytes() - slots.stream().mapToLong(Slot::sizeBytes).sum();
    assertThat(wasted).isLessThan(slots.size() * Slot.ALIGNMENT_BYTES + 4096);
  }

  @Test
  void an_empty_layout_still_has_a_page() {
    assertThat(new RegionLayout().sizeBytes()).isEqualTo(4096);
  }

  @Test
  void a_region_without_bounds_is_refused() {
    RegionLayout layout = new RegionLayout();
    assertThatThrownBy(() -> layout.reserve(1 << 30, 1 << 30))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> layout.reserve(0)).isInstanceOf(IllegalArgumentException.class);
  }
}
