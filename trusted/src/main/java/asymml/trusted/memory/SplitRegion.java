package asymml.trusted.memory;

import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.Ticket;
import asymml.trusted.memory.SlabLayout.Span;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The places of all split layers' tensors in the region shared with a worker. Those that are not
/// alive at the same time share a place.
///
/// Of n layers, layer k runs forward at moment k and backward at `2n - 1 - k`; a layer takes its
/// output, and the gradient of its input, before the next layer runs. Its weight gradient is
/// computed while the next layer runs backward, and what that reads stays until then: before the
/// layer after that writes anything, it waits for it ([#awaitEarlier]). Weights keep a place of
/// their own, from before the first layer to after the last.
public final class SplitRegion {
  /// A page of memory.
  private static final long PAGE_BYTES = 4096;

  /// A split layer's tensors.
  ///
  /// @param input which input it reads; layers that read one name it alike
  /// @param weights number of values of its weights
  /// @param x number of values of its input, of the examples of the largest shard
  /// @param y number of values of its output, of as many
  /// @param held of weights that a worker updates; null if the trusted side does
  public record Tensors(Object input, long weights, long x, long y, @Nullable HeldTensors held) {
    /// A layer whose weights the trusted side updates.
    ///
    /// @param input which input it reads
    /// @param weights number of values of its weights
    /// @param x number of values of its input
    /// @param y number of values of its output
    public Tensors(Object input, long weights, long x, long y) {
      this(input, weights, x, y, null);
    }
  }

  /// Tensors of a layer whose weights a worker updates.
  ///
  /// @param factor number of values of the folded kernel, and of the factor of the weight gradient
  /// @param directions number of values of the basis with the mean
  public record HeldTensors(long factor, long directions) {}

  /// Where tensors of a layer stand whose weights a worker updates.
  ///
  /// @param factor the folded kernel `[O, kH, kW, m]`; once it was taken, the factor of the weight
  ///   gradient
  /// @param directions `[m, C]`
  /// @param weights `[O, kH, kW, C]`, between steps alone
  /// @param velocity the momentum, of the same shape, between steps alone
  public record HeldPlaces(Slot factor, Slot directions, Slot weights, Slot velocity) {}

  /// Where a layer's tensors stand.
  ///
  /// @param weights `[O, kH, kW, C]`; once the worker has its copy, the place of their gradient;
  ///   not used where a worker updates them
  /// @param x `[N, H, W, C]`, N of the largest shard; one place for layers that read one input
  /// @param y `[N, OH, OW, O]`
  /// @param dy of the shape of y
  /// @param dx of the shape of x
  /// @param held null if the trusted side updates the weights
  public record Places(Slot weights, Slot x, Slot y, Slot dy, Slot dx, @Nullable HeldPlaces held) {}

  private final List<Span> spans = new ArrayList<>();
  private final List<Places> places = new ArrayList<>();
  private final long sizeBytes;
  // Of layers that have run backward, the last requests that read their places.
  private final Deque<List<Reader>> reading = new ArrayDeque<>();

  private record Reader(RemoteWorker worker, Ticket last) {}

  /// Plans the places.
  ///
  /// @param layers in the order in which they run forward
  /// @param gradientsAtWorker whether workers compute weight gradients, and so read inputs and
  ///   output gradients again
  /// @throws IllegalArgumentException if the region would exceed [Slot#MAX_REGION_BYTES]
  public SplitRegion(List<Tensors> layers, boolean gradientsAtWorker) {
    int n = layers.size();
    int end = 2 * n;
    // The numbers of a layer's spans, in the order of Places.
    int[][] numbers = new int[n][];
    Map<Object, Integer> inputs = new HashMap<>();
    for (int k = 0; k < n; k++) {
      Tensors layer = layers.get(k);
      int forward = k;
      int backward = 2 * n - 1 - k;
      int after = end + 1 + k; // layer by layer, between steps
      int read = gradientsAtWorker ? backward + 1 : backward;
      Integer shared = inputs.get(layer.input);
      // The first of its readers is the last to run backward.
      int x = shared == null ? span(forward, gradientsAtWorker ? read : forward, layer.x) : shared;
      inputs.put(layer.input, x);
      extend(x, forward);
      HeldTensors held = layer.held;
      numbers[k] =
          new int[] {
            held == null ? span(0, end, layer.weights) : span(after, after, layer.weights),
            x,
            span(forward, forward, layer.y),
            span(backward, read, layer.y),
            span(backward, backward, layer.x),
            held == null ? -1 : span(0, end, held.factor),
            held == null ? -1 : span(0, end, held.directions),
            held == null ? -1 : span(after, after, layer.weights)
          };
    }
    SlabLayout layout = new SlabLayout(spans);
    for (int k = 0; k < n; k++) {
      Tensors layer = layers.get(k);
      int[] own = numbers[k];
      places.add(
          new Places(
              new Slot(layout.offset(own[0]), layer.weights),
              new Slot(layout.offset(own[1]), layer.x),
              new Slot(layout.offset(own[2]), layer.y),
              new Slot(layout.offset(own[3]), layer.y),
              new Slot(layout.offset(own[4]), layer.x),
              heldPlaces(layout, layer, own)));
    }
    sizeBytes = Math.ceilDiv(Math.max(layout.sizeBytes(), 1), PAGE_BYTES) * PAGE_BYTES;
  }

  private static @Nullable HeldPlaces heldPlaces(SlabLayout layout, Tensors layer, int[] own) {
    HeldTensors held = layer.held;
    return held == null
        ? null
        : new HeldPlaces(
            new Slot(layout.offset(own[5]), held.factor),
            new Slot(layout.offset(own[6]), held.directions),
            new Slot(layout.offset(own[0]), layer.weights),
            new Slot(layout.offset(own[7]), layer.weights));
  }

  private int span(int from, int to, long floats) {
    spans.add(new Span(from, to, floats * Float.BYTES));
    return spans.size() - 1;
  }

  private void extend(int number, int moment) {
    Span span = spans.get(number);
    spans.set(number, new Span(span.from(), Math.max(span.to(), moment), span.sizeBytes()));
  }

  /// The places of a layer.
  ///
  /// @param layer its number, from 0
  /// @return where its tensors stand
  public Places places(int layer) {
    return places.get(layer);
  }

  /// The size of a region that holds all places.
  ///
  /// @return bytes, whole pages, at least one
  public long sizeBytes() {
    return sizeBytes;
  }

  /// Waits until workers read nothing any more but the places of the layer that ran backward last:
  /// to be called when a layer begins to run backward.
  ///
  /// @throws ProtocolException if a worker fails
  public void awaitEarlier() throws ProtocolException {
    while (reading.size() > 1) {
      for (Reader reader : reading.remove()) {
        reader.worker.await(reader.last);
      }
    }
    reading.add(new ArrayList<>());
  }

  /// Says which request of a worker is its last to read the places of the layer that runs backward.
  ///
  /// @param worker who reads
  /// @param last its request
  public void readUntil(RemoteWorker worker, Ticket last) {
    reading.getLast().add(new Reader(worker, last));
  }
}
