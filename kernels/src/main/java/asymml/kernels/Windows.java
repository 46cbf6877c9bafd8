package asymml.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The windows of an input that a convolution's output positions see.
final class Windows {
  private Windows() {}

  /// The values of one window.
  static int size(ConvShape shape) {
    shape.requireWhole();
    return shape.kernelHeight() * shape.kernelWidth() * shape.inChannels();
  }

  /// Copies a window row by row: the places of a kernel row lie side by side, but for those that
  /// the padding cuts off.
  ///
  /// @param shape of the convolution
  /// @param x `[N, H, W, C]`
  /// @param example its number
  /// @param position of the output, row by row
  /// @param out where it is put
  /// @param start the index of its first value there
  static void gather(
      ConvShape shape, MemorySegment x, int example, int position, MemorySegment out, long start) {
    int column = position % shape.outWidth();
    int row = position / shape.outWidth();
    int channels = shape.inChannels();
    int left = column * shape.stride() - shape.padding();
    int first = Math.max(0, -left);
    int last = Math.min(shape.kernelWidth(), shape.width() - left);
    long kernelRow = (long) shape.kernelWidth() * channels;
    long target = start;
    for (int k = 0; k < shape.kernelHeight(); k++, target += kernelRow) {
      int y = row * shape.stride() - shape.padding() + k;
      if (y < 0 || y >= shape.height() || first >= last) {
        zero(out, target, kernelRow);
        continue;
      }
      long source =
          (((long) example * shape.height() + y) * shape.width() + left + first) * channels;
      zero(out, target, (long) first * channels);
      MemorySegment.copy(
          x,
          ValueLayout.JAVA_FLOAT,
          source * Float.BYTES,
          out,
          ValueLayout.JAVA_FLOAT,
          (target + (long) first * channels) * Float.BYTES,
          (long) (last - first) * channels);
      zero(out, target + (long) last * channels, kernelRow - (long) last * channels);
    }
  }

  private static void zero(MemorySegment out, long from, long count) {
    if (count > 0) {
      out.asSlice(from * Float.BYTES, count * Float.BYTES).fill((byte) 0);
    }
  }
}
