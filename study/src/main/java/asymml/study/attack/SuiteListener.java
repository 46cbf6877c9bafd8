package asymml.study.attack;

/// Hears how a suite goes. Called on the thread that runs it.
public interface SuiteListener {
  /// A plan has a result from an earlier call.
  ///
  /// @param plan which
  /// @param number its place among those asked for, from 1; 0 if it was not asked for
  void found(SuitePlan plan, int number);

  /// A plan begins.
  ///
  /// @param plan which
  /// @param number its place among those asked for, from 1
  void started(SuitePlan plan, int number);

  /// A run of the plan is recorded.
  ///
  /// @param seconds that it took
  void recorded(double seconds);

  /// An attack is done.
  ///
  /// @param attack which
  /// @param seconds that it took
  void attacked(AttackName attack, double seconds);
}
