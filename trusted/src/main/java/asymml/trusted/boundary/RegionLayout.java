package asymml.trusted.boundary;

import asymml.kernels.Tensor;
import asymml.wire.Slot;

/// Plans the tensor region: one slot after the other, none reused. Both sides then hold a region of
/// [#sizeBytes].
public final class RegionLayout {
  private static final long PAGE_BYTES = 4096;

  private long end;

  /// Creates an empty layout.
  public RegionLayout() {}

  /// Reserves a place for one float32 tensor.
  ///
  /// @param shape axis lengths, each at least 1
  /// @return a slot, aligned to [Slot#ALIGNMENT_BYTES], that overlaps no other of this layout
  /// @throws IllegalArgumentException if the region would exceed [Slot#MAX_REGION_BYTES]
  public Slot reserve(int... shape) {
    Slot slot = new Slot(end, Tensor.sizeOf(shape));
    end = roundUp(slot.endOffset(), Slot.ALIGNMENT_BYTES);
    return slot;
  }

  /// The size of a region that holds all slots.
  ///
  /// @return bytes, whole pages, at least one
  public long sizeBytes() {
    return roundUp(Math.max(end, 1), PAGE_BYTES);
  }

  private static long roundUp(long bytes, long multiple) {
    return (bytes + multiple - 1) / multiple * multiple;
  }
}
