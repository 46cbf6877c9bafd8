package asymml.cli.table;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.Architecture;
import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.session.DataSpec;
import asymml.study.bench.BenchSpec;
import asymml.study.plan.PlanResult;
import asymml.study.plan.PlanSpec;
import asymml.trusted.bench.Planner.Choice;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;

/// A planted plan as text.
class PlanTableTest {
  private static final Graph GRAPH = Zoo.build("cnn", new Shape(32, 32, 3), 10, Zoo.Norm.BATCH);
  private static final PlanSpec SPEC =
      new PlanSpec(
          DataSpec.of("generated"),
          Architecture.of("cnn"),
          Zoo.Norm.BATCH,
          8,
          List.of("first", "last"),
          0.1,
          1,
          new BenchSpec.Processes(1, "cpu", 1));

  private static Choice choice(String layer, int rank) {
    return new Choice(layer, rank, rank > 0 ? 0.05 : 0, 4, rank > 0 ? 1.5 : Double.NaN, "a reason");
  }

  private final StringWriter text = new StringWriter();
  private final PlanTable table = new PlanTable(SPEC, new PrintWriter(text, true));

  @Test
  void a_plan_that_splits_says_how_to_use_it() {
    List<Choice> choices =
        List.of(choice("conv1", 0), choice("conv2", 0), choice("conv3", 8), choice("fc", 0));
    table.print(new PlanResult(GRAPH, choices, 11, 10, 20));
    assertThat(text.toString())
        .containsPattern("conv1 +32x32x3 +4\\.00 +- trusted +a reason\n")
        .containsPattern("conv3 +8x8x32 +4\\.00 +1\\.50 split +8 +5\\.0 % +a reason\n")
        .contains("predicted 11.0 ms, measured 10.0 ms (+10 %); all layers trusted 20.0 ms")
        .contains("use      --rank layers:0:0:8:0 --trusted-layers conv1,conv2,fc");
  }

  @Test
  void a_plan_without_splits_needs_no_worker() {
    table.print(new PlanResult(GRAPH, List.of(choice("conv1", 0)), 9, 10, 10));
    assertThat(text.toString())
        .contains("(-10 %)")
        .contains("use      --mode trusted-only: no layer is worth splitting under this bound");
  }

  @Test
  void timings_are_told_as_they_come() {
    table.opened(GRAPH);
    table.timing("all layers trusted");
    table.timed(12.34);
    assertThat(text.toString())
        .contains("model    cnn, batch 8 of 32x32x3; at most 10.0 % of an input's energy")
        .contains("timing   all layers trusted ...\n         12.3 ms a step\n");
  }
}
