package asymml.trusted.draw;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

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

  /// Whole groups, taken in an order that the seed decides, each if it brings the shares of the
  /// classes nearer to the wanted one; a class is never set aside as a whole.
  ///
  /// @param labels of all examples, from 0
  /// @param groups of all examples, any numbers
  /// @param share of each class, above 0 and below 1
  /// @param seed any value
  /// @return places in rising order
  /// @throws IllegalArgumentException if the share is out of range, or each group has all of a
  ///   class
  public static int[] ofGroups(int[] labels, long[] groups, double share, long seed) {
    count(labels.length, share);
    int classes = Arrays.stream(labels).max().orElse(0) + 1;
    double[] sizes = new double[classes];
    Map<Long, SortedMap<Integer, Double>> members = new TreeMap<>();
    for (int i = 0; i < labels.length; i++) {
      sizes[labels[i]]++;
      members.computeIfAbsent(groups[i], _ -> new TreeMap<>()).merge(labels[i], 1.0, Double::sum);
    }
    List<Long> order =
        members.keySet().stream()
            .sorted(Comparator.comparingLong(group -> SplitMix64.of(seed, group).nextLong()))
            .toList();
    double[] aside = new double[classes];
    Set<Long> chosen = new HashSet<>();
    @Nullable Long nearest = null;
    double least = Double.POSITIVE_INFINITY;
    for (Long group : order) {
      SortedMap<Integer, Double> own = members.getOrDefault(group, new TreeMap<>());
      double change = change(aside, own, sizes, share);
      if (change < 0) {
        chosen.add(group);
        own.forEach((label, count) -> aside[label] += count);
      } else if (change < least) {
        least = change;
        nearest = group;
      }
    }
    if (chosen.isEmpty()) {
      if (nearest == null) {
        throw new IllegalArgumentException(
            "each group has all images of a class: none can be set aside for validation");
      }
      chosen.add(nearest);
    }
    return IntStream.range(0, groups.length).filter(i -> chosen.contains(groups[i])).toArray();
  }

  /// How much farther the classes' shares are from the wanted one with a group: the sum of squared
  /// differences over the classes' sizes. Infinite if nothing of a class would be left.
  private static double change(
      double[] aside, SortedMap<Integer, Double> own, double[] sizes, double share) {
    double change = 0;
    for (Map.Entry<Integer, Double> each : own.entrySet()) {
      int c = each.getKey();
      double count = each.getValue();
      if (aside[c] + count == sizes[c]) {
        return Double.POSITIVE_INFINITY;
      }
      double missing = share * sizes[c] - aside[c];
      change += (count * count - 2 * count * missing) / sizes[c];
    }
    return change;
  }

  /// Whole groups, each by itself with the probability of the share: whether an example is set
  /// aside follows from its own group and the seed alone.
  ///
  /// @param groups of all examples, any numbers
  /// @param share of the groups, above 0 and below 1
  /// @param seed any value
  /// @return places in rising order
  /// @throws IllegalArgumentException if the share is out of range, or with this seed none or all
  ///   examples would be set aside
  public static int[] ofGroups(long[] groups, double share, long seed) {
    count(groups.length, share);
    int[] chosen =
        IntStream.range(0, groups.length)
            .filter(i -> SplitMix64.of(seed, groups[i]).nextDouble() < share)
            .toArray();
    if (chosen.length == 0 || chosen.length == groups.length) {
      throw new IllegalArgumentException(
          "with this seed %s of the groups are set aside for validation: give another one, or another share"
              .formatted(chosen.length == 0 ? "none" : "all"));
    }
    return chosen;
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
