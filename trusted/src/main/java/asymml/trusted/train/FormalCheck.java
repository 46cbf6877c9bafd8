package asymml.trusted.train;

import asymml.model.Graph;
import asymml.model.Layer;
import asymml.model.Node;
import asymml.model.Shape;
import asymml.privacy.Channel;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Untrusted;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.Rank;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Looks, before anything is released, for all that would break the guarantee of a run that is
/// accounted for. What it cannot break is not looked for: shuffled batches are never accounted as a
/// Poisson sample ([asymml.privacy.Sampling]), pixels are normalised by constants, and weights are
/// not protected without gradients ([PrivacyConfig]).
public final class FormalCheck {
  private FormalCheck() {}

  /// A rule that a run which is accounted for must keep.
  public enum Rule {
    /// Something is released.
    NOTHING_RELEASED,
    /// With DP-SGD, workers see masked values alone.
    ONE_WORKER,
    /// No input is sent unprotected.
    INPUTS_UNPROTECTED,
    /// No layer mixes the examples of a batch.
    MIXED_EXAMPLES,
    /// There is noise.
    NO_NOISE,
    /// A weight gradient that is accounted for is exact.
    SAMPLED_GRADIENT,
    /// Clip bounds do not follow private data.
    PRIVATE_CLIP_BOUND,
    /// Sampling is not revealed by a channel without a mechanism.
    SAMPLING_REVEALED,
    /// Delta is below 1 over the number of examples.
    DELTA_TOO_LARGE,
    /// There are public images where some are needed.
    NO_PUBLIC_IMAGES,
    /// Public images have the shape of the private ones.
    PUBLIC_SHAPE,
    /// Noise cannot be predicted.
    PREDICTABLE_NOISE,
    /// Shared bases are not fitted to private batches.
    PRIVATE_BASIS,
    /// Ranks do not follow private data.
    PRIVATE_RANK
  }

  /// What breaks the guarantee.
  ///
  /// @param rule that is broken
  /// @param problem in half a sentence
  public record Finding(Rule rule, String problem) {}

  /// Looks at a run.
  ///
  /// @param config what it computes
  /// @param graph its network
  /// @param plan where its layers run
  /// @param examples number of training examples
  /// @param publicShape of the public images, or null if there are none
  /// @param unpredictable whether noise comes from the platform's cryptographic generator
  /// @return all that is wrong; empty if the run may begin, or accounts for nothing
  public static List<Finding> check(
      TrainConfig config,
      Graph graph,
      Plan plan,
      int examples,
      @Nullable Shape publicShape,
      boolean unpredictable) {
    List<Finding> found = new ArrayList<>();
    PrivacyConfig privacy = config.privacy();
    if (!privacy.accounted()) {
      return found;
    }
    DpSgd dpSgd = privacy.dpSgd();
    if (dpSgd != null && plan.needsWorker() && !config.shield().masks()) {
      found.add(
          new Finding(
              Rule.ONE_WORKER,
              "with DP-SGD, masks hide what workers receive: one worker alone cannot take part"));
    }
    if (dpSgd == null && !plan.needsWorker()) {
      found.add(new Finding(Rule.NOTHING_RELEASED, "nothing is released in this mode"));
    }
    if (plan.layers().containsValue(new Untrusted())) {
      found.add(
          new Finding(
              Rule.INPUTS_UNPROTECTED, "inputs are sent unprotected in untrusted-only mode"));
    }
    lookAtLayers(found, config, graph, plan);
    if (config.noise() instanceof NoiseStrength.None && privacy.target() == null) {
      found.add(new Finding(Rule.NO_NOISE, "there is no noise"));
    }
    boolean masked = config.shield().masks();
    if (config.shield().samplesGradients() && privacy.protect().contains(Channel.WEIGHTS)) {
      found.add(
          new Finding(
              Rule.SAMPLED_GRADIENT,
              "one example can weigh more in a sampled weight gradient than its bound says"));
    }
    if (dpSgd == null
        && privacy.clip() instanceof PrivacyConfig.Clip.Median
        && (!masked || privacy.protect().contains(Channel.WEIGHTS))) {
      found.add(new Finding(Rule.PRIVATE_CLIP_BOUND, "the clip bound follows private data"));
    }
    if (privacy.drawing() == PrivacyConfig.Drawing.POISSON
        && !privacy.protect().contains(Channel.WEIGHTS)) {
      found.add(
          new Finding(
              Rule.SAMPLING_REVEALED,
              "a channel without a mechanism reveals which examples were sampled, so that sampling"
                  + " amplifies nothing"));
    }
    if (privacy.delta().value() * examples >= 1) {
      found.add(
          new Finding(
              Rule.DELTA_TOO_LARGE,
              "delta is not below 1 over the %s examples".formatted(examples)));
    }
    if (!config.needsPublicImages(plan)) {
      // Nothing is taken from them.
    } else if (publicShape == null) {
      found.add(new Finding(Rule.NO_PUBLIC_IMAGES, "there are no public images"));
    } else if (!publicShape.equals(graph.input())) {
      found.add(
          new Finding(
              Rule.PUBLIC_SHAPE,
              "the public images are %s and the private ones %s"
                  .formatted(publicShape, graph.input())));
    }
    if (!unpredictable) {
      found.add(
          new Finding(
              Rule.PREDICTABLE_NOISE, "the noise comes from a generator that could be seeded"));
    }
    return found;
  }

  private static void lookAtLayers(
      List<Finding> found, TrainConfig config, Graph graph, Plan plan) {
    List<String> mixing =
        graph.nodes().stream()
            .filter(node -> node.layer() instanceof Layer.BatchNorm)
            .map(Node::name)
            .toList();
    if (!mixing.isEmpty()) {
      found.add(
          new Finding(
              Rule.MIXED_EXAMPLES,
              "batch norm mixes the examples of a batch in %s".formatted(some(mixing))));
    }
    boolean energy =
        plan.layers().values().stream()
            .anyMatch(p -> p instanceof Split split && split.rank() instanceof Rank.Energy);
    if (plan.sharesBases() && config.privacy().basis() == Basis.BATCH) {
      found.add(new Finding(Rule.PRIVATE_BASIS, "shared bases are fitted to private batches"));
    }
    if (energy) {
      found.add(new Finding(Rule.PRIVATE_RANK, "the rank follows private data"));
    }
  }

  private static String some(List<String> layers) {
    return layers.size() <= 4
        ? String.join(", ", layers)
        : "%s and %s more layers"
            .formatted(String.join(", ", layers.subList(0, 3)), layers.size() - 3);
  }

  /// All findings in one line.
  ///
  /// @param findings at least one
  /// @return the refusal
  public static String refusal(List<Finding> findings) {
    return "this run cannot be accounted for: "
        + findings.stream().map(Finding::problem).collect(Collectors.joining("; "));
  }
}
