package asymml.kernels;

import org.bytedeco.javacpp.Pointer;

/// A bare native address for the binding. It owns nothing and has no deallocator.
final class Address extends Pointer {
  Address(long address) {
    super((Pointer) null);
    this.address = address;
  }

  /// Moves this to another address, so that a call need not allocate a new one.
  Address at(long newAddress) {
    address = newAddress;
    return this;
  }
}
