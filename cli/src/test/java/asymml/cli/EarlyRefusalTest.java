package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Settings are refused before data are read: the data here are not there, which would be another
/// line and another exit code.
class EarlyRefusalTest {
  @TempDir Path folder;

  private Outcome train(String flags) {
    return Outcome.of(
        ("train --data " + folder.resolve("nothing") + " " + flags).strip().split(" +"));
  }

  @Test
  void data_that_are_not_there_are_a_failure_of_their_own() {
    Outcome outcome = train("");
    assertThat(outcome.code()).isEqualTo(1);
    assertThat(outcome.err()).contains("nothing").hasLineCount(1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--schedule step --milestones 5,3 --epochs 6    | milestones must be epochs from 1 on",
        "--schedule step --milestones 0                 | milestones must be epochs from 1 on",
        "--schedule step --milestones 3,3               | milestones must be epochs from 1 on",
        "--schedule step --milestones 3,8               | before the end of the run of 8 epochs",
        "--schedule step --milestones 3 --step-factor 2 | above 0 and at most 1",
        "--milestones 3                                 | for the schedule step, not for cosine",
        "--step-factor 0.5                              | --step-factor has no effect",
        "--step-factor 0.1                              | --step-factor has no effect",
        "--warm-up-epochs 8                             | shorter than the run of 8 epochs",
        "--warm-up-epochs 1 --epochs 1                  | shorter than the run of 1 epoch",
        "--warm-up-epochs Infinity                      | warm-up must be",
        "--learning-rate Infinity                       | learning rate must be above 0 and finite",
        "--learning-rate NaN                            | learning rate must be above 0 and finite",
        "--weight-decay Infinity                        | weight decay must be",
        "--noise-multiplier 1e300                       | noise multiplier must be from",
        "--noise-multiplier 1e-300                      | noise multiplier must be from",
        "--noise-ratio 1e300                            | noise ratio must be from",
        "--gradient-noise-ratio 1e-9                    | noise ratio must be from",
        "--protect all --norm group --noise-multiplier 1 --clip 1e38:1e38:1e38 | from 1e-12 to"
            + " 1e12",
        "--threads 2147483647                           | --threads must be 1 to 4096",
        "--rank 1000                                    | give at most 32",
        "--trusted-layers conv9                         | is no linear layer of cnn",
        "--model vgg16 --trusted-layers fc3             | is no linear layer of vgg16",
        "--mode trusted-only --rank 8                   | --rank has no effect in mode"
            + " trusted-only",
        "--mode trusted-only --worker unix:/w           | --worker has no effect in mode"
            + " trusted-only",
        "--mode trusted-only --verify every             | --verify has no effect in mode"
            + " trusted-only",
        "--mode trusted-only --chunks 2                 | --chunks has no effect in mode"
            + " trusted-only",
        "--mode untrusted-only --noise-ratio 0.3        | --noise-ratio has no effect in mode",
        "--mode dp-only --rank 8                        | --rank has no effect in mode dp-only",
        "--mode dp-only --update worker                 | --update has no effect in mode dp-only",
        "--update worker --decomposer per-example       | decomposer per-example",
        "--update worker --protect residuals --noise-multiplier 1 --norm group | accounted for",
        "--update worker --shield shares --norm group   | the worker cannot update weights",
        "--update worker --optimizer adamw | the worker cannot update weights by AdamW",
        "--update worker --dp-sgd --norm group --mode asymml --shield shares --noise-multiplier 9"
            + " | the worker cannot update weights",
        "--update worker --norm group                   | are used standardised",
        "--update worker --rank 0                       | would update no weights",
        "--update worker --verify every                 | does not go with verify",
        "--update worker --worker unix:/a,unix:/b       | goes with one worker",
        "--update worker --wire bfloat16 --worker tls:a:1 --tls-trust w.pem | float32",
        "--update nobody                                | trusted, worker",
        "--public-data generated:5                      | --public-data has no effect in a run",
      })
  void a_setting_that_cannot_be_is_wrong_usage_in_one_line(String flags, String said) {
    Outcome outcome = train(flags.strip());
    assertThat(outcome.err()).startsWith("asymml: ").contains(said.strip()).hasLineCount(1);
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.out()).isEmpty();
  }

  @Test
  void layers_that_only_models_of_large_images_have_wait_for_the_images() {
    Outcome outcome = train("--model vgg16 --trusted-layers fc1,fc");
    assertThat(outcome.code()).isEqualTo(1);
    assertThat(outcome.err()).contains("nothing").hasLineCount(1);
  }
}
