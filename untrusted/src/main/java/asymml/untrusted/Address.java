package asymml.untrusted;

import org.bytedeco.javacpp.Pointer;

/// A bare native address for the bindings. It owns nothing and has no deallocator.
final class Address extends Pointer {
  Address(long address) {
    super((Pointer) null);
    this.address = address;
  }
}
