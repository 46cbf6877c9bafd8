package asymml.cli.table;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.ConvShape;
import asymml.trusted.bench.PerExampleBench.LayerCost;
import asymml.trusted.bench.PerExampleBench.StepCosts;
import asymml.trusted.ops.PerExampleMethod;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PerExampleTableTest {
  private final StringWriter text = new StringWriter();
  private final PerExampleTable table = new PerExampleTable(new PrintWriter(text, true));

  @Test
  void each_layer_has_what_was_measured_and_a_dash_where_a_method_is_not_for_it() {
    table.print(
        List.of(
            new LayerCost(
                "conv1",
                new ConvShape(2, 8, 8, 243, 64, 3, 3, 2, 1),
                PerExampleMethod.GHOST,
                155e-6,
                Map.of(PerExampleMethod.STORED, 489e-6, PerExampleMethod.GHOST, 303.04e-6)),
            new LayerCost(
                "fc",
                ConvShape.linear(2, 512, 10),
                PerExampleMethod.PRODUCT,
                1e-6,
                Map.of(PerExampleMethod.PRODUCT, 2.25e-6))));
    List<String> lines = text.toString().lines().toList();
    assertThat(lines).hasSize(4);
    assertThat(lines.get(2))
        .matches("conv1 +8x8x243, 3x3, to 64, /2 +155\\.0 +- +489\\.0 +303\\.0 +- +ghost");
    assertThat(lines.get(3)).matches("fc +1x1x512, 1x1, to 10 +1\\.0 +2\\.[23] +- +- +- +product");
  }

  @Test
  void a_step_is_compared_with_one_without() {
    table.print(new StepCosts(2e-3, 3e-3));
    assertThat(text)
        .hasToString(
            "step     2000.0 microseconds an image without gradients of single images, 3000.0 with:"
                + " 1.50 times%n".formatted());
  }
}
