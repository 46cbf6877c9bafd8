package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class BenchCommandTest {
  private static final String SHORT =
      "bench --model cnn --batch-size 4 --steps 2 --warm-up 1 --rounds 2 --modes trusted-only";

  @TempDir Path directory;

  @Test
  void a_mode_without_a_worker_has_its_cost_by_layer_and_no_ratio() throws Exception {
    Path json = directory.resolve("bench.json");
    Outcome outcome = Outcome.of((SHORT + " --json " + json).split(" "));
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out())
        .contains("trusted CPU ms", "floor, CPU ms", "conv1", "simulation: not protected")
        .doesNotContain("ratio  ");
    JsonNode facts = new JsonMapper().readTree(Files.readString(json));
    JsonNode mode = facts.get("modes").get("trusted-only");
    assertThat(mode.get("trustedCpuMillisByRound")).hasSize(2);
    assertThat(mode.get("wallMillis").asDouble()).isPositive();
    assertThat(mode.get("floorCpuMillis").asDouble()).isPositive();
    assertThat(mode.get("layersMillis").get("conv1").get("placement").asString())
        .isEqualTo("trusted");
    double kernels = 0;
    for (JsonNode layer : mode.get("layersMillis")) {
      kernels += layer.get("trusted kernels").asDouble();
    }
    assertThat(kernels)
        .isPositive()
        .isCloseTo(
            mode.get("phasesMillis").get("trusted kernels").asDouble(),
            org.assertj.core.data.Percentage.withPercentage(0.01));
    assertThat(facts.has("trustedCostRatio")).isFalse();
  }

  @Test
  void a_projection_is_called_one() {
    Outcome outcome = Outcome.of((SHORT + " --enclave-slowdown 3").split(" "));
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out()).contains("PROJECTION, not measured: a TEE 3 times as slow");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--steps 0 | --steps must be at least 1: 0",
        "--batch-size 0 | --batch-size must be at least 1: 0",
        "--warm-up -1 | --warm-up must be at least 0: -1",
        "--worker gpu | is neither local nor cuda:N",
        "--worker-delay -1 | --worker-delay must be 0 to 10000000 microseconds: -1",
        "--worker cuda:0 --worker-delay 1 | give one of --worker and --worker-delay",
        "--enclave-slowdown 0.5 | --enclave-slowdown must be at least 1",
        "--rank none | is none of 8",
        "--trusted-layers conv9 | is no linear layer of cnn",
        "--image-size 2 | too small for this model",
        "--noise-ratio -1 | noise"
      })
  void a_mistake_is_told_in_one_line(String arguments, String message) {
    String command = "bench --model cnn --modes trusted-only " + arguments;
    Outcome outcome = Outcome.of(command.split(" "));
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err()).containsIgnoringCase(message).hasLineCount(1);
  }
}
