package asymml.untrusted;

import asymml.wire.OpDescriptor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// What the right results of an operation are.
interface Reference {
  /// The tensors of an operation.
  ///
  /// @param op its shape
  /// @param x `[N, H, W, C]`
  /// @param weights `[O, kH, kW, C]`
  /// @param dy `[N, OH, OW, O]`
  record Operands(OpDescriptor op, MemorySegment x, MemorySegment weights, MemorySegment dy) {}

  /// Values that a result must have, at all of its places or some.
  interface Expected {
    /// How many there are.
    int count();

    /// Where one stands in the result.
    long place(int i);

    /// Which it is.
    double value(int i);
  }

  /// In words, for the head of the table.
  String name();

  /// The right result.
  ///
  /// @param arena where memory may be taken that lasts as long as the answer
  /// @throws RefusedException if there is none
  Expected expected(Pass pass, Operands operands, Arena arena) throws RefusedException;

  /// What another backend computes, at all places.
  static Reference of(Backend backend) {
    return new Reference() {
      private int nextOp;

      @Override
      public String name() {
        return backend.name();
      }

      @Override
      public Expected expected(Pass pass, Operands operands, Arena arena) throws RefusedException {
        int opId = nextOp++;
        long count = pass.results(operands.op);
        MemorySegment result = arena.allocate(count * Float.BYTES, Float.BYTES * 16L);
        backend.define(opId, operands.op);
        backend.loadWeights(opId, operands.weights).await();
        SelfTest.call(backend, opId, pass, operands, result).await();
        return new Expected() {
          @Override
          public int count() {
            return Math.toIntExact(count);
          }

          @Override
          public long place(int i) {
            return i;
          }

          @Override
          public double value(int i) {
            return result.getAtIndex(ValueLayout.JAVA_FLOAT, i);
          }
        };
      }
    };
  }
}
