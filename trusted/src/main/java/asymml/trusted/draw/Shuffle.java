package asymml.trusted.draw;

/// Seeded orders of examples.
public final class Shuffle {
  private Shuffle() {}

  /// A random permutation of `0 .. size-1` (Fisher-Yates), fixed by the seed on every JDK.
  ///
  /// @param size how many, at least 0
  /// @param seed any value
  /// @return a new array
  /// @throws IllegalArgumentException if the size is negative
  public static int[] order(int size, long seed) {
    if (size < 0) {
      throw new IllegalArgumentException("a size is at least 0: " + size);
    }
    SplitMix64 random = new SplitMix64(seed);
    int[] order = new int[size];
    for (int i = 0; i < size; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }
}
