package asymml.untrusted;

import asymml.wire.Region;
import asymml.wire.Slot;

/// Checks places of tensors that a request names.
final class Places {
  private Places() {}

  /// @param what the tensor, for the reason
  /// @param floats how many values it has
  /// @throws RefusedException if the place is of another size, or outside of the region
  static void check(Region region, String what, Slot slot, long floats) throws RefusedException {
    if (slot.floats() != floats) {
      throw new RefusedException(
          what + " has " + slot.floats() + " values, the op's has " + floats);
    }
    if (!region.holds(slot)) {
      throw new RefusedException(
          what + " ends at byte " + slot.endOffset() + " of a region of " + region.sizeBytes());
    }
  }
}
