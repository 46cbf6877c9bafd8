package asymml.cli;

import asymml.model.Graph;
import asymml.model.Parameter;
import asymml.trusted.data.DataSet;
import asymml.trusted.execute.Mode;
import asymml.trusted.execute.Placement;
import asymml.trusted.execute.Placement.Split;
import asymml.trusted.execute.Plan;
import asymml.trusted.train.TrainConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// What a run is about to do, in words for its user: what runs where, and what leaves.
///
/// @param config what is computed
/// @param data what on
/// @param graph the network
/// @param plan where its linear layers run
record RunHeader(TrainConfig config, DataSet data, Graph graph, Plan plan) {
  /// What is to be said of the trusted process.
  static final String NOT_PROTECTED = "simulation: not protected: this is no TEE";

  String describeData() {
    return "%s: %d training and %d test images of %s, %d classes"
        .formatted(
            data.name(),
            data.train().size(),
            data.test().size(),
            data.train().shape(),
            data.train().classNames().size());
  }

  String describeModel() {
    return describeModel(graph, config);
  }

  /// A network in words.
  static String describeModel(Graph graph, TrainConfig config) {
    long macs = graph.linearLayers().stream().mapToLong(graph::multiplyAdds).sum();
    return "%s, %s norm, %s parameters, %s multiply-adds an image"
        .formatted(
            graph.name(),
            config.norm().name().toLowerCase(Locale.ROOT),
            Figures.scaled(parameterCount(graph)).strip(),
            Figures.scaled(macs).strip());
  }

  /// The number of trained values.
  static long parameterCount(Graph graph) {
    return graph.parameters().stream()
        .filter(p -> p.kind().trained())
        .mapToLong(Parameter::size)
        .sum();
  }

  /// How many layers run where.
  String describePlan() {
    return describePlan(graph, config, plan);
  }

  /// How many layers of a network run where.
  static String describePlan(Graph graph, TrainConfig config, Plan plan) {
    List<String> trusted = new ArrayList<>();
    List<Integer> ranks = new ArrayList<>();
    int untrusted = 0;
    List<Integer> linear = graph.linearLayers();
    for (int i = 0; i < linear.size(); i++) {
      String name = graph.nodes().get(linear.get(i)).name();
      switch (plan.placement(name)) {
        case Placement.Trusted _ -> trusted.add(name);
        case Placement.Untrusted _ -> untrusted++;
        case Split(var _, var rank) -> ranks.add(rank.most());
      }
    }
    List<String> parts = new ArrayList<>();
    if (!ranks.isEmpty()) {
      parts.add(
          "%d split (%s, rank %s: %d to %d)"
              .formatted(
                  ranks.size(),
                  config.decomposition().label(),
                  config.mode() == Mode.DP_ONLY ? "0" : config.rank(),
                  ranks.stream().mapToInt(r -> r).min().orElse(0),
                  ranks.stream().mapToInt(r -> r).max().orElse(0)));
    }
    if (untrusted > 0) {
      parts.add(untrusted + " untrusted");
    }
    if (!trusted.isEmpty()) {
      parts.add(
          trusted.size()
              + " trusted"
              + (trusted.size() <= 3 ? " " + String.join(" ", trusted) : ""));
    }
    return "%s: of %d linear layers %s"
        .formatted(config.mode().label(), linear.size(), String.join(", ", parts));
  }

  /// What is to be said where no worker is.
  static List<String> privacyOfTrustedOnly() {
    return List.of("nothing leaves the trusted process; the trained model itself is not protected");
  }
}
