package asymml.study.compare;

import asymml.privacy.ClipNorm;
import asymml.privacy.NoiseComparison;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.plan.RankPolicy;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;

/// The noise that ranks need for one guarantee. PRIVATE: made of norms of private data.
///
/// @param ranks what was compared; the first is noise alone
/// @param places what would be released, with a residual for each rank
/// @param guarantee the same for every rank
/// @param accuracies of trained models on the test images, by rank, without those that were not
///   trained; empty where training diverged
public record Comparison(
    List<RankPolicy> ranks,
    List<Place> places,
    Guarantee guarantee,
    Map<RankPolicy, OptionalDouble> accuracies) {
  /// Copies the collections.
  public Comparison {
    ranks = List.copyOf(ranks);
    places = List.copyOf(places);
    accuracies = Collections.unmodifiableMap(new LinkedHashMap<>(accuracies));
  }

  /// The same with accuracies of trained models.
  ///
  /// @param trained by rank
  /// @return a copy
  public Comparison with(Map<RankPolicy, OptionalDouble> trained) {
    return new Comparison(ranks, places, guarantee, trained);
  }

  /// The noise at one place.
  ///
  /// @param place one of [#places]
  /// @param rank index into [#ranks]
  /// @return the noise of the rank beside that of noise alone
  public NoiseComparison noise(Place place, int rank) {
    return new NoiseComparison(
        new ClipNorm(place.residuals().get(rank).medianNorm()),
        new ClipNorm(place.residuals().getFirst().medianNorm()),
        guarantee.noiseMultiplier());
  }

  /// The noise at one place, as a share of what noise alone needs.
  ///
  /// @param place one of [#places]
  /// @param rank index into [#ranks]
  /// @return 1 for noise alone
  public double ratio(Place place, int rank) {
    return noise(place, rank).ratio();
  }

  private DoubleStream ratios(int rank) {
    return places.stream().mapToDouble(place -> ratio(place, rank));
  }

  /// The geometric mean of [#ratio] over the places.
  ///
  /// @param rank index into [#ranks]
  /// @return 1 for noise alone
  public double meanRatio(int rank) {
    return geometricMean(place -> ratio(place, rank));
  }

  /// The least [#ratio] of all places.
  ///
  /// @param rank index into [#ranks]
  /// @return 1 for noise alone
  public double leastRatio(int rank) {
    return ratios(rank).min().orElseThrow();
  }

  /// The largest [#ratio] of all places.
  ///
  /// @param rank index into [#ranks]
  /// @return 1 for noise alone
  public double largestRatio(int rank) {
    return ratios(rank).max().orElseThrow();
  }

  /// The geometric mean of the clip bound C over the places.
  ///
  /// @param rank index into [#ranks]
  /// @return above 0
  public double meanClipNorm(int rank) {
    return geometricMean(place -> place.residuals().get(rank).medianNorm());
  }

  /// The geometric mean of the noise's standard deviation over the places.
  ///
  /// @param rank index into [#ranks]
  /// @return above 0
  public double meanDeviation(int rank) {
    return geometricMean(place -> noise(place, rank).residualDeviation());
  }

  /// The share of an input's energy in the residual: the arithmetic mean over the places.
  ///
  /// @param rank index into [#ranks]
  /// @return 0 to 1
  public double meanEnergyShare(int rank) {
    return places.stream()
        .mapToDouble(place -> place.residuals().get(rank).energyShare())
        .average()
        .orElseThrow();
  }

  private double geometricMean(ToDoubleFunction<Place> value) {
    return Math.exp(
        places.stream()
            .mapToDouble(place -> Math.log(value.applyAsDouble(place)))
            .average()
            .orElseThrow());
  }
}
