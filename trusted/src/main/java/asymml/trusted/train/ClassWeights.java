package asymml.trusted.train;

import asymml.trusted.data.ImageSet;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;

/// How much the examples of each class count in the loss.
public sealed interface ClassWeights {
  /// All examples count the same.
  record Equal() implements ClassWeights {
    @Override
    public String toString() {
      return "none";
    }
  }

  /// Each class counts as much as any other in all: `N / (K n_c)` for one of K classes that has n_c
  /// of the N training images. The weights follow from private labels.
  record Balanced() implements ClassWeights {
    @Override
    public String toString() {
      return "balanced";
    }
  }

  /// Weights of the user's choice.
  ///
  /// @param values one for each class in the order of their names, above 0 and finite
  record Given(List<Float> values) implements ClassWeights {
    /// Checks the ranges above.
    public Given {
      values = List.copyOf(values);
      for (float weight : values) {
        if (!(weight > 0) || !Float.isFinite(weight)) {
          throw new IllegalArgumentException("class weights must be above 0 and finite: " + weight);
        }
      }
    }

    @Override
    public String toString() {
      return values.stream().map(String::valueOf).collect(Collectors.joining(","));
    }
  }

  /// The weights of a run.
  ///
  /// @param train what it is trained on
  /// @return one for each class; empty where all count the same
  /// @throws IllegalArgumentException if there are not as many as classes
  default List<Float> of(ImageSet train) {
    int classes = train.classNames().size();
    return switch (this) {
      case Equal _ -> List.of();
      case Given(List<Float> values) -> {
        if (values.size() != classes) {
          throw new IllegalArgumentException(
              "%s class weights for %s classes: give one for each, in the order of their names"
                  .formatted(values.size(), classes));
        }
        yield values;
      }
      case Balanced _ -> balanced(train, classes);
    };
  }

  private static List<Float> balanced(ImageSet train, int classes) {
    long[] counts = new long[classes];
    for (int i = 0; i < train.size(); i++) {
      counts[train.label(i)]++;
    }
    long present = Arrays.stream(counts).filter(count -> count > 0).count();
    // A class without images has a weight that is never used.
    List<Float> weights = new ArrayList<>(Collections.nCopies(classes, 1f));
    for (int c = 0; c < classes; c++) {
      if (counts[c] > 0) {
        weights.set(c, (float) ((double) train.size() / (present * counts[c])));
      }
    }
    return weights;
  }
}
