package asymml.trusted.inference;

import asymml.model.Graph;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.DataFlow;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Untrusted;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.Rank;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.plan.ReleaseTerms.Bounds;
import asymml.trusted.plan.Shield;
import asymml.trusted.train.FormalCheck.Finding;
import asymml.trusted.train.FormalCheck.Rule;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.TrainConfig;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/// On what terms inference releases tensors, of the settings that training has, too: mode, ranks,
/// noise, shield, clip bounds, basis, and whether residuals are accounted for.
public final class InferenceTerms {
  private static final String NO_NOISE = "released without noise";
  private static final String MEDIAN_NOISE =
      "noised, but the clip bound follows the images that are classified";

  private InferenceTerms() {}

  /// Where the linear layers of a network run.
  ///
  /// @param config mode, decomposition, ranks and trusted layers
  /// @param graph the network
  /// @return the plan
  /// @throws IllegalArgumentException if a layer that is named is not there, or no layer is left
  ///   for a worker
  public static Plan plan(TrainConfig config, Graph graph) {
    Plan plan =
        Plan.of(
            graph, config.mode(), config.decomposition(), config.rank(), config.trustedLayers());
    if (!plan.needsWorker()) {
      throw new IllegalArgumentException(
          "no layer of %s is left for a worker: all are trusted".formatted(graph.name()));
    }
    return plan;
  }

  /// Looks for all that would break the guarantee of an image.
  ///
  /// @param config what is accounted for, and how
  /// @param plan where linear layers run
  /// @param unpredictable whether noise comes from the platform's cryptographic generator
  /// @return all that is wrong; empty if nothing is accounted for
  public static List<Finding> check(TrainConfig config, Plan plan, boolean unpredictable) {
    List<Finding> found = new ArrayList<>();
    PrivacyConfig privacy = config.privacy();
    if (!privacy.accounted()) {
      return found;
    }
    if (plan.layers().containsValue(new Untrusted())) {
      found.add(
          new Finding(
              Rule.INPUTS_UNPROTECTED, "inputs are sent unprotected in untrusted-only mode"));
    }
    if (config.noise() instanceof NoiseStrength.None) {
      found.add(new Finding(Rule.NO_NOISE, "there is no noise"));
    }
    if (!config.shield().masks() && privacy.clip() instanceof PrivacyConfig.Clip.Median) {
      found.add(
          new Finding(Rule.PRIVATE_CLIP_BOUND, "the clip bound follows the images classified"));
    }
    if (plan.sharesBases() && privacy.basis() != Basis.PUBLIC) {
      found.add(
          new Finding(
              Rule.PRIVATE_BASIS,
              "at inference, shared bases that are accounted for are fitted to public images"));
    }
    if (plan.layers().values().stream()
        .anyMatch(p -> p instanceof Split split && split.rank() instanceof Rank.Energy)) {
      found.add(new Finding(Rule.PRIVATE_RANK, "the rank follows the images classified"));
    }
    if (!unpredictable) {
      found.add(
          new Finding(
              Rule.PREDICTABLE_NOISE, "the noise comes from a generator that could be seeded"));
    }
    return found;
  }

  /// Whether clip bounds or bases come from public images.
  ///
  /// @param config what is accounted for, and how
  /// @param plan where linear layers run
  /// @return true if some are needed
  public static boolean needsPublicImages(TrainConfig config, Plan plan) {
    PrivacyConfig privacy = config.privacy();
    return privacy.accounted()
        && (plan.sharesBases()
            || (!config.shield().masks() && privacy.clip() instanceof PrivacyConfig.Clip.Public));
  }

  /// What is released of a batch, or of one image of it.
  ///
  /// @param config noise, shield and what is accounted for
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param calibrated clip bounds from public images; asked only where they are needed
  /// @return the releases
  /// @throws IllegalArgumentException if the terms account for what no mechanism covers
  static ReleasePlan releases(
      TrainConfig config, Graph graph, Plan plan, Supplier<Bounds> calibrated) {
    PrivacyConfig privacy = config.privacy();
    if (!privacy.accounted()) {
      String reason = config.noise() instanceof NoiseStrength.None ? NO_NOISE : MEDIAN_NOISE;
      return ReleasePlan.ofInference(
          graph, plan, new ReleaseTerms.Unaccounted(config.noise(), reason));
    }
    EnumSet<Channel> channels = EnumSet.of(Channel.RESIDUALS);
    if (config.shield().masks()) {
      channels.add(Channel.GRADIENTS); // none are sent; masks always hide both
    }
    return ReleasePlan.ofInference(
        graph,
        plan,
        new ReleaseTerms.Accounted(
            config.noise(),
            channels,
            privacy.basis(),
            bounds(config, graph, plan, calibrated),
            config.shield()));
  }

  private static Bounds bounds(
      TrainConfig config, Graph graph, Plan plan, Supplier<Bounds> calibrated) {
    return switch (config.shield()) {
      case Shield.Shares _ -> new Bounds(Map.of());
      case Shield.Residual _ ->
          switch (config.privacy().clip()) {
            case PrivacyConfig.Clip.Median _ ->
                throw new IllegalArgumentException("the clip bound follows the images classified");
            case PrivacyConfig.Clip.Public _ -> calibrated.get();
            case PrivacyConfig.Clip.Fixed fixed -> {
              Map<String, ClipNorm> norms = new LinkedHashMap<>();
              DataFlow.ofInference(graph, plan, config.shield())
                  .inputs()
                  .forEach(input -> norms.put(input.name(), fixed.residuals()));
              yield new Bounds(Map.of(Channel.RESIDUALS, norms));
            }
          };
    };
  }
}
