package asymml.cli.table;

import asymml.model.Graph;
import asymml.model.Node;
import asymml.report.Figures;
import asymml.session.RunRecord;
import asymml.study.plan.PlanListener;
import asymml.study.plan.PlanResult;
import asymml.study.plan.PlanSpec;
import asymml.trusted.bench.Planner.Choice;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/// A plan as text, and how it comes about.
///
/// @param spec what is planned for
/// @param out where to
public record PlanTable(PlanSpec spec, PrintWriter out) implements PlanListener {
  @Override
  public void opened(Graph graph) {
    out.printf(
        "model    %s, batch %s of %s; at most %s of an input's energy in the residual%n",
        graph.name(), spec.batchSize(), graph.input(), Figures.percent(spec.energy()));
    out.println("data     " + spec.data().source() + ": the ranks are a statistic of these images");
    out.println("trusted  this process; " + RunRecord.NOT_PROTECTED);
    out.flush();
  }

  @Override
  public void timing(String what) {
    out.println("timing   " + what + " ...");
    out.flush();
  }

  @Override
  public void timed(double wallMillis) {
    out.printf(Locale.ROOT, "         %.1f ms a step%n", wallMillis);
    out.flush();
  }

  /// Prints the choice for each layer, and the options that train with it.
  public void print(PlanResult result) {
    String row = "%-24s %-10s %12s %12s %-18s %5s %12s  %s%n";
    out.println();
    out.printf(
        row,
        "layer",
        "input",
        "trusted ms",
        "split ms",
        "placement",
        "rank",
        "residual energy",
        "why");
    Graph graph = result.graph();
    Map<String, Node> nodes =
        graph.nodes().stream().collect(Collectors.toMap(Node::name, Function.identity()));
    for (Choice choice : result.choices()) {
      Node node = nodes.get(choice.layer());
      out.printf(
          row,
          choice.layer(),
          node == null ? "" : graph.inputShape(graph.nodes().indexOf(node)),
          decimal(choice.trustedMillis()),
          Double.isNaN(choice.splitMillis()) ? "-" : decimal(choice.splitMillis()),
          choice.split() ? "split" : "trusted",
          choice.split() ? choice.rank() : "",
          choice.split() ? Figures.percent(choice.energyLeft()) : "",
          choice.reason());
    }
    out.println();
    out.printf(
        Locale.ROOT,
        "a step of the trusted side, waiting left out: predicted %.1f ms, measured %.1f ms (%+.0f"
            + " %%); all layers trusted %.1f ms%n",
        result.predictedMillis(),
        result.measuredMillis(),
        100 * result.predictionError(),
        result.allTrustedMillis());
    out.println(
        result.saves()
            ? "use      --rank %s --trusted-layers %s"
                .formatted(result.rank(), String.join(",", result.trustedLayers()))
            : result.splits()
                ? "use      --mode trusted-only: the plan saves nothing"
                : "use      --mode trusted-only: no layer is worth splitting under this bound");
    out.flush();
  }

  private static String decimal(double millis) {
    return String.format(Locale.ROOT, "%.2f", millis);
  }
}
