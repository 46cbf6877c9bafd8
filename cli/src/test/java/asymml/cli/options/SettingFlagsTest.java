package asymml.cli.options;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.session.InferenceSpec;
import asymml.session.Settings;
import asymml.session.TrainingSpec;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/// Flags and settings are one list: what a file can set, a flag can, under the same name.
class SettingFlagsTest {
  private static CommandSpec command(CommandSpec flags) {
    return CommandSpec.create().name("any").addMixin("flags", flags);
  }

  private static Set<String> keys(CommandSpec flags) {
    return command(flags).options().stream().map(SettingFlags::key).collect(Collectors.toSet());
  }

  private static Settings given(CommandSpec flags, String... arguments) {
    return SettingFlags.given(new CommandLine(command(flags)).parseArgs(arguments));
  }

  @Test
  void every_setting_has_a_flag_and_every_flag_sets_something() {
    assertThat(keys(SettingFlags.mixin())).containsExactlyInAnyOrderElementsOf(Settings.known());
  }

  @Test
  void every_flag_is_explained_and_says_its_default() {
    for (OptionSpec option : command(SettingFlags.mixin()).options()) {
      String text = String.join(" ", option.description());
      assertThat(text).as(option.longestName()).isNotBlank().endsWith(".");
      assertThat(text).as(option.longestName()).containsAnyOf("default", "needed with");
    }
  }

  @Test
  void what_a_command_line_does_not_say_is_not_set() {
    assertThat(given(SettingFlags.mixin()).values()).isEmpty();
    Settings some =
        given(
            SettingFlags.mixin(),
            "--epochs=3",
            "--no-augment",
            "--worker",
            "unix:/a,unix:/b",
            "--worker",
            "unix:/c",
            "--verify",
            "every",
            "--image-size",
            "64");
    assertThat(some.values().keySet())
        .containsExactlyInAnyOrder("epochs", "augment", "worker", "verify", "image-size");
    assertThat(some.text("augment")).isEqualTo("false");
    assertThat(some.values().get("worker")).isEqualTo(List.of("unix:/a", "unix:/b", "unix:/c"));
    TrainingSpec spec = some.spec();
    assertThat(spec.training().epochs()).isEqualTo(3);
    assertThat(spec.workers().workers()).hasSize(3);
    assertThat(spec.data().decoding().imageSize()).isEqualTo(64);
  }

  @Test
  void inference_has_those_of_training_s_flags_that_it_looks_at() {
    assertThat(keys(SettingFlags.inferenceMixin()))
        .containsExactlyInAnyOrderElementsOf(InferenceSpec.SETTINGS);
    assertThat(Settings.known()).containsAll(InferenceSpec.SETTINGS);
    OptionSpec worker = command(SettingFlags.inferenceMixin()).findOption("--worker");
    assertThat(String.join(" ", worker.description())).contains("default: none");
  }

  @Test
  void defaults_are_those_of_a_run_and_inference_has_no_worker_by_default() {
    Settings defaults = Settings.of(TrainingSpec.defaults());
    SettingFlags.Defaults training = new SettingFlags.Defaults();
    SettingFlags.InferenceDefaults inference = new SettingFlags.InferenceDefaults();
    for (OptionSpec option : command(SettingFlags.mixin()).options()) {
      String text = defaults.text(SettingFlags.key(option));
      assertThat(training.defaultValue(option))
          .as(option.longestName())
          .isEqualTo(text.isEmpty() ? null : text);
    }
    CommandSpec flags = command(SettingFlags.inferenceMixin());
    assertThat(inference.defaultValue(flags.findOption("--worker"))).isNull();
    assertThat(inference.defaultValue(flags.findOption("--mode"))).isEqualTo("asymml");
    OptionSpec foreign = OptionSpec.builder("--run").build();
    assertThat(inference.defaultValue(foreign)).isNull();
  }

  @Test
  void a_flag_s_key_is_its_longest_name_whether_it_can_be_negated_or_not() {
    OptionSpec negatable = OptionSpec.builder("-a", "--no-augment").build();
    assertThat(SettingFlags.key(negatable)).isEqualTo("augment");
    assertThat(Arrays.asList("--wire", "--no-wire"))
        .allSatisfy(name ->
            assertThat(SettingFlags.key(OptionSpec.builder(name).build())).isEqualTo("wire"));
  }
}
