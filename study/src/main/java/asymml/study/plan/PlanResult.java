package asymml.study.plan;

import asymml.model.Graph;
import asymml.trusted.bench.Planner;
import asymml.trusted.bench.Planner.Choice;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The least expensive plan, and how well its cost was predicted. On private images the ranks are a
/// statistic of them.
///
/// @param graph the network
/// @param choices where each linear layer is to run, in order
/// @param predictedMillis of a step of the trusted side, waiting left out
/// @param measuredMillis of the same, measured
/// @param allTrustedMillis measured where all layers stay trusted
public record PlanResult(
    Graph graph,
    List<Choice> choices,
    double predictedMillis,
    double measuredMillis,
    double allTrustedMillis) {
  /// Copies the list.
  public PlanResult {
    choices = List.copyOf(choices);
  }

  /// Whether any layer is worth splitting.
  ///
  /// @return false if all stay trusted
  public boolean splits() {
    return choices.stream().anyMatch(Choice::split);
  }

  /// Whether the plan saves anything.
  ///
  /// @return false if no layer is worth splitting, or a step of the plan took the trusted side at
  ///   least as long as one that stays trusted
  public boolean saves() {
    return splits() && measuredMillis < allTrustedMillis;
  }

  /// The ranks to run with.
  ///
  /// @return a number for each linear layer
  public RankPolicy rank() {
    return Planner.ranks(choices);
  }

  /// The layers that stay trusted.
  ///
  /// @return names
  public List<String> trustedLayers() {
    return Planner.trusted(choices);
  }

  /// By how much the prediction is off.
  ///
  /// @return a share of what was measured; above 0 if too much was predicted
  public double predictionError() {
    return predictedMillis / measuredMillis - 1;
  }

  /// Writes a JSON file.
  ///
  /// @param file to write, in place of an earlier one
  /// @param spec what was planned for
  /// @param version of this program
  /// @throws IOException if it cannot be written
  public void write(Path file, PlanSpec spec, String version) throws IOException {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("version", version);
    facts.put("model", graph.name());
    facts.put("data", spec.data().source());
    facts.put("batchSize", spec.batchSize());
    facts.put("energy", spec.energy());
    facts.put("threads", spec.processes().threads());
    facts.put("rank", rank().toString());
    facts.put("trustedLayers", trustedLayers());
    facts.put("predictedMillis", predictedMillis);
    facts.put("measuredMillis", measuredMillis);
    facts.put("allTrustedMillis", allTrustedMillis);
    List<Map<String, Object>> layers = new ArrayList<>();
    for (Choice choice : choices) {
      Map<String, Object> layer = new LinkedHashMap<>();
      layer.put("layer", choice.layer());
      layer.put("rank", choice.rank());
      layer.put("trustedMillis", choice.trustedMillis());
      if (!Double.isNaN(choice.splitMillis())) {
        layer.put("splitMillis", choice.splitMillis());
      }
      layer.put("energyLeft", choice.energyLeft());
      layer.put("reason", choice.reason());
      layers.add(layer);
    }
    facts.put("layers", layers);
    RunFile.write(file, facts);
  }
}
