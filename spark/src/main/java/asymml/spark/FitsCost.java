package asymml.spark;

import asymml.privacy.Epsilon;
import asymml.privacy.Ledger;
import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyStatement;
import asymml.session.Settings;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/// What the runs in a directory cost together, for an image that is in all of them: the sum of
/// their epsilons at the sum of their deltas (basic composition).
///
/// @param accounted how many have a ledger
/// @param others how many have none: nothing is promised for these
/// @param epsilon of those with a ledger
/// @param delta of those with a ledger
record FitsCost(int accounted, int others, Epsilon epsilon, double delta) {
  /// Adds up.
  ///
  /// @param runs a directory of run directories
  /// @throws IOException if one of them cannot be read
  static FitsCost of(Path runs) throws IOException {
    int accounted = 0;
    int others = 0;
    double epsilon = 0;
    double delta = 0;
    try (DirectoryStream<Path> children = Files.newDirectoryStream(runs)) {
      for (Path child : children) {
        RunLayout layout = new RunLayout(child);
        Ledger ledger = LedgerFile.readIfAny(layout);
        if (ledger != null) {
          accounted++;
          epsilon += PrivacyStatement.of(ledger, new PldAccountant()).view().value();
          delta += ledger.delta().value();
        } else if (Files.exists(layout.config()) && !accounted(layout)) {
          others++;
        }
      }
    }
    return new FitsCost(accounted, others, new Epsilon(epsilon), delta);
  }

  /// Whether a run has a ledger before it releases anything.
  private static boolean accounted(RunLayout layout) throws IOException {
    return Settings.read(layout.config()).spec().training().privacy().accounted();
  }

  /// What is to be said where a fit's own epsilon could be taken for the cost of all.
  ///
  /// @param runs their directory
  String line(Path runs) {
    String all =
        "the %s runs with DP-SGD in %s cost together epsilon %s at delta %s for an image that is in all of them"
            .formatted(
                accounted,
                runs,
                PrivacyStatement.text(epsilon),
                BigDecimal.valueOf(delta).round(new MathContext(3, RoundingMode.UP)));
    return others == 0
        ? all
        : all + ", and no epsilon covers the %s without DP-SGD there".formatted(others);
  }
}
