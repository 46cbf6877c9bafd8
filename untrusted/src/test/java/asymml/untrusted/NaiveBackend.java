package asymml.untrusted;

import asymml.wire.OpDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/// The definition of the three computations, written out in double precision.
final class NaiveBackend implements Backend {
  private final Map<Integer, OpDescriptor> ops = new HashMap<>();
  private final Map<Integer, float[]> weights = new HashMap<>();

  @Override
  public String name() {
    return "naive";
  }

  @Override
  public String precision() {
    return "float64";
  }

  @Override
  public void define(int opId, OpDescriptor op) throws RefusedException {
    if (op.stride() == 13) {
      throw new RefusedException("this backend fears thirteen");
    }
    ops.put(opId, op);
  }

  @Override
  public Completion loadWeights(int opId, MemorySegment w) {
    weights.put(opId, floats(w));
    return Completion.DONE;
  }

  private interface Term {
    void at(int x, int w, int y);
  }

  // Every product of the convolution, by its linear indices into X, W and Y.
  private static void forEach(OpDescriptor op, Term term) {
    int outHeight = (op.height() + 2 * op.padding() - op.kernelHeight()) / op.stride() + 1;
    int outWidth = (op.width() + 2 * op.padding() - op.kernelWidth()) / op.stride() + 1;
    for (int n = 0; n < op.batch(); n++) {
      for (int oh = 0; oh < outHeight; oh++) {
        for (int ow = 0; ow < outWidth; ow++) {
          for (int o = 0; o < op.outChannels(); o++) {
            int y = ((n * outHeight + oh) * outWidth + ow) * op.outChannels() + o;
            window(op, n, oh, ow, o, y, term);
          }
        }
      }
    }
  }

  private static void window(OpDescriptor op, int n, int oh, int ow, int o, int y, Term term) {
    for (int kh = 0; kh < op.kernelHeight(); kh++) {
      for (int kw = 0; kw < op.kernelWidth(); kw++) {
        int h = oh * op.stride() + kh - op.padding();
        int w = ow * op.stride() + kw - op.padding();
        if (h < 0 || w < 0 || h >= op.height() || w >= op.width()) {
          continue;
        }
        for (int c = 0; c < op.inChannels(); c++) {
          int kernel = ((o * op.kernelHeight() + kh) * op.kernelWidth() + kw) * op.inChannels() + c;
          term.at(((n * op.height() + h) * op.width() + w) * op.inChannels() + c, kernel, y);
        }
      }
    }
  }

  @Override
  public Completion forward(int opId, MemorySegment x, MemorySegment y) {
    float[] xs = floats(x);
    float[] ws = Objects.requireNonNull(weights.get(opId));
    double[] sums = sums(y);
    forEach(Objects.requireNonNull(ops.get(opId)), (i, j, k) -> sums[k] += (double) xs[i] * ws[j]);
    store(sums, y);
    return Completion.DONE;
  }

  @Override
  public Completion backwardData(int opId, MemorySegment dy, MemorySegment dx) {
    float[] dys = floats(dy);
    float[] ws = Objects.requireNonNull(weights.get(opId));
    double[] sums = sums(dx);
    forEach(Objects.requireNonNull(ops.get(opId)), (i, j, k) -> sums[i] += (double) dys[k] * ws[j]);
    store(sums, dx);
    return Completion.DONE;
  }

  @Override
  public Completion backwardWeights(int opId, MemorySegment x, MemorySegment dy, MemorySegment dw) {
    float[] xs = floats(x);
    float[] dys = floats(dy);
    double[] sums = sums(dw);
    forEach(Objects.requireNonNull(ops.get(opId)), (i, j, k) -> sums[j] += (double) xs[i] * dys[k]);
    store(sums, dw);
    return Completion.DONE;
  }

  private static float[] floats(MemorySegment memory) {
    return memory.toArray(ValueLayout.JAVA_FLOAT);
  }

  private static double[] sums(MemorySegment target) {
    return new double[(int) (target.byteSize() / Float.BYTES)];
  }

  private static void store(double[] sums, MemorySegment target) {
    for (int i = 0; i < sums.length; i++) {
      target.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) sums[i]);
    }
  }

  @Override
  public void close() {}
}
