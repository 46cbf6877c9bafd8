package asymml.report;

import asymml.privacy.NoiseMultiplier;

/// What a step of DP-SGD on two workers releases of an example beside the noised sum: tensors under
/// masks, which together cost a share of the budget.
///
/// @param tensors n, how many of an example, at least 1
/// @param share s, what they may cost: their noise multiplier is `z sqrt(n / s)`, so that all
///   releases of a step compose to `z / sqrt(1 + s)`; above 0 and finite
public record MaskedTensors(int tensors, double share) {
  /// Checks the ranges above.
  ///
  /// @throws IllegalArgumentException with the name of what is wrong first
  public MaskedTensors {
    if (tensors < 1) {
      throw new IllegalArgumentException("masks are of at least 1 tensor: " + tensors);
    }
    if (!(share > 0) || Double.isInfinite(share)) {
      throw new IllegalArgumentException("masks' share must be above 0 and finite: " + share);
    }
  }

  /// Reads `N:S`.
  ///
  /// @param text such as `38:0.02`
  /// @return number and share
  /// @throws IllegalArgumentException if it is not of that form, or out of range
  public static MaskedTensors parse(String text) {
    String[] parts = text.split(":", -1);
    if (parts.length == 2) {
      try {
        return new MaskedTensors(Integer.parseInt(parts[0]), Double.parseDouble(parts[1]));
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException(wrong(text), e);
      }
    }
    throw new IllegalArgumentException(wrong(text));
  }

  private static String wrong(String text) {
    return "masks '%s' are not N:S, a number of tensors and their share, such as 38:0.02"
        .formatted(text);
  }

  /// The noise multiplier of the masks of one tensor.
  ///
  /// @param sums z, that of the noised sum
  /// @return `z sqrt(n / s)`
  NoiseMultiplier noise(NoiseMultiplier sums) {
    return new NoiseMultiplier(sums.value() * Math.sqrt(tensors / share));
  }
}
