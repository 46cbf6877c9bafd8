package asymml.cli.table;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.study.NoiseAlone;
import asymml.study.tradeoff.Tradeoff;
import asymml.study.tradeoff.Tradeoff.Cell;
import asymml.study.tradeoff.Tradeoff.Point;
import asymml.trusted.plan.RankPolicy;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class TradeoffTableTest {
  private static final RankPolicy EIGHTH = RankPolicy.parse("1/8");
  private static final List<RankPolicy> RANKS = List.of(NoiseAlone.RANK, EIGHTH);
  private static final int IMAGES = 400;

  private static Cell cell(OptionalDouble accuracy) {
    return new Cell(accuracy, accuracy, 60, 3, 100, 20);
  }

  /// Accuracies in the order of the grid; NaN stands for training that diverged.
  private static Tradeoff tradeoff(
      List<Double> noise, List<Double> gradientNoise, double... accuracies) {
    Map<Point, Cell> cells = new LinkedHashMap<>();
    int next = 0;
    for (Point point : Tradeoff.points(RANKS, noise, gradientNoise)) {
      double accuracy = accuracies[next];
      cells.put(
          point,
          cell(Double.isNaN(accuracy) ? OptionalDouble.empty() : OptionalDouble.of(accuracy)));
      next++;
    }
    assertThat(next).isEqualTo(accuracies.length);
    return new Tradeoff(RANKS, noise, gradientNoise, IMAGES, cells);
  }

  private static String table(Tradeoff tradeoff) {
    StringWriter text = new StringWriter();
    new TradeoffTable(tradeoff, false).print(new PrintWriter(text, true));
    return text.toString();
  }

  @Test
  void what_is_within_two_standard_errors_does_not_count() {
    assertThat(table(tradeoff(List.of(0.0, 1.0), List.of(), 0.5, 0.5, 0.4, 0.46)))
        .contains("asymml 1/8, noise 1: +6.0 points (standard error 3.5) over dp-only: NOT more")
        .doesNotContain("(2 standard errors)");
    assertThat(table(tradeoff(List.of(0.0, 1.0), List.of(), 0.5, 0.5, 0.4, 0.48)))
        .contains("+8.0 points (standard error 3.5) over dp-only: more than the error")
        .contains("40.0 % (2.4)", "48.0 % (2.5)")
        .contains("time: 4 cells, 4:00 of steps and 0:12 of evaluation", "1:20 worker");
  }

  @Test
  void inference_is_told_from_training_under_noise() {
    Tradeoff tradeoff = tradeoff(List.of(1.0), List.of(), 0.2, 0.4);
    assertThat(table(tradeoff)).contains("noise off, running statistics recalibrated");
    StringWriter text = new StringWriter();
    new TradeoffTable(tradeoff, true).print(new PrintWriter(text, true));
    assertThat(text.toString())
        .contains("of one model through the split, noise on")
        .doesNotContain("noise off");
  }

  @Test
  void training_that_diverged_is_told() {
    double diverged = Double.NaN;
    assertThat(table(tradeoff(List.of(1.0), List.of(), diverged, 0.2)))
        .contains("dp-only diverged, this did not");
    assertThat(table(tradeoff(List.of(1.0), List.of(), 0.2, diverged)))
        .contains("noise 1: diverged");
  }

  @Test
  void noise_on_gradients_is_another_table() {
    Tradeoff tradeoff =
        tradeoff(List.of(0.0, 1.0), List.of(0.0, 1.0), 0.5, 0.5, 0.2, 0.4, 0.3, 0.3);
    assertThat(tradeoff.cells()).hasSize(6); // no noise at all is one level of both
    assertThat(table(tradeoff))
        .contains("noise on residuals", "noise on output gradients")
        .contains("on output gradients 1: +0.0 points");
  }
}
