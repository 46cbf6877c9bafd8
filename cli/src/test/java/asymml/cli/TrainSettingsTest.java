package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.session.Settings;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TrainSettingsTest {
  @TempDir Path folder;

  private Path file(String yaml) throws Exception {
    return Files.writeString(folder.resolve("run.yaml"), yaml);
  }

  private static String printed(String... args) {
    String[] all = new String[args.length + 2];
    all[0] = "train";
    all[1] = "--print-config";
    System.arraycopy(args, 0, all, 2, args.length);
    Outcome outcome = Outcome.of(all);
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
    return outcome.out();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "--noise-ratio 0.25",
        "--noise-multiplier 0",
        "--no-augment --norm group --decomposer per-example",
        "--mode dp-only --noise-ratio 0.5",
        "--rank 8 --trusted-layers conv1,fc --threads 3",
        "--rank energy:0.1:1/2 --trusted-layers none",
        "--schedule step --milestones 3,5 --step-factor 0.2 --epochs 7",
        "--weight-decay 0.0001 --learning-rate 1 --label-smoothing 0.1 --warm-up-epochs 1.5",
        "--limit-train 200 --limit-test 10 --seed -5 --data generated:3",
        "--worker tls:localhost:4433 --tls-trust w.pem --worker-timeout 7 --chunks 2 --out"
            + " runs/mine",
        "--worker unix:/tmp/w.sock",
        "--norm group --protect all --target-epsilon 8",
        "--protect residuals --noise-multiplier 2 --basis dp --clip 20:0.01 --delta 1e-6",
        "--protect gradients --noise-ratio 0.5 --sampling shuffle --clip public",
        "--protect residuals --noise-multiplier 2 --public-data generated:4"
      })
  void a_printed_configuration_read_back_gives_the_same(String flags) throws Exception {
    String first = printed(flags.isEmpty() ? new String[0] : flags.split(" "));
    assertThat(printed("-c", file(first).toString())).isEqualTo(first);
  }

  @Test
  void every_setting_is_printed_even_where_it_is_a_default() {
    Settings printed = Settings.parse("printed", printed());
    assertThat(printed.values().keySet())
        .containsAll(
            Settings.known().stream()
                .filter(key ->
                    !key.matches(
                        "noise-multiplier|gradient-noise-ratio|target-epsilon|out"
                            + "|logical-batch-size|max-grad-norm|augmentation-multiplicity|weight-average|masks-share"
                            + "|per-example|per-example-memory|label-column|group-column|init|init-public|freeze"
                            + "|tls-trust|tls-keystore|tls-password-file|tls-allow-expired"))
                .toList());
  }

  @Test
  void the_command_line_wins_over_the_file_and_the_file_over_defaults() throws Exception {
    String file = file("epochs: 3\nbatch-size: 32\naugment: false\n").toString();
    assertThat(printed("-c", file, "--epochs", "5", "--augment"))
        .contains("epochs: 5\n", "batch-size: 32\n", "augment: true\n", "momentum: 0.9\n");
    assertThat(printed("-c", file)).contains("augment: false\n");
  }

  @Test
  void noise_of_the_command_line_replaces_that_of_the_file_whichever_way_it_is_given()
      throws Exception {
    assertThat(printed("-c", file("noise-ratio: 0.5\n").toString(), "--noise-multiplier", "2"))
        .contains("noise-multiplier: 2.0\n")
        .doesNotContain("noise-ratio");
    assertThat(printed("-c", file("noise-multiplier: 2\n").toString(), "--noise-ratio", "0.5"))
        .contains("noise-ratio: 0.5\n")
        .doesNotContain("noise-multiplier");
  }

  @Test
  void an_unknown_key_is_refused_with_the_known_ones() throws Exception {
    Path file = file("epochz: 3\n");
    Outcome outcome = Outcome.of("train", "-c", file.toString());
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err())
        .startsWith("asymml: " + file + " has an unknown setting 'epochz'; known are data,")
        .contains("epochs")
        .hasLineCount(1);
  }

  @Test
  void a_key_that_is_given_twice_is_refused_with_its_line() throws Exception {
    Path file = file("epochs: 3\nseed: 1\nepochs: 4\n");
    Outcome outcome = Outcome.of("train", "-c", file.toString());
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err())
        .startsWith("asymml: " + file + " sets 'epochs' twice (line 3)")
        .hasLineCount(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"- 1\n- 2\n", "just words", "a: [", "epochs:\n", "epochs: {a: 1}\n"})
  void what_is_no_mapping_of_settings_is_refused_in_one_line(String yaml) {
    assertThatThrownBy(() -> Settings.parse("run.yaml", yaml))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("run.yaml ")
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
  }

  @Test
  void a_value_of_the_wrong_kind_is_laid_to_the_file() throws Exception {
    Outcome outcome = Outcome.of("train", "-c", file("epochs: many\n").toString());
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err()).contains("--epochs", "many", "in the YAML file").hasLineCount(1);
  }

  @Test
  void an_empty_file_leaves_the_defaults() throws Exception {
    assertThat(printed("-c", file("# nothing\n").toString())).isEqualTo(printed());
  }
}
