package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.Zoo;
import asymml.session.Settings;
import asymml.session.TrainingSpec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

class MainTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--noise-ratio 1 --noise-multiplier 1 | one of --noise-ratio and",
        "--noise-ratio -1                     | noise ratio must be from",
        "--mode private                       | asymml, trusted-only, untrusted-only, dp-only",
        "--model lenet                        | resnet20",
        "--norm layer                         | batch, group",
        "--decomposer svd                     | shared, per-example",
        "--rank half                          | schedule:2:32",
        "--schedule linear                    | constant, cosine, step",
        "--schedule step                      | --milestones",
        "--epochs 0                           | epochs must be at least 1",
        "--epochs three                       | --epochs",
        "--batch-size 0                       | batch size must be at least 1",
        "--learning-rate 0                    | learning rate",
        "--threads 0                          | --threads must be 1 to 4096",
        "--worker-timeout 0                   | --worker-timeout",
        "--limit-train 0                      | 'all'",
        "--worker somewhere                   | unix:PATH",
        "--worker tls:localhost:1             | --tls-trust",
        "--wire half                          | float32, bfloat16",
        "--wire bfloat16                      | --worker tls:HOST:PORT",
        "--wire bfloat16 --worker tls:a:1 --tls-trust w.pem --mode trusted-only | --worker"
            + " tls:HOST:PORT",
        "--wire bfloat16 --worker tls:a:1,tls:b:1 --tls-trust w.pem --shield shares | in float32",
        "--verify sometimes                   | --verify: must be off, every, or sample:P",
        "--chunks 0                           | --chunks must be 1 to 16: 0",
        "--chunks 2 --shield shares --norm group | masks are made for a whole batch",
        "--chunks 2 --worker-record f         | omit --chunks",
        "--tls-trust w.pem                    | --worker tls:",
        "--resume                             | --resume runs/NAME",
        "--resume runs/x --out runs/y         | omit --out",
        "--worker-record f --worker unix:/w   | --record",
        "--worker-record f --mode trusted-only | starts none",
        "--worker-record-limit 5M             | goes with --worker-record",
        "--shield two                         | residual, shares",
        "--weight-gradient some               | sampled:1/4",
        "--weight-gradient sampled:1/4        | use --shield shares",
        "--shield shares --worker unix:/a     | --worker A --worker B",
        "--shield shares --worker unix:/a --worker unix:/a | the two workers are one",
        "--worker unix:/a --worker unix:/a    | a worker is given twice",
        "--worker local,local --batch-size 1  | 2 workers cannot share batches of 1 images",
        "--worker local,local --worker-record f | --worker-record is for one worker",
        "--shield shares --protect residuals  | --protect gradients, or --dp-sgd",
        "--shield shares                      | --norm group",
        "--shield shares --protect all        | give --dp-sgd",
        "--shield shares --norm group --decomposer shared --rank 1/8 --basis batch | --basis"
            + " public",
        "--plan best                          | auto or auto:0.1",
        "--plan auto --mode trusted-only      | --mode asymml",
        "--plan auto --rank 1/8               | does not go with --rank",
        "--plan auto:2                        | energy must be above 0",
        "--analyze-every -1                   | --analyze-every must be at least 0",
        "--unheard-of                         | --unheard-of",
        "extra                                | extra"
      })
  void wrong_usage_is_one_line_and_exit_code_2(String flags, String said) {
    Outcome outcome = Outcome.of(("train " + flags).split(" +"));
    assertThat(outcome.err()).startsWith("asymml: ").contains(said.strip()).hasLineCount(1);
    assertThat(outcome.code()).isEqualTo(2);
    // Some show only when the data are open, which a slow machine reports on.
    assertThat(outcome.out().lines().filter(line -> !line.startsWith("drawing "))).isEmpty();
  }

  @Test
  void a_failure_is_one_line_and_exit_code_1() {
    Path missing = folder.resolve("missing");
    List<Outcome> outcomes =
        List.of(
            Outcome.of("train", "--data", missing.toString()),
            Outcome.of("train", "--resume", missing.toString()),
            Outcome.of("train", "-c", missing.toString()),
            Outcome.of("eval", "--run", missing.toString()),
            Outcome.of("predict", "--run", missing.toString(), "cat.jpg"));
    assertThat(outcomes)
        .allSatisfy(outcome -> {
          assertThat(outcome.err()).startsWith("asymml: ").contains(missing.toString());
          assertThat(outcome.err()).hasLineCount(1);
          assertThat(outcome.code()).isEqualTo(1);
        });
  }

  @Test
  void debug_shows_where_a_failure_came_from() {
    Outcome outcome = Outcome.of("eval", "--debug", "--run", folder.toString());
    assertThat(outcome.err()).contains("\tat asymml.cli.");
    assertThat(outcome.code()).isEqualTo(1);
  }

  @Test
  void a_layer_that_is_not_there_is_named_before_anything_starts() {
    Path out = folder.resolve("run");
    Outcome outcome =
        Outcome.of(
            "train", "--trusted-layers", "conv9", "--limit-train", "10", "--out", out.toString());
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err())
        .contains("'conv9' is no linear layer of cnn", "conv1")
        .hasLineCount(1);
    assertThat(out).doesNotExist();
  }

  @Test
  void a_worker_that_is_not_there_leaves_the_directory_free_for_the_next_attempt() {
    Path socket = folder.resolve("w.sock");
    String[] arguments = {
      "train", "--limit-train", "10", "--worker", "unix:" + socket, "--out", folder.toString()
    };
    for (int attempt = 1; attempt <= 2; attempt++) {
      Outcome outcome = Outcome.of(arguments);
      assertThat(outcome.err()).contains("no worker listens on unix:" + socket).hasLineCount(1);
      assertThat(outcome.code()).isEqualTo(1);
    }
  }

  @Test
  void a_resumed_run_refuses_other_settings_and_names_them() throws Exception {
    Files.writeString(folder.resolve("config.yaml"), "epochs: 3\nthreads: 1\n");
    Outcome outcome = Outcome.of("train", "--resume", folder.toString(), "--epochs", "2");
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err()).contains("epochs was 3 and is 2").hasLineCount(1);
  }

  @Test
  void without_a_command_it_lists_them() {
    Outcome outcome = Outcome.of();
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err())
        .contains(
            "train", "eval", "predict", "serve", "analyze", "worker", "models", "privacy", "env")
        .contains("Examples:");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "train", "eval", "predict", "serve", "analyze", "report", "models", "privacy", "env"
      })
  void the_help_of_each_command_has_an_example(String command) {
    Outcome outcome = Outcome.of(command, "--help");
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out()).contains("Example").contains("  asymml " + command);
  }

  @Test
  void the_help_of_train_tells_every_setting_with_its_default() {
    String help = Outcome.of("train", "--help").out();
    CommandLine train = Objects.requireNonNull(Main.commandLine().getSubcommands().get("train"));
    for (String key : Settings.known()) {
      OptionSpec option = train.getCommandSpec().findOption("--" + key);
      assertThat(option).as("--" + key).isNotNull();
      assertThat(help).contains(key);
      String description = String.join(" ", option.description());
      if (description.contains("${DEFAULT-VALUE}")) {
        assertThat(option.defaultValueString())
            .as("default of --" + key)
            .isEqualTo(Settings.of(TrainingSpec.defaults()).text(key));
      } else {
        assertThat(description)
            .as("description of --" + key)
            .matches(
                text -> text.contains("default:") || key.matches("tls-trust|noise-multiplier"));
      }
    }
    assertThat(help).contains("(default: generated)", "(default: 64)");
  }

  @Test
  void models_are_listed_with_their_sizes() {
    Outcome outcome = Outcome.of("models");
    assertThat(outcome.out()).contains(Zoo.names()).containsPattern("vgg16 +14\\.7 M +313 M +14");
    Outcome tooSmall = Outcome.of("models", "--image-size", "1");
    assertThat(tooSmall.code()).isEqualTo(2);
    assertThat(tooSmall.out()).isEmpty();
  }

  @Test
  void the_environment_says_that_nothing_is_protected() {
    assertThat(Outcome.of("env").out()).contains("oneDNN", "simulation, not protected", "GPU  ");
  }
}
