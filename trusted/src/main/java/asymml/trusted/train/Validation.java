package asymml.trusted.train;

/// How a run is watched on training images that it is not trained on.
///
/// @param share of the training images that is set aside, 0 for none to below 1
/// @param patience epochs without a better validation accuracy after which training ends; 0: never
public record Validation(double share, int patience) {
  /// The test images are evaluated after each epoch.
  public static final Validation NONE = new Validation(0, 0);

  /// Checks the ranges above.
  ///
  /// @throws IllegalArgumentException naming the rule that is broken
  public Validation {
    if (!(share >= 0 && share < 1)) {
      throw new IllegalArgumentException(
          "the share of validation images must be 0 to below 1: " + share);
    }
    if (patience < 0) {
      throw new IllegalArgumentException("early stopping waits for at least 0 epochs: " + patience);
    }
    if (patience > 0 && share == 0) {
      throw new IllegalArgumentException(
          "early stopping needs validation images (validation-split): test images must not decide"
              + " when training ends");
    }
  }

  /// Whether images are set aside.
  ///
  /// @return false if test images are evaluated instead
  public boolean isOn() {
    return share > 0;
  }
}
