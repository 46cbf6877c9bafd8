package asymml.untrusted;

import asymml.wire.OpDescriptor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/// The definition of the three computations, written out in double precision: at all places of
/// small results, at some that a fixed seed draws of large ones.
final class Definition implements Reference {
  private static final long SEED = 17;
  private static final int SAMPLE = 1024;
  // Up to so many products all places are computed.
  private static final long MOST_PRODUCTS = 1L << 22;

  @Override
  public String name() {
    return "its definition in double precision";
  }

  @Override
  public Expected expected(Pass pass, Operands operands, Arena arena) {
    OpDescriptor op = operands.op();
    long results = pass.results(op);
    boolean all = results * pass.terms(op) <= MOST_PRODUCTS || results <= SAMPLE;
    int count = all ? Math.toIntExact(results) : SAMPLE;
    SplittableRandom random = new SplittableRandom(SEED);
    long[] places = new long[count];
    double[] values = new double[count];
    for (int i = 0; i < count; i++) {
      places[i] = all ? i : random.nextLong(results);
      values[i] = value(pass, operands, places[i]);
    }
    return new Expected() {
      @Override
      public int count() {
        return count;
      }

      @Override
      public long place(int i) {
        return places[i];
      }

      @Override
      public double value(int i) {
        return values[i];
      }
    };
  }

  private static double value(Pass pass, Operands o, long place) {
    return switch (pass) {
      case FORWARD -> forward(o, place);
      case BACKWARD_DATA -> backwardData(o, place);
      case BACKWARD_WEIGHTS -> backwardWeights(o, place);
    };
  }

  private static double forward(Operands t, long place) {
    OpDescriptor op = t.op();
    int o = (int) (place % op.outChannels());
    long pixel = place / op.outChannels();
    int ow = (int) (pixel % outWidth(op));
    int oh = (int) (pixel / outWidth(op) % outHeight(op));
    long n = pixel / outWidth(op) / outHeight(op);
    double sum = 0;
    for (int kh = 0; kh < op.kernelHeight(); kh++) {
      int h = oh * op.stride() + kh - op.padding();
      for (int kw = 0; kw < op.kernelWidth(); kw++) {
        int w = ow * op.stride() + kw - op.padding();
        if (h >= 0 && w >= 0 && h < op.height() && w < op.width()) {
          for (int c = 0; c < op.inChannels(); c++) {
            sum += at(t.x(), input(op, n, h, w, c)) * at(t.weights(), weight(op, o, kh, kw, c));
          }
        }
      }
    }
    return sum;
  }

  private static double backwardData(Operands t, long place) {
    OpDescriptor op = t.op();
    int c = (int) (place % op.inChannels());
    long pixel = place / op.inChannels();
    int w = (int) (pixel % op.width());
    int h = (int) (pixel / op.width() % op.height());
    long n = pixel / op.width() / op.height();
    double sum = 0;
    for (int kh = 0; kh < op.kernelHeight(); kh++) {
      int top = h + op.padding() - kh;
      for (int kw = 0; kw < op.kernelWidth(); kw++) {
        int left = w + op.padding() - kw;
        if (isOutput(op, top, outHeight(op)) && isOutput(op, left, outWidth(op))) {
          long y = output(op, n, top / op.stride(), left / op.stride(), 0);
          for (int o = 0; o < op.outChannels(); o++) {
            sum += at(t.dy(), y + o) * at(t.weights(), weight(op, o, kh, kw, c));
          }
        }
      }
    }
    return sum;
  }

  private static boolean isOutput(OpDescriptor op, int offset, int length) {
    return offset >= 0 && offset % op.stride() == 0 && offset / op.stride() < length;
  }

  private static double backwardWeights(Operands t, long place) {
    OpDescriptor op = t.op();
    int c = (int) (place % op.inChannels());
    long rest = place / op.inChannels();
    int kw = (int) (rest % op.kernelWidth());
    int kh = (int) (rest / op.kernelWidth() % op.kernelHeight());
    int o = (int) (rest / op.kernelWidth() / op.kernelHeight());
    double sum = 0;
    for (int n = 0; n < op.batch(); n++) {
      for (int oh = 0; oh < outHeight(op); oh++) {
        int h = oh * op.stride() + kh - op.padding();
        for (int ow = 0; ow < outWidth(op) && h >= 0 && h < op.height(); ow++) {
          int w = ow * op.stride() + kw - op.padding();
          if (w >= 0 && w < op.width()) {
            sum += at(t.x(), input(op, n, h, w, c)) * at(t.dy(), output(op, n, oh, ow, o));
          }
        }
      }
    }
    return sum;
  }

  private static double at(MemorySegment tensor, long index) {
    return tensor.getAtIndex(ValueLayout.JAVA_FLOAT, index);
  }

  private static long input(OpDescriptor op, long n, int h, int w, int c) {
    return ((n * op.height() + h) * op.width() + w) * op.inChannels() + c;
  }

  private static long output(OpDescriptor op, long n, int oh, int ow, int o) {
    return ((n * outHeight(op) + oh) * outWidth(op) + ow) * op.outChannels() + o;
  }

  private static long weight(OpDescriptor op, long o, int kh, int kw, int c) {
    return ((o * op.kernelHeight() + kh) * op.kernelWidth() + kw) * op.inChannels() + c;
  }

  private static int outHeight(OpDescriptor op) {
    return (op.height() + 2 * op.padding() - op.kernelHeight()) / op.stride() + 1;
  }

  private static int outWidth(OpDescriptor op) {
    return (op.width() + 2 * op.padding() - op.kernelWidth()) / op.stride() + 1;
  }
}
