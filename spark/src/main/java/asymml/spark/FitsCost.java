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
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What the runs in a directory cost together, for an image that is in all of them: the sum of
/// their epsilons at the sum of their deltas (basic composition).
///
/// @param accounted how many have a ledger
/// @param others how many have none: nothing is promised for these
/// @param unreadable those whose cost cannot be read, and why; in the order of their names
/// @param epsilon of those with a ledger; infinite if there is an unreadable one
/// @param delta of those with a ledger
record FitsCost(int accounted, int others, List<String> unreadable, Epsilon epsilon, double delta) {
  FitsCost {
    unreadable = List.copyOf(unreadable);
  }

  /// Adds up.
  ///
  /// @param runs a directory of run directories
  /// @throws IOException if it cannot be read; a run in it that cannot be is counted
  static FitsCost of(Path runs) throws IOException {
    int accounted = 0;
    int others = 0;
    List<String> unreadable = new ArrayList<>();
    double epsilon = 0;
    double delta = 0;
    for (Path child : children(runs)) {
      RunLayout layout = new RunLayout(child);
      try {
        Ledger ledger = ledger(layout);
        if (ledger != null) {
          double own = PrivacyStatement.of(ledger, new PldAccountant()).view().value();
          accounted++;
          epsilon += own;
          delta += ledger.delta().value();
        } else if (Files.exists(layout.config()) && !accounted(layout)) {
          others++;
        }
      } catch (IOException | RuntimeException e) {
        // Whatever files of strangers hold: a fit keeps its model, and the sum is not finite.
        unreadable.add(SparkRun.line(e));
      }
    }
    return new FitsCost(
        accounted,
        others,
        unreadable,
        unreadable.isEmpty() ? new Epsilon(epsilon) : Epsilon.INFINITE,
        delta);
  }

  private static List<Path> children(Path runs) throws IOException {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> children = Files.newDirectoryStream(runs)) {
      children.forEach(found::add);
    } catch (DirectoryIteratorException e) {
      throw new IOException(runs + " cannot be read", e);
    }
    found.sort(null);
    return found;
  }

  /// The ledger of a run; null if it has none.
  ///
  /// @throws IOException if it has one that cannot be read, or nobody can tell
  private static @Nullable Ledger ledger(RunLayout layout) throws IOException {
    Path directory = layout.directory();
    if (Files.isDirectory(directory)
        && !(Files.isReadable(directory) && Files.isExecutable(directory))) {
      throw new IOException(directory + " may not be read");
    }
    if (layout.holdsSealedRun()
        || Files.exists(directory.resolve(layout.ledger().getFileName() + RunLayout.SEALED))) {
      throw new IOException(directory + " is a sealed run");
    }
    return LedgerFile.readIfAny(layout);
  }

  /// Whether a run has a ledger before it releases anything.
  private static boolean accounted(RunLayout layout) throws IOException {
    return Settings.read(layout.config()).spec().training().privacy().accounted();
  }

  /// Whether a fit's own epsilon could be taken for the cost of all.
  boolean isOfSeveral() {
    return accounted > 0 && accounted + others + unreadable.size() > 1;
  }

  /// What is to be said then.
  ///
  /// @param runs their directory
  String line(Path runs) {
    if (!unreadable.isEmpty()) {
      return "what the runs in %s cost together is not known, and no epsilon covers it: %s of them cannot be read (%s)"
          .formatted(runs, unreadable.size(), unreadable.getFirst());
    }
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
