package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.study.attack.AttackReport;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A run of two real processes, recorded and attacked. What attacks find is tested where they are.
class AttackCommandTest {
  @TempDir static Path folder;

  /// Three steps of 16 images, all layers at the worker, nothing protected.
  @BeforeAll
  static void record_an_unprotected_run() {
    train("open", "--seed", "1");
  }

  private static Path json() {
    return folder.resolve("open.json");
  }

  private static void train(String name, String... options) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "train",
                "--mode",
                "untrusted-only",
                "--limit-train",
                "48",
                "--limit-test",
                "10",
                "--batch-size",
                "16",
                "--epochs",
                "1",
                "--progress",
                "plain",
                "--worker-record",
                folder.resolve(name + ".rec").toString(),
                "--out",
                folder.resolve(name).toString()));
    arguments.addAll(List.of(options));
    Outcome outcome = Outcome.of(arguments.toArray(String[]::new));
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
  }

  private static Outcome attack(String truth, String... options) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "attack",
                "--recording",
                folder.resolve("open.rec").toString(),
                "--truth",
                folder.resolve(truth).toString(),
                "--public-images",
                "32"));
    arguments.addAll(List.of(options));
    return Outcome.of(arguments.toArray(String[]::new));
  }

  @Test
  void the_table_says_what_it_is_and_ends_with_a_verdict() throws Exception {
    Outcome outcome = attack("open", "--attack", "mask", "--json", json().toString());
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out())
        .startsWith(AttackReport.NOTICE)
        .contains("no noise that still trains stops all of these", "attack", "chance", "best")
        .contains("written: " + json());
    assertThat(outcome.out().lines().toList().getLast())
        .startsWith("verdict: recovered: activations by mask (conv");
    JsonNode facts = JsonMapper.shared().readTree(Files.readString(json()));
    assertThat(facts.get("format").asString()).isEqualTo("asymml-attack-1");
    assertThat(facts.get("scores").size()).isPositive();
  }

  @Test
  void what_was_not_applied_is_told() {
    Outcome outcome = attack("open", "--attack", "gradient-solve", "--max-unknowns", "1");
    assertThat(outcome.out())
        .contains("not applied: gradient-solve, conv1: 16384 unknowns a channel")
        .contains("verdict: no attack could be applied");
  }

  @Test
  void a_recording_of_another_seed_is_refused_in_one_line() {
    train("other", "--seed", "2");
    Outcome outcome = attack("other");
    assertThat(outcome.code()).isEqualTo(1);
    assertThat(outcome.err())
        .contains("that can be scored: its first weights of conv1 are not those")
        .hasLineCount(1);
  }

  @Test
  void wrong_usage_is_refused() {
    Outcome outcome = attack("open", "--attack", "guess");
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err())
        .contains("--attack 'guess' is none of gradient-solve, mask, image, subspace");
    assertThat(Outcome.of("attack").err()).contains("give --recording and --truth, or --suite");
    assertThat(attack("open", "--layers", "0").err()).contains("layers must be at least 1: 0");
  }

  @Test
  void wrong_usage_of_the_suite_is_refused() {
    assertThat(Outcome.of("attack", "--suite", "--plans", "none").err())
        .contains("--plans 'none' is none of unprotected, base");
    assertThat(Outcome.of("attack", "--suite", "--attack", "mask").code()).isEqualTo(2);
    assertThat(Outcome.of("attack", "--suite", "--images", "1").err())
        .contains("images must be from 32 to 256: 1");
  }

  @Test
  void attacks_on_inference_have_options_of_their_own() {
    for (String[] wrong :
        new String[][] {
          {"attack --rank 1/8 --recording v --truth r", "--rank has no effect without --inference"},
          {"attack --recording v --truth r --seed 3", "--seed has no effect without --suite"},
          {"attack --inference --truth r --model vgg11", "--model has no effect without --suite"},
          {"attack --suite --public-images 2147483647", "public images must be at most 1000000"},
          {"attack --shield shares --suite", "--shield has no effect without --inference"},
          {"attack --inference", "--inference needs --truth"},
          {"attack --inference --truth r --suite", "goes with none of"},
          {"attack --inference --truth r --noise-ratio -1", "noise ratio must be"},
        }) {
      Outcome outcome = Outcome.of(wrong[0].split(" "));
      assertThat(outcome.err()).as(wrong[0]).contains(wrong[1]).hasLineCount(1);
      assertThat(outcome.code()).as(wrong[0]).isEqualTo(2);
    }
  }
}
