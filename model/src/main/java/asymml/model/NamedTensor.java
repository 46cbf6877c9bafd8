package asymml.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/// One float32 array of a model file: its name, axis lengths and values, row-major, last axis
/// fastest.
///
/// The values are not copied: it aliases the memory it was given, so that a large model is written
/// straight from where it is trained. Native memory must stay open, and be accessible to the
/// writing thread, for as long as it is used. The shape is copied in and out. Two instances are
/// equal if they are the same one.
public final class NamedTensor {
  private static final int LONGEST_NAME = 512;

  private final String name;
  private final int[] shape;
  private final MemorySegment values;

  private NamedTensor(String name, int[] shape, MemorySegment values) {
    checkName(name);
    this.name = name;
    this.shape = shape.clone();
    this.values = values;
    long size = sizeOf(this.shape);
    if (values.byteSize() != size * Float.BYTES) {
      throw new IllegalArgumentException(
          "tensor "
              + name
              + " of shape "
              + Arrays.toString(this.shape)
              + " needs "
              + size * Float.BYTES
              + " bytes, got "
              + values.byteSize());
    }
  }

  /// Names values in native or heap memory.
  ///
  /// @param name 1 to 512 printable ASCII characters, not `__metadata__`
  /// @param shape axis lengths, each at least 1; none for a scalar
  /// @param values float32 in the machine's byte order, exactly as many as the shape says; aliased
  /// @return a tensor over the same memory
  /// @throws IllegalArgumentException if one of these rules is broken
  public static NamedTensor of(String name, int[] shape, MemorySegment values) {
    return new NamedTensor(name, shape, values);
  }

  /// Names the values of an array.
  ///
  /// @param name 1 to 512 printable ASCII characters, not `__metadata__`
  /// @param shape axis lengths, each at least 1; none for a scalar
  /// @param values exactly as many as the shape says; aliased
  /// @return a tensor over the same array
  /// @throws IllegalArgumentException if one of these rules is broken
  public static NamedTensor of(String name, int[] shape, float[] values) {
    return new NamedTensor(name, shape, MemorySegment.ofArray(values));
  }

  /// The number of values of a shape.
  static long sizeOf(int[] shape) {
    long size = 1;
    for (int length : shape) {
      if (length < 1) {
        throw new IllegalArgumentException(
            "axis lengths must be at least 1: " + Arrays.toString(shape));
      }
      // The room for four bytes each is part of the check.
      if (size > Long.MAX_VALUE / Float.BYTES / length) {
        throw new IllegalArgumentException("shape is too large: " + Arrays.toString(shape));
      }
      size *= length;
    }
    return size;
  }

  /// Names are shown in errors and compared across tools, so they are kept to one plain line.
  static void checkName(String name) {
    boolean printable = name.chars().allMatch(c -> c >= ' ' && c <= '~');
    if (name.isEmpty() || name.length() > LONGEST_NAME || !printable) {
      throw new IllegalArgumentException(
          "a tensor's name has 1 to " + LONGEST_NAME + " printable ASCII characters");
    }
    if (name.equals(SafeTensorsHeader.METADATA)) {
      throw new IllegalArgumentException(
          "a tensor cannot be called " + SafeTensorsHeader.METADATA + ": the format reserves it");
    }
  }

  /// The name.
  ///
  /// @return 1 to 512 printable ASCII characters
  public String name() {
    return name;
  }

  /// The axis lengths.
  ///
  /// @return a copy
  public int[] shape() {
    return shape.clone();
  }

  /// The values.
  ///
  /// @return the memory itself (aliased), float32 in the machine's byte order
  public MemorySegment values() {
    return values;
  }

  /// The number of values.
  ///
  /// @return the product of the axis lengths
  public long size() {
    return values.byteSize() / Float.BYTES;
  }

  /// The values as an array.
  ///
  /// @return a new array of [#size] values
  public float[] toArray() {
    return values.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  @Override
  public String toString() {
    return name + Arrays.toString(shape);
  }
}
