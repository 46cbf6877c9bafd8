package asymml.trusted.ops;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.DoubleSum;
import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.util.EnumSet;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// The sum of weight gradients over a batch such that what one example changes in it is known
/// including all rounding: float32 inside of blocks of few examples, float64 over the blocks.
///
/// A sum of k float32 products is off by at most `gamma(k) = k u / (1 - k u)` times the sum of
/// their magnitudes, in whatever order and by however many threads it is formed, with `u = 2^-24`.
/// For one example's part of norm at most C, the magnitudes have norm at most C too, and `sqrt(r +
/// 1) C` where r directions and an offset stand for the input ([LinearParameters#gain] bounds the
///    product of norms). A block of g examples with P output positions each has `k = g P` terms,
///    and some more for the directions. So one example, present or not, changes its block by at
///    most C and twice the error, `2 g sqrt(r + 1) gamma(k) C`; other blocks stay the same to the
///    bit. The sum over n examples is rounded to float32 once, which adds `2 n u C`. Noise is
///    raised by the two together ([#rounding]); g is the largest number with which the first is
///    below 2^-7.
public final class GradientBlocks implements AutoCloseable {
  private static final double UNIT = 0x1p-24;

  /// The most that errors inside of a block may add to the noise, as a share.
  private static final double MOST = 0x1p-7;

  /// Products, scaling, and the sums over blocks in float64, generously.
  private static final int FURTHER_TERMS = 16;

  private final int examples;
  private final int block;
  private final double rounding;
  private final @Nullable DoubleSum sum; // null if there is one block
  private final Arena arena = Arena.ofShared(); // written by worker threads of the kernels
  private final @Nullable Tensor part;
  private final Map<Integer, Convolution> layers = new TreeMap<>();
  private boolean closed;

  /// Computes the gradient of some examples.
  public interface Part {
    /// Of the examples from `from` on.
    ///
    /// @param from first example
    /// @param count how many
    /// @param dw `[O, kH, kW, C]`, overwritten
    void compute(int from, int count, Tensor dw);
  }

  /// Plans the blocks of a layer.
  ///
  /// @param shape the layer's
  /// @param directions how many stand for its input, 0 if it is taken as it is
  /// @throws IllegalArgumentException if even one example has so many positions that the error is
  ///   not known
  public GradientBlocks(ConvShape shape, int directions) {
    int[] out = shape.outputAxes();
    long positions = (long) out[1] * out[2];
    this.examples = shape.batch();
    double magnitude = Math.sqrt(directions + 1.0);
    this.block = block(examples, positions, directions, magnitude, MOST);
    this.rounding = inside(block, positions, directions, magnitude) + overAll(examples);
    if (block < examples) {
      sum = new DoubleSum(Tensor.sizeOf(shape.weightAxes()));
      part = Tensor.allocate(arena, shape.weightAxes());
    } else {
      sum = null;
      part = null;
    }
  }

  private static int block(
      int examples, long positions, int directions, double magnitude, double most) {
    int largest = 1;
    int above = examples + 1;
    while (above - largest > 1) {
      int middle = (largest + above) / 2;
      if (inside(middle, positions, directions, magnitude) <= most) {
        largest = middle;
      } else {
        above = middle;
      }
    }
    return largest;
  }

  /// The largest block of a sum of parts whose magnitudes are bounded by themselves.
  ///
  /// @param examples at least 1
  /// @param positions of one example
  /// @param magnitude the most that the norm of the magnitudes of one example's terms is, over the
  ///   clip norm
  /// @param most what errors inside of a block may add, as a share of the clip norm
  /// @return from 1 to `examples`
  static int block(int examples, long positions, double magnitude, double most) {
    return block(examples, positions, 0, magnitude, most);
  }

  /// What one example changes in the sum of its block beyond its own part.
  ///
  /// @param block examples
  /// @param positions of one example
  /// @param magnitude as for [#block(int, long, double, double)]
  /// @return as a share of the clip norm
  static double inside(int block, long positions, double magnitude) {
    return inside(block, positions, 0, magnitude);
  }

  private static double inside(int block, long positions, int directions, double magnitude) {
    double terms = (double) block * positions + directions + block + FURTHER_TERMS;
    if (!(terms * UNIT < 0.5)) {
      return block == 1 ? tooMany(positions) : Double.POSITIVE_INFINITY;
    }
    return 2 * block * magnitude * terms * UNIT / (1 - terms * UNIT);
  }

  private static double tooMany(long positions) {
    throw new IllegalArgumentException(
        "a weight gradient over %s positions of one example is not known well enough to be noised"
            .formatted(positions));
  }

  /// What rounding a sum of parts in float64 to float32 can add to the difference that one example
  /// makes.
  ///
  /// @param examples how many parts the sum has
  /// @return as a share of the clip norm
  public static double overAll(int examples) {
    return 2.0 * (examples + 1) * UNIT;
  }

  /// The same of parts that are computed in float32 one by one, and added in float64.
  ///
  /// @param examples how many
  /// @param positions how many products are added up for a value of one part
  /// @return as a share of the clip norm
  public static double singly(int examples, long positions) {
    return inside(1, positions, 1) + overAll(examples);
  }

  /// By how much one example can change the sum beyond the clip norm.
  ///
  /// @return as a share of the clip norm
  public double rounding() {
    return rounding;
  }

  /// How many examples a block has at most.
  ///
  /// @return at least 1
  public int block() {
    return block;
  }

  /// Adds up the gradients of all examples.
  ///
  /// @param gradients of some
  /// @param dw overwritten
  public void compute(Part gradients, Tensor dw) {
    if (sum == null || part == null) {
      gradients.compute(0, examples, dw);
      return;
    }
    for (int from = 0; from < examples; from += block) {
      gradients.compute(from, Math.min(block, examples - from), part);
      sum.add(part);
    }
    part.fill(0);
    sum.moveTo(dw);
  }

  /// The same of a layer whose input is taken as it is.
  ///
  /// @param shape the layer's, as at construction
  /// @param x `[N, H, W, C]`
  /// @param dy `[N, OH, OW, O]`
  /// @param dw `[O, kH, kW, C]`, overwritten
  public void compute(ConvShape shape, Tensor x, Tensor dy, Tensor dw) {
    compute(
        (from, count, some) ->
            layers
                .computeIfAbsent(
                    count,
                    _ ->
                        new Convolution(
                            shape.withBatch(count), EnumSet.of(Convolution.Pass.BACKWARD_WEIGHTS)))
                .backwardWeights(x.examples(from, count), dy.examples(from, count), some),
        dw);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      layers.values().forEach(Convolution::close);
      if (part != null) {
        part.fill(0);
      }
      arena.close();
    }
  }
}
