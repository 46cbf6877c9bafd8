package asymml.privacy;

/// One tensor that is released in a step, and the mechanism that protects it.
///
/// @param channel what kind of tensor
/// @param layer whose; a name of the public architecture
/// @param values how many values of it one example can change, at least 1
/// @param mechanism how one example's part in it is covered
public record Release(Channel channel, String layer, long values, Mechanism mechanism) {
  /// Checks the number.
  ///
  /// @throws IllegalArgumentException if there are no values
  public Release {
    if (values < 1) {
      throw new IllegalArgumentException("a release has at least one value: " + values);
    }
  }

  /// What covers one example's part in a release.
  public sealed interface Mechanism {}

  /// Clipping to a bound that does not depend on private data, and Gaussian noise.
  ///
  /// @param clipNorm C, the bound on the L2 norm of one example's part
  /// @param noiseMultiplier z; the noise's standard deviation is `z C`
  public record Gaussian(ClipNorm clipNorm, NoiseMultiplier noiseMultiplier) implements Mechanism {}

  /// A function of what has been released before, which costs nothing more.
  ///
  /// @param of what it is a function of
  public record PostProcessing(String of) implements Mechanism {
    /// Checks that something is named.
    ///
    /// @throws IllegalArgumentException if it is blank
    public PostProcessing {
      if (of.isBlank()) {
        throw new IllegalArgumentException("a function of earlier releases needs their name");
      }
    }
  }

  /// Nothing that could be accounted for.
  ///
  /// @param reason what is released and why no mechanism covers it; shown to the user, so no
  ///   private value
  public record Uncovered(String reason) implements Mechanism {
    /// Checks that there is a reason.
    ///
    /// @throws IllegalArgumentException if the reason is blank
    public Uncovered {
      if (reason.isBlank()) {
        throw new IllegalArgumentException("an uncovered release needs a reason");
      }
    }
  }

  /// What an accountant makes of it.
  ///
  /// @return the event about the examples of one step
  public PrivacyEvent event() {
    return switch (mechanism) {
      case Gaussian(var _, var z) -> new PrivacyEvent.Gaussian(z);
      case PostProcessing _ -> new PrivacyEvent.NoOp();
      case Uncovered(var reason) -> new PrivacyEvent.Unprotected(reason);
    };
  }

  /// How strong the noise is against what it hides: its L2 norm over the clip norm. Accuracy
  /// follows this, the guarantee follows the noise multiplier, and they are not the same number.
  ///
  /// @return `z sqrt(values)`; 0 without noise that is accounted for
  public double noiseRatio() {
    return mechanism instanceof Gaussian(var _, var z) ? z.value() * Math.sqrt((double) values) : 0;
  }
}
