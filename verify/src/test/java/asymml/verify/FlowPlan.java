package asymml.verify;

import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer;
import asymml.model.Layer.Add;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.GlobalAvgPool;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.Linear;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Delta;
import asymml.trusted.bench.Planner;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.plan.Shield;
import asymml.trusted.plan.Update;
import asymml.trusted.train.FormalCheck;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.PrivacyConfig.Drawing;
import asymml.trusted.train.TrainConfig;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;

/// One combination of settings of the cross product.
///
/// @param rank how many directions stay
/// @param trusted layers that stay
/// @param mode asymml or dp-only
/// @param decomposition how inputs are decomposed
/// @param norm of the network
/// @param shield what hides data
/// @param protect what is accounted for; empty for nothing
/// @param basis what shared bases are fitted to
/// @param drawing how batches are drawn
/// @param update who updates weights
record FlowPlan(
    RankPolicy rank,
    List<String> trusted,
    Mode mode,
    Decomposition decomposition,
    Zoo.Norm norm,
    Shield shield,
    Set<Channel> protect,
    Basis basis,
    Drawing drawing,
    Update update) {
  /// Small, so that clipped examples end at it.
  static final double CLIP = 1e-3;

  static final Shape INPUT = new Shape(6, 6, 3);
  static final int EXAMPLES = 1000;
  static final int BATCH = 4;

  private static final List<Set<Channel>> PROTECTED =
      List.of(
          Set.of(Channel.RESIDUALS),
          Set.of(Channel.RESIDUALS, Channel.GRADIENTS),
          Set.of(Channel.RESIDUALS, Channel.GRADIENTS, Channel.WEIGHTS));

  private static final List<List<String>> TRUSTED =
      List.of(
          List.of(),
          List.of(Plan.FIRST),
          List.of(Plan.LAST),
          List.of(Plan.FIRST, Plan.LAST),
          List.of("conv2"));

  private record Ranks(RankPolicy policy, List<List<String>> trusted) {}

  /// Four linear layers, two of which read one input; nothing makes a channel vanish.
  static Graph graph(Zoo.Norm norm) {
    GraphBuilder g = new GraphBuilder(INPUT);
    g.add("conv1", new Conv2d(4, 3, 1, 1, false));
    int source = g.add("norm1", norm(norm));
    g.add("conv2", new Conv2d(4, 3, 1, 1, norm == Zoo.Norm.GROUP), source);
    int left = g.add("norm2", norm(norm));
    int right = g.add("shortcut", new Conv2d(4, 1, 1, 0, false), source);
    g.add("add", new Add(), left, right);
    g.add("pool", new GlobalAvgPool());
    g.add("fc", new Linear(3));
    return g.build("flow");
  }

  private static Layer norm(Zoo.Norm norm) {
    return switch (norm) {
      case BATCH -> new BatchNorm(1e-5f, 0.1f);
      case GROUP -> new GroupNorm(2, 1e-5f);
    };
  }

  /// All combinations that configurations can be made of.
  static List<FlowPlan> all() {
    List<FlowPlan> all = new ArrayList<>();
    for (Ranks ranks : ranks()) {
      for (List<String> trusted : ranks.trusted) {
        for (Decomposition decomposition : Decomposition.values()) {
          for (Zoo.Norm norm : Zoo.Norm.values()) {
            all.addAll(terms(ranks.policy, trusted, Mode.ASYMML, decomposition, norm));
          }
        }
      }
    }
    for (List<String> trusted : TRUSTED) {
      for (Zoo.Norm norm : Zoo.Norm.values()) {
        RankPolicy unused = RankPolicy.parse("1/8");
        all.addAll(terms(unused, trusted, Mode.DP_ONLY, Decomposition.SHARED, norm));
      }
    }
    return all;
  }

  private static List<FlowPlan> terms(
      RankPolicy rank,
      List<String> trusted,
      Mode mode,
      Decomposition decomposition,
      Zoo.Norm norm) {
    List<FlowPlan> all = new ArrayList<>();
    for (Update update : Update.values()) {
      // The others are refused before there is a plan.
      if (update == Update.TRUSTED
          || (norm == Zoo.Norm.BATCH && decomposition == Decomposition.SHARED)) {
        all.add(
            new FlowPlan(
                rank,
                trusted,
                mode,
                decomposition,
                norm,
                new Shield.Residual(),
                Set.of(),
                Basis.BATCH,
                Drawing.SHUFFLE,
                update));
      }
    }
    for (Shield shield : List.of(new Shield.Residual(), new Shield.Shares(1))) {
      for (Set<Channel> protect : PROTECTED) {
        for (Basis basis : Basis.values()) {
          for (Drawing drawing : Drawing.values()) {
            // Masks always hide gradients, too: no configuration says otherwise.
            if (shield instanceof Shield.Residual || protect.contains(Channel.GRADIENTS)) {
              all.add(
                  new FlowPlan(
                      rank,
                      trusted,
                      mode,
                      decomposition,
                      norm,
                      shield,
                      protect,
                      basis,
                      drawing,
                      Update.TRUSTED));
            }
          }
        }
      }
    }
    return all;
  }

  private static List<Ranks> ranks() {
    List<Ranks> all = new ArrayList<>();
    for (String text : List.of("0", "2", "1/2", "schedule:1:2", "energy:0.2:1/2")) {
      all.add(new Ranks(RankPolicy.parse(text), TRUSTED));
    }
    for (int zeros = 0; zeros < 16; zeros++) {
      List<Integer> each = new ArrayList<>();
      for (int layer = 0; layer < 4; layer++) {
        each.add((zeros >> layer & 1) == 0 ? 2 : 0);
      }
      all.add(new Ranks(new RankPolicy.PerLayer(each), TRUSTED));
    }
    for (Set<String> kept :
        List.of(Set.<String>of(), Set.of("conv1"), Set.of("fc"), Set.of("conv2", "shortcut"))) {
      List<Planner.Choice> choices = choices(kept);
      all.add(new Ranks(Planner.ranks(choices), List.of(Planner.trusted(choices))));
    }
    return all;
  }

  /// What `asymml plan` chooses where splitting saves time and two directions hold the energy.
  private static List<Planner.Choice> choices(Set<String> kept) {
    NavigableMap<Integer, Double> shares = new TreeMap<>(Map.of(1, 0.9, 2, 0.05));
    Planner.Cost cost = new Planner.Cost(10, 1, 1);
    Map<String, NavigableMap<Integer, Double>> energy = new HashMap<>();
    Map<String, Planner.Cost> costs = new HashMap<>();
    for (String layer : List.of("conv1", "conv2", "shortcut", "fc")) {
      energy.put(layer, shares);
      costs.put(layer, cost);
    }
    return new Planner(graph(Zoo.Norm.GROUP), 0.1, kept).choose(costs, energy);
  }

  Graph graph() {
    return graph(norm);
  }

  Plan plan() {
    return Plan.of(graph(), mode, decomposition, rank, trusted).updatedBy(graph(), update);
  }

  boolean accounted() {
    return !protect.isEmpty();
  }

  private TrainConfig config() {
    PrivacyConfig privacy =
        accounted()
            ? new PrivacyConfig(
                protect, null, new Delta(1e-5), drawing, basis, new PrivacyConfig.Clip.Public())
            : PrivacyConfig.NONE;
    return new TrainConfig(
            "cnn", // a name: the network is graph()
            norm,
            mode,
            decomposition,
            rank,
            trusted,
            new NoiseStrength.Multiplier(1),
            new NoiseStrength.None(),
            1,
            BATCH,
            new TrainConfig.Optimizer(
                0.01f, 0, 0, TrainConfig.Schedule.CONSTANT, 0, List.of(), 0.1f),
            0,
            false,
            1,
            privacy,
            shield)
        .withUpdate(update);
  }

  /// Why a run would be refused.
  List<FormalCheck.Finding> findings() {
    return FormalCheck.check(config(), graph(), plan(), EXAMPLES, INPUT, true);
  }

  /// The terms with some noise; without account there is none.
  ReleaseTerms terms(double noiseMultiplier) {
    if (!accounted()) {
      return new ReleaseTerms.Unaccounted(new NoiseStrength.None(), "not accounted for");
    }
    Map<Channel, Map<String, ClipNorm>> bounds = new EnumMap<>(Channel.class);
    for (Channel channel : Channel.values()) {
      Map<String, ClipNorm> own = new HashMap<>();
      for (var node : graph().nodes()) {
        own.put(node.name(), new ClipNorm(CLIP));
      }
      bounds.put(channel, own);
    }
    return new ReleaseTerms.Accounted(
        new NoiseStrength.Multiplier(noiseMultiplier),
        protect,
        basis,
        new ReleaseTerms.Bounds(bounds),
        shield);
  }

  /// All that decides what a step does: combinations that are equal in it are one plan.
  Object key() {
    Plan plan = plan();
    return List.of(norm, plan, shield, protect, plan.sharesBases() ? basis : Basis.BATCH);
  }
}
