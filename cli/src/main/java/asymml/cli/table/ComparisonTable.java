package asymml.cli.table;

import asymml.report.Figures;
import asymml.study.compare.Comparison;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.passes.ResidualNorms.Residual;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.RankPolicy.Fixed;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/// A comparison as text.
public record ComparisonTable(Comparison comparison) {
  /// Every place at every rank.
  public void printPlaces(PrintWriter out) {
    int width = comparison.places().stream().mapToInt(p -> p.layer().length()).max().orElse(0);
    String head = "%-" + Math.max(width, 14) + "s  %-9s  %5s  %10s  %10s  %13s  %11s%n";
    out.print(
        String.format(
            Locale.ROOT,
            head,
            "input of layer",
            "shape",
            "rank",
            "C",
            "sigma",
            "sigma/sigma_0",
            "residual energy"));
    for (Place place : comparison.places()) {
      for (int i = 0; i < comparison.ranks().size(); i++) {
        Residual residual = place.residuals().get(i);
        out.print(
            String.format(
                Locale.ROOT,
                head,
                i == 0 ? place.layer() : "",
                i == 0 ? place.input() : "",
                residual.rank() + (isClamped(i, residual) ? "*" : ""),
                significant(residual.medianNorm()),
                significant(comparison.noise(place, i).residualDeviation()),
                ratio(comparison.ratio(place, i)),
                Figures.percent(residual.energyShare())));
      }
    }
    List<String> clamped = clamped();
    if (!clamped.isEmpty()) {
      out.println(
          "* fewer than the rank asked for ("
              + String.join(", ", clamped)
              + "): an input has no more directions, and nothing but rounding is left of it");
    }
  }

  /// All places together.
  public void printSummary(PrintWriter out) {
    boolean trained = !comparison.accuracies().isEmpty();
    String row = "%6s  %10s  %10s  %13s  %16s  %11s%s%n";
    out.println(
        "over all %s inputs: geometric means; sigma/sigma_0 from least to largest; mean energy"
            .formatted(comparison.places().size()));
    out.print(
        String.format(
            Locale.ROOT,
            row,
            "rank",
            "C",
            "sigma",
            "sigma/sigma_0",
            "from - to",
            "residual energy",
            trained ? "  test accuracy" : ""));
    for (int i = 0; i < comparison.ranks().size(); i++) {
      out.print(
          String.format(
              Locale.ROOT,
              row,
              comparison.ranks().get(i),
              significant(comparison.meanClipNorm(i)),
              significant(comparison.meanDeviation(i)),
              ratio(comparison.meanRatio(i)),
              ratio(comparison.leastRatio(i)) + " - " + ratio(comparison.largestRatio(i)),
              Figures.percent(comparison.meanEnergyShare(i)),
              trained ? "  %13s".formatted(accuracy(comparison.ranks().get(i))) : ""));
    }
  }

  private String accuracy(RankPolicy rank) {
    OptionalDouble accuracy = comparison.accuracies().get(rank);
    if (accuracy == null) {
      return "-";
    }
    return accuracy.isPresent() ? Figures.percent(accuracy.getAsDouble()) : "diverged";
  }

  private boolean isClamped(int rank, Residual residual) {
    return comparison.ranks().get(rank) instanceof Fixed(int asked) && residual.rank() < asked;
  }

  private List<String> clamped() {
    List<String> found = new ArrayList<>();
    for (int i = 0; i < comparison.ranks().size(); i++) {
      int rank = i;
      if (comparison.places().stream()
          .anyMatch(place -> isClamped(rank, place.residuals().get(rank)))) {
        found.add(comparison.ranks().get(i).toString());
      }
    }
    return found;
  }

  private static String significant(double value) {
    return String.format(Locale.ROOT, "%.4g", value);
  }

  private static String ratio(double value) {
    return String.format(Locale.ROOT, "%.3f", value);
  }
}
