package asymml.report;

import asymml.model.Graph;
import asymml.model.Parameter;
import asymml.trusted.bench.CostEstimate;
import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Plan;
import asymml.trusted.train.TrainConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Runs in words: the network and what runs where.
public final class RunDescription {
  private RunDescription() {}

  /// A data set in words.
  ///
  /// @param data its limited splits
  /// @return name, numbers of images, their shape and classes
  public static String data(DataSet data) {
    return "%s: %s training and %s test images of %s, %s classes"
        .formatted(
            data.name(),
            data.train().size(),
            data.test().size(),
            data.train().shape(),
            data.train().classNames().size());
  }

  /// A network in words.
  ///
  /// @param graph the network
  /// @param config of its run
  /// @return its name, norm, parameters and multiply-adds
  public static String model(Graph graph, TrainConfig config) {
    long macs = graph.weightedLayers().stream().mapToLong(graph::multiplyAdds).sum();
    return "%s, %s norm, %s parameters, %s multiply-adds an image"
        .formatted(
            graph.name(),
            config.norm().name().toLowerCase(Locale.ROOT),
            Figures.scaled(parameterCount(graph)).strip(),
            Figures.scaled(macs).strip());
  }

  /// The number of trained values.
  ///
  /// @param graph the network
  /// @return of all its layers
  public static long parameterCount(Graph graph) {
    return graph.parameters().stream().filter(p -> p.trained()).mapToLong(Parameter::size).sum();
  }

  /// How many layers of a network run where.
  ///
  /// @param graph the network
  /// @param config of its run
  /// @param plan of its run
  /// @return one line
  public static String plan(Graph graph, TrainConfig config, Plan plan) {
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
          "%s split (%s, rank %s: %s to %s)"
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
    int grouped = graph.weightedLayers().size() - linear.size();
    return "%s: of %s linear layers %s%s"
        .formatted(
            config.mode().label(),
            linear.size(),
            String.join(", ", parts),
            grouped == 0 ? "" : "; %s grouped convolutions, always trusted".formatted(grouped));
  }

  /// What splitting is worth to the trusted side.
  ///
  /// @param graph the network
  /// @param config of its run
  /// @param plan of its run, with layers at workers
  /// @return one line, an estimate
  public static String cost(Graph graph, TrainConfig config, Plan plan) {
    CostEstimate estimate = CostEstimate.of(graph, config.batchSize(), config.shield(), plan);
    String range =
        String.format(
            Locale.ROOT,
            "the trusted side takes an estimated %.2f to %.2f of the processor time of --mode trusted-only",
            estimate.least(),
            estimate.most());
    String perExample =
        config.privacy().dpSgd() == null ? "" : ", norms of single images' gradients apart";
    if (!estimate.costsMore()) {
      return range + perExample + " (asymml bench measures it)";
    }
    return range
        + perExample
        + ": splitting saves no time"
        + (config.mode() == Mode.ASYMML && !config.shield().masks()
            ? "; --plan auto splits only layers where it does"
            : "");
  }

  /// What is to be said where no worker is.
  ///
  /// @return a line each
  public static List<String> privacyOfTrustedOnly() {
    return List.of(
        "nothing is released by the trusted process; the trained model itself is not protected");
  }
}
