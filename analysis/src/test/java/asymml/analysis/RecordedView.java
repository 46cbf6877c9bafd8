package asymml.analysis;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.wire.OpDescriptor;
import asymml.wire.RecordedEvent;
import asymml.wire.RecordingWriter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;

/// Writes recordings of operations that were defined, got weights and made one pass each.
final class RecordedView {
  private final Arena arena;
  private final Path file;

  /// @param arena of the tensors
  /// @param file to write
  RecordedView(Arena arena, Path file) {
    this.arena = arena;
    this.file = file;
  }

  /// One operation.
  ///
  /// @param shape with its batch
  /// @param weights of the first step, or none if it got none and made no pass
  @SuppressWarnings("ArrayRecordComponent") // Read by index, never compared.
  record Op(ConvShape shape, float... weights) {}

  /// Writes the file, with the operations' numbers from 1 on.
  WorkerView of(Op... ops) throws IOException {
    try (RecordingWriter writer = RecordingWriter.create(file, 1 << 24, "naive", "float32")) {
      for (int i = 0; i < ops.length; i++) {
        append(writer, i + 1, ops[i]);
      }
    }
    return WorkerView.open(file);
  }

  private void append(RecordingWriter writer, int id, Op op) throws IOException {
    ConvShape s = op.shape;
    writer.append(
        new RecordedEvent.DefineOp(
            0,
            id,
            new OpDescriptor(
                s.batch(),
                s.height(),
                s.width(),
                s.inChannels(),
                s.outChannels(),
                s.kernelHeight(),
                s.kernelWidth(),
                s.stride(),
                s.padding())));
    if (op.weights.length > 0) {
      Tensor w = Tensor.allocate(arena, s.weightAxes()).copyFrom(op.weights);
      writer.append(new RecordedEvent.LoadWeights(1, id, w.segment()));
      writer.append(
          new RecordedEvent.Forward(
              2,
              id,
              Tensor.allocate(arena, s.inputAxes()).segment(),
              Tensor.allocate(arena, s.outputAxes()).segment()));
    }
  }
}
