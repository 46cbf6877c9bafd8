package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class FigureTest {
  private static final int POINTS = 2000;

  /// Otherwise a flipped image of one class would be of none.
  @ParameterizedTest
  @EnumSource
  void every_figure_is_some_rotation_of_its_mirror_image(Figure figure) {
    System.out.println("seed 101");
    SplittableRandom random = new SplittableRandom(101);
    boolean[] rotation = new boolean[360];
    Arrays.fill(rotation, true);
    for (int i = 0; i < POINTS; i++) {
      double u = random.nextDouble(-1.6, 1.6);
      double v = random.nextDouble(-1.6, 1.6);
      double mirrored = figure.distance(-u, v);
      for (int degrees = 0; degrees < 360; degrees++) {
        if (rotation[degrees]) {
          double cos = Math.cos(Math.toRadians(degrees));
          double sin = Math.sin(Math.toRadians(degrees));
          double turned = figure.distance(cos * u - sin * v, sin * u + cos * v);
          rotation[degrees] = Math.abs(turned - mirrored) < 1e-9;
        }
      }
    }
    int found = 0;
    for (boolean fits : rotation) {
      found += fits ? 1 : 0;
    }
    assertThat(found).isPositive();
  }

  /// It softens edges: a jump would show as one.
  @ParameterizedTest
  @EnumSource
  void distances_change_no_faster_than_places_near_the_edge(Figure figure) {
    System.out.println("seed 102");
    SplittableRandom random = new SplittableRandom(102);
    double step = 1e-3;
    for (int i = 0; i < POINTS; i++) {
      double u = random.nextDouble(-1.3, 1.3);
      double v = random.nextDouble(-1.3, 1.3);
      double here = figure.distance(u, v);
      double angle = random.nextDouble(0, 2 * Math.PI);
      double there = figure.distance(u + step * Math.cos(angle), v + step * Math.sin(angle));
      if (Math.abs(here) < 0.1 && Math.hypot(u, v) > 0.3) {
        // The petals of the flower are steep: up to 0.3 * 5 / 0.45 along the circle.
        assertThat(Math.abs(there - here)).isLessThanOrEqualTo(3.6 * step);
      }
    }
  }

  /// The share of the square [-1.6, 1.6]^2 that a figure covers, against its area in closed form:
  /// of 40,000 points on a grid.
  @ParameterizedTest
  @CsvSource({
    "BAR, 1.2", // 2.4 x 0.5
    "LINE, 0.48", // 2 x 0.24
    "CROSS, 2.28", // twice 2.2 x 0.6, less the 0.6 x 0.6 that they share
    "DISC, 3.1416",
    "RING, 2.0106", // pi (1 - 0.36)
    "DOTS, 1.8146", // four times pi 0.38^2
    "CHECKER, 2", // half of 2 x 2
    "STRIPES, 2.4", // three of 0.4 x 2
    "FLOWER, 1.9085" // pi (0.75^2 + 0.3^2 / 2)
  })
  void a_figure_covers_its_area(Figure figure, double area) {
    int side = 200;
    int inside = 0;
    for (int i = 0; i < side * side; i++) {
      double u = (i % side + 0.5) * 3.2 / side - 1.6;
      int row = i / side;
      double v = (row + 0.5) * 3.2 / side - 1.6;
      inside += figure.distance(u, v) < 0 ? 1 : 0;
    }
    // An edge of length 10 crosses some 600 cells of 0.016; each is right by half of it.
    assertThat(inside * 3.2 * 3.2 / (side * side)).isCloseTo(area, within(0.06));
  }

  @Test
  void classes_are_all_figures_but_the_distraction() {
    assertThat(Figure.CLASSES).hasSize(10).doesNotHaveDuplicates().doesNotContain(Figure.LINE);
  }

  /// All of a figure lies within a circle of 1.25, which is what images leave room for.
  @ParameterizedTest
  @EnumSource
  void nothing_of_a_figure_lies_far_outside_of_the_unit_circle(Figure figure) {
    for (int degrees = 0; degrees < 360; degrees++) {
      for (double radius : new double[] {1.45, 2, 5}) {
        double u = radius * Math.cos(Math.toRadians(degrees));
        double v = radius * Math.sin(Math.toRadians(degrees));
        assertThat(figure.distance(u, v)).as("%s at %d", radius, degrees).isPositive();
      }
    }
  }
}
