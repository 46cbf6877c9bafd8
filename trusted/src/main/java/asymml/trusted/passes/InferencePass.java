package asymml.trusted.passes;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.trusted.decompose.Decomposer;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.DataFlow;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.plan.Shield;
import asymml.trusted.split.SplitContext;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Public images run through a trained network as inference runs it, on the trusted side: for clip
/// bounds and bases that do not follow the images that are classified. What comes of it depends on
/// the public images and the model alone.
public final class InferencePass implements AutoCloseable {
  private final Graph graph;
  private final Map<Integer, DataFlow.Input> inputs = new LinkedHashMap<>();
  private final TrustedNetwork network;

  /// Plans passes over some images.
  ///
  /// @param graph the network
  /// @param plan where its linear layers are to run
  /// @param parameters its parameters
  /// @param images `[n, H, W, C]`, public, normalised; copied
  public InferencePass(Graph graph, Plan plan, Parameters parameters, Tensor images) {
    this.graph = graph;
    for (DataFlow.Input input : DataFlow.ofInference(graph, plan, new Shield.Residual()).inputs()) {
      inputs.put(graph.linearLayers().get(input.layer()), input);
    }
    network = TrustedNetwork.forInference(graph, images.length(0), parameters);
    network.input().copyFrom(images);
  }

  /// Sees one input of layers at the workers.
  private interface Use {
    void of(DataFlow.Input input, Tensor x);
  }

  private void each(Use use) {
    network.forward(
        0,
        (node, x) -> {
          DataFlow.@Nullable Input input = inputs.get(node);
          if (input != null) {
            use.of(input, x);
          }
        });
  }

  /// Bounds for residuals: medians of their norms over these images.
  ///
  /// @return a bound for each input that is released
  public ReleaseTerms.Bounds bounds() {
    Map<String, ClipNorm> norms = new LinkedHashMap<>();
    each((input, x) -> norms.put(input.name(), MedianNorm.ofResiduals(graph, input, x)));
    return new ReleaseTerms.Bounds(Map.of(Channel.RESIDUALS, norms));
  }

  /// Fits all shared bases to these images.
  ///
  /// @param context whose bases; made for at least as many examples as there are images
  public void fitBases(SplitContext context) {
    each((input, x) -> {
      @Nullable Decomposer decomposer = context.site(input.key()).decomposer();
      if (decomposer != null) {
        decomposer.refit(x);
      }
    });
  }

  /// Zeroes and frees everything.
  @Override
  public void close() {
    network.close();
  }
}
