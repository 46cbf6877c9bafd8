package asymml.kernels;

import static org.bytedeco.dnnl.global.dnnl.dnnl_ab;
import static org.bytedeco.dnnl.global.dnnl.dnnl_abdec;
import static org.bytedeco.dnnl.global.dnnl.dnnl_acdb;
import static org.bytedeco.dnnl.global.dnnl.dnnl_f32;
import static org.bytedeco.dnnl.global.dnnl.dnnl_format_tag_any;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_create_with_tag;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_equal;

import org.bytedeco.dnnl.dnnl_memory_desc;

/// How a float32 array lies in memory, as oneDNN names it: logical axes `(N, C, H, W)` or `(O, C,
/// kH, kW)` whatever the order in memory.
final class Layout implements AutoCloseable {
  private final dnnl_memory_desc descriptor;

  private Layout(int tag, long... axes) {
    descriptor = new dnnl_memory_desc();
    Dnnl.check(
        dnnl_memory_desc_create_with_tag(descriptor, axes.length, axes, dnnl_f32, tag), "layout");
  }

  /// Memory `[first, height, width, last]`: activations NHWC, plain weights `[O, kH, kW, C]`.
  static Layout channelsLast(int first, int height, int width, int last) {
    return new Layout(dnnl_acdb, first, last, height, width);
  }

  /// Weights `(O, C, kH, kW)` in the order that the primitive likes best.
  static Layout anyWeights(int out, int in, int height, int width) {
    return new Layout(dnnl_format_tag_any, out, in, height, width);
  }

  /// Memory `[groups, first, height, width, last]`: plain weights of a grouped convolution.
  static Layout grouped(int groups, int first, int height, int width, int last) {
    return new Layout(dnnl_abdec, groups, first, last, height, width);
  }

  /// Weights `(groups, O / groups, C / groups, kH, kW)` in the order that the primitive likes best.
  static Layout anyGrouped(int groups, int out, int in, int height, int width) {
    return new Layout(dnnl_format_tag_any, groups, out, in, height, width);
  }

  /// Memory `[rows, columns]`.
  static Layout matrix(int rows, int columns) {
    return new Layout(dnnl_ab, rows, columns);
  }

  /// A matrix in the order that the primitive likes best.
  static Layout anyMatrix(int rows, int columns) {
    return new Layout(dnnl_format_tag_any, rows, columns);
  }

  dnnl_memory_desc descriptor() {
    return descriptor;
  }

  /// Whether memory of the other layout can be read as this one.
  boolean matches(dnnl_memory_desc other) {
    return dnnl_memory_desc_equal(descriptor, other) != 0;
  }

  @Override
  public void close() {
    if (!descriptor.isNull()) {
      dnnl_memory_desc_destroy(descriptor);
      descriptor.setNull();
    }
  }
}
