package asymml.wire;

/// A place for one float32 tensor in the tensor region, which both sides hold with the same layout.
///
/// @param offset bytes from the start of the region, a multiple of [#ALIGNMENT_BYTES]
/// @param floats number of float32 values, at least 1
public record Slot(long offset, long floats) {
  /// Alignment of every slot in bytes: one cache line, one AVX-512 vector.
  public static final long ALIGNMENT_BYTES = 64;

  /// No region is larger than this, 1 TiB: far above any machine's use, far below overflow.
  public static final long MAX_REGION_BYTES = 1L << 40;

  /// Checks the ranges above.
  public Slot {
    if (offset < 0 || offset % ALIGNMENT_BYTES != 0) {
      throw new IllegalArgumentException(
          "a slot starts at a multiple of " + ALIGNMENT_BYTES + " bytes: " + offset);
    }
    if (floats < 1
        || offset > MAX_REGION_BYTES
        || floats > (MAX_REGION_BYTES - offset) / Float.BYTES) {
      throw new IllegalArgumentException(
          "a slot holds at least 1 value and ends within "
              + MAX_REGION_BYTES
              + " bytes: "
              + floats
              + " values at "
              + offset);
    }
  }

  /// The size in bytes.
  ///
  /// @return four times the number of values
  public long sizeBytes() {
    return floats * Float.BYTES;
  }

  /// Where the slot ends.
  ///
  /// @return bytes from the start of the region to the first byte behind the slot
  public long endOffset() {
    return offset + sizeBytes();
  }

  /// Whether two slots share a byte.
  ///
  /// @param other another slot of the same region
  /// @return true if they overlap
  public boolean overlaps(Slot other) {
    return offset < other.endOffset() && other.offset < endOffset();
  }
}
