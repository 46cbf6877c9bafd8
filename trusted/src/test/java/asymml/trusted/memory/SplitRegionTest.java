package asymml.trusted.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.boundary.OpenDoor;
import asymml.trusted.boundary.Ticket;
import asymml.trusted.memory.SplitRegion.Places;
import asymml.trusted.memory.SplitRegion.Tensors;
import asymml.wire.Slot;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SplitRegionTest {
  @TempDir Path folder;

  /// Plays a step: what is written may not overlap what is still to be read.
  private static void play(List<Tensors> layers, boolean gradientsAtWorker) {
    SplitRegion region = new SplitRegion(layers, gradientsAtWorker);
    int n = layers.size();
    List<Slot> live = new ArrayList<>();
    Map<Object, Slot> inputs = new HashMap<>();
    for (int k = 0; k < n; k++) {
      write(live, region.places(k).weights());
    }
    for (int k = 0; k < n; k++) {
      Places places = region.places(k);
      Object input = layers.get(k).input();
      if (inputs.containsKey(input)) {
        assertThat(places.x()).isEqualTo(inputs.get(input));
      } else {
        inputs.put(input, places.x());
        write(live, places.x());
      }
      write(live, places.y());
      live.remove(places.y());
      boolean last = layers.subList(k + 1, n).stream().noneMatch(l -> l.input().equals(input));
      if (!gradientsAtWorker && last) {
        live.remove(places.x());
      }
    }
    for (int k = n - 1; k >= 0; k--) {
      // The weight gradient of the layer after this one is still under way, not that of the next.
      if (gradientsAtWorker && k + 2 < n) {
        live.remove(region.places(k + 2).dy());
        Object input = layers.get(k + 2).input();
        if (layers.subList(0, k + 2).stream().noneMatch(l -> l.input().equals(input))) {
          live.remove(region.places(k + 2).x());
        }
      }
      Places places = region.places(k);
      if (gradientsAtWorker) {
        assertThat(live).contains(places.x());
      }
      write(live, places.dy());
      write(live, places.dx());
      live.remove(places.dx());
      if (!gradientsAtWorker) {
        live.remove(places.dy());
      }
      assertThat(live).contains(places.weights());
    }
    for (int k = 0; k < n; k++) {
      Places places = region.places(k);
      Tensors layer = layers.get(k);
      assertThat(places.weights().floats()).isEqualTo(layer.weights());
      assertThat(places.x().floats()).isEqualTo(layer.x());
      assertThat(places.dx().floats()).isEqualTo(layer.x());
      assertThat(places.y().floats()).isEqualTo(layer.y());
      assertThat(places.dy().floats()).isEqualTo(layer.y());
      for (Slot slot :
          List.of(places.weights(), places.x(), places.y(), places.dy(), places.dx())) {
        assertThat(slot.endOffset()).isLessThanOrEqualTo(region.sizeBytes());
      }
    }
    assertThat(region.sizeBytes() % 4096).isZero();
  }

  private static void write(List<Slot> live, Slot slot) {
    assertThat(live).noneMatch(slot::overlaps);
    live.add(slot);
  }

  @Test
  void what_is_still_read_is_never_written_whatever_the_layers() {
    System.out.println("seed 31");
    SplittableRandom random = new SplittableRandom(31);
    for (int trial = 0; trial < 300; trial++) {
      int n = random.nextInt(1, 9);
      List<Tensors> layers = new ArrayList<>();
      for (int k = 0; k < n; k++) {
        // Some layers read the input of one before, as on both ways around a shortcut.
        boolean again = k > 0 && random.nextInt(4) == 0;
        Tensors before = again ? layers.get(random.nextInt(k)) : null;
        layers.add(
            new Tensors(
                before == null ? k : before.input(),
                random.nextInt(1, 300),
                before == null ? random.nextInt(1, 300) : before.x(),
                random.nextInt(1, 300)));
      }
      play(layers, true);
      play(layers, false);
    }
  }

  @Test
  void a_chain_s_late_inputs_make_room_for_early_gradients() {
    List<Tensors> chain =
        IntStream.range(0, 8).mapToObj(k -> new Tensors(k, 16, 1024 >> k, 1024 >> k)).toList();
    long all = chain.stream().mapToLong(l -> 2 * l.x() + 2 * l.y() + l.weights()).sum();
    // At the first layer's turn its input, both of its gradients, and what the second still reads.
    long floats = 3 * 1024 + 2 * 512 + 8 * 16;
    assertThat(new SplitRegion(chain, true).sizeBytes()).isBetween(4 * floats, 4 * floats + 4096);
    assertThat(floats).isLessThan(2 * all / 3);
    assertThat(new SplitRegion(List.of(), true).sizeBytes()).isEqualTo(4096);
  }

  /// A ticket of a request that was never sent: awaiting it is refused, and so shows.
  private static final Ticket NEVER = new Ticket(Long.MAX_VALUE);

  @Test
  void a_layer_waits_for_all_readers_but_those_of_the_layer_that_ran_backward_before_it()
      throws Exception {
    for (int late = 0; late < 3; late++) {
      Path own = Files.createDirectory(folder.resolve("late-" + late));
      try (OpenDoor one = new OpenDoor(Files.createDirectory(own.resolve("one")), 1, 1);
          OpenDoor two = new OpenDoor(Files.createDirectory(own.resolve("two")), 2, 1)) {
        SplitRegion region = new SplitRegion(List.of(), true);
        for (int layer = 0; layer < late + 2; layer++) {
          region.awaitEarlier();
          // The first request of each has been answered long ago.
          region.readUntil(one.worker(), new Ticket(0));
          region.readUntil(two.worker(), layer == late ? NEVER : new Ticket(0));
        }
        assertThatThrownBy(region::awaitEarlier)
            .as("two layers after layer %d", late)
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("not a request of this connection");
      }
    }
  }

  @Test
  void a_region_beyond_the_largest_slot_is_refused() {
    long most = Slot.MAX_REGION_BYTES / Float.BYTES;
    assertThat(new SplitRegion(List.of(new Tensors("x", 1, 1, most / 2 - 1024)), false).sizeBytes())
        .isLessThanOrEqualTo(Slot.MAX_REGION_BYTES);
    List<Tensors> tooMuch = List.of(new Tensors("x", most, 1, 1));
    assertThatThrownBy(() -> new SplitRegion(tooMuch, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("ends within " + Slot.MAX_REGION_BYTES + " bytes");
  }
}
