package asymml.trusted.boundary;

import asymml.trusted.plan.Shield;

/// A batch that has been released under masks, and how results computed on it are scaled back.
public final class Masked {
  private final Released released;
  private final float[] scales;

  Masked(Released released, double[] norms, double scaledTo) {
    this.released = released;
    this.scales = new float[norms.length];
    for (int i = 0; i < norms.length; i++) {
      scales[i] = (float) (norms[i] / (Shield.Shares.NORM * scaledTo));
    }
  }

  /// The token for requests.
  ///
  /// @return of the masked values
  public Released released() {
    return released;
  }

  /// What results are multiplied by once the masks are off.
  ///
  /// @return a factor for each example, private; 0 where there is none
  public float[] scales() {
    return scales.clone();
  }
}
