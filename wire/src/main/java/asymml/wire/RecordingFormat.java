package asymml.wire;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// The file of a recording, version 1. All numbers are little-endian and all blocks start at
/// multiples of 64 bytes, so that a mapped file's tensors are aligned.
///
/// Header: the 8 bytes `ASYMMREC`, version (int32), size of the whole header (int32, a multiple of
/// 64), and a text in UTF-8 filled up with zeros, which describes what follows and names backend
/// and precision.
///
/// Blocks of 64 bytes: type (int32), operation (int32), nanoseconds (int64), arguments (int64 each,
/// from byte 16; of a definition nine int32), zeros. A tensor's values follow its block, filled up
/// with zeros to a multiple of 64. Tensors are numbered from 0 in the file's order, come before the
/// first event that names them, and are stored once where the same bytes come again soon.
final class RecordingFormat {
  static final byte[] MAGIC = {'A', 'S', 'Y', 'M', 'M', 'R', 'E', 'C'};
  static final int VERSION = 1;
  static final int BLOCK_BYTES = 64;
  static final int ARGUMENTS_AT = 16;

  /// A header with a longer text than this is not one.
  static final int MAX_HEADER_BYTES = 1 << 16;

  static final int DEFINE_OP = 1;
  static final int TENSOR = 2;
  static final int LOAD_WEIGHTS = 3;
  static final int FORWARD = 4;
  static final int BACKWARD_DATA = 5;
  static final int BACKWARD_WEIGHTS = 6;
  static final int END = 7;
  static final int MOMENTUM = 8;
  static final int DIRECTIONS = 9;
  static final int FACTOR = 10;

  /// Arguments of [#END]: nothing is missing, or the limit was reached.
  static final long COMPLETE = 0;

  static final long TRUNCATED = 1;

  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  static final String BACKEND = "backend: ";
  static final String PRECISION = "precision: ";

  private static final String LEGEND =
      """
      asymml worker recording: what an untrusted worker received and computed, in order
      bytes: little-endian; tensors: float32, last axis fastest, X [N,H,W,C] W [O,kH,kW,C] Y [N,OH,OW,O]
      block: 64 bytes: int32 type, int32 op, int64 nanoseconds, arguments from byte 16, zeros
      type 1, an op is defined: int32 N H W C O kH kW stride padding
      type 2, a tensor, numbered from 0: int64 values; they follow, filled up to a multiple of 64 bytes
      type 3, weights came: int64 tensor W
      type 4, Y = W * X: int64 tensors X Y
      type 5, input gradient: int64 tensors dY dX
      type 6, weight gradient: int64 tensors X dY dW
      type 7, the end: int64 reason (0 complete, 1 truncated at the size limit), int64 events before it
      type 8, for weights that are updated here, momentum: int64 tensor V [O,kH,kW,C]
      type 9, directions that they are folded with: int64 tensor D [m,C]
      type 10, the other part of their gradient, G D: int64 tensor G [O,kH,kW,m]
      """;

  private RecordingFormat() {}

  static String text(String backend, String precision) {
    return LEGEND + BACKEND + backend + "\n" + PRECISION + precision + "\n";
  }

  static long padded(long bytes) {
    return (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
  }
}
