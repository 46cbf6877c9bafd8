package asymml.kernels;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Inverted dropout. Whether an element is dropped is a pure function of seed and index, so no mask
/// is stored, and the gradient recomputes it.
///
/// The hash is fast, not cryptographic: this regularises, it hides nothing.
public final class Dropout {
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
  private static final IntVector INDEX = IntVector.zero(INTS).addIndex(1);

  private Dropout() {}

  /// `y = x / (1 - rate)` where kept, else 0.
  ///
  /// @param x input
  /// @param y output of the same size, may be x
  /// @param rate share of elements to drop, from 0 to below 1
  /// @param seed another for every step and layer
  /// @throws IllegalArgumentException if sizes differ or the rate is out of range
  public static void forward(Tensor x, Tensor y, float rate, long seed) {
    apply(x, y, rate, seed);
  }

  /// `dx = dy / (1 - rate)` where kept, else 0.
  ///
  /// @param dy gradient with respect to the output
  /// @param dx output of the same size, may be dy
  /// @param rate as forward
  /// @param seed as forward
  /// @throws IllegalArgumentException if sizes differ or the rate is out of range
  public static void backward(Tensor dy, Tensor dx, float rate, long seed) {
    apply(dy, dx, rate, seed);
  }

  private static void apply(Tensor source, Tensor target, float rate, long seed) {
    if (!(rate >= 0 && rate < 1)) {
      throw new IllegalArgumentException("dropout rate must be at least 0 and below 1: " + rate);
    }
    long in = Operands.address("input", source);
    long out = Operands.addressOfSize("output", target, source.size());
    // The hash is compared as 31 bits without sign.
    int threshold = (int) (rate * 0x1p31);
    float factor = 1 / (1 - rate);
    FloatVector zero = FloatVector.zero(Lanes.FLOATS);
    Parallel.overElements(
        source.size(),
        (from, to) -> {
          long key = mix(seed + 0x9E3779B97F4A7C15L * (from / Parallel.CHUNK + 1));
          for (long i = from; i < to; i += Lanes.COUNT) {
            VectorMask<Float> mask = Lanes.tail(i, to);
            VectorMask<Float> kept =
                hash((int) (i - from), key)
                    .compare(VectorOperators.GE, threshold)
                    .cast(Lanes.FLOATS);
            FloatVector value = Lanes.load(in, i, mask).mul(factor);
            Lanes.store(zero.blend(value, kept), out, i, mask);
          }
        });
  }

  /// 31 random bits for each lane, from the index within the chunk and the chunk's key.
  private static IntVector hash(int index, long key) {
    IntVector h = INDEX.add(index).mul(0x9E3779B9).add((int) key);
    return scramble(scramble(h).lanewise(VectorOperators.XOR, (int) (key >>> 32)))
        .lanewise(VectorOperators.LSHR, 1);
  }

  /// A 32-bit bijection with full avalanche (Wellons, "Prospecting for Hash Functions", lowbias32).
  private static IntVector scramble(IntVector h) {
    IntVector a = h.lanewise(VectorOperators.XOR, h.lanewise(VectorOperators.LSHR, 16));
    IntVector b = a.mul(0x7feb352d);
    IntVector c = b.lanewise(VectorOperators.XOR, b.lanewise(VectorOperators.LSHR, 15));
    IntVector d = c.mul(0x846ca68b);
    return d.lanewise(VectorOperators.XOR, d.lanewise(VectorOperators.LSHR, 16));
  }

  /// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
  private static long mix(long z) {
    long a = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    long b = (a ^ (a >>> 27)) * 0x94d049bb133111ebL;
    return b ^ (b >>> 31);
  }
}
