package asymml.trusted.data;

import java.util.List;

/// The figures of the generated images, about the unit circle. Each equals some rotation of its
/// mirror image, so that a flip keeps its class.
enum Figure {
  BAR,
  CHECKER,
  CRESCENT,
  CROSS,
  DISC,
  DOTS,
  FLOWER,
  RING,
  STRIPES,
  TRIANGLE,
  /// A thin line: a distraction, not a class.
  LINE;

  /// The classes in the order of their labels.
  static final List<Figure> CLASSES =
      List.of(BAR, CHECKER, CRESCENT, CROSS, DISC, DOTS, FLOWER, RING, STRIPES, TRIANGLE);

  /// No figure reaches farther from its centre: half the diagonal of its square, rounded up.
  static final double REACH = 1.42;

  /// How far a point lies outside (above 0) or inside (below 0) of the figure's edge, exact enough
  /// near the edge to soften it.
  double distance(double u, double v) {
    return switch (this) {
      case BAR -> box(u, v, 1.2, 0.25);
      case CHECKER -> Math.max(box(u, v, 1, 1), checker(u, v));
      case CRESCENT -> Math.max(circle(u, v, 1), -circle(u - 0.4, v, 0.85));
      case CROSS -> Math.min(box(u, v, 1.1, 0.3), box(u, v, 0.3, 1.1));
      case DISC -> circle(u, v, 1);
      case DOTS -> circle(Math.abs(u) - 0.6, Math.abs(v) - 0.6, 0.38);
      case FLOWER -> flower(u, v);
      case RING -> Math.abs(circle(u, v, 0.8)) - 0.2;
      case STRIPES -> Math.max(box(u, v, 1, 1), stripes(u));
      case TRIANGLE -> Math.max(-v, 0.5 * v + 0.866 * Math.abs(u)) - 0.6;
      case LINE -> box(u, v, 1, 0.12);
    };
  }

  private static double circle(double u, double v, double radius) {
    return Math.sqrt(u * u + v * v) - radius;
  }

  /// Five petals. Far from the edge a bound on the distance is enough.
  private static double flower(double u, double v) {
    double middle = circle(u, v, 0.75);
    return Math.abs(middle) > 0.4
        ? middle - Math.copySign(0.3, middle)
        : circle(u, v, 0.75 + 0.3 * StrictMath.cos(5 * StrictMath.atan2(v, u)));
  }

  private static double box(double u, double v, double halfWidth, double halfHeight) {
    return Math.max(Math.abs(u) - halfWidth, Math.abs(v) - halfHeight);
  }

  /// Three stripes of width 0.4, 0.4 apart.
  private static double stripes(double u) {
    return Math.abs(u - 0.8 * StrictMath.rint(u / 0.8)) - 0.2;
  }

  /// Fields of a quarter of the board: the sign alternates, the size is the distance to the nearest
  /// border.
  private static double checker(double u, double v) {
    double across = 0.25 - Math.abs(u - 0.5 * StrictMath.floor(u / 0.5) - 0.25);
    double along = 0.25 - Math.abs(v - 0.5 * StrictMath.floor(v / 0.5) - 0.25);
    boolean even = (((int) StrictMath.floor(u / 0.5) + (int) StrictMath.floor(v / 0.5)) & 1) == 0;
    return (even ? -1 : 1) * Math.min(across, along);
  }
}
