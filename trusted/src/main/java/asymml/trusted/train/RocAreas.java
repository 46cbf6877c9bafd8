package asymml.trusted.train;

import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import java.util.Arrays;

/// Areas under the ROC curves of the classes, each against all others, by the probabilities of a
/// softmax. PRIVATE: functions of labels.
final class RocAreas {
  /// Beyond so many numbers areas are not worth their memory and time.
  private static final long MOST = 1L << 24;

  private final float[][] probabilities;
  private final int[] labels;
  private int count;

  /// @param classes of the network
  /// @param images that will be added
  RocAreas(int classes, int images) {
    boolean fits = (long) classes * images <= MOST;
    probabilities = new float[classes][fits ? images : 0];
    labels = new int[fits ? images : 0];
  }

  /// Adds a batch.
  ///
  /// @param logits `[n, classes]`
  /// @param batch n true classes, or [SoftmaxCrossEntropy#NO_LABEL]
  void add(Tensor logits, int[] batch) {
    if (labels.length == 0) {
      return;
    }
    int classes = probabilities.length;
    for (int i = 0; i < batch.length; i++) {
      if (batch[i] == SoftmaxCrossEntropy.NO_LABEL) {
        continue;
      }
      double largest = Double.NEGATIVE_INFINITY;
      for (int c = 0; c < classes; c++) {
        largest = Math.max(largest, logits.get((long) i * classes + c));
      }
      double sum = 0;
      for (int c = 0; c < classes; c++) {
        sum += Math.exp(logits.get((long) i * classes + c) - largest);
      }
      for (int c = 0; c < classes; c++) {
        probabilities[c][count] =
            (float) (Math.exp(logits.get((long) i * classes + c) - largest) / sum);
      }
      labels[count++] = batch[i];
    }
  }

  /// The probability that an image of a class has a larger probability of it than one of another
  /// class; a half where they are equal.
  ///
  /// @param of the class
  /// @return 0 to 1; NaN if all images are of the class, or none, or there are too many
  double area(int of) {
    Integer[] order = new Integer[count];
    Arrays.setAll(order, i -> i);
    float[] scores = probabilities[of];
    Arrays.sort(order, (a, b) -> Float.compare(scores[a], scores[b]));
    double ranks = 0;
    long positive = 0;
    for (int from = 0; from < count; ) {
      int to = from + 1;
      while (to < count && scores[order[to]] == scores[order[from]]) {
        to++;
      }
      // Ranks from + 1 to `to` share their mean.
      double rank = (from + 1 + to) / 2.0;
      for (int i = from; i < to; i++) {
        if (labels[order[i]] == of) {
          ranks += rank;
          positive++;
        }
      }
      from = to;
    }
    double pairs = (double) positive * (count - positive);
    return (ranks - positive * (positive + 1) / 2.0) / pairs;
  }

  /// All areas.
  double[] areas() {
    double[] areas = new double[probabilities.length];
    Arrays.setAll(areas, this::area);
    return areas;
  }
}
