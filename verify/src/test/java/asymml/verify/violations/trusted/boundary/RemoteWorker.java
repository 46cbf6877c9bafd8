package asymml.verify.violations.trusted.boundary;

/// Twin of the product's, with the two methods that are for the door alone.
final class RemoteWorker {
  byte[] writable() {
    return new byte[1];
  }

  void publish() {}
}
