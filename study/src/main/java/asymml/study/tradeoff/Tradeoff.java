package asymml.study.tradeoff;

import asymml.study.Decimal;
import asymml.study.NoiseAlone;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.RankPolicy;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Accuracy against noise, of ranks beside noise alone. PRIVATE: made of private data, covered by
/// no guarantee.
///
/// All cells of a noise level have the same noise multiplier at a layer: the residual has as many
/// values as the input, whatever the rank, so that `sigma = level C / sqrt(values)` is `z C` with
/// one z, and C is the rank's own clip bound.
///
/// @param ranks what was compared; the first is noise alone, that is `dp-only`
/// @param noise levels of noise on residuals
/// @param gradientNoise levels of noise on output gradients; empty if there are none
/// @param testImages what accuracies were measured on
/// @param cells trained and tested, by their place in the grid
public record Tradeoff(
    List<RankPolicy> ranks,
    List<Double> noise,
    List<Double> gradientNoise,
    int testImages,
    Map<Point, Cell> cells) {

  /// As many standard errors a difference must have to count.
  public static final double ERRORS = 2;

  /// Copies the collections.
  public Tradeoff {
    ranks = List.copyOf(ranks);
    noise = List.copyOf(noise);
    gradientNoise = List.copyOf(gradientNoise);
    cells = Collections.unmodifiableMap(new LinkedHashMap<>(cells));
  }

  /// A place in the grid.
  ///
  /// @param rank that stays trusted
  /// @param noise on residuals, relative to the clip bound's size per value
  /// @param gradientNoise on output gradients, likewise
  public record Point(RankPolicy rank, double noise, double gradientNoise) {
    /// Whether nothing stays trusted.
    ///
    /// @return true for noise alone
    public boolean noiseAlone() {
      return rank.equals(NoiseAlone.RANK);
    }

    /// How its run is placed.
    ///
    /// @return `dp-only` for noise alone, else `asymml`
    public Mode mode() {
      return noiseAlone() ? Mode.DP_ONLY : Mode.ASYMML;
    }

    /// The name of its directory.
    ///
    /// @return letters, digits, points, dashes and underscores
    public String name() {
      return "rank-%s-noise-%s%s"
          .formatted(
              rank.toString().replace('/', '_'),
              Decimal.plain(noise),
              gradientNoise == 0 ? "" : "-gradient-noise-" + Decimal.plain(gradientNoise));
    }

    /// Rank and noise in words.
    ///
    /// @return for example `asymml 1/8, noise 0.3`
    public String describe() {
      return "%s, noise %s%s"
          .formatted(
              label(rank),
              Decimal.plain(noise),
              gradientNoise == 0 ? "" : ", on output gradients " + Decimal.plain(gradientNoise));
    }
  }

  /// What became of a place in the grid.
  ///
  /// @param accuracy on the test images, 0 to 1; empty if training diverged
  /// @param loss on the test images; empty likewise
  /// @param trainSeconds wall time of its steps
  /// @param evaluationSeconds wall time of recalibration and test
  /// @param trustedCpuSeconds processor time of the trusted process in training
  /// @param workerCpuSeconds processor time of the worker
  public record Cell(
      OptionalDouble accuracy,
      OptionalDouble loss,
      double trainSeconds,
      double evaluationSeconds,
      double trustedCpuSeconds,
      double workerCpuSeconds) {}

  /// One kind of noise at rising levels, the other off.
  ///
  /// @param where the noise is
  /// @param levels of it
  /// @param gradients whether it is on output gradients
  public record Sweep(String where, List<Double> levels, boolean gradients) {
    /// The place of a rank at a level.
    ///
    /// @param rank one of the grid's
    /// @param level one of [#levels]
    /// @return its place in the grid
    public Point at(RankPolicy rank, double level) {
      return gradients ? new Point(rank, 0, level) : new Point(rank, level, 0);
    }
  }

  /// By how much a cell is better than noise alone at the same level.
  ///
  /// @param share difference of the accuracies
  /// @param standardError of that difference, if the two test errors were independent
  public record Margin(double share, double standardError) {
    /// Whether it is more than the error of the test set.
    ///
    /// @return true if it is above [#ERRORS] standard errors
    public boolean counts() {
      return share > ERRORS * standardError;
    }

    @Override
    public String toString() {
      return String.format(
          Locale.ROOT, "%+.1f points (standard error %.1f)", 100 * share, 100 * standardError);
    }
  }

  /// A rank as a table's heading.
  ///
  /// @param rank one of the grid's
  /// @return `dp-only` for noise alone
  public static String label(RankPolicy rank) {
    return rank.equals(NoiseAlone.RANK) ? "dp-only" : "asymml " + rank;
  }

  /// The grid of levels and ranks: residual noise first, no place twice.
  ///
  /// @param ranks noise alone first
  /// @param noise levels on residuals
  /// @param gradientNoise levels on output gradients
  /// @return in the order in which they are run
  public static Set<Point> points(
      List<RankPolicy> ranks, List<Double> noise, List<Double> gradientNoise) {
    Set<Point> points = new LinkedHashSet<>();
    for (double level : noise) {
      ranks.forEach(rank -> points.add(new Point(rank, level, 0)));
    }
    for (double level : gradientNoise) {
      ranks.forEach(rank -> points.add(new Point(rank, 0, level)));
    }
    return points;
  }

  /// The parts of the grid.
  ///
  /// @return noise on residuals, then noise on output gradients if there is any
  public List<Sweep> sweeps() {
    List<Sweep> sweeps = new ArrayList<>();
    sweeps.add(new Sweep("residuals", noise, false));
    if (!gradientNoise.isEmpty()) {
      sweeps.add(new Sweep("output gradients", gradientNoise, true));
    }
    return sweeps;
  }

  /// What became of a place.
  ///
  /// @param point in the grid
  /// @return its cell
  /// @throws IllegalArgumentException if it is not in the grid
  public Cell cell(Point point) {
    Cell cell = cells.get(point);
    if (cell == null) {
      throw new IllegalArgumentException("not in the grid: " + point);
    }
    return cell;
  }

  /// The binomial standard error of an accuracy.
  ///
  /// @param accuracy on the test images, 0 to 1
  /// @return 0 to 0.5
  public double standardError(double accuracy) {
    return Math.sqrt(accuracy * (1 - accuracy) / testImages);
  }

  /// The margin over noise alone; null where there is nothing to compare: at noise alone itself,
  /// and where either diverged.
  ///
  /// @param point in the grid
  /// @return its margin
  public @Nullable Margin margin(Point point) {
    OptionalDouble own = cell(point).accuracy();
    OptionalDouble alone =
        cell(new Point(ranks.getFirst(), point.noise(), point.gradientNoise())).accuracy();
    if (point.noiseAlone() || own.isEmpty() || alone.isEmpty()) {
      return null;
    }
    return new Margin(
        own.getAsDouble() - alone.getAsDouble(),
        Math.hypot(standardError(own.getAsDouble()), standardError(alone.getAsDouble())));
  }

  /// Whether a rank beats noise alone: by a margin that counts, or because noise alone diverged.
  ///
  /// @param point in the grid
  /// @return false for noise alone
  public boolean beats(Point point) {
    Margin margin = margin(point);
    return margin != null
        ? margin.counts()
        : !point.noiseAlone() && cell(point).accuracy().isPresent();
  }

  /// The places with noise on residuals at which a rank does not beat noise alone.
  ///
  /// @return empty if each does
  public List<Point> unbeaten() {
    return cells.keySet().stream()
        .filter(point -> point.noise() > 0 && !point.noiseAlone() && !beats(point))
        .toList();
  }

  /// Whether the method beats noise alone, as measured.
  ///
  /// @return one sentence
  public String verdict() {
    String claim =
        "asymml beats dp-only at every noise level above 0 by more than the error of the test set"
            + " (%s standard errors): ".formatted(Decimal.plain(ERRORS));
    if (noise.stream().noneMatch(level -> level > 0) || ranks.size() < 2) {
      return claim + "not measured";
    }
    List<Point> unbeaten = unbeaten();
    return unbeaten.isEmpty()
        ? claim + "yes"
        : claim
            + "NO, not "
            + unbeaten.stream().map(Point::describe).collect(Collectors.joining("; "));
  }
}
