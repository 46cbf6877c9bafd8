package asymml.cli.table;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.Shape;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PrivacyBudget;
import asymml.privacy.SamplingRate;
import asymml.study.NoiseAlone;
import asymml.study.compare.Comparison;
import asymml.study.compare.Guarantee;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.passes.ResidualNorms.Residual;
import asymml.trusted.plan.RankPolicy;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;

/// Planted norms as text: noise alone leaves 8 and 2, rank 20 leaves 2 and 1.
class ComparisonTableTest {
  private static final RankPolicy TWENTY = new RankPolicy.Fixed(20);

  private static Comparison comparison() {
    Guarantee guarantee =
        new Guarantee(
            new PrivacyBudget(new Epsilon(8), new Delta(1e-5)),
            new Guarantee.Sampling(new SamplingRate(0.25), 2, 8, 2),
            new NoiseMultiplier(3));
    Place wide =
        new Place(
            "conv2",
            new Shape(16, 16, 16),
            List.of(new Residual(0, 8, 1), new Residual(16, 2, 0.1)));
    Place narrow =
        new Place(
            "conv3", new Shape(8, 8, 32), List.of(new Residual(0, 2, 1), new Residual(20, 1, 0.3)));
    return new Comparison(
        List.of(NoiseAlone.RANK, TWENTY), List.of(wide, narrow), guarantee, Map.of());
  }

  private static String printed(
      Comparison comparison, BiConsumer<ComparisonTable, PrintWriter> print) {
    StringWriter text = new StringWriter();
    print.accept(new ComparisonTable(comparison), new PrintWriter(text, true));
    return text.toString();
  }

  @Test
  void each_input_has_a_line_for_each_rank() {
    assertThat(printed(comparison(), ComparisonTable::printPlaces))
        .containsPattern("conv2 +16x16x16 +0 +8\\.000 +24\\.00 +1\\.000 +100\\.0 %\n")
        .containsPattern("conv3 +8x8x32 +0 +2\\.000 +6\\.000 +1\\.000")
        .containsPattern("\n +20 +1\\.000 +3\\.000 +0\\.500 +30\\.0 %\n");
  }

  @Test
  void an_input_with_fewer_directions_than_asked_for_is_marked() {
    assertThat(printed(comparison(), ComparisonTable::printPlaces))
        .containsPattern("\n +16\\* +2\\.000 +6\\.000 +0\\.250 +10\\.0 %\n")
        .contains("* fewer than the rank asked for (20)");
  }

  @Test
  void the_summary_has_means_and_ranges() {
    assertThat(printed(comparison(), ComparisonTable::printSummary))
        .startsWith("over all 2 inputs")
        .containsPattern(" 0 +4\\.000 +12\\.00 +1\\.000 +1\\.000 - 1\\.000 +100\\.0 %\n")
        .containsPattern("20 +1\\.414 +4\\.243 +0\\.354 +0\\.250 - 0\\.500 +20\\.0 %\n")
        .doesNotContain("accuracy");
  }

  @Test
  void accuracies_stand_beside_their_ranks() {
    Map<RankPolicy, OptionalDouble> trained = new LinkedHashMap<>();
    trained.put(NoiseAlone.RANK, OptionalDouble.empty());
    trained.put(TWENTY, OptionalDouble.of(0.625));
    assertThat(printed(comparison().with(trained), ComparisonTable::printSummary))
        .contains("test accuracy")
        .containsPattern(" 0 .* diverged\n")
        .containsPattern("20 .* 62\\.5 %\n");
  }
}
