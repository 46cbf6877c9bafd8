package asymml.trusted.ops;

import asymml.kernels.ConvShape;
import asymml.kernels.DoubleSum;
import asymml.kernels.Elementwise;
import asymml.kernels.ExampleGradients;
import asymml.kernels.Tensor;
import asymml.model.Parameter;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// The gradients of each example's own loss by all trained parameters: one row for each place of a
/// batch. Layers write their parts in the backward pass; norms are taken and weighted sums formed
/// of the very float32 values that stand here, in float64, so that one example's part in a sum is
/// bounded whatever the layers' own rounding is.
///
/// This is the *stored* method of DP-SGD (Abadi et al., arXiv 1607.00133): one batch-of-one weight
/// gradient for each example in place of one for the whole batch.
///
/// PRIVATE.
public final class PerExampleGradients implements AutoCloseable {
  /// Parts begin at cache lines, as kernels like their operands.
  private static final int ALIGNMENT = Math.toIntExact(Tensor.ALIGNMENT_BYTES / Float.BYTES);

  private final Arena arena = Arena.ofShared(); // written by worker threads of the kernels
  private final Map<String, Part> parts = new LinkedHashMap<>();
  private final Tensor rows;
  private final int examples;
  private final int width;
  private final Map<String, ExampleGradients> layers = new TreeMap<>();
  private boolean closed;

  /// Where a parameter's values stand in a row.
  @SuppressWarnings("ArrayRecordComponent") // Not compared.
  private record Part(int offset, int[] shape) {}

  /// Allocates the rows.
  ///
  /// @param trained the trained parameters
  /// @param examples places of a batch, at least 1
  /// @throws IllegalArgumentException if a row has more values than an array
  public PerExampleGradients(List<Parameter> trained, int examples) {
    long offset = 0;
    for (Parameter parameter : trained) {
      parts.put(parameter.name(), new Part((int) offset, parameter.shape()));
      offset += Math.ceilDiv(parameter.size(), ALIGNMENT) * (long) ALIGNMENT;
      if (offset > Integer.MAX_VALUE) {
        throw new IllegalArgumentException("a network of so many parameters has no rows");
      }
    }
    this.examples = examples;
    width = (int) offset;
    rows = Tensor.allocate(arena, examples, width);
  }

  /// The memory that the rows take.
  ///
  /// @param trained the trained parameters
  /// @param examples places of a batch
  /// @return bytes
  public static long bytes(List<Parameter> trained, int examples) {
    long width =
        trained.stream().mapToLong(p -> Math.ceilDiv(p.size(), ALIGNMENT) * (long) ALIGNMENT).sum();
    return Math.multiplyExact(width, (long) examples * Float.BYTES);
  }

  /// How many places there are.
  ///
  /// @return at least 1
  public int examples() {
    return examples;
  }

  /// One example's gradient by a parameter.
  ///
  /// @param example its place
  /// @param parameter its name
  /// @return a view, to be written by the layer
  public Tensor of(int example, String parameter) {
    Part part = part(parameter);
    long floats = Tensor.sizeOf(part.shape);
    return Tensor.of(
        rows.segment()
            .asSlice(((long) example * width + part.offset) * Float.BYTES, floats * Float.BYTES),
        part.shape);
  }

  /// Computes a linear layer's parts: of its weight, and of its bias where it has one.
  ///
  /// @param layer the node's name
  /// @param shape the layer's, on the whole batch
  /// @param x `[N, H, W, C]`
  /// @param dy `[N, OH, OW, O]`
  public void linear(String layer, ConvShape shape, Tensor x, Tensor dy) {
    String weight = layer + ".weight";
    layers
        .computeIfAbsent(layer, _ -> new ExampleGradients(shape))
        .compute(x, dy, i -> of(i, weight));
    String bias = layer + ".bias";
    if (parts.containsKey(bias)) {
      int channels = dy.length(3);
      for (int i = 0; i < examples; i++) {
        Tensor own = dy.examples(i, 1);
        Elementwise.columnSums(
            own.reshape(Math.toIntExact(own.size() / channels), channels), of(i, bias));
      }
    }
  }

  /// The norm of each example's gradient by all parameters together.
  ///
  /// @return one for each place; NaN or infinite where the gradient is not finite
  public double[] norms() {
    double[] norms = new double[examples];
    for (int i = 0; i < examples; i++) {
      norms[i] = Math.sqrt(Elementwise.sumOfSquares(rows.examples(i, 1)));
    }
    return norms;
  }

  /// A sum in which weighted rows can be added up.
  ///
  /// @return zero
  public DoubleSum newSum() {
    return new DoubleSum(width);
  }

  /// Adds the rows to a sum; those of weight 0 are not read.
  ///
  /// @param weights one for each place
  /// @param sum of [#newSum]
  public void addTo(DoubleSum sum, double[] weights) {
    sum.addRows(rows, weights);
  }

  /// Reads a parameter's part of a sum.
  ///
  /// @param sum of [#newSum]
  /// @param parameter its name
  /// @param out of its shape, overwritten
  public void read(DoubleSum sum, String parameter, Tensor out) {
    sum.copyTo(part(parameter).offset, out);
  }

  /// The parameters that have a part, in their order.
  ///
  /// @return their names
  public List<String> parameters() {
    return new ArrayList<>(parts.keySet());
  }

  private Part part(String parameter) {
    Part part = parts.get(parameter);
    if (part == null) {
      throw new IllegalArgumentException("no such trained parameter: " + parameter);
    }
    return part;
  }

  /// Zeroes and frees the rows.
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      layers.values().forEach(ExampleGradients::close);
      rows.fill(0);
      arena.close();
    }
  }
}
