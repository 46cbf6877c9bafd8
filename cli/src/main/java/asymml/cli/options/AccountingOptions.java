package asymml.cli.options;

import asymml.privacy.AccountantKind;
import asymml.privacy.Delta;
import asymml.report.MaskedTensors;
import asymml.report.PrivacyFacts;
import asymml.report.PrivacyQuestion;
import asymml.report.StepSampling;
import java.io.PrintWriter;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// How the steps of a run are counted, and how the answer is printed.
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
public final class AccountingOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--releases",
      paramLabel = "K",
      defaultValue = "1",
      description =
          "Releases of each step about the same sample, each with the noise multiplier Z; together"
              + " they count as one with Z / sqrt(K) (default: ${DEFAULT-VALUE}).")
  private int releases;

  @Option(
      names = "--masks",
      paramLabel = "N:S",
      description =
          "N tensors of a sample under masks in each step, as of DP-SGD on two workers, with the"
              + " noise multiplier Z sqrt(N / S): all of a step then count as one with Z / sqrt(1 +"
              + " S). N is twice the split layers, less the first input gradient (default: none).")
  private @Nullable MaskedTensors masks;

  @Option(
      names = "--delta",
      paramLabel = "DELTA",
      defaultValue = "1e-5",
      description =
          "Probability with which epsilon may not hold; choose it well below 1/N (default: ${DEFAULT-VALUE}).")
  private Delta delta;

  @Option(
      names = "--accountant",
      paramLabel = "NAME",
      defaultValue = "pld",
      description =
          "pld (tight), rdp (looser, what most papers report) or gaussian (exact, at sampling rate"
              + " 1 only) (default: ${DEFAULT-VALUE}).")
  private AccountantKind accountant;

  @Option(
      names = "--json",
      description = "Print one JSON object and nothing else (default: lines for people).")
  private boolean json;

  /// What is asked about.
  ///
  /// @param sampling how a step draws its examples
  /// @throws ParameterException if a number is out of range, or the accountant does not support
  ///   such steps
  public PrivacyQuestion question(StepSampling sampling) {
    return answer(() -> new PrivacyQuestion(sampling, releases, masks, delta, accountant));
  }

  /// What an answer is.
  ///
  /// @param question asks for it
  /// @throws ParameterException if the accountant does not support the question
  public <T> T answer(Supplier<T> question) {
    try {
      return question.get();
    } catch (IllegalArgumentException e) {
      throw new ParameterException(command.commandLine(), "--" + e.getMessage(), e);
    }
  }

  /// Prints an answer.
  public void print(PrivacyFacts answer) {
    PrintWriter out = command.commandLine().getOut();
    if (json) {
      out.println(answer.json());
    } else {
      answer.lines().forEach(out::println);
    }
    out.flush();
  }
}
