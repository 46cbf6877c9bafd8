package asymml.cli.options;

import asymml.privacy.Accountant;
import asymml.privacy.GaussianAccountant;
import asymml.privacy.PldAccountant;
import asymml.privacy.RdpAccountant;
import java.util.Locale;

/// The accountants by the names of `--accountant`.
public enum AccountantChoice {
  PLD("privacy loss distribution, tight"),
  RDP("Renyi differential privacy, loose by some per cent"),
  GAUSSIAN("analytic Gaussian mechanism, exact where nothing is sampled");

  private final String description;

  AccountantChoice(String description) {
    this.description = description;
  }

  /// The name on the command line.
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /// What kind of accountant it is.
  public String description() {
    return description;
  }

  /// A new one.
  public Accountant accountant() {
    return switch (this) {
      case PLD -> new PldAccountant();
      case RDP -> new RdpAccountant();
      case GAUSSIAN -> new GaussianAccountant();
    };
  }
}
