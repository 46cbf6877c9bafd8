package asymml.trusted.check;

import asymml.kernels.Projections;
import asymml.kernels.Tensor;
import java.lang.foreign.Arena;

/// Takes results and projects them meanwhile: each position on a secret direction over channels,
/// and examples combined with secret factors.
public final class Projection {
  private final Tensor direction;
  private final Tensor map;
  private float[] factors = {};
  private double squares;

  /// Of results.
  ///
  /// @param arena owns its memory
  /// @param positions of one example
  /// @param channels of a position
  Projection(Arena arena, int positions, int channels) {
    this.direction = Tensor.allocate(arena, channels);
    this.map = Tensor.allocate(arena, positions);
  }

  Tensor direction() {
    return direction;
  }

  /// Begins a batch.
  ///
  /// @param next factors of its examples
  void begin(float[] next) {
    factors = next;
    map.fill(0);
    squares = 0;
  }

  /// Takes some examples: `target = result` or `target += result`, each value read once.
  ///
  /// @param result possibly shared memory
  /// @param add whether to add
  /// @param target private memory
  /// @param from the first example's place in the batch
  /// @return false if a value is not finite
  public boolean take(Tensor result, boolean add, Tensor target, int from) {
    return note(
        Projections.take(result, null, factors, add, target, factors, from, direction, map));
  }

  /// Takes all examples with their masks off: `scales[i] (result - mask)`.
  ///
  /// @param result computed on masked values, possibly shared memory
  /// @param mask the same computed on masks, possibly shared memory
  /// @param scales of the examples
  /// @param add whether to add
  /// @param target private memory
  /// @return false if a value is not finite
  public boolean unmask(Tensor result, Tensor mask, float[] scales, boolean add, Tensor target) {
    return note(Projections.take(result, mask, scales, add, target, factors, 0, direction, map));
  }

  private boolean note(Projections.Taken taken) {
    squares += taken.squares();
    return taken.finite();
  }

  void close() {
    map.fill(0);
  }

  /// The norm of all that was taken.
  double norm() {
    return Math.sqrt(squares);
  }

  /// How far the projection is from another.
  double distance(Tensor expected) {
    double sum = 0;
    for (long i = 0; i < map.size(); i++) {
      double difference = map.get(i) - expected.get(i);
      sum += difference * difference;
    }
    return Math.sqrt(sum);
  }
}
