package asymml.trusted.boundary;

/// A batch that has left under masks, and how results computed on it are scaled back.
public final class Masked {
  /// The L2 norm that every example is scaled to before masks are added: the bound C of the
  /// mechanism that they are. Its value is of no matter, since masks are in proportion.
  public static final double NORM = 1;

  private final Released released;
  private final float[] scales;

  Masked(Released released, double[] norms, double scaledTo) {
    this.released = released;
    this.scales = new float[norms.length];
    for (int i = 0; i < norms.length; i++) {
      scales[i] = (float) (norms[i] / (NORM * scaledTo));
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
