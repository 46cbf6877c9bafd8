package asymml.kernels;

import org.jspecify.annotations.Nullable;

/// The mean softmax cross-entropy of logits `[N, K]` against labels, with label smoothing: the
/// target of an example is `1 - s + s / K` at its label and `s / K` elsewhere. Computed in double
/// precision.
public final class SoftmaxCrossEntropy {
  /// Stands for the label of an example that does not count: its loss and its gradient are 0.
  public static final int NO_LABEL = -1;

  private SoftmaxCrossEntropy() {}

  /// The outcome for a batch.
  ///
  /// @param lossSum in nats, summed over the examples that count
  /// @param examples how many these are
  /// @param correct how many of them have their largest logit, the first of equals, at their label
  public record Result(double lossSum, int examples, int correct) {
    /// The mean loss.
    ///
    /// @return in nats; 0 without examples
    public double meanLoss() {
      return examples == 0 ? 0 : lossSum / examples;
    }
  }

  /// Computes loss, hits and, if asked, the gradient of the mean loss.
  ///
  /// @param logits `[N, K]`
  /// @param labels N class numbers from 0 to K - 1
  /// @param labelSmoothing s, from 0 to below 1
  /// @param dLogits `[N, K]`, overwritten; may be logits; null for none
  /// @return the mean loss and the number of hits
  /// @throws IllegalArgumentException if shapes, labels or smoothing are out of range
  /// @throws IllegalStateException if a logit is NaN or infinite; dLogits is then undefined
  public static Result evaluate(
      Tensor logits, int[] labels, float labelSmoothing, @Nullable Tensor dLogits) {
    for (int label : labels) {
      if (label == NO_LABEL) {
        throw new IllegalArgumentException("a mean over all examples needs every label: " + label);
      }
    }
    return evaluate(logits, labels, labelSmoothing, labels.length, dLogits);
  }

  /// The same, with the gradient of the summed loss over a number of its own choice.
  ///
  /// @param logits `[N, K]`
  /// @param labels N class numbers from 0 to K - 1, or [#NO_LABEL]
  /// @param labelSmoothing s, from 0 to below 1
  /// @param divisor of the gradient, above 0 and finite: where the number of examples is private,
  ///   the expected one
  /// @param dLogits `[N, K]`, overwritten; may be logits; null for none
  /// @return the loss and the number of hits
  /// @throws IllegalArgumentException if shapes, labels, smoothing or divisor are out of range
  /// @throws IllegalStateException if a logit of an example that counts is NaN or infinite; dLogits
  ///   is then undefined
  public static Result evaluate(
      Tensor logits, int[] labels, float labelSmoothing, double divisor, @Nullable Tensor dLogits) {
    if (!(divisor > 0) || !Double.isFinite(divisor)) {
      throw new IllegalArgumentException("the divisor must be above 0 and finite: " + divisor);
    }
    int classes = check(logits, labels, labelSmoothing, dLogits);
    double elsewhere = (double) labelSmoothing / classes;
    double atLabel = 1.0 - labelSmoothing;
    double[] row = new double[classes];
    double loss = 0;
    int examples = 0;
    int correct = 0;
    for (int i = 0; i < labels.length; i++) {
      long start = (long) i * classes;
      if (labels[i] == NO_LABEL) {
        if (dLogits != null) {
          dLogits.examples(i, 1).fill(0);
        }
        continue;
      }
      examples++;
      int best = read(logits, i, row);
      double largest = row[best];
      double sum = 0;
      double shifted = 0;
      for (int k = 0; k < classes; k++) {
        row[k] -= largest;
        shifted += row[k];
        sum += Math.exp(row[k]);
      }
      double logSum = Math.log(sum);
      // sum_k t_k (logSum - z_k), with the targets' sum of 1 taken out.
      loss += logSum - atLabel * row[labels[i]] - elsewhere * shifted;
      correct += best == labels[i] ? 1 : 0;
      if (dLogits != null) {
        for (int k = 0; k < classes; k++) {
          double target = elsewhere + (k == labels[i] ? atLabel : 0);
          double gradient = (Math.exp(row[k] - logSum) - target) / divisor;
          dLogits.set(start + k, (float) gradient);
        }
      }
    }
    return new Result(loss, examples, correct);
  }

  private static int check(
      Tensor logits, int[] labels, float labelSmoothing, @Nullable Tensor dLogits) {
    int[] shape = logits.shape();
    if (shape.length != 2 || shape[0] != labels.length) {
      throw new IllegalArgumentException(
          "logits must be [N, K] with N = " + labels.length + " labels: " + logits);
    }
    if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
      throw new IllegalArgumentException(
          "label smoothing must be at least 0 and below 1: " + labelSmoothing);
    }
    for (int label : labels) {
      if (label != NO_LABEL && (label < 0 || label >= shape[1])) {
        throw new IllegalArgumentException(
            "labels must be from 0 to " + (shape[1] - 1) + ": " + label);
      }
    }
    Operands.address("logits", logits);
    if (dLogits != null) {
      Operands.address("dLogits", dLogits, shape);
    }
    return shape[1];
  }

  /// Reads one example's logits and finds the first largest.
  private static int read(Tensor logits, int example, double[] row) {
    int best = 0;
    for (int k = 0; k < row.length; k++) {
      row[k] = logits.get((long) example * row.length + k);
      if (!Double.isFinite(row[k])) {
        throw new IllegalStateException(
            "logit " + k + " of example " + example + " is not finite: " + row[k]);
      }
      if (row[k] > row[best]) {
        best = k;
      }
    }
    return best;
  }
}
