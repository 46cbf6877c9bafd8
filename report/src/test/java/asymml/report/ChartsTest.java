package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Shape;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PrivacyBudget;
import asymml.privacy.SamplingRate;
import asymml.study.bench.BenchPoint;
import asymml.study.bench.BenchResult;
import asymml.study.bench.BenchSweep;
import asymml.study.bench.ModeCosts;
import asymml.study.bench.SweepResult;
import asymml.study.compare.Comparison;
import asymml.study.compare.Guarantee;
import asymml.study.tradeoff.Tradeoff;
import asymml.trusted.bench.StepCost;
import asymml.trusted.check.Verification;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.passes.ResidualNorms.Residual;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategorySeries;

/// What charts draw, series by series.
class ChartsTest {
  private static final RankPolicy ALONE = new RankPolicy.Fixed(0);
  private static final RankPolicy TWO = new RankPolicy.Fixed(2);
  private static final RankPolicy FOUR = new RankPolicy.Fixed(4);

  @TempDir Path folder;

  private static List<Number> values(CategoryChart chart, String series) {
    return List.copyOf(series(chart, series).getYData());
  }

  private static CategorySeries series(CategoryChart chart, String name) {
    return Objects.requireNonNull(chart.getSeriesMap().get(name));
  }

  private static Comparison comparison() {
    Map<RankPolicy, OptionalDouble> accuracies = new LinkedHashMap<>();
    accuracies.put(ALONE, OptionalDouble.of(0.25));
    accuracies.put(TWO, OptionalDouble.empty());
    return new Comparison(
        List.of(ALONE, TWO),
        List.of(place("conv2", 4, 1), place("conv3", 4, 4)),
        new Guarantee(
            new PrivacyBudget(new Epsilon(8), new Delta(1e-5)),
            new Guarantee.Sampling(new SamplingRate(0.01), 1, 100, 2),
            new NoiseMultiplier(2)),
        accuracies);
  }

  private static Place place(String layer, double alone, double split) {
    return new Place(
        layer,
        new Shape(8, 8, 16),
        List.of(new Residual(0, alone, 1), new Residual(2, split, split / alone)));
  }

  @Test
  void a_comparison_has_a_line_for_each_layer_their_mean_and_the_accuracies() {
    CategoryChart chart = new ComparisonChart(comparison()).draw("cnn on planted");
    assertThat(chart.getTitle()).endsWith("noise alone: cnn on planted");
    assertThat(values(chart, "one input of a split layer")).containsExactly(1.0, 0.25);
    assertThat(values(chart, "conv3")).containsExactly(1.0, 1.0);
    assertThat(values(chart, "geometric mean")).containsExactly(1.0, 0.5);
    // Training at the second rank diverged.
    assertThat(values(chart, "test accuracy (right)")).containsExactly(25.0, Double.NaN);
    assertThat(series(chart, "test accuracy (right)").getYAxisGroup()).isEqualTo(Charts.RIGHT);
    assertThat(series(chart, "conv3").isShowInLegend()).isFalse();
  }

  @Test
  void a_comparison_without_training_has_no_axis_of_accuracies() {
    CategoryChart chart = new ComparisonChart(comparison().with(Map.of())).draw("cnn");
    assertThat(chart.getSeriesMap()).doesNotContainKey("test accuracy (right)").hasSize(3);
  }

  @Test
  void a_tradeoff_has_a_line_for_each_rank_with_two_standard_errors() {
    Map<Tradeoff.Point, Tradeoff.Cell> cells = new LinkedHashMap<>();
    for (RankPolicy rank : List.of(ALONE, TWO, FOUR)) {
      cells.put(new Tradeoff.Point(rank, 0.5, 0), cell(OptionalDouble.of(0.5)));
      cells.put(
          new Tradeoff.Point(rank, 2, 0),
          cell(rank.equals(TWO) ? OptionalDouble.empty() : OptionalDouble.of(0.1)));
    }
    Tradeoff tradeoff =
        new Tradeoff(List.of(ALONE, TWO, FOUR), List.of(0.5, 2.0), List.of(), 100, cells);
    Tradeoff.Sweep sweep = tradeoff.sweeps().getFirst();
    CategoryChart chart = TradeoffChart.draw(tradeoff, sweep, "cnn");
    assertThat(chart.getSeriesMap().keySet()).containsExactly("dp-only", "asymml 2", "asymml 4");
    assertThat(values(chart, "dp-only")).containsExactly(50.0, 10.0);
    assertThat(values(chart, "asymml 2")).containsExactly(50.0, Double.NaN);
    // sqrt(0.5 * 0.5 / 100) is 5 %.
    assertThat(series(chart, "dp-only").getExtraValues().iterator().next().doubleValue())
        .isCloseTo(10, within(1e-9));
    assertThat(List.copyOf((Collection<?>) series(chart, "dp-only").getXData()))
        .isEqualTo(List.of("0.5", "2"));
    assertThat(chart.getSeriesMap().values().stream().map(CategorySeries::getLineColor).distinct())
        .hasSize(3);
  }

  private static Tradeoff.Cell cell(OptionalDouble accuracy) {
    return new Tradeoff.Cell(accuracy, accuracy, 1, 1, 1, 1);
  }

  private static BenchResult bench(int batchSize, double whole, double split) {
    Map<Mode, Plan> plans = new LinkedHashMap<>();
    plans.put(Mode.TRUSTED_ONLY, Plan.trusted(PlantedRun.graph()));
    plans.put(Mode.ASYMML, PlantedRun.plan(Mode.ASYMML));
    Map<Mode, ModeCosts> modes = new LinkedHashMap<>();
    modes.put(Mode.TRUSTED_ONLY, costs(plans.get(Mode.TRUSTED_ONLY), whole));
    modes.put(Mode.ASYMML, costs(plans.get(Mode.ASYMML), split));
    return new BenchResult(
        new BenchPoint(PlantedRun.graph(), batchSize, TWO, Verification.OFF, plans), modes);
  }

  private static ModeCosts costs(Plan plan, double trustedMillis) {
    Map<String, Map<Phase, Double>> layers = new LinkedHashMap<>();
    layers.put("conv1", Map.of(Phase.KERNELS, 2.0, Phase.WAIT, 9.0));
    layers.put("conv2", Map.of(Phase.KERNELS, 3.0, Phase.DOOR, 0.5));
    return new ModeCosts(
        plan,
        1,
        List.of(new StepCost(20, trustedMillis, 5, 1000, 1000)),
        layers,
        OptionalLong.empty(),
        OptionalLong.empty());
  }

  @Test
  void a_benchmark_has_a_bar_for_each_layer_without_waiting() {
    BenchResult result = bench(32, 10, 4);
    CategoryChart chart = BenchChart.draw(result, Mode.ASYMML, result.of(Mode.ASYMML));
    assertThat(chart.getTitle())
        .isEqualTo("asymml, cnn, batch 32 of 32x32x3: 4 ms of trusted CPU a step");
    assertThat(chart.getSeriesMap().keySet())
        .containsExactly(Phase.DOOR.label(), Phase.KERNELS.label());
    assertThat(values(chart, Phase.KERNELS.label())).containsExactly(2.0, 3.0);
    assertThat(values(chart, Phase.DOOR.label())).containsExactly(0.0, 0.5);
  }

  @Test
  void a_benchmark_of_several_modes_writes_a_file_for_each() throws Exception {
    List<String> written = BenchChart.write(bench(32, 10, 4), folder.resolve("bench.svg"));
    assertThat(written)
        .containsExactly(
            folder.resolve("bench-trusted-only.svg").toString(),
            folder.resolve("bench-asymml.svg").toString());
    for (String file : written) {
      assertThat(Files.readString(Path.of(file)).contains("<svg")).isTrue();
    }
  }

  @Test
  void a_sweep_is_drawn_by_image_and_its_ratio_on_an_axis_of_its_own() {
    SweepResult result =
        new SweepResult(
            new BenchSweep(BenchSweep.Key.BATCH_SIZE, List.of("16", "32")),
            List.of(bench(16, 32, 16), bench(32, 32, 8)));
    CategoryChart chart = SweepChart.draw(result);
    assertThat(values(chart, "trusted-only")).containsExactly(2.0, 1.0);
    assertThat(values(chart, "asymml")).containsExactly(1.0, 0.25);
    assertThat(values(chart, "trusted-cost ratio (right)")).containsExactly(2.0, 4.0);
    assertThat(series(chart, "trusted-cost ratio (right)").getYAxisGroup()).isEqualTo(Charts.RIGHT);
  }

  @Test
  void a_picture_replaces_an_earlier_one() throws Exception {
    Path file = folder.resolve("compare.svg");
    Files.writeString(file, "earlier");
    ComparisonChart.write(comparison(), "cnn", file);
    assertThat(Files.readString(file).contains("earlier")).isFalse();
    try (var files = Files.list(folder)) {
      assertThat(files).hasSize(1);
    }
  }

  @Test
  void a_machine_without_fonts_is_told_what_to_install() {
    assertThat(Charts.hasFonts()).isTrue();
    assertThat(Charts.noFonts(Path.of("rank.svg")))
        .startsWith("asymml: rank.svg is not drawn: ")
        .contains("fontconfig");
  }
}
