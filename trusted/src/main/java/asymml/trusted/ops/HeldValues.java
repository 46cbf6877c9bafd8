package asymml.trusted.ops;

import asymml.kernels.Tensor;
import asymml.model.Parameter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Values, or velocities, of the weights that a worker holds and updates: memory of this side that
/// is there only while somebody reads them.
final class HeldValues {
  private final List<Parameter> parameters;
  private final String what;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private @Nullable Block block;

  /// Their memory.
  private static final class Block {
    private final Arena arena = Arena.ofShared(); // used by worker threads of the kernels
  }

  /// @param parameters that a worker updates
  /// @param what they are, for errors
  HeldValues(List<Parameter> parameters, String what) {
    this.parameters = parameters;
    this.what = what;
  }

  /// Allocates them as zeros, unless they are there. In one piece: the system gets it back.
  void allocate() {
    if (block != null || parameters.isEmpty()) {
      return;
    }
    Block next = new Block();
    long bytes = parameters.stream().mapToLong(HeldValues::room).sum();
    MemorySegment memory = next.arena.allocate(bytes, Tensor.ALIGNMENT_BYTES);
    long at = 0;
    for (Parameter p : parameters) {
      tensors.put(
          p.name(), Tensor.of(memory.asSlice(at, p.size() * Float.BYTES), p.shape().clone()));
      at += room(p);
    }
    block = next;
  }

  private static long room(Parameter p) {
    return Math.ceilDiv(p.size() * Float.BYTES, Tensor.ALIGNMENT_BYTES) * Tensor.ALIGNMENT_BYTES;
  }

  /// Whether a parameter is among them.
  boolean has(String name) {
    return parameters.stream().anyMatch(p -> p.name().equals(name));
  }

  /// One of them.
  ///
  /// @throws IllegalStateException if they are at the worker alone
  Tensor get(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalStateException("the " + what + " of " + name + " are at the worker");
    }
    return tensor;
  }

  boolean isEmpty() {
    return parameters.isEmpty();
  }

  boolean isHere() {
    return block != null;
  }

  /// Zeroes and frees them.
  void discard() {
    if (block != null) {
      tensors.values().forEach(tensor -> tensor.fill(0));
      tensors.clear();
      block.arena.close();
      block = null;
    }
  }
}
