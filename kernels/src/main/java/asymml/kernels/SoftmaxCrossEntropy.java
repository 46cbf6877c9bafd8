package asymml.kernels;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// The mean softmax cross-entropy of logits `[N, K]` against labels, with label smoothing: the
/// target of an example is `1 - s + s / K` at its label and `s / K` elsewhere. Computed in double
/// precision. Examples can have a weight that is their class's, by which loss and gradient are
/// multiplied.
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

  /// How examples count.
  ///
  /// @param labelSmoothing s, from 0 to below 1
  /// @param classWeights one for each class, above 0 and finite; empty where all are 1
  public record Terms(float labelSmoothing, List<Float> classWeights) {
    /// Checks the ranges above.
    ///
    /// @throws IllegalArgumentException naming the rule that is broken
    public Terms {
      classWeights = List.copyOf(classWeights);
      if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
        throw new IllegalArgumentException(
            "label smoothing must be at least 0 and below 1: " + labelSmoothing);
      }
      for (float weight : classWeights) {
        if (!(weight > 0) || !Float.isFinite(weight)) {
          throw new IllegalArgumentException("class weights must be above 0 and finite: " + weight);
        }
      }
    }

    /// Every example counts the same.
    ///
    /// @param labelSmoothing s, from 0 to below 1
    public Terms(float labelSmoothing) {
      this(labelSmoothing, List.of());
    }

    private double weight(int label) {
      return classWeights.isEmpty() ? 1 : classWeights.get(label);
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
    return evaluate(logits, labels, new Terms(labelSmoothing), divisor, dLogits);
  }

  /// The same with examples that count by their class.
  ///
  /// @param logits `[N, K]`
  /// @param labels N class numbers from 0 to K - 1, or [#NO_LABEL]
  /// @param terms how each example counts; no weights or K of them
  /// @param divisor of the gradient, above 0 and finite: the number of examples, not the sum of
  ///   their weights
  /// @param dLogits `[N, K]`, overwritten; may be logits; null for none
  /// @return the weighted loss and the number of hits
  /// @throws IllegalArgumentException if shapes, labels, weights or divisor are out of range
  /// @throws IllegalStateException if a logit of an example that counts is NaN or infinite; dLogits
  ///   is then undefined
  public static Result evaluate(
      Tensor logits, int[] labels, Terms terms, double divisor, @Nullable Tensor dLogits) {
    if (!(divisor > 0) || !Double.isFinite(divisor)) {
      throw new IllegalArgumentException("the divisor must be above 0 and finite: " + divisor);
    }
    int classes = check(logits, labels, terms, dLogits);
    double elsewhere = (double) terms.labelSmoothing / classes;
    double atLabel = 1.0 - terms.labelSmoothing;
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
      double weight = terms.weight(labels[i]);
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
      loss += weight * (logSum - atLabel * row[labels[i]] - elsewhere * shifted);
      correct += best == labels[i] ? 1 : 0;
      if (dLogits != null) {
        for (int k = 0; k < classes; k++) {
          double target = elsewhere + (k == labels[i] ? atLabel : 0);
          double gradient = weight * (Math.exp(row[k] - logSum) - target) / divisor;
          dLogits.set(start + k, (float) gradient);
        }
      }
    }
    return new Result(loss, examples, correct);
  }

  private static int check(Tensor logits, int[] labels, Terms terms, @Nullable Tensor dLogits) {
    int[] shape = logits.shape();
    if (shape.length != 2 || shape[0] != labels.length) {
      throw new IllegalArgumentException(
          "logits must be [N, K] with N = " + labels.length + " labels: " + logits);
    }
    if (!terms.classWeights.isEmpty() && terms.classWeights.size() != shape[1]) {
      throw new IllegalArgumentException(
          terms.classWeights.size() + " class weights for " + shape[1] + " classes");
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
