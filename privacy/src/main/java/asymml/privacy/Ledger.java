package asymml.privacy;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;

/// What a run has released, step by step: all that its cost is computed from.
///
/// @param sampling how the examples of its steps were chosen
/// @param delta at which its cost is stated; above 0
/// @param entries steps that released the same, and how many there were
/// @param workers how many workers share the releases, 1 or 2; of two, one gets values under masks,
///   which is what the entries say, and the other the masks and what is not under masks; 0 if there
///   is none, and the trained model alone is released
public record Ledger(Sampling sampling, Delta delta, List<Entry> entries, int workers) {
  /// More than the rounding of sums over releases and entries.
  private static final double ROUNDING = 1 + 1e-9;

  /// What a run with one worker has released.
  ///
  /// @param sampling how the examples of its steps were chosen
  /// @param delta at which its cost is stated; above 0
  /// @param entries steps that released the same, and how many there were
  public Ledger(Sampling sampling, Delta delta, List<Entry> entries) {
    this(sampling, delta, entries, 1);
  }

  /// Steps that released the same.
  ///
  /// @param releases of one such step
  /// @param steps how many there were, at least 0
  public record Entry(List<Release> releases, long steps) {
    /// Checks the count and copies the list.
    ///
    /// @throws IllegalArgumentException if the count is negative
    public Entry {
      releases = List.copyOf(releases);
      if (steps < 0) {
        throw new IllegalArgumentException("steps are counted from 0: " + steps);
      }
    }

    private double inverseSquares(Predicate<Release> which) {
      double sum = 0;
      for (Release release : releases) {
        if (which.test(release)) {
          sum +=
              switch (release.mechanism()) {
                case Release.Gaussian(var _, var z) -> 1 / (z.value() * z.value());
                case Release.PostProcessing _ -> 0;
                case Release.Uncovered _ -> Double.POSITIVE_INFINITY;
              };
        }
      }
      return sum;
    }

    private PrivacyEvent event(Predicate<Release> which) {
      return new PrivacyEvent.Composed(
          releases.stream().filter(which).map(Release::event).toList());
    }
  }

  /// Copies the list.
  ///
  /// @throws IllegalArgumentException if delta is 0, the steps are too many to count, or there are
  ///   more than two workers
  public Ledger {
    entries = List.copyOf(entries);
    if (!(delta.value() > 0)) {
      throw new IllegalArgumentException("a ledger's delta must be above 0");
    }
    if (workers < 0 || workers > 2) {
      throw new IllegalArgumentException("a run has no worker, one or two: " + workers);
    }
    long countable = Long.MAX_VALUE;
    for (Entry entry : entries) {
      if (entry.steps() > countable) {
        throw new IllegalArgumentException("a ledger has at most 2^63 - 1 steps");
      }
      countable -= entry.steps();
    }
  }

  /// How many steps there were.
  ///
  /// @return their number
  public long steps() {
    return entries.stream().mapToLong(Entry::steps).sum();
  }

  /// How often an example can have taken part where each epoch is a partition: a begun one counts.
  private long epochs() {
    return Math.ceilDiv(steps(), sampling.stepsPerEpoch());
  }

  /// What an accountant is to answer for.
  ///
  /// @param which the releases that count
  /// @return the event of the whole run
  public PrivacyEvent event(Predicate<Release> which) {
    return switch (sampling) {
      case Sampling.Poisson poisson -> {
        List<PrivacyEvent> parts = new ArrayList<>();
        for (Entry entry : entries) {
          if (entry.steps() > 0) {
            parts.add(
                new PrivacyEvent.SelfComposed(
                    new PrivacyEvent.PoissonSampled(poisson.rate(), entry.event(which)),
                    entry.steps()));
          }
        }
        yield new PrivacyEvent.Composed(parts);
      }
      // An example is in one step an epoch; it may be the one that releases most.
      case Sampling.Shuffled _ ->
          entries.stream()
              .filter(entry -> entry.steps() > 0)
              .max(Comparator.comparingDouble(entry -> entry.inverseSquares(which)))
              .<PrivacyEvent>map(
                  entry -> new PrivacyEvent.SelfComposed(entry.event(which), epochs()))
              .orElse(new PrivacyEvent.NoOp());
    };
  }

  /// What of delta the noise sampler uses up, for each time that an example takes part twice what
  /// it leaves out of the releases of a step ([NoiseSampler]).
  ///
  /// @param which the releases that count
  /// @return an upper bound, 0 to 1
  public double leftOut(Predicate<Release> which) {
    double sum =
        switch (sampling) {
          case Sampling.Poisson poisson ->
              poisson.rate().value()
                  * entries.stream().mapToDouble(e -> e.steps() * leftOut(e, which)).sum();
          case Sampling.Shuffled _ ->
              epochs()
                  * entries.stream()
                      .filter(entry -> entry.steps() > 0)
                      .mapToDouble(entry -> leftOut(entry, which))
                      .max()
                      .orElse(0);
        };
    return Math.min(1, 2 * sum * ROUNDING);
  }

  private double leftOut(Entry entry, Predicate<Release> which) {
    double sum = 0;
    for (Release release : entry.releases()) {
      if (release.mechanism() instanceof Release.Gaussian(var _, var z) && which.test(release)) {
        sum += sampler(release).leftOut(z, release.values());
      }
    }
    return sum;
  }

  /// Whose samples cover a release: of two workers, one makes those of residuals and gradients.
  private NoiseSampler sampler(Release release) {
    boolean masked =
        release.channel() == Channel.RESIDUALS || release.channel() == Channel.GRADIENTS;
    return workers == 2 && masked ? NoiseSampler.MASKS : NoiseSampler.NOISE;
  }

  /// How many values have noise in all steps together.
  private double values(Predicate<Release> which) {
    double sum = 0;
    for (Entry entry : entries) {
      for (Release release : entry.releases()) {
        if (release.mechanism() instanceof Release.Gaussian && which.test(release)) {
          sum += (double) entry.steps() * release.values();
        }
      }
    }
    return sum;
  }

  /// What of delta is left for the accountant when overflow and what the noise sampler leaves out
  /// have been booked.
  ///
  /// @param which the releases that count
  /// @return delta less [Sampling#failure] and [#leftOut]; 0 if nothing is left, and then nothing
  ///   finite can be said
  /// @throws IllegalArgumentException if overflow alone uses up delta
  public Delta accountedDelta(Predicate<Release> which) {
    double unsampled = delta.value() - sampling.failure(steps());
    if (!(unsampled > 0)) {
      throw new IllegalArgumentException(
          "the probability that the slots overflow uses up all of delta");
    }
    double leftOut = leftOut(which);
    if (leftOut == 0) {
      return new Delta(Math.nextDown(unsampled));
    }
    // The densities where all is well are those of unbounded noise, over 1 - missing.
    double scale = 1 - values(which) * NoiseSampler.missing() * ROUNDING;
    double left = Math.nextDown(Math.nextDown(unsampled) - leftOut) * scale;
    return left > 0 ? new Delta(Math.nextDown(left)) : Delta.ZERO;
  }

  /// What some of the releases cost.
  ///
  /// @param which the releases that count
  /// @param accountant who answers, for noise of unbounded support
  /// @return epsilon at [#delta], rounded up; infinite if one of them is uncovered, or the noise
  ///   sampler leaves out more than delta
  public Epsilon epsilon(Predicate<Release> which, Accountant accountant) {
    return accountant.epsilon(event(which), accountedDelta(which));
  }
}
