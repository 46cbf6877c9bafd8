package asymml.untrusted;

import asymml.wire.OpDescriptor;
import asymml.wire.RecordedEvent;
import asymml.wire.RecordingWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.util.function.LongSupplier;

/// What an adversary in the worker's place could do, done openly: computes as another backend does
/// and keeps all that it receives and computes.
///
/// It keeps what requests name and not the rest of the shared memory, in which nothing else stands:
/// the trusted side's door writes nothing there that no request names.
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
  public void loadWeights(int opId, MemorySegment weights) {
    backend.loadWeights(opId, weights);
    append(new RecordedEvent.LoadWeights(nanos(), opId, weights));
  }

  @Override
  public void forward(int opId, MemorySegment x, MemorySegment y) {
    backend.forward(opId, x, y);
    append(new RecordedEvent.Forward(nanos(), opId, x, y));
  }

  @Override
  public void backwardData(int opId, MemorySegment dy, MemorySegment dx) {
    backend.backwardData(opId, dy, dx);
    append(new RecordedEvent.BackwardData(nanos(), opId, dy, dx));
  }

  @Override
  public void backwardWeights(int opId, MemorySegment x, MemorySegment dy, MemorySegment dw) {
    backend.backwardWeights(opId, x, dy, dw);
    append(new RecordedEvent.BackwardWeights(nanos(), opId, x, dy, dw));
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
