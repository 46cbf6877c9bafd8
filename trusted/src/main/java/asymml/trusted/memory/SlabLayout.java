package asymml.trusted.memory;

import asymml.kernels.Tensor;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/// Places buffers in one piece of memory such that those alive at the same time are apart: the
/// largest first, each as low as it goes. To find the smallest such piece is NP-hard; this comes
/// near it, and gives the same places each time.
public final class SlabLayout {
  /// A buffer, and when it is alive.
  ///
  /// @param from the first moment, at least 0
  /// @param to the last moment, not before the first
  /// @param sizeBytes at least 1
  record Span(int from, int to, long sizeBytes) {
    Span {
      if (from < 0 || to < from || sizeBytes < 1) {
        throw new IllegalArgumentException(
            "a span of " + sizeBytes + " bytes from " + from + " to " + to);
      }
    }

    boolean meets(Span other) {
      return from <= other.to && other.from <= to;
    }

    /// What it takes up, with what aligns the next one.
    long room() {
      return Math.ceilDiv(sizeBytes, Tensor.ALIGNMENT_BYTES) * Tensor.ALIGNMENT_BYTES;
    }
  }

  private final long[] offsets;
  private final long sizeBytes;

  /// Finds places.
  ///
  /// @param spans the buffers
  SlabLayout(List<Span> spans) {
    offsets = new long[spans.size()];
    List<Integer> placed = new ArrayList<>(); // by rising offset
    long end = 0;
    // A stable sort: of equals, the first in the list comes first.
    for (int next :
        IntStream.range(0, spans.size())
            .boxed()
            .sorted(Comparator.comparingLong(i -> -spans.get(i).sizeBytes()))
            .toList()) {
      Span span = spans.get(next);
      long offset = 0;
      for (int other : placed) {
        if (spans.get(other).meets(span)) {
          if (offsets[other] >= offset + span.room()) {
            break;
          }
          offset = Math.max(offset, offsets[other] + spans.get(other).room());
        }
      }
      offsets[next] = offset;
      end = Math.max(end, offset + span.room());
      placed.add(next);
      placed.sort(Comparator.comparingLong(i -> offsets[i]));
    }
    sizeBytes = end;
  }

  /// Where a buffer begins.
  ///
  /// @param index its place in the list
  /// @return bytes, a multiple of [Tensor#ALIGNMENT_BYTES]
  long offset(int index) {
    return offsets[index];
  }

  /// What holds them all.
  ///
  /// @return bytes
  long sizeBytes() {
    return sizeBytes;
  }
}
