package asymml.study.bench;

import java.util.List;

/// What a training step costs at several values of one setting.
///
/// @param sweep the values
/// @param results one for each value, in their order
public record SweepResult(BenchSweep sweep, List<BenchResult> results) {
  /// Copies the list and checks its length.
  public SweepResult {
    results = List.copyOf(results);
    if (results.size() != sweep.values().size()) {
      throw new IllegalArgumentException(
          "%s results for %s values".formatted(results.size(), sweep.values().size()));
    }
  }
}
