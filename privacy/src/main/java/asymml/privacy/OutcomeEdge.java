package asymml.privacy;

/// One edge between two buckets of outcomes, with what is needed to take masses between edges
/// without losing digits in either tail: the distance from both centres in deviations and the
/// scaled tails there.
///
/// @param loss the step
/// @param absent distance from the centre of the law without the example
/// @param present distance from the centre of the drawn example's law
/// @param absentTail scaled tail beyond `absent` on its own side
/// @param presentTail the same for `present`
record OutcomeEdge(
    StepLoss loss, double absent, double present, double absentTail, double presentTail) {
  private static final double ULP = Math.ulp(1.0);

  static OutcomeEdge of(StepLoss loss, double outcome) {
    double absent = outcome / loss.z();
    double present = (outcome - 1) / loss.z();
    return new OutcomeEdge(
        loss, absent, present, GaussianTail.scaled(absent), GaussianTail.scaled(present));
  }

  private boolean removing() {
    return loss.direction() == StepLoss.Direction.REMOVE;
  }

  /// The mass between this edge and a higher one under the outcomes' own law.
  double ownMass(OutcomeEdge high) {
    return mix(
        removing(),
        between(absent, absentTail, high.absent, high.absentTail, 0),
        between(present, presentTail, high.present, high.presentTail, 0));
  }

  /// `p - r e^a`, rounded up, for the bucket between this edge and a higher one.
  ///
  /// @param high the higher edge
  /// @param smallerLoss a
  double excess(OutcomeEdge high, double smallerLoss) {
    double other =
        mix(
            !removing(),
            between(absent, absentTail, high.absent, high.absentTail, smallerLoss),
            between(present, presentTail, high.present, high.presentTail, smallerLoss));
    // Each mass is a difference of two tails with a relative error of a few units in the last place
    // each, times the size of the exponents that went into them.
    double ownTails = mix(removing(), largerTail(high, true, 0), largerTail(high, false, 0));
    double otherTails =
        mix(!removing(), largerTail(high, true, smallerLoss), largerTail(high, false, smallerLoss));
    double lost = 8 * ULP * (ownTails + (1 + Math.abs(smallerLoss)) * otherTails);
    return Math.max(0, ownMass(high) - other) + lost;
  }

  double ownMassBelow() {
    return mix(removing(), GaussianTail.above(-absent), GaussianTail.above(-present));
  }

  double ownMassAbove() {
    return mix(removing(), GaussianTail.above(absent), GaussianTail.above(present));
  }

  private double mix(boolean mixture, double ofAbsent, double ofPresent) {
    if (!mixture) {
      return ofAbsent;
    }
    // At rate 1 the absent law has no share, and its shifted mass may overflow.
    return loss.q() == 1 ? ofPresent : (1 - loss.q()) * ofAbsent + loss.q() * ofPresent;
  }

  private double largerTail(OutcomeEdge high, boolean ofAbsent, double shift) {
    double low = ofAbsent ? absent : present;
    double far = ofAbsent ? high.absent : high.present;
    double lowTail = ofAbsent ? absentTail : presentTail;
    double farTail = ofAbsent ? high.absentTail : high.presentTail;
    if (low >= 0) {
      return Math.exp(shift - 0.5 * low * low) * lowTail;
    }
    return far <= 0 ? Math.exp(shift - 0.5 * far * far) * farTail : Math.exp(shift);
  }

  /// `e^shift` times the standard normal mass between two points.
  private static double between(
      double low, double lowTail, double high, double highTail, double shift) {
    double below = Math.exp(shift - 0.5 * low * low) * lowTail;
    double above = Math.exp(shift - 0.5 * high * high) * highTail;
    if (low >= 0) {
      return Math.max(0, below - above);
    }
    return high <= 0 ? Math.max(0, above - below) : Math.max(0, Math.exp(shift) - below - above);
  }
}
