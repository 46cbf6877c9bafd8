package asymml.report;

import asymml.privacy.Accountant;
import asymml.privacy.AccountantKind;
import asymml.privacy.Calibration;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PrivacyBudget;
import asymml.privacy.PrivacyEvent;
import asymml.privacy.SampledNoiseAccountant;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// A question about a run of equal steps, whose answers state the assumptions under which they
/// hold. Bounds are rounded to the safe side, to the digits that are printed.
///
/// @param sampling how a step draws its examples
/// @param releases of each step about the same sample, each with the same noise multiplier, at
///   least 1
/// @param masks tensors under masks that a step releases about the same sample, too; null for none
/// @param delta probability with which epsilon may not hold
/// @param accountant who counts
public record PrivacyQuestion(
    StepSampling sampling,
    int releases,
    @Nullable MaskedTensors masks,
    Delta delta,
    AccountantKind accountant) {
  /// How far below the noise that [Calibration] finds, which is good to 1e-4, a smaller one is
  /// looked for.
  private static final double SEARCHED = 2e-4;

  /// Checks the ranges above, and that the accountant supports such steps.
  ///
  /// @throws IllegalArgumentException with the name of what is wrong first
  public PrivacyQuestion {
    if (releases < 1) {
      throw new IllegalArgumentException("releases must be at least 1: " + releases);
    }
    requireSupported(accountant, step(sampling, new NoiseMultiplier(1), releases, masks));
  }

  private static void requireSupported(AccountantKind accountant, PrivacyEvent event) {
    try {
      accountant.accountant().requireSupported(event);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "accountant %s: %s".formatted(accountant.label(), e.getMessage()), e);
    }
  }

  private static PrivacyEvent step(
      StepSampling sampling, NoiseMultiplier noise, int releases, @Nullable MaskedTensors masks) {
    PrivacyEvent sums = composed(new PrivacyEvent.Gaussian(noise), releases);
    PrivacyEvent all =
        masks == null
            ? sums
            : new PrivacyEvent.Composed(
                List.of(
                    sums,
                    composed(new PrivacyEvent.Gaussian(masks.noise(noise)), masks.tensors())));
    return new PrivacyEvent.PoissonSampled(sampling.rate(), all);
  }

  private static PrivacyEvent composed(PrivacyEvent release, int count) {
    return count == 1 ? release : new PrivacyEvent.SelfComposed(release, count);
  }

  private PrivacyEvent run(NoiseMultiplier noise, long steps) {
    return new PrivacyEvent.SelfComposed(step(sampling, noise, releases, masks), steps);
  }

  /// Which epsilon a run has.
  ///
  /// @param noise noise multiplier of each release
  /// @param steps of the run, at least 1
  /// @return epsilon, which may be infinite
  /// @throws ArithmeticException one line, if the accountant has no bound
  /// @throws IllegalArgumentException one line, if it does not support so many steps
  public PrivacyFacts epsilon(NoiseMultiplier noise, long steps) {
    double epsilon = bound(noise, steps);
    PrivacyFacts facts =
        Double.isFinite(epsilon)
            ? new PrivacyFacts().fact("epsilon", epsilon).line("epsilon", Figures.plain(epsilon))
            : new PrivacyFacts()
                .fact("epsilon", "infinite")
                .line("epsilon", "infinite: the noise sampler's missing tails use up delta");
    return withAssumptions(facts, noise, steps);
  }

  /// The smallest noise that keeps a run inside a budget.
  ///
  /// @param target epsilon that the run must not exceed
  /// @param steps of the run, at least 1
  /// @return a noise multiplier, and the epsilon that it comes to; empty if no noise is enough
  /// @throws ArithmeticException one line, if the accountant has no bound
  /// @throws IllegalArgumentException one line, if it does not support so many steps
  public Optional<PrivacyFacts> noise(Epsilon target, long steps) {
    requireSupported(accountant, run(new NoiseMultiplier(1), steps));
    NoiseMultiplier noise;
    try {
      noise = counted(() -> smallest(calibration(target), z -> run(z, steps)));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
    double epsilon = bound(noise, steps);
    return Optional.of(
        withAssumptions(
            new PrivacyFacts()
                .fact("noiseMultiplier", noise.value())
                .fact("epsilon", epsilon)
                .fact("targetEpsilon", target.value())
                .line("noise multiplier", Figures.plain(noise.value()))
                .line("epsilon", spent(epsilon, target)),
            noise,
            steps));
  }

  /// The smallest noise multiplier with so few digits that it is printed whole.
  private static NoiseMultiplier smallest(
      Calibration calibration, Function<NoiseMultiplier, PrivacyEvent> run) {
    double found = calibration.noiseMultiplier(run).value();
    double lowest = found * (1 - SEARCHED);
    double printed = Figures.roundedUp(found);
    // Numerical bounds are not monotone to the last digit.
    while (!calibration.affords(run.apply(new NoiseMultiplier(printed)))) {
      printed = Figures.roundedUp(Math.nextUp(printed));
    }
    double less = Figures.roundedDown(Math.nextDown(printed));
    while (less >= lowest && calibration.affords(run.apply(new NoiseMultiplier(less)))) {
      printed = less;
      less = Figures.roundedDown(Math.nextDown(printed));
    }
    return new NoiseMultiplier(printed);
  }

  /// How many steps a budget buys.
  ///
  /// @param target epsilon that the run must not exceed
  /// @param noise noise multiplier of each release
  /// @return the number of steps and epochs, and the epsilon that they come to
  /// @throws ArithmeticException one line, if the accountant has no bound
  /// @throws IllegalArgumentException one line, if it does not support so many steps
  public PrivacyFacts steps(Epsilon target, NoiseMultiplier noise) {
    PrivacyEvent step = step(sampling, noise, releases, masks);
    long steps = counted(() -> calibration(target).steps(new PrivacyEvent.NoOp(), step));
    double epsilon = bound(noise, steps);
    double epochs = sampling.epochs(steps);
    return withAssumptions(
        new PrivacyFacts()
            .fact("steps", steps)
            .fact("epochs", epochs)
            .fact("epsilon", epsilon)
            .fact("targetEpsilon", target.value())
            .line("steps", inWords(steps))
            .line("epochs", Figures.plain(epochs) + ", " + sampling.epochInWords())
            .line("epsilon", spent(epsilon, target)),
        noise,
        steps);
  }

  private static String inWords(long steps) {
    if (steps == 0) {
      return "0: not even one is inside the budget";
    }
    return steps < Calibration.MOST_STEPS ? Long.toString(steps) : steps + " or more";
  }

  private static String spent(double epsilon, Epsilon target) {
    return "%s, of %s allowed".formatted(Figures.plain(epsilon), Figures.plain(target.value()));
  }

  /// The epsilon of a run, rounded up to the digits that are printed; may be infinite.
  private double bound(NoiseMultiplier noise, long steps) {
    requireSupported(accountant, run(noise, steps));
    Epsilon epsilon = counted(() -> counting().epsilon(run(noise, steps), delta));
    return epsilon.isFinite() ? Figures.roundedUp(epsilon.value()) : epsilon.value();
  }

  /// The inverse questions, for a budget of which no more than the printed digits are spent.
  private Calibration calibration(Epsilon target) {
    Epsilon printed = new Epsilon(Figures.roundedDown(target.value()));
    return new Calibration(counting(), new PrivacyBudget(printed, delta));
  }

  private <T> T counted(Supplier<T> question) {
    try {
      return question.get();
    } catch (ArithmeticException e) {
      ArithmeticException unbounded =
          new ArithmeticException(
              "accountant %s has no bound for this: %s"
                  .formatted(accountant.label(), e.getMessage()));
      unbounded.initCause(e);
      throw unbounded;
    }
  }

  private Accountant counting() {
    return new SampledNoiseAccountant(accountant.accountant());
  }

  private PrivacyFacts withAssumptions(PrivacyFacts facts, NoiseMultiplier noise, long steps) {
    double q = sampling.rate().value();
    return withMasks(facts, noise)
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
        .fact("rounding", "epsilon and noise multiplier up, steps and epochs down")
        .line(
            "assumes",
            "%s steps, %s %s each, noise multiplier %s"
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
  }

  private PrivacyFacts withMasks(PrivacyFacts facts, NoiseMultiplier noise) {
    if (masks == null) {
      return facts;
    }
    double ofMasks = masks.noise(noise).value();
    return facts
        .fact("maskedTensors", masks.tensors())
        .fact("masksShare", masks.share())
        .fact("masksNoiseMultiplier", ofMasks)
        .line(
            "masks",
            "%s %s a step, noise multiplier %s: counted with the rest"
                .formatted(
                    masks.tensors(),
                    masks.tensors() == 1 ? "tensor" : "tensors",
                    Figures.plain(ofMasks)));
  }

  private static String poisson(double rate) {
    return "Poisson, rate %s, and the sampled examples are not revealed; for shuffled batches use rate 1"
        .formatted(Figures.plain(rate));
  }
}
