package asymml.trusted.ops;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Layer.BatchNorm;
import java.lang.foreign.Arena;
import org.jspecify.annotations.Nullable;

/// A linear layer with the batch normalisation behind it folded in, as inference with running
/// statistics allows: with `a = scale / sqrt(variance + epsilon)` per output channel, the layer's
/// weights are `a W` and its bias is `shift + a (bias - mean)`.
public final class FoldedNorm {
  private final Tensor weight;
  private final Tensor bias;
  private final boolean relu;
  private final float epsilon;
  private final Tensor source;
  private final @Nullable Tensor sourceBias;
  private final Tensor scale;
  private final Tensor shift;
  private final Tensor mean;
  private final Tensor variance;

  /// Allocates the folded parameters, and computes them.
  ///
  /// @param arena owner of their memory
  /// @param graph the network
  /// @param node number of the normalisation, whose input is a linear layer's output
  /// @param parameters of the network
  /// @param own the linear layer's
  public FoldedNorm(
      Arena arena, Graph graph, int node, Parameters parameters, LinearParameters own) {
    String name = graph.nodes().get(node).name();
    if (!(graph.nodes().get(node).layer() instanceof BatchNorm(float layerEpsilon, float _))) {
      throw new IllegalArgumentException(name + " has no running statistics to fold");
    }
    this.epsilon = layerEpsilon;
    this.relu = graph.pairsWithRelu(node);
    this.source = own.weight();
    this.sourceBias = own.bias();
    this.scale = parameters.value(name + ".weight");
    this.shift = parameters.value(name + ".bias");
    this.mean = parameters.value(name + ".running_mean");
    this.variance = parameters.value(name + ".running_var");
    this.weight = Tensor.allocate(arena, source.shape());
    this.bias = Tensor.allocate(arena, source.length(0));
    renew();
  }

  /// Computes the folded parameters anew from those of the network.
  public void renew() {
    for (int o = 0; o < source.length(0); o++) {
      double a = scale.get(o) / Math.sqrt((double) variance.get(o) + epsilon);
      Tensor row = weight.examples(o, 1).copyFrom(source.examples(o, 1));
      Elementwise.scale((float) a, row);
      double before = sourceBias == null ? 0 : sourceBias.get(o);
      bias.set(o, (float) (shift.get(o) + a * (before - mean.get(o))));
    }
  }

  /// The layer's parameters with the normalisation in them.
  ///
  /// @return weights, bias, and whether a ReLU follows; no gradients
  public LinearParameters parameters() {
    return new LinearParameters(weight, null, bias, null, relu);
  }
}
