package asymml.kernels;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DIFF_WEIGHTS;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_FROM;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_TO;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_WEIGHTS;
import static org.bytedeco.dnnl.global.dnnl.dnnl_convolution_backward_data_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_convolution_backward_weights_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_convolution_direct;
import static org.bytedeco.dnnl.global.dnnl.dnnl_convolution_forward_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_forward_training;
import static org.bytedeco.dnnl.global.dnnl.dnnl_inner_product_backward_data_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_inner_product_backward_weights_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_inner_product_forward_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_desc_next_impl;
import static org.bytedeco.dnnl.global.dnnl.dnnl_reorder_primitive_desc_create;

import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/// Plans the oneDNN primitives of one linear operation: inner product where the map is 1x1, else
/// direct convolution (Winograd would change the rounding). Activations are NHWC, weights as the
/// primitive likes.
final class LinearPrimitives implements AutoCloseable {
  // oneDNN's backward weights of strided 1x1 convolutions first copies the pixels it needs, and
  // where C
  // is below a block of channels it writes past that copy (oneDNN issue 6035, open; seen here with
  // AVX2 as wrong sums). 16 is the largest block, that of AVX-512.
  private static final int WIDEST_BLOCK = 16;

  private final ConvShape shape;
  private final MemoryBudget budget;
  private final Layout x;
  private final Layout y;
  private final Layout anyWeights;
  private final Layout plainWeights;
  private final long[] strides;
  private final long[] dilation = {0, 0};
  private final long[] padding;

  LinearPrimitives(ConvShape shape, MemoryBudget budget) {
    this.shape = shape;
    this.budget = budget;
    int n = shape.batch();
    int c = shape.inChannels();
    int o = shape.outChannels();
    int kh = shape.kernelHeight();
    int kw = shape.kernelWidth();
    boolean linear = shape.isLinear();
    x = linear ? Layout.matrix(n, c) : Layout.channelsLast(n, shape.height(), shape.width(), c);
    y =
        linear
            ? Layout.matrix(n, o)
            : Layout.channelsLast(n, shape.outHeight(), shape.outWidth(), o);
    int g = shape.groups();
    if (g > 1) {
      anyWeights = Layout.anyGrouped(g, o / g, c / g, kh, kw);
      plainWeights = Layout.grouped(g, o / g, kh, kw, c / g);
    } else {
      anyWeights = linear ? Layout.anyMatrix(o, c) : Layout.anyWeights(o, c, kh, kw);
      plainWeights = linear ? Layout.matrix(o, c) : Layout.channelsLast(o, kh, kw, c);
    }
    strides = new long[] {shape.stride(), shape.stride()};
    padding = new long[] {shape.padding(), shape.padding()};
  }

  /// Operands: x, weights, y.
  Primitive forward() {
    dnnl_primitive_desc created = new dnnl_primitive_desc();
    int status =
        shape.isLinear()
            ? dnnl_inner_product_forward_primitive_desc_create(
                created,
                Dnnl.planningEngine(),
                dnnl_forward_training,
                x.descriptor(),
                anyWeights.descriptor(),
                null,
                y.descriptor(),
                Dnnl.attributes())
            : dnnl_convolution_forward_primitive_desc_create(
                created,
                Dnnl.planningEngine(),
                dnnl_forward_training,
                dnnl_convolution_direct,
                x.descriptor(),
                anyWeights.descriptor(),
                null,
                y.descriptor(),
                strides,
                dilation,
                padding,
                padding,
                Dnnl.attributes());
    Dnnl.check(status, "forward of " + shape);
    return new Primitive(
        budget, "forward of " + shape, created, DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST);
  }

  /// Operands: dy, weights, dx.
  Primitive backwardData(Primitive forward) {
    dnnl_primitive_desc created = new dnnl_primitive_desc();
    int status =
        shape.isLinear()
            ? dnnl_inner_product_backward_data_primitive_desc_create(
                created,
                Dnnl.planningEngine(),
                x.descriptor(),
                anyWeights.descriptor(),
                y.descriptor(),
                forward.descriptor(),
                Dnnl.attributes())
            : dnnl_convolution_backward_data_primitive_desc_create(
                created,
                Dnnl.planningEngine(),
                dnnl_convolution_direct,
                x.descriptor(),
                anyWeights.descriptor(),
                y.descriptor(),
                strides,
                dilation,
                padding,
                padding,
                forward.descriptor(),
                Dnnl.attributes());
    Dnnl.check(status, "backward data of " + shape);
    return new Primitive(
        budget,
        "backward data of " + shape,
        created,
        DNNL_ARG_DIFF_DST,
        DNNL_ARG_WEIGHTS,
        DNNL_ARG_DIFF_SRC);
  }

  /// Operands: x, dy, dw.
  Primitive backwardWeights(Primitive forward) {
    dnnl_primitive_desc created = new dnnl_primitive_desc();
    int status =
        shape.isLinear()
            ? dnnl_inner_product_backward_weights_primitive_desc_create(
                created,
                Dnnl.planningEngine(),
                x.descriptor(),
                anyWeights.descriptor(),
                null,
                y.descriptor(),
                forward.descriptor(),
                Dnnl.attributes())
            : dnnl_convolution_backward_weights_primitive_desc_create(
                created,
                Dnnl.planningEngine(),
                dnnl_convolution_direct,
                x.descriptor(),
                anyWeights.descriptor(),
                null,
                y.descriptor(),
                strides,
                dilation,
                padding,
                padding,
                forward.descriptor(),
                Dnnl.attributes());
    Dnnl.check(status, "backward weights of " + shape);
    if (shape.kernelHeight() == 1
        && shape.kernelWidth() == 1
        && shape.stride() > 1
        && shape.groupChannels() < WIDEST_BLOCK) {
      skipImplementations(created, "jit_1x1");
    }
    return new Primitive(
        budget,
        "backward weights of " + shape,
        created,
        DNNL_ARG_SRC,
        DNNL_ARG_DIFF_DST,
        DNNL_ARG_DIFF_WEIGHTS);
  }

  /// Packs plain `[O, kH, kW, C]` weights. Operands: plain, packed.
  Primitive pack(dnnl_memory_desc packed) {
    return reorder("packing", plainWeights.descriptor(), packed);
  }

  /// Unpacks to plain `[O, kH, kW, C]` weights. Operands: packed, plain.
  Primitive unpack(dnnl_memory_desc packed) {
    return reorder("unpacking", packed, plainWeights.descriptor());
  }

  boolean isPlain(dnnl_memory_desc weights) {
    return plainWeights.matches(weights);
  }

  /// Moves on past a family of implementations to oneDNN's next choice.
  private void skipImplementations(dnnl_primitive_desc created, String prefix) {
    while (Primitive.implementation(created).startsWith(prefix)) {
      Dnnl.check(dnnl_primitive_desc_next_impl(created), "backward weights of " + shape);
    }
  }

  private Primitive reorder(String name, dnnl_memory_desc from, dnnl_memory_desc to) {
    dnnl_primitive_desc created = new dnnl_primitive_desc();
    Dnnl.check(
        dnnl_reorder_primitive_desc_create(
            created, from, Dnnl.planningEngine(), to, Dnnl.engine(), Dnnl.attributes()),
        name);
    return new Primitive(budget, name, created, DNNL_ARG_FROM, DNNL_ARG_TO);
  }

  @Override
  public void close() {
    x.close();
    y.close();
    anyWeights.close();
    plainWeights.close();
  }
}
