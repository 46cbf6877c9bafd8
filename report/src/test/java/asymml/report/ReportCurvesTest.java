package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.trusted.plan.Mode;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.markers.SeriesMarkers;

/// Curves of planted runs: losses of 2.5 and 2.75 and accuracies of 0.25 and 0.2 a step of epochs.
class ReportCurvesTest {
  @TempDir Path folder;

  private ReportCurves curves() throws Exception {
    return new ReportCurves(
        List.of(
            new PlantedRun(folder.resolve("a"), Mode.ASYMML, 2).write().read(),
            new PlantedRun(folder.resolve("b"), Mode.TRUSTED_ONLY, 1).write().read()),
        List.of("a", "b"));
  }

  private static XYSeries series(XYChart chart, String name) {
    return Objects.requireNonNull(chart.getSeriesMap().get(name));
  }

  @Test
  void every_run_has_a_line_of_training_and_one_of_test() throws Exception {
    assertThat(curves().loss().getSeriesMap().keySet())
        .containsExactly("a, test", "a, training", "b, test", "b, training");
  }

  @Test
  void losses_are_by_epoch() throws Exception {
    XYChart chart = curves().loss();
    assertThat(series(chart, "a, training").getXData()).containsExactly(1, 2);
    assertThat(series(chart, "a, training").getYData()).containsExactly(2.5, 1.25);
    assertThat(series(chart, "a, test").getYData()).containsExactly(2.75, 1.375);
    assertThat(series(chart, "b, test").getYData()).containsExactly(2.75);
  }

  @Test
  void accuracies_are_in_percent() throws Exception {
    XYChart chart = curves().accuracy();
    assertThat(series(chart, "a, training").getYData()).containsExactly(25, 50);
    assertThat(series(chart, "a, test").getYData()[1]).isCloseTo(40, within(1e-9));
    assertThat(chart.getStyler().getYAxisMin()).isZero();
  }

  @Test
  void a_single_epoch_is_a_dot_and_several_a_line() throws Exception {
    XYChart chart = curves().loss();
    assertThat(series(chart, "a, test").getMarker()).isEqualTo(SeriesMarkers.NONE);
    assertThat(series(chart, "b, test").getMarker()).isEqualTo(SeriesMarkers.CIRCLE);
  }

  @Test
  void lines_of_a_run_share_a_colour_and_differ_in_their_stroke() throws Exception {
    XYChart chart = curves().loss();
    XYSeries test = series(chart, "a, test");
    XYSeries training = series(chart, "a, training");
    assertThat(test.getLineColor()).isEqualTo(training.getLineColor());
    assertThat(test.getLineStyle()).isNotEqualTo(training.getLineStyle());
    assertThat(series(chart, "b, test").getLineColor()).isNotEqualTo(test.getLineColor());
  }
}
