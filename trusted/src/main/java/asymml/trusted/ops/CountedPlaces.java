package asymml.trusted.ops;

import asymml.kernels.Elementwise;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import asymml.trusted.boundary.NullExamples;
import java.util.Arrays;

/// The labels of the examples of a physical batch that count, in each of their places. Those with
/// values that are not finite count as null examples: that the run goes on is no information about
/// them. PRIVATE.
public final class CountedPlaces implements NullExamples {
  private final int[] labels;
  private final int views;

  /// Counts all that have a label.
  ///
  /// @param labels of all places; copied
  /// @param views how many places an example has
  public CountedPlaces(int[] labels, int views) {
    this.labels = labels.clone();
    this.views = views;
  }

  /// The labels of the examples that count.
  ///
  /// @return for each place, [SoftmaxCrossEntropy#NO_LABEL] where none counts; not a copy
  public int[] labels() {
    return labels;
  }

  @Override
  public boolean isNull(int place) {
    return labels[place] == SoftmaxCrossEntropy.NO_LABEL;
  }

  @Override
  public boolean drop(int place) {
    int first = place - place % views;
    Arrays.fill(labels, first, first + views, SoftmaxCrossEntropy.NO_LABEL);
    return true;
  }

  /// Drops the examples whose outputs are not finite.
  ///
  /// @param logits `[places, classes]`
  public void dropUnlessFinite(Tensor logits) {
    for (int i = 0; i < labels.length; i++) {
      if (!Elementwise.allFinite(logits.examples(i, 1))) {
        drop(i);
      }
    }
  }
}
