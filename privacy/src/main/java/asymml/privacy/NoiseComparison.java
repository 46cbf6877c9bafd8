package asymml.privacy;

/// The noise that a residual and a whole activation need for the same guarantee (arXiv 2110.01229,
/// the paper's claim): the noise multiplier is the same, so the deviations differ as the bounds do.
///
/// @param residualBound C_U, the bound on one example's residual
/// @param activationBound C_X, the bound on one example's whole activation
/// @param noiseMultiplier z, the same for both
public record NoiseComparison(
    ClipNorm residualBound, ClipNorm activationBound, NoiseMultiplier noiseMultiplier) {
  /// The deviation of the noise on the residual.
  ///
  /// @return `z C_U`
  public double residualDeviation() {
    return residualBound.noiseDeviation(noiseMultiplier);
  }

  /// The deviation of the noise on the whole activation.
  ///
  /// @return `z C_X`
  public double activationDeviation() {
    return activationBound.noiseDeviation(noiseMultiplier);
  }

  /// The share of noise alone's deviation that the residual needs.
  ///
  /// @return `C_U / C_X`: 0.32 where the residual keeps 10 % of the energy, 0.10 at 1 %
  public double ratio() {
    return residualBound.value() / activationBound.value();
  }
}
