package asymml.trusted.train;

import asymml.kernels.Tensor;

/// How often images of each class were taken for each class. PRIVATE: counts of labels.
public final class Confusion {
  private final int classes;
  private final long[] counts;

  /// No images yet.
  ///
  /// @param classes at least 1
  public Confusion(int classes) {
    this.classes = classes;
    counts = new long[Math.multiplyExact(classes, classes)];
  }

  /// Adds a batch.
  ///
  /// @param logits `[n, classes]`
  /// @param labels n true classes
  void add(Tensor logits, int[] labels) {
    for (int i = 0; i < labels.length; i++) {
      counts[labels[i] * classes + largest(logits, i)]++;
    }
  }

  /// The first of the largest logits, as the accuracy counts it.
  private int largest(Tensor logits, int example) {
    long start = (long) example * classes;
    int best = 0;
    for (int c = 1; c < classes; c++) {
      if (logits.get(start + c) > logits.get(start + best)) {
        best = c;
      }
    }
    return best;
  }

  /// The number of classes.
  ///
  /// @return at least 1
  public int classes() {
    return classes;
  }

  /// How many images of one class were taken for another, or for what they are.
  ///
  /// @param actual the true class
  /// @param predicted the class with the largest logit
  /// @return at least 0
  public long count(int actual, int predicted) {
    return counts[actual * classes + predicted];
  }

  /// How many images of a class there were.
  ///
  /// @param actual the true class
  /// @return at least 0
  public long total(int actual) {
    long total = 0;
    for (int c = 0; c < classes; c++) {
      total += count(actual, c);
    }
    return total;
  }
}
