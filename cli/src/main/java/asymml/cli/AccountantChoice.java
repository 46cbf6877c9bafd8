package asymml.cli;

import asymml.privacy.Accountant;
import asymml.privacy.GaussianAccountant;
import asymml.privacy.PldAccountant;
import asymml.privacy.RdpAccountant;
import java.util.Locale;

/// The accountants by the names of `--accountant`.
enum AccountantChoice {
  PLD("privacy loss distribution, tight"),
  RDP("Renyi differential privacy, loose by some per cent"),
  GAUSSIAN("analytic Gaussian mechanism, exact where nothing is sampled");

  private final String description;

  AccountantChoice(String description) {
    this.description = description;
  }

  String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  String description() {
    return description;
  }

  Accountant accountant() {
    return switch (this) {
      case PLD -> new PldAccountant();
      case RDP -> new RdpAccountant();
      case GAUSSIAN -> new GaussianAccountant();
    };
  }
}
