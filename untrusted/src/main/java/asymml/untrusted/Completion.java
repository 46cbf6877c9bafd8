package asymml.untrusted;

/// The end of a call that a [Backend] has taken on: the result stands in host memory, or the copy
/// of the weights has been taken.
@FunctionalInterface
interface Completion {
  /// Of a call that is complete when it returns.
  Completion DONE =
      new Completion() {
        @Override
        public void await() {}

        @Override
        public boolean isDone() {
          return true;
        }
      };

  /// Waits for the end. Any thread may call it.
  ///
  /// @throws DeviceException if the device failed
  void await();

  /// Whether it is known to have come, so that nobody need wait.
  default boolean isDone() {
    return false;
  }
}
