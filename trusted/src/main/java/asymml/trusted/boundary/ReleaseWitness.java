package asymml.trusted.boundary;

import asymml.kernels.Tensor;

/// Sees what is released, from private memory, so that results can be checked against it: the
/// memory that a worker reads is never read back.
public interface ReleaseWitness {
  /// Nobody watches.
  ReleaseWitness NONE =
      new ReleaseWitness() {
        @Override
        public boolean watches() {
          return false;
        }

        @Override
        public void saw(int thread, int example, Tensor values, double scale) {}
      };

  /// Whether it wants to see anything: else nothing is kept for it.
  ///
  /// @return true but for [#NONE]
  default boolean watches() {
    return true;
  }

  /// Sees one example. Several threads may call at a time, each with its own number.
  ///
  /// @param thread which thread, from 0 to below [ReleaseDoor#threads]
  /// @param example its place in the release
  /// @param values what the worker computes on, under masks without these; for a null example what
  ///   is released in its place, or no call where that is nothing. Read only, valid during the call
  /// @param scale what they are multiplied by, 1 without masks
  void saw(int thread, int example, Tensor values, double scale);
}
