package asymml.trusted.data;

/// Hears how far a long task has come. Called on the thread that asked for the task.
@FunctionalInterface
public interface Progress {
  /// Reports one stage's progress.
  ///
  /// @param what the stage, in words for the user
  /// @param done how many items are done
  /// @param total how many there are, -1 if unknown
  void update(String what, long done, long total);
}
