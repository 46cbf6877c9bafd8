package asymml.trusted.draw;

import java.util.Arrays;
import java.util.stream.IntStream;

/// Which training examples are set aside for validation: never trained on, fixed by a seed.
public final class ValidationDraw {
  private ValidationDraw() {}

  /// A share of the examples, whatever they are: which place is set aside follows from seed and
  /// number of places alone, so that no example has a say in whether another one is trained on.
  ///
  /// @param size how many examples there are
  /// @param share of them, above 0 and below 1
  /// @param seed any value
  /// @return places in rising order: `share * size`, rounded, but at least 1 and not all
  /// @throws IllegalArgumentException if there are fewer than 2 examples, or the share is out of
  ///   range
  public static int[] ofPlaces(int size, double share, long seed) {
    int count = count(size, share);
    int[] chosen = Arrays.copyOf(Shuffle.order(size, seed), count);
    Arrays.sort(chosen);
    return chosen;
  }

  /// The same share of each class, as nearly as whole examples allow (largest remainders); a class
  /// is never set aside as a whole.
  ///
  /// @param labels of all examples, from 0
  /// @param share of them, above 0 and below 1
  /// @param seed any value
  /// @return places in rising order, as many as those of [#ofPlaces] where classes have enough
  ///   examples
  /// @throws IllegalArgumentException if there are fewer than 2 examples, the share is out of
  ///   range, or every class has a single example
  public static int[] ofClasses(int[] labels, double share, long seed) {
    int left = count(labels.length, share);
    int[] sizes = new int[Arrays.stream(labels).max().orElse(0) + 1];
    Arrays.stream(labels).forEach(label -> sizes[label]++);
    int[] counts = new int[sizes.length];
    double[] remainders = new double[sizes.length];
    for (int c = 0; c < sizes.length; c++) {
      counts[c] = Math.min((int) (share * sizes[c]), Math.max(0, sizes[c] - 1));
      remainders[c] = share * sizes[c] - counts[c];
      left -= counts[c];
    }
    int[] order =
        IntStream.range(0, sizes.length)
            .boxed()
            .sorted((a, b) -> Double.compare(remainders[b], remainders[a]))
            .mapToInt(c -> c)
            .toArray();
    for (int c : order) {
      if (left > 0 && counts[c] < sizes[c] - 1) {
        counts[c]++;
        left--;
      }
    }
    int[] chosen =
        IntStream.range(0, sizes.length)
            .flatMap(c -> ofClass(labels, c, counts[c], seed))
            .sorted()
            .toArray();
    if (chosen.length == 0) {
      throw new IllegalArgumentException(
          "every class has a single image: none can be set aside for validation");
    }
    return chosen;
  }

  private static IntStream ofClass(int[] labels, int label, int count, long seed) {
    int[] places = IntStream.range(0, labels.length).filter(i -> labels[i] == label).toArray();
    int[] order = Shuffle.order(places.length, SplitMix64.of(seed, label).nextLong());
    return Arrays.stream(order).limit(count).map(i -> places[i]);
  }

  private static int count(int size, double share) {
    if (!(share > 0 && share < 1)) {
      throw new IllegalArgumentException(
          "the share of validation images must be above 0 and below 1: " + share);
    }
    if (size < 2) {
      throw new IllegalArgumentException(
          "validation needs an image beside those that are trained on: there are " + size);
    }
    return Math.clamp(Math.round(share * size), 1, size - 1);
  }
}
