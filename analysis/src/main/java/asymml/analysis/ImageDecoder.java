package asymml.analysis;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.Tensor;
import asymml.model.Layer;
import asymml.model.Layer.GroupNorm;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/// Attack 3: images from what [MaskLeak] gives of the first layer, by a linear decoder. The
/// attacker runs public images through the layer's weights, which it was sent, and fits by ridge
/// regression each pixel to the features in a window around it; then it applies the fit to the
/// features it has recovered.
///
/// Source: inversion by regression on auxiliary images, Dosovitskiy and Brox, "Inverting Visual
/// Representations with Convolutional Networks" (CVPR 2016, arXiv 1506.02753), here with the
/// closed-form linear map; on split training, He et al., "Model Inversion Attacks Against
/// Collaborative Inference" (ACSAC 2019). A deeper decoder would do better on masks (attack 7).
///
/// Reads W of the first layer of the view, and what attack 2 made of dX and dY. Public knowledge:
/// the graph; auxiliary images, none of them the victim's, normalised as the victim's. Cost with d
/// features in a window: `S d^2 / 2` for S = 12,000 pixels, `d^3 / 6` for each of six ridges.
public final class ImageDecoder {
  private static final int PIXELS = 12_000;
  private static final int HELD_OUT = 3_000;
  private static final int FEATURES = 600;
  private static final double[] RIDGES = {1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2};

  private final int window;
  private final int colours;
  private final double[][] weights; // [colour][features and a constant]

  private ImageDecoder(int window, double[][] weights) {
    this.window = window;
    this.colours = weights.length;
    this.weights = weights;
  }

  /// What the first layer gives of public images, normalised over all of them.
  ///
  /// @param images `[M, H, W, 3]`
  /// @param shape of the layer, any batch
  /// @param layerWeights W `[O, kH, kW, 3]`
  /// @param norm what follows, or null
  /// @return z `[M, OH, OW, O]`, what the ReLU reads
  public static Maps features(
      Maps images, ConvShape shape, Tensor layerWeights, @Nullable Layer norm) {
    ConvShape own = shape.withBatch(images.examples());
    try (Arena arena = Arena.ofConfined();
        Convolution convolution = new Convolution(own, EnumSet.of(Convolution.Pass.FORWARD))) {
      Tensor x = Tensor.allocate(arena, own.inputAxes()).copyFrom(images.values());
      Tensor y = Tensor.allocate(arena, own.outputAxes());
      Tensor w = Tensor.allocate(arena, own.weightAxes()).copyFrom(layerWeights);
      convolution.loadWeights(w);
      convolution.forward(x, y);
      return normalised(Maps.of(y), norm);
    }
  }

  /// What a normalisation with its initial parameters makes of a layer's output.
  ///
  /// @param y `[N, H, W, C]`
  /// @param norm batch or group norm, or null for none
  /// @return new maps, or `y`
  public static Maps normalised(Maps y, @Nullable Layer norm) {
    if (norm == null) {
      return y;
    }
    if (!(norm instanceof GroupNorm group)) {
      return y.normalised();
    }
    // An example's group is a map of one channel.
    Maps result = y.zeros();
    int width = y.channels() / group.groups();
    for (int n = 0; n < y.examples(); n++) {
      for (int g = 0; g < group.groups(); g++) {
        float[] part = new float[y.exampleSize() / group.groups()];
        for (int i = 0; i < part.length; i++) {
          part[i] = y.values()[index(y, n, g, width, i)];
        }
        float[] scaled = new Maps(1, part.length, 1, 1, part).normalised().values();
        for (int i = 0; i < part.length; i++) {
          result.values()[index(y, n, g, width, i)] = scaled[i];
        }
      }
    }
    return result;
  }

  private static int index(Maps y, int n, int g, int width, int i) {
    return n * y.exampleSize() + i / width * y.channels() + g * width + i % width;
  }

  /// Fits a decoder.
  ///
  /// @param images public images `[M, H, W, c]`, at least two
  /// @param features of them `[M, H, W, F]`, with the same height and width
  /// @param seed of the choice of pixels
  /// @return the decoder, with the ridge that serves pixels left out of the fit best
  public static ImageDecoder fit(Maps images, Maps features, long seed) {
    if (images.positions() != features.positions() || images.width() != features.width()) {
      throw new IllegalArgumentException(images + " and " + features + " differ in positions");
    }
    int window = 1;
    while (window < 5 && (window + 2) * (window + 2) * features.channels() <= FEATURES) {
      window += 2;
    }
    int d = window * window * features.channels() + 1;
    double[][] gram = new double[d][d];
    double[][] right = new double[images.channels()][d];
    // The last images are left out of the fit.
    int split = Math.max(1, images.examples() * 3 / 4) * images.height() * images.width();
    SplittableRandom random = new SplittableRandom(seed);
    double[] row = new double[d];
    for (int s = 0; s < PIXELS; s++) {
      int p = random.nextInt(split);
      read(features, p, window, row);
      Symmetric.addOuter(gram, row);
      for (int c = 0; c < right.length; c++) {
        double target = images.values()[p * right.length + c];
        for (int i = 0; i < d; i++) {
          right[c][i] += target * row[i];
        }
      }
    }
    Symmetric.mirror(gram);
    return best(images, features, window, gram, right, split, random);
  }

  private static ImageDecoder best(
      Maps images,
      Maps features,
      int window,
      double[][] gram,
      double[][] right,
      int split,
      SplittableRandom random) {
    int from = Math.min(split, images.positions() - 1);
    int[] held = random.ints(HELD_OUT, from, images.positions()).toArray();
    ImageDecoder best = null;
    double least = Double.POSITIVE_INFINITY;
    for (double ridge : RIDGES) {
      ImageDecoder tried =
          new ImageDecoder(
              window, Symmetric.solve(gram, ridge * Symmetric.meanDiagonal(gram), right));
      double error = tried.error(images, features, held);
      if (best == null || error < least) {
        best = tried;
        least = error;
      }
    }
    if (best == null) {
      throw new IllegalStateException("no ridge was tried");
    }
    return best;
  }

  private double error(Maps images, Maps features, int[] positions) {
    double[] row = new double[weights[0].length];
    double sum = 0;
    for (int p : positions) {
      read(features, p, window, row);
      for (int c = 0; c < colours; c++) {
        double difference = dot(weights[c], row) - images.values()[p * colours + c];
        sum += difference * difference;
      }
    }
    return sum;
  }

  /// Decodes.
  ///
  /// @param features `[N, H, W, F]`, the same features that it was fitted to
  /// @return images `[N, H, W, c]`
  public Maps decode(Maps features) {
    float[] values = new float[features.positions() * colours];
    double[] row = new double[weights[0].length];
    for (int p = 0; p < features.positions(); p++) {
      read(features, p, window, row);
      for (int c = 0; c < colours; c++) {
        values[p * colours + c] = (float) dot(weights[c], row);
      }
    }
    return new Maps(features.examples(), features.height(), features.width(), colours, values);
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  /// The window around a position, 0 outside of the map, and a constant.
  private static void read(Maps maps, int position, int window, double[] row) {
    Arrays.fill(row, 0);
    int c = maps.channels();
    int x = position % maps.width();
    int y = position / maps.width() % maps.height();
    int half = window / 2;
    for (int k = 0; k < window * window; k++) {
      int dy = k / window - half;
      int dx = k % window - half;
      if (y + dy >= 0 && y + dy < maps.height() && x + dx >= 0 && x + dx < maps.width()) {
        int from = (position + dy * maps.width() + dx) * c;
        for (int i = 0; i < c; i++) {
          row[k * c + i] = maps.values()[from + i];
        }
      }
    }
    row[row.length - 1] = 1;
  }
}
