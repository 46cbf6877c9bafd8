package asymml.trusted.train;

import asymml.model.Graph;
import asymml.model.Layer.BatchNorm;
import asymml.privacy.Calibration;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.Ledger;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyStatement;
import asymml.privacy.Release;
import asymml.privacy.Sampling;
import asymml.trusted.decompose.Refresh;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.MaskPrecision;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.plan.ReleaseTerms.Bounds;
import asymml.trusted.plan.Shield;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// What a run will release, step by step, on what terms, and for how many steps its budget lasts:
/// all of it fixed before the first step.
///
/// @param releases what is released in each step
/// @param sampling how the examples of a step are chosen
/// @param delta at which epsilon is stated
/// @param steps the last step that may be done
record Accounting(ReleasePlan releases, Sampling sampling, Delta delta, long steps) {
  /// The share of delta that overflow of the slots may use up. More would save a few slots.
  private static final double OVERFLOW_SHARE = 0.01;

  /// How far bounds and calibrated noise of a ledger may be from those found again, as a share:
  /// more than what the order of float32 sums and the last digit of a search come to.
  private static final double ROUNDING = 1e-3;

  /// So much that shifts no longer matter.
  private static final double LARGE_NOISE = 1e6;

  /// Plans a run.
  ///
  /// @param config what it computes
  /// @param graph its network
  /// @param plan where its layers run
  /// @param examples number of training examples
  /// @param calibrated clip bounds from public images; asked only where they are needed
  /// @param earlier the ledger of a run that is resumed, which has to say what this one releases
  /// @throws IllegalArgumentException if it does not, or the run cannot be inside its budget
  static Accounting of(
      TrainConfig config,
      Graph graph,
      Plan plan,
      int examples,
      Supplier<Bounds> calibrated,
      @Nullable Ledger earlier) {
    Accounting run = planned(config, graph, plan, examples, calibrated, earlier);
    if (earlier != null && !run.ledger(earlier.steps()).equals(earlier)) {
      throw new IllegalArgumentException(
          "the ledger does not say what this run releases: it was changed, or it is of another run,"
              + " of other public images or of another version of the program; start a new run");
    }
    return run;
  }

  private static Accounting planned(
      TrainConfig config,
      Graph graph,
      Plan plan,
      int examples,
      Supplier<Bounds> calibrated,
      @Nullable Ledger earlier) {
    PrivacyConfig privacy = config.privacy();
    DpSgd dpSgd = privacy.dpSgd();
    int batchSize =
        Math.min(dpSgd == null ? config.batchSize() : dpSgd.logicalBatchSize(), examples);
    long steps = Math.ceilDiv((long) examples, batchSize) * config.epochs();
    Sampling sampling = sampling(config, graph, examples, batchSize, steps);
    if (!privacy.accounted()) {
      ReleaseTerms terms =
          new ReleaseTerms.Unaccounted(
              config.noise(), config.gradientNoise(), whyNot(config, graph));
      return new Accounting(new ReleasePlan(graph, plan, terms), sampling, privacy.delta(), steps);
    }
    Bounds bounds = confirmed(overridden(calibrated.get(), privacy.clip()), earlier);
    Budgeting budgeting = new Budgeting(graph, plan, privacy, config.shield(), sampling, bounds);
    budgeting.requireDelta(steps);
    if (!(config.noise() instanceof NoiseStrength.None)) {
      Accounting whole = budgeting.with(config.noise(), steps);
      return privacy.target() == null || budgeting.affords(whole, steps)
          ? whole
          : budgeting.with(config.noise(), budgeting.affordable(whole, steps));
    }
    NoiseMultiplier noise = budgeting.confirmed(budgeting.calibrate(steps), earlier, steps);
    return budgeting.with(Budgeting.strength(noise), steps);
  }

  private static Sampling sampling(
      TrainConfig config, Graph graph, int examples, int batchSize, long steps) {
    return switch (config.privacy().drawing()) {
      case SHUFFLE -> new Sampling.Shuffled(examples, batchSize);
      case POISSON -> {
        Sampling.Poisson fewest =
            Sampling.Poisson.of(
                examples, batchSize, steps, OVERFLOW_SHARE * config.privacy().delta().value());
        DpSgd dpSgd = config.privacy().dpSgd();
        yield dpSgd == null
            ? fewest
            : fewest.inBatchesOf(
                dpSgd.plan(graph, Math.min(config.batchSize(), batchSize)).examples());
      }
    };
  }

  /// Why the noise of a run that is not accounted for guarantees nothing.
  private static String whyNot(TrainConfig config, Graph graph) {
    String why =
        config.noise() instanceof NoiseStrength.None
            ? "are released without noise"
            : "the clip bound follows private data";
    return graph.nodes().stream().anyMatch(node -> node.layer() instanceof BatchNorm)
        ? why + ", batch norm mixes the examples of a batch"
        : why;
  }

  /// The search for noise or steps that a budget allows.
  private record Budgeting(
      Graph graph,
      Plan plan,
      PrivacyConfig privacy,
      Shield shield,
      Sampling sampling,
      Bounds bounds) {
    Accounting with(NoiseStrength noise, long steps) {
      DpSgd dpSgd = privacy.dpSgd();
      ReleaseTerms terms =
          dpSgd == null
              ? new ReleaseTerms.Accounted(
                  noise, privacy.protect(), privacy.basis(), bounds, shield)
              : new ReleaseTerms.DpSgd(
                  multiplier(noise), dpSgd.views(), dpSgd.masksShare(), privacy.basis(), shield);
      return new Accounting(new ReleasePlan(graph, plan, terms), sampling, privacy.delta(), steps);
    }

    /// Refuses a delta that no noise could serve.
    void requireDelta(long steps) {
      double leftOut =
          with(new NoiseStrength.Multiplier(LARGE_NOISE), steps).ledger(steps).leftOut(_ -> true);
      if (leftOut >= privacy.delta().value()) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "delta %s is below what the noise sampler leaves out of this run, %.1e: a larger"
                    + " delta, or fewer epochs",
                privacy.delta().value(),
                leftOut));
      }
    }

    /// By the run's own ledger: what is reported at its end is what was planned.
    boolean affords(Accounting run, long steps) {
      return cost(run, steps).isWithin(target());
    }

    private static Epsilon cost(Accounting run, long steps) {
      return run.ledger(steps).epsilon(Budgeting::isNoised, new PldAccountant());
    }

    private Epsilon target() {
      if (privacy.target() == null) {
        throw new IllegalStateException("there is no budget");
      }
      return privacy.target();
    }

    /// The smallest noise that the budget allows. If even twice the cost would be inside, noise is
    /// not what sets the limit: less of it would end before it covers an example.
    NoiseMultiplier calibrate(long steps) {
      NoiseMultiplier noise =
          Calibration.smallest(z -> affords(with(strength(z), steps), steps))
              .orElseThrow(() ->
                  new IllegalArgumentException(
                      "no noise keeps this run inside epsilon " + target().value()));
      double cost = cost(with(strength(noise), steps), steps).value();
      if (cost < target().value() / 2) {
        throw new IllegalArgumentException(
            "no noise promises epsilon %s: with less than now, for epsilon %s, the noise sampler leaves out more than delta; lower the target"
                .formatted(target().value(), PrivacyStatement.text(new Epsilon(cost))));
      }
      return noise;
    }

    /// The noise that a ledger has, if this run would have found it but for rounding, and it is
    /// inside the budget.
    NoiseMultiplier confirmed(NoiseMultiplier found, @Nullable Ledger earlier, long steps) {
      if (earlier == null) {
        return found;
      }
      return smallestOf(earlier)
          .filter(z -> isClose(z.value(), found.value()))
          .filter(z -> affords(with(strength(z), steps), steps))
          .orElse(found);
    }

    private static NoiseMultiplier multiplier(NoiseStrength noise) {
      if (noise instanceof NoiseStrength.Multiplier(double z)) {
        return new NoiseMultiplier(z);
      }
      throw new IllegalArgumentException(
          "the noise of DP-SGD is a noise multiplier, or follows from a target epsilon: " + noise);
    }

    private static NoiseStrength strength(NoiseMultiplier z) {
      return new NoiseStrength.Multiplier(z.value());
    }

    long affordable(Accounting run, long steps) {
      long inside = 0;
      long outside = steps;
      while (outside - inside > 1) {
        long middle = (inside + outside) / 2;
        if (affords(run, middle)) {
          inside = middle;
        } else {
          outside = middle;
        }
      }
      if (inside == 0) {
        throw new IllegalArgumentException(
            "the target epsilon does not buy a single step with this noise: raise one of them, or"
                + " leave the noise out to have it follow from the target");
      }
      return inside;
    }

    /// The budget is for what is protected; the rest is infinite and said to be.
    private static boolean isNoised(Release release) {
      return release.mechanism() instanceof Release.Gaussian;
    }
  }

  private static Bounds overridden(Bounds calibrated, PrivacyConfig.Clip clip) {
    if (!(clip instanceof PrivacyConfig.Clip.Fixed fixed)) {
      return calibrated;
    }
    Map<Channel, Map<String, ClipNorm>> norms = new EnumMap<>(Channel.class);
    calibrated
        .norms()
        .forEach((channel, byLayer) -> {
          ClipNorm given =
              switch (channel) {
                case RESIDUALS -> fixed.residuals();
                case GRADIENTS -> fixed.gradients();
                case WEIGHTS -> fixed.weights();
                case BASIS -> null;
              };
          Map<String, ClipNorm> own = new LinkedHashMap<>(byLayer);
          if (given != null) {
            own.replaceAll((_, _) -> given);
          }
          norms.put(channel, own);
        });
    return new Bounds(norms);
  }

  /// Bounds as a ledger has them, where this run would have found them but for rounding: sums over
  /// public images depend on the number of threads in their last bits.
  private static Bounds confirmed(Bounds found, @Nullable Ledger earlier) {
    if (earlier == null) {
      return found;
    }
    Map<Channel, Map<String, ClipNorm>> norms = new EnumMap<>(Channel.class);
    found.norms().forEach((channel, byLayer) -> norms.put(channel, new LinkedHashMap<>(byLayer)));
    for (Ledger.Entry entry : earlier.entries()) {
      for (Release release : entry.releases()) {
        if (release.mechanism() instanceof Release.Gaussian(var clipNorm, var _)) {
          // Masked channels have no bound of their own.
          Map<String, ClipNorm> byLayer = norms.get(release.channel());
          if (byLayer != null) {
            byLayer.computeIfPresent(
                release.layer(),
                (_, own) -> isClose(own.value(), clipNorm.value()) ? clipNorm : own);
          }
        }
      }
    }
    return new Bounds(norms);
  }

  private static boolean isClose(double a, double b) {
    return Math.abs(a - b) <= ROUNDING * Math.min(a, b);
  }

  /// The noise that was calibrated: the same on every release, but for masks, which may be larger.
  private static Optional<NoiseMultiplier> smallestOf(Ledger ledger) {
    return ledger.entries().stream()
        .flatMap(entry -> entry.releases().stream())
        .map(Release::mechanism)
        .filter(Release.Gaussian.class::isInstance)
        .map(mechanism -> ((Release.Gaussian) mechanism).noiseMultiplier())
        .min(Comparator.comparingDouble(NoiseMultiplier::value));
  }

  /// How many places a step has.
  int slots() {
    return switch (sampling) {
      case Sampling.Poisson poisson -> poisson.slots();
      case Sampling.Shuffled shuffled -> shuffled.batchSize();
    };
  }

  /// What has been released once so many steps were begun.
  ///
  /// @param begun steps, from the first one on
  Ledger ledger(long begun) {
    List<Release> ordinary = releases.releases(false);
    List<Release> refreshing = releases.releases(true);
    long refreshes = ordinary.equals(refreshing) ? 0 : Refresh.DEFAULT.count(begun);
    return new Ledger(
        sampling,
        delta,
        List.of(
            new Ledger.Entry(ordinary, begun - refreshes), new Ledger.Entry(refreshing, refreshes)),
        releases.workers());
  }

  /// Refuses masks so large that what they hide is lost in the rounding of float32.
  ///
  /// @throws IllegalArgumentException if the error predicted for a release is too large
  Accounting requirePrecision() {
    if (releases.shield().masks()) {
      for (Release release : releases.releases(true)) {
        MaskPrecision.require(release);
      }
    }
    return this;
  }

  /// Whether bases come from public images.
  boolean usesPublicBasis() {
    return switch (releases.terms()) {
      case ReleaseTerms.Unaccounted _ -> false;
      case ReleaseTerms.Accounted accounted -> accounted.basis() == Basis.PUBLIC;
      case ReleaseTerms.DpSgd dpSgd -> dpSgd.basis() == Basis.PUBLIC;
    };
  }
}
