package asymml.study.bench;

import asymml.trusted.plan.Mode;

/// Hears how a benchmark goes. Called on the thread that runs it.
public interface BenchListener {
  /// Steps that do not count begin, before the first round.
  ///
  /// @param place the sweep's value in words
  /// @param mode what runs
  void warmingUp(String place, Mode mode);

  /// A mode's turn begins.
  ///
  /// @param round from 1
  /// @param place the sweep's value in words; empty without a sweep
  /// @param mode what is measured
  void measuring(int round, String place, Mode mode);
}
