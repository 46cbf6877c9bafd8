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
        .contains(
            "trusted CPU ms",
            "lower bound, CPU ms",
            "conv1",
            "not running in a TEE (simulation, not protected)")
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
  void a_network_in_a_file_is_measured_and_has_its_own_layers() throws Exception {
    String yaml = Outcome.of("models", "--yaml", "cnn", "--image-size", "8").out();
    Path file = Files.writeString(directory.resolve("own.yaml"), yaml);
    String command = SHORT.replace("--model cnn", "--model " + file) + " --image-size 8";
    Outcome outcome = Outcome.of(command.split(" "));
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.out()).contains("trusted CPU ms", "conv1");
    assertThat(Outcome.of((command + " --norm group").split(" ")).err())
        .contains("a network in a file has its own layers");
    Path missing = directory.resolve("missing.onnx");
    assertThat(Outcome.of("bench", "--model", missing.toString()).err())
        .contains("cannot read model file " + missing + ": no such file");
  }

  @Test
  void gradients_of_single_images_have_their_cost_by_layer_and_method() {
    String command =
        "bench --model cnn --batch-size 2 --steps 2 --warm-up 1 --image-size 8 --dp-sgd";
    Outcome outcome = Outcome.of((command + " --norm group").split(" "));
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.out())
        .containsPattern("conv1 +8x8x3, 3x3, to 16 .* stored")
        .containsPattern("fc +1x1x64, 1x1, to 10 .* product")
        .containsPattern("step .* times");
    assertThat(Outcome.of(command.split(" ")).err()).contains("--dp-sgd needs --norm group");
    assertThat(Outcome.of((command + " --norm group --json x").split(" ")).err())
        .contains("--dp-sgd does not go with --json");
  }

  @Test
  void inference_has_images_a_second_and_sends_weights_only_while_it_warms_up() throws Exception {
    Path json = directory.resolve("inference.json");
    String command =
        "bench --inference --model cnn --batch-size 4 --steps 2 --warm-up 1 --rounds 1";
    Outcome outcome = Outcome.of((command + " --json " + json).split(" "));
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out())
        .contains("inference of cnn, batch 4 of 32x32x3", "per batch ", "trusted-cost ratio  ")
        .containsPattern("images/s +[0-9.]+ +[0-9.]+\n");
    JsonNode facts = new JsonMapper().readTree(Files.readString(json));
    assertThat(facts.get("work").asString()).isEqualTo("inference");
    JsonNode split = facts.at("/modes/asymml");
    // Inputs of the two split layers, of 16x16x16 and 8x8x32 values.
    assertThat(split.get("bytesToWorker").asLong()).isEqualTo(4 * 4 * (4096 + 2048));
    assertThat(split.get("imagesPerSecond").asDouble()).isPositive();
    assertThat(split.at("/phasesMillis/loss and update").asDouble()).isZero();
    Outcome sampled =
        Outcome.of((command + " --shield shares --weight-gradient sampled:1/4").split(" "));
    assertThat(sampled.code()).isEqualTo(2);
    assertThat(sampled.err()).contains("at inference there are no weight gradients");
  }

  @Test
  void a_projection_is_called_one() {
    Outcome outcome = Outcome.of((SHORT + " --enclave-slowdown 3").split(" "));
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out()).contains("PROJECTION, not measured: a TEE 3 times as slow");
  }

  @Test
  void a_sweep_has_the_cost_of_an_image_at_each_value() throws Exception {
    Path json = directory.resolve("sweep.json");
    Path svg = directory.resolve("sweep.svg");
    Outcome outcome =
        Outcome.of(
            ("bench --model cnn --steps 2 --warm-up 1 --rounds 1 --chunks 2 --sweep batch-size:2,4"
                    + " --json "
                    + json
                    + " --svg "
                    + svg)
                .split(" "));
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out())
        .contains("cnn, batch 2 | 4 of 32x32x3", "not running in a TEE (simulation, not protected)")
        .containsPattern("batch-size 2 +trusted-only +[0-9.]+ +0.000 +[0-9.]+ +0 B +0 B .*B *\n")
        .containsPattern("batch-size 4 +asymml( +[0-9.]+){3} .*kB .*MB +[0-9.]+\n")
        .contains("written  " + json, "written  " + svg);
    JsonNode facts = new JsonMapper().readTree(Files.readString(json));
    assertThat(outcome.out()).contains("worker   local, batches in 2 chunks");
    assertThat(facts.get("chunks").asInt()).isEqualTo(2);
    assertThat(facts.get("sweep").asString()).isEqualTo("batch-size");
    assertThat(facts.get("values"))
        .extracting(value -> value.get("value").asString())
        .containsExactly("2", "4");
    JsonNode two = facts.get("values").get(0);
    JsonNode four = facts.get("values").get(1);
    assertThat(two.get("batchSize").asInt()).isEqualTo(2);
    assertThat(two.get("trustedCostRatio").asDouble()).isPositive();
    assertThat(two.get("modes").get("trusted-only").get("wallMillisPerImage").asDouble())
        .isPositive();
    // Weights leave once a step: more images share them.
    assertThat(sent(four)).isPositive().isLessThan(sent(two));
    assertThat(Files.readString(svg))
        .contains("rgb(31,78,140)", "rgb(194,90,26)", "rgb(46,132,82)");
  }

  private static double sent(JsonNode value) {
    return value.get("modes").get("asymml").get("bytesToWorkerPerImage").asDouble();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--steps 0 | steps must be at least 1: 0",
        "--batch-size 0 | batch size must be at least 1: 0",
        "--warm-up -1 | warm-up must be at least 0 steps: -1",
        "--worker gpu | is neither local nor cuda:N",
        "--worker-delay -1 | an emulated worker answers after 0 to 10000000 microseconds: -1",
        "--worker cuda:0 --worker-delay 1 | give one of --worker and --worker-delay",
        "--enclave-slowdown 0.5 | --enclave-slowdown must be at least 1",
        "--rank none | is none of 8",
        "--trusted-layers conv9 | is no linear layer of cnn",
        "--image-size 2 | too small for this model",
        "--noise-ratio -1 | noise",
        "--sweep threads:1,2 | is none of batch-size, image-size, rank",
        "--sweep batch-size | a sweep takes two or more different values: []",
        "--sweep batch-size:8 | a sweep takes two or more different values: [8]",
        "--sweep batch-size:8,08 | a sweep takes two or more different values: [8, 8]",
        "--sweep batch-size:8,0 | batch-size '0' is no whole number of at least 1",
        "--sweep rank:1/8,all | rank 'all' is none of 8",
        "--sweep image-size:32,2 | image-size 2: layer pool2: its 2x2 window does not fit",
        "--sweep rank:1/8,1/4 --rank 8 | give one of --rank and --sweep rank:...",
        "--sweep rank:1/8,1/4 --enclave-slowdown 2 | --enclave-slowdown does not go with --sweep"
      })
  void a_mistake_is_told_in_one_line(String arguments, String message) {
    String command = "bench --model cnn --modes trusted-only " + arguments;
    Outcome outcome = Outcome.of(command.split(" "));
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err()).containsIgnoringCase(message).hasLineCount(1);
  }
}
