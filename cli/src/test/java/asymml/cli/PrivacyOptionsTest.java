package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.session.Settings;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PrivacyOptionsTest {
  private static Outcome printed(String flags) {
    return Outcome.of(("train --print-config " + flags).strip().split(" "));
  }

  private static Settings settings(String flags) {
    Outcome outcome = printed(flags);
    assertThat(outcome.err()).isEmpty();
    return Settings.parse("printed", outcome.out());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "                                        | [none]                          | shuffle | batch  | median",
        "--target-epsilon 5                      | [residuals]                     | shuffle | public | public",
        "--protect gradients --noise-ratio 1     | [residuals, gradients]          | shuffle | public | public",
        "--protect weights --target-epsilon 5    | [residuals, gradients, weights] | poisson | public | public",
        "--protect all --target-epsilon 5        | [residuals, gradients, weights] | poisson | public | public",
        "--protect all --noise-multiplier 1 --sampling shuffle --basis dp --clip 3 |"
            + " [residuals, gradients, weights] | shuffle | dp | 3.0",
      })
  void defaults_follow_from_what_is_protected(
      String flags, String protect, String sampling, String basis, String clip) {
    Settings settings = settings(flags == null ? "" : flags);
    assertThat(settings.values().get("protect")).hasToString(protect);
    assertThat(settings.values().get("sampling")).hasToString(sampling);
    assertThat(settings.values().get("basis")).hasToString(basis);
    assertThat(settings.values().get("clip")).hasToString(clip);
  }

  @Test
  void a_run_that_is_accounted_for_has_no_noise_of_its_own_unless_asked() {
    assertThat(settings("").values()).containsKey("noise-ratio");
    assertThat(settings("--target-epsilon 5").values())
        .doesNotContainKeys("noise-ratio", "noise-multiplier");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--protect everything",
        "--target-epsilon 0",
        "--target-epsilon -1",
        "--target-epsilon 5 --delta 0",
        "--target-epsilon 5 --delta 1",
        "--target-epsilon 5 --noise-multiplier 0",
        "--clip 0 --protect all",
        "--clip 1:2:3:4 --protect all",
        "--clip twelve --protect all",
        "--sampling some --protect all",
        "--basis none --protect all",
        "--sampling poisson",
        "--basis public",
        "--clip public",
        "--protect none --target-epsilon 5",
      })
  void what_cannot_be_is_refused_in_one_line(String flags) {
    Outcome outcome = printed(flags);
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err()).startsWith("asymml: ").hasLineCount(1);
    assertThat(outcome.out()).isEmpty();
  }

  @Test
  void all_that_breaks_the_guarantee_is_named_in_one_line_with_its_fix() {
    Outcome outcome =
        Outcome.of(
            "train --limit-train 50 --protect residuals --rank energy:0.1 --basis batch"
                .concat(" --clip median --sampling poisson --delta 0.1")
                .split(" "));
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err())
        .hasLineCount(1)
        .contains("batch norm mixes", "--norm group")
        .contains("shared bases are fitted to private batches", "--basis public")
        .contains("the rank follows private data", "--rank")
        .contains("there is no noise", "--target-epsilon")
        .contains("the clip bound follows private data", "--clip public")
        .contains("which examples were sampled", "--sampling shuffle")
        .contains("delta is not below 1 over the 50 examples", "--delta");
  }

  @ParameterizedTest
  @ValueSource(strings = {"trusted-only", "untrusted-only"})
  void modes_that_have_nothing_to_account_for_say_so(String mode) {
    Outcome outcome =
        Outcome.of("train", "--norm", "group", "--mode", mode, "--target-epsilon", "5");
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err()).contains("cannot be accounted for").hasLineCount(1);
  }

  @ParameterizedTest
  @CsvSource({"generated, generated:1", "generated:2, generated:2"})
  void the_private_images_are_no_public_ones(String data, String publicData) {
    Outcome outcome =
        Outcome.of(
            "train",
            "--norm",
            "group",
            "--target-epsilon",
            "5",
            "--data",
            data,
            "--public-data",
            publicData);
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err()).contains("--public-data names the private images").hasLineCount(1);
  }
}
