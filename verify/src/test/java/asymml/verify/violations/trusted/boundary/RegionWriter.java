package asymml.verify.violations.trusted.boundary;

/// Twin of the product's, which may do what the others must not.
final class RegionWriter {
  private final RemoteWorker worker;

  RegionWriter(RemoteWorker worker) {
    this.worker = worker;
  }

  Released release(byte value) {
    worker.writable()[0] = value;
    worker.publish();
    return new Released();
  }
}
