package asymml.untrusted;

import asymml.wire.OpDescriptor;
import java.lang.foreign.MemorySegment;

/// Another backend, for tests that change one thing of it.
class DelegatingBackend implements Backend {
  private final Backend other;

  DelegatingBackend(Backend other) {
    this.other = other;
  }

  @Override
  public String name() {
    return other.name();
  }

  @Override
  public String precision() {
    return other.precision();
  }

  @Override
  public void define(int opId, OpDescriptor op) throws RefusedException {
    other.define(opId, op);
  }

  @Override
  public Completion loadWeights(int opId, MemorySegment weights) {
    return other.loadWeights(opId, weights);
  }

  @Override
  public Completion forward(int opId, MemorySegment x, MemorySegment y) {
    return other.forward(opId, x, y);
  }

  @Override
  public Completion backwardData(int opId, MemorySegment dy, MemorySegment dx) {
    return other.backwardData(opId, dy, dx);
  }

  @Override
  public Completion backwardWeights(int opId, MemorySegment x, MemorySegment dy, MemorySegment dw) {
    return other.backwardWeights(opId, x, dy, dw);
  }

  @Override
  public void close() {
    other.close();
  }
}
