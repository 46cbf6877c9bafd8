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
import asymml.trusted.plan.Shield;
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

  /// What breaks the guarantee, and how to mend it.
  ///
  /// @param problem in half a sentence
  /// @param fix what to do instead
  public record Finding(String problem, String fix) {}

  /// Looks at a run.
  ///
  /// @param config what it computes
  /// @param graph its network
  /// @param plan where its layers run
  /// @param examples number of training examples
  /// @param publicShape of the public images, or null if there are none
  /// @param unpredictable whether noise comes from the platform's cryptographic generator
  /// @return all that is wrong; empty if the run may begin, or accounts for nothing
  public static List<Finding> look(
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
    if (!plan.needsWorker()) {
      found.add(
          new Finding(
              "nothing is released in this mode",
              "--mode asymml, or neither --protect nor --shield shares nor --target-epsilon"));
    }
    if (plan.layers().containsValue(new Untrusted())) {
      found.add(new Finding("inputs are released whole in untrusted-only mode", "--mode asymml"));
    }
    lookAtLayers(found, config, graph, plan);
    if (config.noise() instanceof NoiseStrength.None && privacy.target() == null) {
      found.add(
          new Finding(
              "there is no noise", "--target-epsilon, --noise-multiplier or --noise-ratio"));
    }
    boolean masked = config.shield() instanceof Shield.Shares;
    if (config.shield() instanceof Shield.Shares(var positions)
        && positions < 1
        && privacy.protect().contains(Channel.WEIGHTS)) {
      found.add(
          new Finding(
              "one example can weigh more in a sampled weight gradient than its bound says",
              "--weight-gradient exact"));
    }
    if (privacy.clip() instanceof PrivacyConfig.Clip.Median
        && (!masked || privacy.protect().contains(Channel.WEIGHTS))) {
      found.add(new Finding("the clip bound follows private data", "--clip public or a number"));
    }
    if (privacy.drawing() == PrivacyConfig.Drawing.POISSON
        && !privacy.protect().contains(Channel.WEIGHTS)) {
      found.add(
          new Finding(
              "a channel without a mechanism reveals which examples were sampled, so that"
                  + " sampling amplifies nothing",
              "--protect all or --sampling shuffle"));
    }
    if (privacy.delta().value() * examples >= 1) {
      found.add(
          new Finding(
              "delta is not below 1 over the %d examples".formatted(examples),
              "a smaller --delta"));
    }
    if (!config.needsPublicImages(plan)) {
      // Nothing is taken from them.
    } else if (publicShape == null) {
      found.add(new Finding("there are no public images", "--public-data"));
    } else if (!publicShape.equals(graph.input())) {
      found.add(
          new Finding(
              "the public images are %s and the private ones %s"
                  .formatted(publicShape, graph.input()),
              "--public-data with images of the same shape"));
    }
    if (!unpredictable) {
      found.add(
          new Finding(
              "the noise comes from a generator that could be seeded",
              "the platform's SecureRandom"));
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
              "batch norm mixes the examples of a batch in %s".formatted(some(mixing)),
              "--norm group"));
    }
    boolean energy =
        plan.layers().values().stream()
            .anyMatch(p -> p instanceof Split split && split.rank() instanceof Rank.Energy);
    if (plan.sharesBases() && config.privacy().basis() == Basis.BATCH) {
      found.add(
          new Finding(
              "shared bases are fitted to private batches",
              "--basis public, --basis dp or --decomposer per-example"));
    }
    if (energy) {
      found.add(new Finding("the rank follows private data", "--rank with a number or a fraction"));
    }
  }

  private static String some(List<String> layers) {
    return layers.size() <= 4
        ? String.join(", ", layers)
        : "%s and %d more layers"
            .formatted(String.join(", ", layers.subList(0, 3)), layers.size() - 3);
  }

  /// All findings in one line.
  ///
  /// @param findings at least one
  /// @return the refusal
  public static String refusal(List<Finding> findings) {
    return "this run cannot be accounted for: "
        + findings.stream()
            .map(f -> "%s (use %s)".formatted(f.problem(), f.fix()))
            .collect(Collectors.joining("; "));
  }
}
