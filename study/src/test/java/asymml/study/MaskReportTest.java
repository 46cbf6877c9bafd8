package asymml.study;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.trusted.rank.MaskErrors;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class MaskReportTest {
  @TempDir Path folder;

  private static MaskErrors.Errors error(double measured) {
    return new MaskErrors.Errors(0.5, 256, 1e-4, measured);
  }

  private static MaskReport report(double forward, double backward) {
    return new MaskReport(
        "cnn",
        10,
        32,
        List.of(
            new MaskErrors.AtRank("conv2", 0, error(1e-7)),
            new MaskErrors.AtRank("conv2", 4, error(forward))),
        List.of(new MaskErrors.OfGradient("conv3", error(backward))));
  }

  @Test
  void the_verdict_names_the_largest_error_and_the_limit() {
    assertThat(report(2e-5, 1e-5).verdict())
        .isEqualTo(
            "verdict: the largest relative error is 2.0e-05 (conv2 at rank 4), inside the limit of"
                + " 1e-02 for a run");
    assertThat(report(1e-5, 3e-2).verdict())
        .contains("3.0e-02 (the gradient of conv3), ABOVE the limit");
  }

  @Test
  void an_error_that_is_no_number_is_not_inside_the_limit() {
    assertThat(report(Double.NaN, 1e-9).verdict()).contains("ABOVE");
  }

  @Test
  void the_file_says_that_it_is_private_and_has_all_rows() throws Exception {
    Path file = folder.resolve("masks.json");
    report(2e-5, 1e-5).write(file);
    JsonNode root = JsonMapper.shared().readTree(file);
    assertThat(root.path("notice").asString()).startsWith("PRIVATE");
    assertThat(root.path("images").asInt()).isEqualTo(32);
    assertThat(root.path("forward")).hasSize(2);
    assertThat(root.at("/forward/1/rank").asInt()).isEqualTo(4);
    assertThat(root.at("/forward/1/measuredError").asDouble()).isEqualTo(2e-5);
    assertThat(root.at("/backward/0/layer").asString()).isEqualTo("conv3");
    assertThat(root.at("/backward/0/bits").asDouble()).isEqualTo(8);
  }
}
