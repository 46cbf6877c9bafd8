package asymml.trusted.draw;

/// The SplitMix64 generator (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014, with Stafford's variant 13 as its mixer). Written out here so that the
/// order of the examples and the generated images never change with the JDK. Not cryptographic: it
/// must never feed privacy noise.
public final class SplitMix64 {
  /// 2^64 over the golden ratio, made odd: the step of the underlying counter.
  static final long GOLDEN = 0x9E3779B97F4A7C15L;

  private long state;

  /// Starts a stream.
  ///
  /// @param seed any
  public SplitMix64(long seed) {
    state = seed;
  }

  /// The generator of one item of a seeded family. Both mixings are needed: without the outer one
  /// the stream of item i + 1 would be that of item i, one step later.
  ///
  /// @param seed of the family
  /// @param item its number
  /// @return a stream of its own
  public static SplitMix64 of(long seed, long item) {
    return new SplitMix64(mix(mix(seed) + item * GOLDEN));
  }

  static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  /// The next 64 bits.
  ///
  /// @return any long
  public long nextLong() {
    state += GOLDEN;
    return mix(state);
  }

  /// Uniform in `[0, bound)`, without modulo bias.
  ///
  /// @param bound at least 1
  /// @return a whole number below it
  public int nextInt(int bound) {
    long bits = nextLong() >>> 1;
    long value = bits % bound;
    // The last, incomplete run of `bound` values overflows to a negative number here.
    while (bits - value + (bound - 1) < 0) {
      bits = nextLong() >>> 1;
      value = bits % bound;
    }
    return (int) value;
  }

  /// A fair coin.
  ///
  /// @return true or false
  public boolean nextBoolean() {
    return nextLong() < 0;
  }

  /// Uniform in `[0, 1)`, 53 bits.
  ///
  /// @return a multiple of 2^-53
  public double nextDouble() {
    return (nextLong() >>> 11) * 0x1p-53;
  }

  /// Uniform in `[low, high)`.
  ///
  /// @param low the least number
  /// @param high above it
  /// @return a number between them
  public double between(double low, double high) {
    return low + (high - low) * nextDouble();
  }
}
