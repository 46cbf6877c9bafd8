package asymml.trusted.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.Tensor;
import asymml.trusted.memory.SlabLayout.Span;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SlabLayoutTest {
  private static final long SEED = 20_262;

  @Test
  void a_chain_needs_the_two_neighbours_that_are_largest_together() {
    List<Span> chain = new ArrayList<>();
    long[] lines = {1, 4, 3, 8, 5, 2, 6, 7};
    for (int i = 0; i < lines.length; i++) {
      chain.add(new Span(i, i + 1, 64 * lines[i]));
    }
    assertThat(new SlabLayout(chain).sizeBytes()).isEqualTo(64 * (8 + 5));
  }

  @Test
  void what_is_never_alive_together_shares_one_place_and_what_always_is_none() {
    List<Span> apart = List.of(new Span(0, 1, 128), new Span(2, 2, 128), new Span(3, 9, 64));
    assertThat(new SlabLayout(apart).sizeBytes()).isEqualTo(128);
    List<Span> together = List.of(new Span(0, 3, 1), new Span(3, 3, 65), new Span(1, 9, 64));
    assertThat(new SlabLayout(together).sizeBytes()).isEqualTo(64 + 128 + 64);
  }

  @Test
  void a_gap_between_two_buffers_is_used() {
    // The large ones leave a hole of two lines where the middle one was.
    List<Span> spans =
        List.of(
            new Span(0, 9, 640),
            new Span(0, 1, 320),
            new Span(0, 9, 256),
            new Span(5, 9, 128),
            new Span(5, 9, 192));
    SlabLayout layout = new SlabLayout(spans);
    assertThat(layout.sizeBytes()).isEqualTo(640 + 320 + 256);
    assertThat(layout.offset(3)).isBetween(640L, 640L + 320 - 128);
    assertThat(layout.offset(4)).isBetween(640L, 640L + 320 - 192);
  }

  @Test
  void random_buffers_are_apart_in_time_or_in_space_and_nearly_as_dense_as_can_be() {
    System.out.println("seed " + SEED);
    SplittableRandom random = new SplittableRandom(SEED);
    for (int round = 0; round < 300; round++) {
      List<Span> spans = new ArrayList<>();
      int moments = random.nextInt(1, 60);
      for (int i = random.nextInt(1, 80); i > 0; i--) {
        int from = random.nextInt(moments);
        int length = random.nextInt(random.nextInt(1, moments + 1));
        spans.add(new Span(from, from + length, random.nextLong(1, 5000)));
      }
      SlabLayout layout = new SlabLayout(spans);
      assertApart(spans, layout);
      // At a moment, all that is alive is there; against it this order of placing loses some.
      long densest = densest(spans);
      assertThat(layout.sizeBytes()).isBetween(densest, 2 * densest);
      SlabLayout again = new SlabLayout(spans);
      for (int i = 0; i < spans.size(); i++) {
        assertThat(again.offset(i)).isEqualTo(layout.offset(i));
      }
    }
  }

  private static void assertApart(List<Span> spans, SlabLayout layout) {
    for (int i = 0; i < spans.size(); i++) {
      long from = layout.offset(i);
      long to = from + spans.get(i).sizeBytes();
      assertThat(from % Tensor.ALIGNMENT_BYTES).isZero();
      assertThat(to).isLessThanOrEqualTo(layout.sizeBytes());
      for (int j = 0; j < i; j++) {
        boolean inTime =
            spans.get(i).from() > spans.get(j).to() || spans.get(j).from() > spans.get(i).to();
        long otherFrom = layout.offset(j);
        boolean inSpace = from >= otherFrom + spans.get(j).sizeBytes() || to <= otherFrom;
        assertThat(inTime || inSpace).as("%s and %s", spans.get(i), spans.get(j)).isTrue();
      }
    }
  }

  private static long densest(List<Span> spans) {
    return IntStream.range(0, spans.stream().mapToInt(Span::to).max().orElseThrow() + 1)
        .mapToLong(moment ->
            spans.stream()
                .filter(span -> span.from() <= moment && moment <= span.to())
                .mapToLong(Span::room)
                .sum())
        .max()
        .orElseThrow();
  }

  @Test
  void a_span_goes_forward_and_takes_up_memory() {
    assertThatThrownBy(() -> new Span(3, 2, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Span(-1, 2, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Span(0, 2, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a span of 0 bytes from 0 to 2");
  }
}
