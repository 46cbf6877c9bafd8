package asymml.wire;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// How the float32 values of tensors cross a stream. Where sides share memory nothing is encoded.
public enum Encoding {
  /// As they are.
  FLOAT32(Float.BYTES) {
    @Override
    void pack(MemorySegment values, MemorySegment bytes) {
      bytes.copyFrom(values);
    }

    @Override
    void unpack(MemorySegment bytes, MemorySegment values) {
      values.copyFrom(bytes);
    }
  },

  /// Rounded to bfloat16, the nearest, ties to even: half the bytes, errors of up to 2^-9 of each
  /// value. What is too large for it becomes infinite, NaN stays NaN.
  BFLOAT16(Short.BYTES) {
    @Override
    void pack(MemorySegment values, MemorySegment bytes) {
      int count = Math.toIntExact(bytes.byteSize() / Short.BYTES);
      for (int i = 0; i < count; i++) {
        int bits = values.getAtIndex(INT, i);
        int rounded = bits + 0x7FFF + ((bits >>> 16) & 1);
        // Rounding could carry a NaN over into another number.
        int kept = (bits & 0x7FFF_FFFF) > 0x7F80_0000 ? bits | 0x40_0000 : rounded;
        bytes.setAtIndex(SHORT, i, (short) (kept >>> 16));
      }
    }

    @Override
    void unpack(MemorySegment bytes, MemorySegment values) {
      int count = Math.toIntExact(bytes.byteSize() / Short.BYTES);
      for (int i = 0; i < count; i++) {
        values.setAtIndex(INT, i, bytes.getAtIndex(SHORT, i) << 16);
      }
    }
  };

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

  private final int valueBytes;

  Encoding(int valueBytes) {
    this.valueBytes = valueBytes;
  }

  /// The size of a tensor on the stream.
  ///
  /// @param floats its number of values
  /// @return bytes
  public long bytes(long floats) {
    return floats * valueBytes;
  }

  /// Encodes as many float32 values as `bytes` takes.
  abstract void pack(MemorySegment values, MemorySegment bytes);

  /// Decodes all of `bytes`.
  abstract void unpack(MemorySegment bytes, MemorySegment values);
}
