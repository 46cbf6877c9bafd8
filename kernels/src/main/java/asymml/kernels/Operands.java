package asymml.kernels;

import java.util.Arrays;

/// Checks of tensors on their way into native code, where a wrong size is no exception but a crash.
final class Operands {
  private Operands() {}

  /// The address of a tensor of exactly this shape.
  ///
  /// @throws IllegalArgumentException if the shape differs
  /// @throws IllegalStateException if its arena is closed
  static long address(String name, Tensor tensor, int... shape) {
    if (!Arrays.equals(tensor.shape(), shape)) {
      throw new IllegalArgumentException(
          name + " must have shape " + Arrays.toString(shape) + ": " + tensor);
    }
    return address(name, tensor);
  }

  /// The address of a tensor with this many elements, whatever its axes.
  ///
  /// @throws IllegalArgumentException if the number differs
  /// @throws IllegalStateException if its arena is closed
  static long addressOfSize(String name, Tensor tensor, long size) {
    if (tensor.size() != size) {
      throw new IllegalArgumentException(name + " must have " + size + " elements: " + tensor);
    }
    return address(name, tensor);
  }

  /// The address of a live tensor that this thread may touch. Worker threads of a kernel touch it
  /// too, confined or not: the caller waits for them inside the call.
  static long address(String name, Tensor tensor) {
    if (!tensor.segment().scope().isAlive()) {
      throw new IllegalStateException("the memory of " + name + " is freed: " + tensor);
    }
    if (!tensor.segment().isAccessibleBy(Thread.currentThread())) {
      throw new IllegalStateException(
          "the memory of " + name + " belongs to another thread: " + tensor);
    }
    return tensor.segment().address();
  }

  /// An argument that must be at least 1.
  static int atLeastOne(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be at least 1: " + value);
    }
    return value;
  }

  /// An argument that must be above 0 and finite.
  static float positive(String name, float value) {
    if (!(value > 0) || Float.isInfinite(value)) {
      throw new IllegalArgumentException(name + " must be above 0 and finite: " + value);
    }
    return value;
  }

  /// The first of a primitive's roles, where the last one exists only in some variants.
  static int[] first(int[] roles, int count) {
    return Arrays.copyOf(roles, count);
  }
}
