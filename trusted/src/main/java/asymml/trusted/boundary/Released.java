package asymml.trusted.boundary;

import asymml.wire.Slot;

/// A tensor that the release door has released, and the place where the worker finds it. Only this
/// package makes one: holding it is the proof that the slot's content went through the door.
///
/// It stands for the slot's present content: once the door has written the slot again, for the new
/// one.
public final class Released {
  private final Slot slot;

  Released(Slot slot) {
    this.slot = slot;
  }

  /// The tensor's slot.
  ///
  /// @return a slot of the worker's region
  public Slot slot() {
    return slot;
  }
}
