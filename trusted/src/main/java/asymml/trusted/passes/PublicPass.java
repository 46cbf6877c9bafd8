package asymml.trusted.passes;

import asymml.kernels.Elementwise;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Node;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.GroupNormOp;
import asymml.trusted.ops.Op;
import asymml.trusted.ops.Parameters;
import asymml.trusted.ops.TrustedLinearOp;
import asymml.trusted.plan.DataFlow;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.split.SplitContext;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntToDoubleFunction;

/// Public images run through the network on the trusted side, for all that must not be taken from
/// private ones: clip bounds, and bases. Nothing of it is private, as long as the parameters are
/// not.
public final class PublicPass implements AutoCloseable {
  private final Graph graph;
  private final TrustedNetwork network;
  private final int[] labels;

  /// Plans passes over some images.
  ///
  /// @param graph the network
  /// @param parameters its parameters, with gradients; the gradients are overwritten
  /// @param images `[n, H, W, C]`, public, normalised; copied
  /// @param labels of the images, in the network's classes
  public PublicPass(Graph graph, Parameters parameters, Tensor images, int[] labels) {
    this.graph = graph;
    this.labels = labels.clone();
    network = TrustedNetwork.forInspection(graph, labels.length, parameters, 0);
    network.input().copyFrom(images);
  }

  /// Fits all shared bases to these images, at the present parameters.
  ///
  /// @param context whose bases
  public void fitBases(SplitContext context) {
    network.forward(0);
    context.fitBases(network::activation);
  }

  /// Bounds for everything that can be released or summed: medians over these images.
  ///
  /// @param plan where the layers are to run
  /// @param batchSize B, the expected examples of a step, which losses will be divided by
  /// @return a bound for each release of any terms
  public ReleaseTerms.Bounds bounds(Plan plan, int batchSize) {
    network.forward(0);
    SoftmaxCrossEntropy.evaluate(network.logits(), labels, 0, batchSize, network.logitsGradient());
    network.backward();
    Map<Channel, Map<String, ClipNorm>> norms = new EnumMap<>(Channel.class);
    for (Channel channel : Channel.values()) {
      norms.put(channel, new LinkedHashMap<>());
    }
    ReleasePlan releases =
        new ReleasePlan(
            graph, plan, new ReleaseTerms.Unaccounted(new NoiseStrength.None(), "public images"));
    for (DataFlow.Input input : releases.flow().inputs()) {
      Tensor x = network.activation(input.key().source());
      of(norms, Channel.BASIS).put(input.name(), median(i -> squares(x, i)));
      of(norms, Channel.RESIDUALS).put(input.name(), MedianNorm.ofResiduals(graph, input, x));
    }
    for (int node : graph.linearLayers()) {
      if (graph.takesGradient(node)) {
        linearBounds(norms, node);
      }
    }
    for (Op op : network.ops()) {
      if (op instanceof GroupNormOp norm && norm.trained()) {
        double[] parts = norm.gradientNorms();
        of(norms, Channel.WEIGHTS).put(norm.name(), median(i -> parts[i]));
      }
    }
    return new ReleaseTerms.Bounds(norms);
  }

  private void linearBounds(Map<Channel, Map<String, ClipNorm>> norms, int index) {
    Node node = graph.nodes().get(index);
    Tensor dy = network.gradient(index);
    IntToDoubleFunction gradient = i -> Math.sqrt(squares(dy, i));
    of(norms, Channel.GRADIENTS).put(node.name(), median(gradient));
    for (Op op : network.ops()) {
      if (op instanceof TrustedLinearOp linear && linear.name().equals(node.name())) {
        IntToDoubleFunction gain = linear.gain();
        of(norms, Channel.WEIGHTS)
            .put(node.name(), median(i -> gradient.applyAsDouble(i) * gain.applyAsDouble(i)));
      }
    }
  }

  private static Map<String, ClipNorm> of(
      Map<Channel, Map<String, ClipNorm>> norms, Channel channel) {
    return norms.computeIfAbsent(channel, _ -> new LinkedHashMap<>());
  }

  private static double squares(Tensor batch, int example) {
    return Elementwise.sumOfSquares(batch.examples(example, 1));
  }

  private ClipNorm median(IntToDoubleFunction norm) {
    return MedianNorm.of(labels.length, norm);
  }

  /// Zeroes and frees everything.
  @Override
  public void close() {
    network.close();
  }
}
