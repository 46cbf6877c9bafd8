package asymml.privacy;

import java.util.function.ToDoubleFunction;

/// The tight accountant: the privacy loss distribution, composed by Fourier transforms.
///
/// The privacy loss of an outcome is the logarithm of its likelihood ratio under two adjacent data
/// sets; losses of adaptively composed steps add, and `delta(epsilon) = E[(1 - e^(epsilon - L))+]`
/// (Sommer, Meiser and Mohammadi 2019; Koskela, Jaelkoe and Honkela 2020, arXiv 1906.03049; Gopi,
/// Lee and Wutschitz 2021, arXiv 2106.02848). For a subsampled Gaussian the pair of laws is known
/// (Zhu, Dong and Wang 2022, arXiv 2106.08567): see [StepLoss]. It is not symmetric, so both
/// directions are composed, each over the whole run, and the larger epsilon counts.
///
/// ## From truth to number, and which way each step rounds
///
/// 1. *Lattice.* Each step's loss moves to multiples of h such that the discrete pair dominates the
///    true one ([LossGrid]): up. h starts at 1/512 of a step's range and is halved until epsilon no
///    longer moves by 1e-4 of itself; since the effect of h is quadratic, less than that is left.
///    Every intermediate epsilon is a bound, and the smallest counts. Limits on the size of
///    lattices and windows bind where steps are very many or very uneven; then the bound is looser
///    (by less than 0.1 % at ten million steps), not wrong.
/// 2. *Range of a step.* Outcomes beyond the range, at most 1e-6 delta over all steps together,
///    count as an infinite loss, in full: up.
/// 3. *Tilt.* The law of the sum is wanted where its tail is delta, which is where a transform's
///    absolute error of 1e-16 would drown it. So each step's masses are first multiplied by `e^(t
///    l)` and normalised, t at the saddle point of epsilon, which puts the weight of the sum there;
///    the result is scaled back ([ComposedLoss]). The identity is exact. The first aim is Markov's
///    bound on epsilon, the next ones the epsilon found with it ([LossComposer]).
/// 4. *Window.* Only a window of the lattice is kept, and the transform wraps what is outside into
///    it ([Window]). All masses are positive, so wrapping adds to what is kept: up. What it takes
///    away is mass above the window's top: with K the logarithm of the moment generating function,
///    computed from the very masses that are composed, Markov's inequality `P(L >= top) <= e^(K(s)
///    - s top)` holds for every `s > 0`; the top is chosen such that this is at most 1e-6 delta,
///      and that is added to delta in full: up. Of the tilted law, at most 1e-14 lies outside on
///      either side, so that what wraps does not spoil the bound either.
/// 5. *Power.* T equal steps are the T-th power of one transform, different ones a product. The
///    rounding error of an entry is bounded ([CharacteristicProduct]) and added to every entry, and
///    negative entries count as 0: up.
/// 6. *Inversion.* On the lattice the curve is exact, between two points a chord in `e^epsilon`;
///    the result is raised by 1e-9 of itself: up.
///
/// Releases that are not sampled merge into one Gaussian mechanism before anything is discretised;
/// if there is nothing else, the closed form answers ([AnalyticGaussian]) and nothing is
/// approximated.
///
/// One query costs 10 to 700 ms of one core for up to a million steps, and longer in proportion to
/// the number of *different* steps. The last answers are kept: a run asks the same for its
/// forecast, its statements and its report.
public record PldAccountant() implements Accountant {
  private static final RecentAnswers<Query> RECENT = new RecentAnswers<>(1024);

  /// What is asked of sampled releases.
  ///
  /// @param at delta, or epsilon
  /// @param forEpsilon which of the two is sought
  private record Query(Composition composition, double at, boolean forEpsilon) {}

  @Override
  public Epsilon epsilon(PrivacyEvent event, Delta delta) {
    Composition composition = Composition.of(event);
    return Answers.epsilon(
        composition,
        delta,
        () ->
            composition.isSampled()
                ? RECENT.answer(
                    new Query(composition, delta.value(), true),
                    () -> worstDirection(composition, composer -> composer.epsilon(delta.value())))
                : AnalyticGaussian.epsilon(1 / composition.unsampled().value(), delta.value()));
  }

  @Override
  public Delta delta(PrivacyEvent event, Epsilon epsilon) {
    Composition composition = Composition.of(event);
    return Answers.delta(
        composition,
        epsilon,
        () ->
            composition.isSampled()
                ? RECENT.answer(
                    new Query(composition, epsilon.value(), false),
                    () -> worstDirection(composition, composer -> composer.delta(epsilon.value())))
                : AnalyticGaussian.delta(1 / composition.unsampled().value(), epsilon.value()));
  }

  @Override
  public void requireSupported(PrivacyEvent event) {
    var _ = Composition.of(event);
  }

  private static double worstDirection(
      Composition composition, ToDoubleFunction<LossComposer> bound) {
    double worst = 0;
    for (StepLoss.Direction direction : StepLoss.Direction.values()) {
      double value = bound.applyAsDouble(new LossComposer(composition.parts(), direction));
      if (!Double.isFinite(value)) {
        throw new ArithmeticException("the privacy loss distribution did not converge");
      }
      worst = Math.max(worst, value);
    }
    return worst;
  }
}
