package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.trusted.rank.RankReport;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RankBoundsTest {
  @TempDir Path folder;

  @Test
  void bounds_that_hold_are_counted_by_kind() {
    assertThat(new RankBounds(PlantedRun.ranks(1, 0)).lines())
        .containsExactly(
            "bound convolution: min(sum rank(patches), k^2 r, O, P_out): holds at 2 nodes, 8 images"
                + " each",
            "bound affine: r + 1: holds at 1 nodes, 8 images each");
  }

  @Test
  void a_violated_bound_is_told_with_the_number_of_nodes() {
    assertThat(new RankBounds(PlantedRun.ranks(1, -1)).lines().getFirst())
        .endsWith("BROKEN at 1 of the nodes, at 2 nodes, 8 images each");
  }

  @Test
  void the_verdict_names_the_bounds_and_the_rank_of_the_median_layer() {
    assertThat(new RankBounds(PlantedRun.ranks(1, 0)).verdict())
        .isEqualTo(
            "verdict: all bounds hold; at the median layer (conv1) 2 of 3 directions hold 90 % of"
                + " the input's energy: not low rank");
    RankReport broken = PlantedRun.ranks(1, -2);
    RankReport one =
        new RankReport(1, 3, 8, 16, 1, List.of(broken.layers().getLast()), broken.nodes());
    assertThat(new RankBounds(one).verdict())
        .isEqualTo(
            "verdict: bounds are BROKEN (1); at the median layer (conv2) 2 of 12 directions hold"
                + " 90 % of the input's energy: low rank");
  }

  @Test
  void a_report_without_inputs_has_a_verdict() {
    RankReport empty = new RankReport(1, 3, 8, 16, 1, List.of(), List.of());
    assertThat(new RankBounds(empty).verdict()).contains("all bounds hold; no layer has an input");
  }

  @Test
  void the_picture_has_a_course_only_where_there_are_several_epochs() throws Exception {
    assertThat(RankChart.charts(List.of(PlantedRun.ranks(1, 0)), "cnn", 480)).hasSize(2);
    List<RankReport> course = List.of(PlantedRun.ranks(1, 0), PlantedRun.ranks(2, 0));
    assertThat(RankChart.charts(course, "cnn", 480)).hasSize(3);
    Path file = folder.resolve("rank.svg");
    RankChart.write(course, "cnn", file);
    String svg = Files.readString(file);
    // Three charts below each other.
    assertThat(svg.contains("<svg")).isTrue();
    assertThat(svg.contains("translate(0 560)") && svg.contains("translate(0 1120)")).isTrue();
  }
}
