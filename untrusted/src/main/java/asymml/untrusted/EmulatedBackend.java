package asymml.untrusted;

import asymml.wire.Message;
import asymml.wire.OpDescriptor;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;

/// Computes nothing and waits: emulates a worker of a given speed in benchmarks of the trusted
/// side. Results are whatever their memory held before. The precision says so, and training refuses
/// it.
final class EmulatedBackend implements Backend {
  private final Device.Emulated device;
  private final LongSupplier nanos;

  /// @param device says how long each request takes
  /// @param nanos a clock in nanoseconds
  EmulatedBackend(Device.Emulated device, LongSupplier nanos) {
    this.device = device;
    this.nanos = nanos;
  }

  @Override
  public String name() {
    return device.toString();
  }

  @Override
  public String precision() {
    return Message.Welcome.COMPUTES_NOTHING;
  }

  @Override
  public void define(int opId, OpDescriptor op) {}

  @Override
  public Completion loadWeights(int opId, MemorySegment weights) {
    return Completion.DONE;
  }

  @Override
  public Completion forward(int opId, MemorySegment x, MemorySegment y) {
    return pass();
  }

  @Override
  public Completion backwardData(int opId, MemorySegment dy, MemorySegment dx) {
    return pass();
  }

  @Override
  public Completion backwardWeights(int opId, MemorySegment x, MemorySegment dy, MemorySegment dw) {
    return pass();
  }

  private Completion pass() {
    long end = nanos.getAsLong() + 1000L * device.micros();
    for (long left = 1000L * device.micros(); left > 0; left = end - nanos.getAsLong()) {
      LockSupport.parkNanos(left);
    }
    return Completion.DONE;
  }

  @Override
  public void close() {}
}
