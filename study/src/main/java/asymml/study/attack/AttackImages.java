package asymml.study.attack;

import asymml.analysis.Maps;
import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import java.lang.foreign.Arena;

/// Images as attacks and scorers take them.
///
/// @param normalization of pixels, as the attacked run has it
record AttackImages(Normalization normalization) {
  /// Some images of a set, normalised.
  ///
  /// @param from the first
  /// @param count how many
  Maps of(ImageSet set, int from, int count) {
    Shape shape = set.shape();
    float[] values = new float[count * shape.size()];
    byte[] bytes = new byte[shape.size()];
    try (Arena arena = Arena.ofConfined()) {
      Tensor one = Tensor.allocate(arena, 1, shape.height(), shape.width(), shape.channels());
      for (int i = 0; i < count; i++) {
        set.pixels(from + i, bytes);
        normalization.apply(bytes, one);
        System.arraycopy(one.toArray(), 0, values, i * shape.size(), shape.size());
      }
    }
    return new Maps(count, shape.height(), shape.width(), shape.channels(), values);
  }

  /// Pixels from 0 to 1 of normalised images; an attack's can lie outside.
  Maps pixels(Maps images) {
    float[] mean = normalization.mean();
    float[] deviation = normalization.standardDeviation();
    Maps result = images.zeros();
    for (int i = 0; i < result.values().length; i++) {
      int c = i % mean.length;
      result.values()[i] = images.values()[i] * deviation[c] + mean[c];
    }
    return result;
  }

  /// The mean of images, several times.
  static Maps mean(Maps known, int examples) {
    int size = known.exampleSize();
    float[] values = new float[examples * size];
    for (int i = 0; i < known.values().length; i++) {
      values[i % size] += known.values()[i] / known.examples();
    }
    for (int n = 1; n < examples; n++) {
      System.arraycopy(values, 0, values, n * size, size);
    }
    return new Maps(examples, known.height(), known.width(), known.channels(), values);
  }
}
