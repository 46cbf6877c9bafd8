package asymml.untrusted;

import asymml.wire.OpDescriptor;
import asymml.wire.RecordedEvent;
import asymml.wire.RecordingWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.util.OptionalDouble;
import java.util.function.LongSupplier;

/// What an adversary in the worker's place could do, done openly: computes as another backend does
/// and keeps all that it receives and computes.
///
/// It keeps what requests name and not the rest of the shared memory, in which nothing else stands:
/// the trusted side's door writes nothing there that no request names. One call ends before the
/// next begins: operands may be written again once a call is answered.
final class RecordingBackend implements Backend {
  private final Backend backend;
  private final RecordingWriter recording;
  private final LongSupplier nanoClock;
  private final long began;

  /// @param backend what computes; closed with this
  /// @param recording where to; closed with this
  /// @param nanoClock gives the events' times
  RecordingBackend(Backend backend, RecordingWriter recording, LongSupplier nanoClock) {
    this.backend = backend;
    this.recording = recording;
    this.nanoClock = nanoClock;
    this.began = nanoClock.getAsLong();
  }

  @Override
  public String name() {
    return backend.name();
  }

  @Override
  public String precision() {
    return backend.precision();
  }

  @Override
  public void define(int opId, OpDescriptor op) throws RefusedException {
    backend.define(opId, op);
    append(new RecordedEvent.DefineOp(nanos(), opId, op));
  }

  @Override
  public void attach(MemorySegment region) {
    backend.attach(region);
  }

  @Override
  public void detach(MemorySegment region) {
    backend.detach(region);
  }

  @Override
  public OptionalDouble kernelSeconds() {
    return backend.kernelSeconds();
  }

  @Override
  public Completion loadWeights(int opId, MemorySegment weights) {
    backend.loadWeights(opId, weights).await();
    append(new RecordedEvent.LoadWeights(nanos(), opId, weights));
    return Completion.DONE;
  }

  @Override
  public Completion forward(int opId, MemorySegment x, MemorySegment y) {
    backend.forward(opId, x, y).await();
    append(new RecordedEvent.Forward(nanos(), opId, x, y));
    return Completion.DONE;
  }

  @Override
  public Completion backwardData(int opId, MemorySegment dy, MemorySegment dx) {
    backend.backwardData(opId, dy, dx).await();
    append(new RecordedEvent.BackwardData(nanos(), opId, dy, dx));
    return Completion.DONE;
  }

  @Override
  public Completion backwardWeights(int opId, MemorySegment x, MemorySegment dy, MemorySegment dw) {
    backend.backwardWeights(opId, x, dy, dw).await();
    append(new RecordedEvent.BackwardWeights(nanos(), opId, x, dy, dw));
    return Completion.DONE;
  }

  @Override
  public void received(int opId, RecordedEvent.Held what, MemorySegment values) {
    append(new RecordedEvent.Received(nanos(), opId, what, values));
  }

  private long nanos() {
    return nanoClock.getAsLong() - began;
  }

  /// A worker that was told to record and cannot is of no use: it ends.
  private void append(RecordedEvent event) {
    try {
      recording.append(event);
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    try (backend) {
      recording.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }
}
