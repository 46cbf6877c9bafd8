package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.Kernels;
import asymml.model.ModelDescription;
import asymml.model.Shape;
import asymml.model.Zoo;
import java.util.List;
import org.junit.jupiter.api.Test;

/// `env`, `models` and `worker`.
class MachineCommandsTest {
  @Test
  void env_has_a_line_for_each_thing_that_a_run_depends_on() {
    Outcome outcome = Outcome.of("env");
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out().lines().map(line -> line.replaceFirst(" {2,}.*", "")))
        .containsExactly(
            "asymml",
            "Java",
            "oneDNN",
            "vectors",
            "cores",
            "memory",
            "shared memory",
            "TEE",
            "GPU");
    assertThat(outcome.out())
        .contains("oneDNN         " + Kernels.version(), Runtime.version().toString())
        .contains("simulation, not protected");
  }

  @Test
  void models_are_larger_for_larger_images_and_more_classes() {
    Outcome outcome = Outcome.of("models", "--image-size", "64", "--classes", "100");
    assertThat(outcome.code()).isZero();
    List<String> lines = outcome.out().lines().toList();
    assertThat(lines.getFirst().split(" +")).startsWith("model", "parameters");
    assertThat(lines.stream().skip(1).takeWhile(line -> !line.startsWith("for ")))
        .extracting(line -> line.split(" +", -1)[0])
        .containsExactlyElementsOf(Zoo.names());
    assertThat(outcome.out()).contains("for 64x64", "100 classes");
    assertThat(outcome.out()).isNotEqualTo(Outcome.of("models").out());
  }

  @Test
  void a_model_is_printed_as_a_description_that_training_reads() {
    Outcome outcome = Outcome.of("models", "--yaml", "mobilenetv2", "--norm", "group");
    assertThat(outcome.code()).isZero();
    assertThat(ModelDescription.parse(outcome.out()).graph(new Shape(32, 32, 3), 10).nodes())
        .isEqualTo(Zoo.build("mobilenetv2", new Shape(32, 32, 3), 10, Zoo.Norm.GROUP).nodes());
    Outcome unknown = Outcome.of("models", "--yaml", "vgg99");
    assertThat(unknown.code()).isEqualTo(2);
    assertThat(unknown.err()).contains("no model is called 'vgg99'");
  }

  @Test
  void the_worker_is_a_program_of_its_own_that_the_launcher_starts() {
    Outcome outcome = Outcome.of("worker", "--listen", "unix:/tmp/w.sock");
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err()).contains("./asymml worker", "asymml.untrusted").hasLineCount(1);
  }
}
