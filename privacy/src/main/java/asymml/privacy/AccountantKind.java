package asymml.privacy;

import java.util.Locale;

/// The accountants by name.
public enum AccountantKind {
  /// See [PldAccountant].
  PLD("privacy loss distribution, tight"),
  /// See [RdpAccountant].
  RDP("Renyi differential privacy, loose by some per cent"),
  /// See [GaussianAccountant].
  GAUSSIAN("analytic Gaussian mechanism, exact where nothing is sampled");

  private final String description;

  AccountantKind(String description) {
    this.description = description;
  }

  /// Its name in files and on a command line.
  ///
  /// @return in lower case
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /// What it computes with, and how tight that is.
  ///
  /// @return half a sentence
  public String description() {
    return description;
  }

  /// Makes one.
  ///
  /// @return an accountant of this kind
  public Accountant accountant() {
    return switch (this) {
      case PLD -> new PldAccountant();
      case RDP -> new RdpAccountant();
      case GAUSSIAN -> new GaussianAccountant();
    };
  }
}
