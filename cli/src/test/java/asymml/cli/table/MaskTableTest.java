package asymml.cli.table;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.study.MaskReport;
import asymml.trusted.rank.MaskErrors;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;

class MaskTableTest {
  private static MaskErrors.Errors error(double measured) {
    return new MaskErrors.Errors(0.5, 256, 1e-4, measured);
  }

  private static MaskTable table(double forward, double backward) {
    return new MaskTable(
        new MaskReport(
            "cnn",
            10,
            32,
            List.of(
                new MaskErrors.AtRank("conv2", 0, error(1e-7)),
                new MaskErrors.AtRank("conv2", 4, error(forward))),
            List.of(new MaskErrors.OfGradient("conv3", error(backward)))));
  }

  @Test
  void the_table_has_a_row_for_each_rank_and_ends_with_the_verdict() {
    StringWriter text = new StringWriter();
    table(2e-5, 1e-5).print(new PrintWriter(text));
    assertThat(text.toString().lines().filter(line -> line.startsWith("conv2"))).hasSize(2);
    assertThat(text.toString().lines().filter(line -> line.startsWith("conv3"))).hasSize(1);
    // 256 is 2^8.
    assertThat(text.toString().lines().filter(line -> line.startsWith("conv3")).findFirst())
        .hasValueSatisfying(line -> assertThat(line.split(" +")).contains("256.0", "8.0"));
    assertThat(text.toString().lines().reduce((a, last) -> last))
        .hasValueSatisfying(line -> assertThat(line).startsWith("verdict: "));
  }
}
