package asymml.analysis;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.util.SplittableRandom;

/// Cases whose truth is known, made without the product's kernels.
final class Planted {
  private Planted() {}

  static Maps normal(SplittableRandom random, int n, int h, int w, int c) {
    float[] values = new float[n * h * w * c];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return new Maps(n, h, w, c, values);
  }

  static Maps noised(SplittableRandom random, Maps maps, double sigma) {
    Maps result = maps.zeros();
    for (int i = 0; i < maps.values().length; i++) {
      result.values()[i] = (float) (maps.values()[i] + sigma * random.nextGaussian());
    }
    return result;
  }

  static Tensor tensor(Arena arena, Maps maps) {
    return Tensor.allocate(arena, maps.examples(), maps.height(), maps.width(), maps.channels())
        .copyFrom(maps.values());
  }

  /// `dW [O, kH, kW, C]` as its definition says.
  static double[] weightGradient(ConvShape s, Maps x, Maps dy) {
    double[] dw = new double[s.outChannels() * s.kernelHeight() * s.kernelWidth() * s.inChannels()];
    for (int n = 0; n < s.batch(); n++) {
      for (int oy = 0; oy < s.outHeight(); oy++) {
        for (int ox = 0; ox < s.outWidth(); ox++) {
          for (int at = 0; at < dw.length; at++) {
            int c = at % s.inChannels();
            int kx = at / s.inChannels() % s.kernelWidth();
            int ky = at / s.inChannels() / s.kernelWidth() % s.kernelHeight();
            int o = at / s.inChannels() / s.kernelWidth() / s.kernelHeight();
            int iy = oy * s.stride() + ky - s.padding();
            int ix = ox * s.stride() + kx - s.padding();
            if (iy >= 0 && iy < s.height() && ix >= 0 && ix < s.width()) {
              dw[at] += (double) value(dy, n, oy, ox, o) * value(x, n, iy, ix, c);
            }
          }
        }
      }
    }
    return dw;
  }

  private static float value(Maps m, int n, int y, int x, int c) {
    return m.values()[((n * m.height() + y) * m.width() + x) * m.channels() + c];
  }

  /// `dY = a (h - mean(h) - z mean(h z))` per channel.
  static Maps throughBatchNorm(Maps h, Maps z, double a) {
    int c = h.channels();
    int count = h.positions();
    double[] mean = new double[c];
    double[] product = new double[c];
    for (int i = 0; i < h.values().length; i++) {
      mean[i % c] += (double) h.values()[i] / count;
      product[i % c] += (double) h.values()[i] * z.values()[i] / count;
    }
    Maps dy = h.zeros();
    for (int i = 0; i < h.values().length; i++) {
      dy.values()[i] = (float) (a * (h.values()[i] - mean[i % c] - z.values()[i] * product[i % c]));
    }
    return dy;
  }
}
