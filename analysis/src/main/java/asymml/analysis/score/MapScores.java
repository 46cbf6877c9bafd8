package asymml.analysis.score;

import asymml.analysis.Maps;

/// How well recovered activations match the true ones.
public final class MapScores {
  private MapScores() {}

  /// The mean over examples of the cosine between both, each less its own mean over examples: what
  /// is known of the single example. Chance is 0, the truth has 1; a factor does not count.
  ///
  /// @param found `[N, ...]`, N at least 2
  /// @param truth the same shape
  /// @return -1 to 1
  public static double cosine(Maps found, Maps truth) {
    float[] a = deviations(found);
    float[] b = deviations(truth);
    int size = truth.exampleSize();
    double sum = 0;
    for (int n = 0; n < truth.examples(); n++) {
      sum += cosine(a, b, n * size, n * size, size);
    }
    return sum / truth.examples();
  }

  /// The share of examples that are re-identified: whose estimate is nearer, by that cosine, to
  /// their own truth than to any other example's. Chance is 1 / N, the truth has 1.
  ///
  /// @param found `[N, ...]`
  /// @param truth the same shape
  /// @return 0 to 1
  public static double reidentified(Maps found, Maps truth) {
    float[] a = deviations(found);
    float[] b = deviations(truth);
    int size = truth.exampleSize();
    int hits = 0;
    for (int n = 0; n < truth.examples(); n++) {
      double own = cosine(a, b, n * size, n * size, size);
      boolean first = true;
      for (int m = 0; m < truth.examples(); m++) {
        first &= m == n || cosine(a, b, n * size, m * size, size) < own;
      }
      hits += first ? 1 : 0;
    }
    return (double) hits / truth.examples();
  }

  /// Puts estimates without an order in the truth's: again and again the pair with the highest
  /// cosine that is left.
  ///
  /// @param found `[N, ...]`
  /// @param truth the same shape
  /// @return the same estimates in another order
  public static Maps matched(Maps found, Maps truth) {
    float[] a = deviations(found);
    float[] b = deviations(truth);
    int size = truth.exampleSize();
    int count = truth.examples();
    int[] order = new int[count];
    boolean[] used = new boolean[count];
    boolean[] filled = new boolean[count];
    for (int round = 0; round < count; round++) {
      double highest = Double.NEGATIVE_INFINITY;
      int from = 0;
      int to = 0;
      for (int i = 0; i < count * count; i++) {
        double cosine =
            used[i / count] || filled[i % count]
                ? Double.NEGATIVE_INFINITY
                : cosine(a, b, i / count * size, i % count * size, size);
        if (cosine > highest) {
          highest = cosine;
          from = i / count;
          to = i % count;
        }
      }
      used[from] = true;
      filled[to] = true;
      order[to] = from;
    }
    return found.pick(order, 0, count);
  }

  /// The mean of the shares that are right among active and among silent places. Chance, and any
  /// constant guess, is 0.5, the truth has 1.
  ///
  /// @param found pre-activations or masks: above 0 is on
  /// @param truth activations behind the ReLU
  /// @return 0 to 1
  public static double maskAccuracy(Maps found, Maps truth) {
    long[] right = new long[2];
    long[] all = new long[2];
    for (int i = 0; i < truth.values().length; i++) {
      int side = truth.values()[i] > 0 ? 1 : 0;
      all[side]++;
      right[side] += found.values()[i] > 0 == (side == 1) ? 1 : 0;
    }
    double sum = 0;
    for (int side = 0; side < 2; side++) {
      sum += all[side] == 0 ? 1 : (double) right[side] / all[side];
    }
    return sum / 2;
  }

  /// The correlation, over examples, of both norms. Chance is 0, the truth has 1.
  ///
  /// @param found `[N, ...]`
  /// @param truth the same shape
  /// @return -1 to 1, 0 if either is constant
  public static double normCorrelation(Maps found, Maps truth) {
    float[] a = norms(found);
    float[] b = norms(truth);
    return cosine(
        deviations(new Maps(a.length, 1, 1, 1, a)),
        deviations(new Maps(b.length, 1, 1, 1, b)),
        0,
        0,
        a.length);
  }

  private static float[] norms(Maps maps) {
    float[] norms = new float[maps.examples()];
    int size = maps.exampleSize();
    for (int n = 0; n < norms.length; n++) {
      double squares = 0;
      for (int i = n * size; i < (n + 1) * size; i++) {
        squares += (double) maps.values()[i] * maps.values()[i];
      }
      norms[n] = (float) Math.sqrt(squares);
    }
    return norms;
  }

  static float[] deviations(Maps maps) {
    int size = maps.exampleSize();
    double[] mean = new double[size];
    for (int i = 0; i < maps.values().length; i++) {
      mean[i % size] += (double) maps.values()[i] / maps.examples();
    }
    float[] result = new float[maps.values().length];
    for (int i = 0; i < result.length; i++) {
      result[i] = (float) (maps.values()[i] - mean[i % size]);
    }
    return result;
  }

  static double cosine(float[] a, float[] b, int fromA, int fromB, int count) {
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < count; i++) {
      ab += (double) a[fromA + i] * b[fromB + i];
      aa += (double) a[fromA + i] * a[fromA + i];
      bb += (double) b[fromB + i] * b[fromB + i];
    }
    return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
  }
}
