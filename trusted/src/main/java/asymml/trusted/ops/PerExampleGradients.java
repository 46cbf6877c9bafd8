package asymml.trusted.ops;

import asymml.kernels.Closer;
import asymml.kernels.ConvShape;
import asymml.kernels.DoubleSum;
import asymml.kernels.Elementwise;
import asymml.kernels.ExampleGradients;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Parameter;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// The gradients of each example's own loss by all trained parameters (Abadi et al., arXiv
/// 1607.00133): their norms, and weighted sums of them in float64. One backward pass suffices: it
/// leaves what sums are formed of (book-keeping, Bu et al. 2022, arXiv 2210.00038).
///
/// What one example adds to a sum is bounded whatever rounding there is. Gradients that are kept,
/// or computed twice, are measured and added as the same float32 values. Outer products are added
/// in float64. For the rest, [#rounding] says by how much more one example can change the sum.
///
/// PRIVATE.
public final class PerExampleGradients implements AutoCloseable {
  /// Parts begin at cache lines, as kernels like their operands.
  private static final int ALIGNMENT = Math.toIntExact(Tensor.ALIGNMENT_BYTES / Float.BYTES);

  /// The most that rounding in all layers with ghost norms may add, where few examples are summed
  /// at a time.
  private static final double MOST = 0x1p-8;

  private final Arena arena = Arena.ofShared(); // written by worker threads of the kernels
  private final Closer owned = new Closer();
  private final PerExamplePlan plan;
  private final Map<String, Part> parts = new LinkedHashMap<>();
  private final Tensor rows;
  private final int examples;
  private final int keptWidth;
  private final int width;
  private final Map<String, ExampleGradients> kept = new TreeMap<>();
  private final Map<String, Layer> layers = new LinkedHashMap<>();
  private boolean closed;

  /// Where a parameter's values stand in a sum, and in a row where they are kept.
  @SuppressWarnings("ArrayRecordComponent") // Not compared.
  private record Part(int offset, int[] shape) {}

  /// A layer whose gradients are not kept, and what the last backward pass left of it.
  private static final class Layer {
    private final LayerGradients gradients;
    private final int offset;
    private final double[] squares;
    private final double[] limits;
    private @Nullable Tensor x;
    private @Nullable Tensor dy;

    Layer(LayerGradients gradients, int offset, int examples) {
      this.gradients = gradients;
      this.offset = offset;
      squares = new double[examples];
      limits = new double[examples];
    }
  }

  /// Allocates what is kept.
  ///
  /// @param plan of the network's layers
  /// @throws IllegalArgumentException if a sum has more values than an array
  public PerExampleGradients(PerExamplePlan plan) {
    this.plan = plan;
    examples = plan.examples();
    keptWidth = Math.toIntExact(width(plan.keptParameters()));
    width = place(plan.otherParameters(), place(plan.keptParameters(), 0));
    rows = Tensor.allocate(arena, examples, Math.max(1, keptWidth));
    Graph graph = plan.graph();
    double ghosts = Collections.frequency(plan.methods().values(), PerExampleMethod.GHOST);
    try (Closer opened = new Closer()) {
      opened.own(arena);
      for (int i : graph.weightedLayers()) {
        if (!graph.takesGradient(i)) {
          continue; // frozen
        }
        String name = graph.nodes().get(i).name();
        ConvShape shape = PerExamplePlan.shape(graph, i, plan.places());
        LayerGradients layer =
            switch (plan.method(name)) {
              case PRODUCT -> LayerGradients.Product.of(shape, plan.views());
              case GHOST -> new LayerGradients.Ghost(shape, plan.views(), MOST / Math.sqrt(ghosts));
              case RECOMPUTED -> new LayerGradients.Recomputed(shape, plan.views());
              case STORED -> null;
            };
        if (layer == null) {
          ExampleGradients gradients = opened.own(new ExampleGradients(shape, plan.views()));
          kept.put(name, gradients);
          owned.own(gradients);
        } else {
          opened.own(layer);
          owned.own(layer);
          layers.put(name, new Layer(layer, part(PerExamplePlan.weight(name)).offset, examples));
        }
      }
      opened.release();
    }
  }

  private int place(List<Parameter> parameters, int from) {
    long offset = from;
    for (Parameter parameter : parameters) {
      parts.put(parameter.name(), new Part((int) offset, parameter.shape()));
      offset += aligned(parameter.size());
      if (offset > Integer.MAX_VALUE) {
        throw new IllegalArgumentException("a network of so many parameters has no joint sum");
      }
    }
    return (int) offset;
  }

  /// So many values, to the next cache line.
  static int aligned(long values) {
    return Math.toIntExact(Math.ceilDiv(values, ALIGNMENT) * ALIGNMENT);
  }

  /// What a row of parameters takes.
  ///
  /// @param parameters that are kept
  /// @return values
  static long width(List<Parameter> parameters) {
    return parameters.stream().mapToLong(p -> aligned(p.size())).sum();
  }

  /// How many examples there are.
  ///
  /// @return at least 1
  public int examples() {
    return examples;
  }

  /// How many places they have, each example its views one after the other.
  ///
  /// @return at least 1
  public int places() {
    return plan.places();
  }

  /// How each layer's gradients are found.
  ///
  /// @return the plan
  public PerExamplePlan plan() {
    return plan;
  }

  /// One example's gradient by a parameter that is kept.
  ///
  /// @param example its number
  /// @param parameter its name
  /// @return a view of it, to be written by the layer
  /// @throws IllegalArgumentException if it is not kept
  public Tensor of(int example, String parameter) {
    Part part = part(parameter);
    if (part.offset >= keptWidth) {
      throw new IllegalArgumentException("these gradients are not kept: " + parameter);
    }
    long floats = Tensor.sizeOf(part.shape);
    return Tensor.of(
        rows.segment()
            .asSlice(
                ((long) example * keptWidth + part.offset) * Float.BYTES, floats * Float.BYTES),
        part.shape);
  }

  /// Takes up a linear layer's part of a backward pass: of its weight, and of its bias where it has
  /// one.
  ///
  /// @param name the node's
  /// @param x `[N K, H, W, C]`, K views of each example; where the plan says so, it must stay until
  ///   [#addTo] is done
  /// @param dy `[N K, OH, OW, O]`, likewise
  public void linear(String name, Tensor x, Tensor dy) {
    ExampleGradients own = kept.get(name);
    Layer layer = layers.get(name);
    if (own != null) {
      String weight = PerExamplePlan.weight(name);
      own.compute(x, dy, i -> of(i, weight));
    } else if (layer != null) {
      layer.x = x;
      layer.dy = dy;
      layer.gradients.measure(x, dy, layer.squares, layer.limits);
    } else {
      throw new IllegalArgumentException("no such linear layer: " + name);
    }
    String bias = name + ".bias";
    if (parts.containsKey(bias)) {
      int channels = dy.length(3);
      for (int i = 0; i < examples; i++) {
        Tensor one = dy.examples(i * plan.views(), plan.views());
        Elementwise.columnSums(
            one.reshape(Math.toIntExact(one.size() / channels), channels), of(i, bias));
      }
    }
  }

  /// The norm of each example's gradient by all parameters together, of the last backward pass.
  ///
  /// @return one for each example, at least the true one; NaN or infinite where the gradient is not
  ///   finite
  public double[] norms() {
    double[] norms = new double[examples];
    for (int i = 0; i < examples; i++) {
      double squares = keptWidth == 0 ? 0 : Elementwise.sumOfSquares(rows.examples(i, 1));
      for (Layer layer : layers.values()) {
        squares += layer.squares[i];
      }
      norms[i] = Math.sqrt(squares);
    }
    return norms;
  }

  /// What each example's norm must at least be taken for, of the last backward pass: its weight in
  /// a sum may be at most the clip norm of 1 over that, or [#rounding] would not hold.
  ///
  /// @return one for each example, at least 0; NaN or infinite where the gradient is not finite
  public double[] leastNorms() {
    double[] least = new double[examples];
    for (Layer layer : layers.values()) {
      for (int i = 0; i < examples; i++) {
        least[i] = Math.max(least[i], layer.limits[i]);
      }
    }
    return least;
  }

  /// By how much one example can change a sum beyond its weighted gradient, where that has at most
  /// the norm 1.
  ///
  /// @return at least 0
  public double rounding() {
    double squares = 0;
    for (Layer layer : layers.values()) {
      squares += layer.gradients.rounding() * layer.gradients.rounding();
    }
    return Math.sqrt(squares);
  }

  /// A sum to which weighted gradients can be added.
  ///
  /// @return zero
  public DoubleSum newSum() {
    return new DoubleSum(width);
  }

  /// Adds the gradients of the last backward pass to a sum; those of weight 0 are not counted,
  /// whatever they hold. To be called once for each pass.
  ///
  /// @param weights one for each example
  /// @param sum of [#newSum]
  public void addTo(DoubleSum sum, double[] weights) {
    if (keptWidth > 0) {
      sum.addRows(rows, weights, 0);
    }
    for (Layer layer : layers.values()) {
      layer.gradients.addTo(
          Gradients.require(layer.x), Gradients.require(layer.dy), weights, sum, layer.offset);
    }
  }

  /// Reads a parameter's part of a sum.
  ///
  /// @param sum of [#newSum]
  /// @param parameter its name
  /// @param out of its shape, overwritten
  public void read(DoubleSum sum, String parameter, Tensor out) {
    sum.copyTo(part(parameter).offset, out);
  }

  /// The part of a sum that belongs to a parameter, as it is.
  ///
  /// @param sum of [#newSum]
  /// @param parameter its name
  /// @param out takes its values
  /// @param at where the first one goes
  void read(DoubleSum sum, String parameter, double[] out, int at) {
    Part part = part(parameter);
    sum.copyTo(part.offset, out, at, Math.toIntExact(Tensor.sizeOf(part.shape)));
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
      owned.close();
      rows.fill(0);
      arena.close();
    }
  }
}
