package asymml.trusted.rank;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.Convolution.Pass;
import asymml.kernels.Elementwise;
import asymml.kernels.GaussianMasks;
import asymml.kernels.GaussianNoise;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Node;
import asymml.model.Shape;
import asymml.trusted.decompose.Decomposer;
import asymml.trusted.decompose.Refresh;
import asymml.trusted.decompose.SharedDecomposer;
import asymml.trusted.passes.LayerPass;
import asymml.trusted.plan.MaskPrecision;
import asymml.trusted.plan.Rank;
import asymml.trusted.plan.RankPolicy;
import java.lang.foreign.Arena;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;

/// What masks of a given noise multiplier cost in precision, layer by layer: values are masked,
/// multiplied and unmasked as two workers and the trusted side do it, in this process, and compared
/// with the product of the values themselves. No worker is started and nothing is sent to a worker.
///
/// Masks are in proportion to the norm of what they hide, so that what stays trusted makes them
/// smaller: the remaining error falls with the norm of the residual, at the same guarantee.
public final class MaskErrors {
  private final LayerPass pass;
  private final Graph graph;
  private final double noiseMultiplier;

  /// One tensor of a layer under masks.
  ///
  /// @param normShare L2 norm of the released part over that of the whole tensor
  /// @param masks standard deviation of the masks over the root mean square of the whole tensor
  /// @param predicted root mean square error of the product over the root mean square of that of
  ///   the whole tensor, as [MaskPrecision] predicts it
  /// @param measured the same, measured
  public record Errors(double normShare, double masks, double predicted, double measured) {
    /// The bits of a float32 that the masks take from the values.
    ///
    /// @return the logarithm of [#masks]
    public double bits() {
      return Math.log(masks) / Math.log(2);
    }
  }

  /// A layer with its input split at one rank.
  ///
  /// @param layer its name
  /// @param rank directions that stay
  /// @param y of the input and the output
  public record AtRank(String layer, int rank, Errors y) {}

  /// A layer's output gradient, which is released whole.
  ///
  /// @param layer its name
  /// @param dx of the output gradient and the input gradient
  public record OfGradient(String layer, Errors dx) {}

  /// Looks at a network.
  ///
  /// @param pass a batch that ran through it
  /// @param graph the network
  /// @param noiseMultiplier z, above 0
  public MaskErrors(LayerPass pass, Graph graph, double noiseMultiplier) {
    this.pass = pass;
    this.graph = graph;
    this.noiseMultiplier = noiseMultiplier;
  }

  /// Measures a layer's forward product.
  ///
  /// @param node the layer's number
  /// @param policies how many directions stay
  /// @return one row for each rank, rising
  public List<AtRank> forward(int node, List<RankPolicy> policies) {
    Node it = graph.nodes().get(node);
    Tensor x = pass.output(it.inputs().getFirst());
    ConvShape shape = pass.shape(node).withBatch(pass.batch());
    int index = graph.linearLayers().indexOf(node);
    List<AtRank> rows = new ArrayList<>();
    try (Arena arena = Arena.ofShared();
        Convolution layer = new Convolution(shape, EnumSet.of(Pass.FORWARD))) {
      layer.loadWeights(pass.weight(node));
      Product product = layer::forward;
      for (int rank : ranks(policies, index, shape.inChannels())) {
        Tensor leaves = rank == 0 ? x : residual(arena, x, index, rank);
        rows.add(
            new AtRank(it.name(), rank, errors(arena, x, leaves, shape.outputAxes(), product)));
      }
    }
    return rows;
  }

  /// Each once, in order.
  private static int[] ranks(List<RankPolicy> policies, int index, int channels) {
    return policies.stream()
        .mapToInt(p -> p.resolve(index, channels).most())
        .distinct()
        .sorted()
        .toArray();
  }

  /// Measures a layer's input gradient.
  ///
  /// @param node the layer's number
  /// @return its row
  public OfGradient backward(int node) {
    ConvShape shape = pass.shape(node).withBatch(pass.batch());
    Tensor dy = pass.gradient(node);
    try (Arena arena = Arena.ofShared();
        Convolution layer = new Convolution(shape, EnumSet.of(Pass.BACKWARD_DATA))) {
      layer.loadWeights(pass.weight(node));
      return new OfGradient(
          graph.nodes().get(node).name(),
          errors(arena, dy, dy, shape.inputAxes(), layer::backwardData));
    }
  }

  private interface Product {
    void compute(Tensor operand, Tensor result);
  }

  private Tensor residual(Arena arena, Tensor x, int index, int rank) {
    Tensor residual = Tensor.allocate(arena, x.shape());
    try (Decomposer decomposer =
        new SharedDecomposer(
            x.length(0),
            new Shape(x.length(1), x.length(2), x.length(3)),
            index,
            new Rank.Fixed(rank),
            Refresh.DEFAULT)) {
      decomposer.fit(x, 0);
      decomposer.residual(x, 0, x.length(0), residual);
    }
    return residual;
  }

  private Errors errors(Arena arena, Tensor whole, Tensor leaves, int[] result, Product product) {
    int examples = whole.length(0);
    int values = Math.toIntExact(whole.size() / examples);
    byte[] key = new byte[GaussianNoise.KEY_BYTES];
    new SecureRandom().nextBytes(key);
    Tensor sums = Tensor.allocate(arena, whole.shape());
    Tensor masks = Tensor.allocate(arena, whole.shape());
    float[] scales = new float[examples];
    try (GaussianMasks maker = new GaussianMasks(1);
        GaussianNoise stream = new GaussianNoise()) {
      maker.write(key, noiseMultiplier, masks.reshape(examples, values));
      for (int i = 0; i < examples; i++) {
        double norm = Math.sqrt(Elementwise.sumOfSquares(leaves.examples(i, 1)));
        scales[i] = (float) norm;
        GaussianMasks.start(stream, key, i, values);
        stream.add(
            leaves.examples(i, 1),
            norm == 0 ? 0 : 1 / norm,
            noiseMultiplier,
            GaussianMasks.LATTICE_BITS,
            sums.examples(i, 1));
      }
    }
    Tensor onSums = Tensor.allocate(arena, result);
    Tensor onMasks = Tensor.allocate(arena, result);
    Tensor exact = Tensor.allocate(arena, result);
    product.compute(sums, onSums);
    product.compute(masks, onMasks);
    product.compute(leaves, exact);
    Elementwise.unmask(onSums, onMasks, scales, false, onSums);
    Elementwise.axpy(-1, exact, onSums);
    double error = Elementwise.sumOfSquares(onSums);
    product.compute(whole, exact);
    double share = Math.sqrt(Elementwise.sumOfSquares(leaves) / Elementwise.sumOfSquares(whole));
    double relative = noiseMultiplier * Math.sqrt(values) * share;
    return new Errors(
        share,
        relative,
        MaskPrecision.ERROR * relative,
        Math.sqrt(error / Elementwise.sumOfSquares(exact)));
  }
}
