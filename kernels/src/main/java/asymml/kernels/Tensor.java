package asymml.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/// A dense row-major float32 array in native memory, last axis fastest. Activations are `[N, H, W,
/// C]`, matrices `[rows, columns]`, convolution weights `[O, kH, kW, C]`.
///
/// A tensor is a view: it does not own its memory, which lives as long as the arena that allocated
/// it. Views made by [#reshape] and [#examples] alias the same memory.
public final class Tensor {
  /// Alignment of allocated tensors in bytes: one cache line, one AVX-512 vector.
  public static final long ALIGNMENT_BYTES = 64;

  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  private final MemorySegment segment;
  private final int[] shape;
  private final long size;

  private Tensor(MemorySegment segment, int[] shape) {
    this.segment = segment;
    this.shape = shape;
    this.size = sizeOf(shape);
    if (segment.byteSize() != size * Float.BYTES) {
      throw new IllegalArgumentException(
          "memory of "
              + segment.byteSize()
              + " bytes does not hold exactly a float32 tensor of shape "
              + Arrays.toString(shape));
    }
  }

  /// The number of elements of a tensor of this shape.
  ///
  /// @param shape axis lengths, each at least 1
  /// @return their product
  /// @throws IllegalArgumentException if a length is below 1
  public static long sizeOf(int... shape) {
    long size = 1;
    for (int length : shape) {
      if (length < 1) {
        throw new IllegalArgumentException(
            "axis lengths must be at least 1: " + Arrays.toString(shape));
      }
      size = Math.multiplyExact(size, length);
    }
    return size;
  }

  /// Allocates a new zeroed tensor, 64-byte aligned.
  ///
  /// @param arena owner of the memory
  /// @param shape axis lengths, each at least 1
  /// @return a new tensor
  public static Tensor allocate(Arena arena, int... shape) {
    return new Tensor(arena.allocate(sizeOf(shape) * Float.BYTES, ALIGNMENT_BYTES), shape.clone());
  }

  /// Views existing native memory as a tensor.
  ///
  /// @param segment native memory of exactly the tensor's size; aliased, not copied
  /// @param shape axis lengths, each at least 1
  /// @return a view
  /// @throws IllegalArgumentException if the sizes differ or the memory is on the heap
  public static Tensor of(MemorySegment segment, int... shape) {
    if (!segment.isNative()) {
      throw new IllegalArgumentException("a tensor needs native memory");
    }
    return new Tensor(segment, shape.clone());
  }

  /// The memory behind this tensor (aliased).
  ///
  /// @return a native segment of [#sizeBytes] bytes
  public MemorySegment segment() {
    return segment;
  }

  /// The axis lengths.
  ///
  /// @return a copy
  public int[] shape() {
    return shape.clone();
  }

  /// One axis length.
  ///
  /// @param axis from 0
  /// @return its length
  public int length(int axis) {
    return shape[axis];
  }

  /// The number of elements.
  ///
  /// @return the product of the axis lengths
  public long size() {
    return size;
  }

  /// The size in bytes.
  ///
  /// @return four times [#size]
  public long sizeBytes() {
    return size * Float.BYTES;
  }

  /// The same memory under another shape.
  ///
  /// @param newShape axis lengths with the same product
  /// @return a view
  public Tensor reshape(int... newShape) {
    return new Tensor(segment, newShape.clone());
  }

  /// A range of the first axis.
  ///
  /// @param from first index
  /// @param count how many, at least 1
  /// @return a view of shape `[count, ...]`
  public Tensor examples(int from, int count) {
    int[] part = shape.clone();
    part[0] = count;
    long stride = sizeBytes() / shape[0];
    return new Tensor(segment.asSlice(from * stride, count * stride), part);
  }

  /// One element by its linear index.
  ///
  /// @param index from 0 to [#size] - 1
  /// @return its value
  public float get(long index) {
    return segment.getAtIndex(FLOAT, index);
  }

  /// Sets one element by its linear index.
  ///
  /// @param index from 0 to [#size] - 1
  /// @param value the new value
  public void set(long index, float value) {
    segment.setAtIndex(FLOAT, index, value);
  }

  /// Sets all elements to one value.
  ///
  /// @param value the new value
  public void fill(float value) {
    if (Float.floatToRawIntBits(value) == 0) {
      segment.fill((byte) 0);
    } else {
      for (long i = 0; i < size; i++) {
        segment.setAtIndex(FLOAT, i, value);
      }
    }
  }

  /// Copies all elements in.
  ///
  /// @param values exactly [#size] values
  /// @return this
  public Tensor copyFrom(float[] values) {
    if (values.length != size) {
      throw new IllegalArgumentException(
          "tensor " + Arrays.toString(shape) + " cannot take " + values.length + " values");
    }
    MemorySegment.copy(values, 0, segment, FLOAT, 0, values.length);
    return this;
  }

  /// Copies all elements of another tensor in.
  ///
  /// @param source a tensor of the same size
  /// @return this
  public Tensor copyFrom(Tensor source) {
    if (source.size != size) {
      throw new IllegalArgumentException(
          "tensor " + Arrays.toString(shape) + " cannot take " + source);
    }
    MemorySegment.copy(source.segment, 0, segment, 0, sizeBytes());
    return this;
  }

  /// Copies all elements out.
  ///
  /// @return a new array of [#size] values
  public float[] toArray() {
    return segment.toArray(FLOAT);
  }

  @Override
  public String toString() {
    return "Tensor" + Arrays.toString(shape);
  }
}
