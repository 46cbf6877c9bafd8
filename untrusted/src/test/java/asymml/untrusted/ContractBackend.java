package asymml.untrusted;

import asymml.wire.OpDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A backend that computes nothing and fails the test if a call breaks what [Backend] promises: it
/// touches every operand, and calls end late, in the order of their being awaited.
final class ContractBackend implements Backend {
  private record Range(long from, long to) {
    static Range of(MemorySegment memory) {
      return new Range(memory.address(), memory.address() + memory.byteSize());
    }

    boolean overlaps(Range other) {
      return from < other.to && other.from < to;
    }
  }

  private record Call(List<Range> operands, @Nullable Range result) {}

  private final Random random;
  private final Map<Integer, OpDescriptor> ops = new HashMap<>();
  private final Set<Integer> loaded = new HashSet<>();
  private final List<Call> underWay = new ArrayList<>();
  private @Nullable MemorySegment region;
  private int calls;

  ContractBackend(Random random) {
    this.random = random;
  }

  /// How many calls have come through to it.
  int calls() {
    return calls;
  }

  @Override
  public String name() {
    return "contract";
  }

  @Override
  public String precision() {
    return "none";
  }

  @Override
  public void define(int opId, OpDescriptor op) throws RefusedException {
    require(nothingUnderWay(), "a definition while calls are under way");
    if (random.nextInt(10) == 0) {
      throw new RefusedException("this backend is moody");
    }
    require(ops.put(opId, op) == null, "op " + opId + " is defined twice");
  }

  @Override
  public void attach(MemorySegment memory) {
    require(region == null && nothingUnderWay(), "a region is attached while there is one");
    region = memory;
  }

  @Override
  public void detach(MemorySegment memory) {
    require(memory.equals(region) && nothingUnderWay(), "a region is detached while it is used");
    memory.get(ValueLayout.JAVA_BYTE, memory.byteSize() - 1);
    region = null;
  }

  @Override
  public Completion loadWeights(int opId, MemorySegment weights) {
    requireOwnSize(weights, op(opId).weightFloats());
    loaded.add(opId);
    return begin(List.of(weights), null);
  }

  @Override
  public Completion forward(int opId, MemorySegment x, MemorySegment y) {
    require(loaded.contains(opId), "no weights");
    requireSize(x, op(opId).inputFloats());
    requireSize(y, op(opId).outputFloats());
    return begin(List.of(x), y);
  }

  @Override
  public Completion backwardData(int opId, MemorySegment dy, MemorySegment dx) {
    require(loaded.contains(opId), "no weights");
    requireSize(dy, op(opId).outputFloats());
    requireSize(dx, op(opId).inputFloats());
    return begin(List.of(dy), dx);
  }

  @Override
  public Completion backwardWeights(int opId, MemorySegment x, MemorySegment dy, MemorySegment dw) {
    requireSize(x, op(opId).inputFloats());
    requireSize(dy, op(opId).outputFloats());
    requireOwnSize(dw, op(opId).weightFloats());
    return begin(List.of(x, dy), dw);
  }

  private Completion begin(List<MemorySegment> operands, @Nullable MemorySegment result) {
    calls++;
    operands.forEach(ContractBackend::touch);
    Call call =
        new Call(
            operands.stream().map(Range::of).toList(), result == null ? null : Range.of(result));
    synchronized (underWay) {
      require(
          underWay.stream().noneMatch(other -> collide(call, other) || collide(other, call)),
          "two calls under way share memory that one of them writes");
    }
    if (random.nextInt(3) > 0) {
      finish(result);
      return Completion.DONE;
    }
    synchronized (underWay) {
      underWay.add(call);
    }
    boolean fails = random.nextInt(20) == 0;
    return () -> {
      finish(result);
      synchronized (underWay) {
        underWay.remove(call);
      }
      if (fails) {
        throw new DeviceException("this device is moody");
      }
    };
  }

  private static boolean collide(Call writer, Call other) {
    Range result = writer.result;
    return result != null
        && ((other.result != null && result.overlaps(other.result))
            || other.operands.stream().anyMatch(result::overlaps));
  }

  private static void finish(@Nullable MemorySegment result) {
    if (result != null) {
      touch(result);
      result.set(ValueLayout.JAVA_BYTE, result.byteSize() - 1, (byte) 1);
    }
  }

  // Throws if the memory is gone.
  private static void touch(MemorySegment memory) {
    memory.get(ValueLayout.JAVA_BYTE, 0);
    memory.get(ValueLayout.JAVA_BYTE, memory.byteSize() - 1);
  }

  private boolean nothingUnderWay() {
    synchronized (underWay) {
      return underWay.isEmpty();
    }
  }

  private OpDescriptor op(int opId) {
    OpDescriptor op = ops.get(opId);
    if (op == null) {
      throw new AssertionError("op " + opId + " is not defined");
    }
    return op;
  }

  /// Of weights, which may be held outside the region.
  private static void requireOwnSize(MemorySegment memory, long floats) {
    require(memory.byteSize() == Float.BYTES * floats, "a tensor of another size");
    require(memory.address() % 64 == 0, "a tensor is not aligned");
  }

  private void requireSize(MemorySegment memory, long floats) {
    requireOwnSize(memory, floats);
    MemorySegment all = region;
    require(
        all != null
            && memory.address() >= all.address()
            && memory.address() + memory.byteSize() <= all.address() + all.byteSize(),
        "a tensor outside the region");
  }

  private static void require(boolean holds, String breach) {
    if (!holds) {
      throw new AssertionError(breach);
    }
  }

  @Override
  public void close() {
    require(region == null && nothingUnderWay(), "closed while it is used");
  }
}
