package asymml.cli;

import asymml.cli.options.AccountantChoice;
import asymml.cli.options.Labels;
import asymml.cli.options.PrivacyLabels;
import asymml.cli.options.Sampling;
import asymml.privacy.Accountant;
import asymml.privacy.Calibration;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PrivacyBudget;
import asymml.privacy.PrivacyEvent;
import asymml.privacy.SampledNoiseAccountant;
import asymml.privacy.SamplingRate;
import asymml.report.Figures;
import java.util.function.Supplier;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// What all questions about a run of equal steps have in common: the options that say how it is
/// counted, and the assumptions under which the answer holds.
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class PrivacyQuestion {
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
      names = "--delta",
      paramLabel = "DELTA",
      defaultValue = "1e-5",
      converter = PrivacyLabels.DeltaConverter.class,
      description =
          "Probability with which epsilon may not hold; choose it well below 1/N (default: ${DEFAULT-VALUE}).")
  private Delta delta;

  @Option(
      names = "--accountant",
      paramLabel = "NAME",
      defaultValue = "pld",
      converter = Labels.AccountantConverter.class,
      description =
          "pld (tight), rdp (looser, what most papers report) or gaussian (exact, at sampling rate"
              + " 1 only) (default: ${DEFAULT-VALUE}).")
  private AccountantChoice accountant;

  @Option(
      names = "--json",
      description = "Print one JSON object and nothing else (default: lines for people).")
  private boolean json;

  /// What a step releases.
  PrivacyEvent step(SamplingRate rate, NoiseMultiplier noise) {
    if (releases < 1) {
      throw new ParameterException(
          command.commandLine(), "--releases must be at least 1: " + releases);
    }
    PrivacyEvent release = new PrivacyEvent.Gaussian(noise);
    return new PrivacyEvent.PoissonSampled(
        rate, releases == 1 ? release : new PrivacyEvent.SelfComposed(release, releases));
  }

  /// What a run releases.
  PrivacyEvent run(SamplingRate rate, NoiseMultiplier noise, long steps) {
    return new PrivacyEvent.SelfComposed(step(rate, noise), steps);
  }

  /// The epsilon of a run, rounded up to the digits that are printed; may be infinite.
  double epsilon(PrivacyEvent run) throws RunException {
    Epsilon epsilon = answer(run, () -> counting().epsilon(run, delta));
    return epsilon.isFinite() ? Figures.roundedUp(epsilon.value()) : epsilon.value();
  }

  /// The inverse questions, for a budget of which no more than the printed digits are spent.
  Calibration calibration(Epsilon target) {
    Epsilon printed = new Epsilon(Figures.roundedDown(target.value()));
    return new Calibration(counting(), new PrivacyBudget(printed, delta));
  }

  /// Puts a question about a run to the accountant.
  ///
  /// @param example a run, or a part of it, of the kind that is asked about
  /// @throws ParameterException if the accountant does not support it
  /// @throws RunException if there is no bound
  <T> T answer(PrivacyEvent example, Supplier<T> question) throws RunException {
    try {
      requireSupported(example);
      return question.get();
    } catch (ArithmeticException e) {
      throw new RunException(
          "accountant %s has no bound for this: %s".formatted(accountant.label(), e.getMessage()),
          e);
    }
  }

  private void requireSupported(PrivacyEvent event) {
    try {
      counting().requireSupported(event);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(
          command.commandLine(),
          "--accountant %s: %s".formatted(accountant.label(), e.getMessage()),
          e);
    }
  }

  private Accountant counting() {
    return new SampledNoiseAccountant(accountant.accountant());
  }

  /// Adds the assumptions to an answer and prints it.
  void print(PrivacyReport report, Sampling sampling, NoiseMultiplier noise, long steps) {
    double q = sampling.rate().value();
    report
        .fact("noiseMultiplier", noise.value())
        .fact("samplingRate", q)
        .fact("steps", steps)
        .fact("releasesPerStep", releases)
        .fact("delta", delta.value())
        .fact("accountant", accountant.label())
        .fact("adjacency", "zero-out of one example")
        .fact("sensitivity", "C, the clip norm; 2C under replacement: halve the noise multiplier")
        .fact("sampling", q == 1 ? "none" : "poisson")
        .fact("noise", "as sampled by this program; the missing tails are taken from delta")
        .fact("covers", "these releases only")
        .fact("rounding", "epsilon and noise multiplier up, steps and epochs down");
    report
        .line(
            "assumes",
            "%d steps, %d %s each, noise multiplier %s"
                .formatted(
                    steps,
                    releases,
                    releases == 1 ? "release" : "releases about the same sample",
                    Figures.plain(noise.value())))
        .line("adjacency", "zero-out: one example is present, or a null example in its place")
        .line(
            "sensitivity",
            "C, the clip norm of one example; under replacement 2C: halve the noise multiplier")
        .line("sampling", q == 1 ? "none: every example in every step" : poisson(q))
        .line("delta", Figures.plain(delta.value()))
        .line("noise", "as this program samples it: what its tails leave out is taken from delta")
        .line(
            "accountant",
            "%s: %s; all bounds are rounded up"
                .formatted(accountant.label(), accountant.description()))
        .line("covers", "these releases only: other releases of a run are not counted");
    report.print(command.commandLine().getOut(), json);
  }

  /// An epsilon beside the budget.
  static String spent(double epsilon, Epsilon target) {
    return "%s, of %s allowed".formatted(Figures.plain(epsilon), Figures.plain(target.value()));
  }

  private static String poisson(double rate) {
    return "Poisson, rate %s, and the sampled examples are not revealed; for shuffled batches use rate 1"
        .formatted(Figures.plain(rate));
  }
}
