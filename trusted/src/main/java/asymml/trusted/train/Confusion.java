package asymml.trusted.train;

import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

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
  /// @param labels n true classes, or [SoftmaxCrossEntropy#NO_LABEL]
  void add(Tensor logits, int[] labels) {
    for (int i = 0; i < labels.length; i++) {
      if (labels[i] != SoftmaxCrossEntropy.NO_LABEL) {
        counts[labels[i] * classes + largest(logits, i)]++;
      }
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

  /// How many images were taken for a class.
  ///
  /// @param predicted the class with the largest logit
  /// @return at least 0
  public long predictions(int predicted) {
    long total = 0;
    for (int c = 0; c < classes; c++) {
      total += count(c, predicted);
    }
    return total;
  }

  /// The share of a class's images that were recognised.
  ///
  /// @param actual the true class
  /// @return 0 to 1; NaN if it has no images
  public double recall(int actual) {
    return (double) count(actual, actual) / total(actual);
  }

  /// The share of images taken for a class that are of it.
  ///
  /// @param predicted the class
  /// @return 0 to 1; NaN if none was taken for it
  public double precision(int predicted) {
    return (double) count(predicted, predicted) / predictions(predicted);
  }

  /// The harmonic mean of precision and recall: `2 TP / (2 TP + FP + FN)`.
  ///
  /// @param of the class
  /// @return 0 to 1; NaN if it has no images and none was taken for it
  public double f1(int of) {
    return 2.0 * count(of, of) / (total(of) + predictions(of));
  }

  /// The mean of the recalls of all classes that have images.
  ///
  /// @return 0 to 1
  public double balancedAccuracy() {
    return IntStream.range(0, classes)
        .filter(c -> total(c) > 0)
        .mapToDouble(this::recall)
        .average()
        .orElse(Double.NaN);
  }

  /// The mean of the F1 scores of all classes that have images.
  ///
  /// @return 0 to 1
  public double macroF1() {
    return IntStream.range(0, classes)
        .filter(c -> total(c) > 0)
        .mapToDouble(this::f1)
        .average()
        .orElse(Double.NaN);
  }

  /// A kind of mistake.
  ///
  /// @param actual the true class
  /// @param predicted another one
  /// @param count of images of the one that were taken for the other, at least 1
  public record Mistake(int actual, int predicted, long count) {}

  /// The most frequent mistakes.
  ///
  /// @param most how many kinds at most
  /// @return the most frequent first
  public List<Mistake> mistakes(int most) {
    List<Mistake> found = new ArrayList<>();
    for (int a = 0; a < classes; a++) {
      for (int p = 0; p < classes; p++) {
        if (a != p && count(a, p) > 0) {
          found.add(new Mistake(a, p, count(a, p)));
        }
      }
    }
    return found.stream()
        .sorted(Comparator.comparingLong(Mistake::count).reversed())
        .limit(most)
        .toList();
  }
}
