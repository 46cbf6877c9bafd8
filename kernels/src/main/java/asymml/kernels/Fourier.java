package asymml.kernels;

import java.util.ArrayList;
import java.util.List;
import jdk.incubator.vector.FloatVector;

/// The discrete Fourier transform along the first axis of complex matrices `[n, inner]`, whose
/// lengths n are products of 2, 3 and 5: Stockham's algorithm, which needs no bit reversal, on
/// vectors along the second axis. Not scaled. Real and imaginary parts are kept apart, so that the
/// inverse is the transform with the two exchanged.
final class Fourier {
  private static final int[] RADICES = {5, 4, 3, 2};

  private final int length;
  private final Stage[] stages;

  /// One pass over the data.
  ///
  /// @param radix r, 2 to 5
  /// @param blocks m: how many values of the stage's length are left after it
  /// @param stride s: the product of the radices before it
  /// @param cosines real parts of the m (r - 1) factors behind the butterflies
  /// @param sines their imaginary parts
  @SuppressWarnings("ArrayRecordComponent") // Not compared.
  private record Stage(int radix, int blocks, int stride, float[] cosines, float[] sines) {}

  /// Plans the transform.
  ///
  /// @param length n, a product of 2, 3 and 5
  Fourier(int length) {
    this.length = length;
    List<Stage> all = new ArrayList<>();
    int rest = length;
    int stride = 1;
    for (int radix : RADICES) {
      while (rest % radix == 0 && rest > 1) {
        all.add(stage(radix, rest, stride));
        rest /= radix;
        stride *= radix;
      }
    }
    if (rest != 1) {
      throw new IllegalArgumentException("not a product of 2, 3 and 5: " + length);
    }
    stages = all.toArray(Stage[]::new);
  }

  private static Stage stage(int radix, int length, int stride) {
    int blocks = length / radix;
    float[] cosines = new float[blocks * (radix - 1)];
    float[] sines = new float[blocks * (radix - 1)];
    for (int p = 0; p < blocks; p++) {
      for (int j = 1; j < radix; j++) {
        double angle = -2 * Math.PI * p * j / length;
        cosines[p * (radix - 1) + j - 1] = (float) Math.cos(angle);
        sines[p * (radix - 1) + j - 1] = (float) Math.sin(angle);
      }
    }
    return new Stage(radix, blocks, stride, cosines, sines);
  }

  /// The number of values it transforms.
  int length() {
    return length;
  }

  /// Transforms; the data move between two places. Both are overwritten.
  ///
  /// @param re address of the real parts `[n, inner]`
  /// @param im address of the imaginary parts
  /// @param re2 address of a second place for the real parts
  /// @param im2 address of a second place for the imaginary parts
  /// @param inner a multiple of [Lanes#COUNT]
  /// @return whether the result is in the second place
  boolean transform(long re, long im, long re2, long im2, int inner) {
    boolean moved = false;
    for (Stage stage : stages) {
      if (moved) {
        run(stage, re2, im2, re, im, inner);
      } else {
        run(stage, re, im, re2, im2, inner);
      }
      moved = !moved;
    }
    return moved;
  }

  private static void run(Stage stage, long re, long im, long re2, long im2, int inner) {
    long run = (long) stage.stride * inner;
    long apart = run * stage.blocks;
    for (int p = 0; p < stage.blocks; p++) {
      long from = p * run;
      long to = p * run * stage.radix;
      int w = p * (stage.radix - 1);
      switch (stage.radix) {
        case 2 -> two(stage, w, re, im, re2, im2, from, apart, to, run);
        case 3 -> three(stage, w, re, im, re2, im2, from, apart, to, run);
        case 4 -> four(stage, w, re, im, re2, im2, from, apart, to, run);
        default -> five(stage, w, re, im, re2, im2, from, apart, to, run);
      }
    }
  }

  private static void two(
      Stage stage,
      int w,
      long re,
      long im,
      long re2,
      long im2,
      long from,
      long apart,
      long to,
      long run) {
    FloatVector c1 = broadcast(stage.cosines[w]);
    FloatVector s1 = broadcast(stage.sines[w]);
    for (long i = 0; i < run; i += Lanes.COUNT) {
      FloatVector r0 = Lanes.load(re, from + i);
      FloatVector i0 = Lanes.load(im, from + i);
      FloatVector r1 = Lanes.load(re, from + apart + i);
      FloatVector i1 = Lanes.load(im, from + apart + i);
      Lanes.store(r0.add(r1), re2, to + i);
      Lanes.store(i0.add(i1), im2, to + i);
      FloatVector dr = r0.sub(r1);
      FloatVector di = i0.sub(i1);
      Lanes.store(dr.mul(c1).sub(di.mul(s1)), re2, to + run + i);
      Lanes.store(dr.mul(s1).add(di.mul(c1)), im2, to + run + i);
    }
  }

  private static void three(
      Stage stage,
      int w,
      long re,
      long im,
      long re2,
      long im2,
      long from,
      long apart,
      long to,
      long run) {
    FloatVector c1 = broadcast(stage.cosines[w]);
    FloatVector s1 = broadcast(stage.sines[w]);
    FloatVector c2 = broadcast(stage.cosines[w + 1]);
    FloatVector s2 = broadcast(stage.sines[w + 1]);
    FloatVector half = broadcast(-0.5f);
    FloatVector root = broadcast((float) (Math.sqrt(3) / 2));
    for (long i = 0; i < run; i += Lanes.COUNT) {
      FloatVector r0 = Lanes.load(re, from + i);
      FloatVector i0 = Lanes.load(im, from + i);
      FloatVector r1 = Lanes.load(re, from + apart + i);
      FloatVector i1 = Lanes.load(im, from + apart + i);
      FloatVector r2 = Lanes.load(re, from + 2 * apart + i);
      FloatVector i2 = Lanes.load(im, from + 2 * apart + i);
      FloatVector sr = r1.add(r2);
      FloatVector si = i1.add(i2);
      FloatVector mr = sr.fma(half, r0);
      FloatVector mi = si.fma(half, i0);
      // -i sqrt(3)/2 (x1 - x2)
      FloatVector tr = i1.sub(i2).mul(root);
      FloatVector ti = r2.sub(r1).mul(root);
      Lanes.store(r0.add(sr), re2, to + i);
      Lanes.store(i0.add(si), im2, to + i);
      turn(mr.add(tr), mi.add(ti), c1, s1, re2, im2, to + run + i);
      turn(mr.sub(tr), mi.sub(ti), c2, s2, re2, im2, to + 2 * run + i);
    }
  }

  private static void four(
      Stage stage,
      int w,
      long re,
      long im,
      long re2,
      long im2,
      long from,
      long apart,
      long to,
      long run) {
    FloatVector c1 = broadcast(stage.cosines[w]);
    FloatVector s1 = broadcast(stage.sines[w]);
    FloatVector c2 = broadcast(stage.cosines[w + 1]);
    FloatVector s2 = broadcast(stage.sines[w + 1]);
    FloatVector c3 = broadcast(stage.cosines[w + 2]);
    FloatVector s3 = broadcast(stage.sines[w + 2]);
    for (long i = 0; i < run; i += Lanes.COUNT) {
      FloatVector r0 = Lanes.load(re, from + i);
      FloatVector i0 = Lanes.load(im, from + i);
      FloatVector r1 = Lanes.load(re, from + apart + i);
      FloatVector i1 = Lanes.load(im, from + apart + i);
      FloatVector r2 = Lanes.load(re, from + 2 * apart + i);
      FloatVector i2 = Lanes.load(im, from + 2 * apart + i);
      FloatVector r3 = Lanes.load(re, from + 3 * apart + i);
      FloatVector i3 = Lanes.load(im, from + 3 * apart + i);
      FloatVector ar = r0.add(r2);
      FloatVector ai = i0.add(i2);
      FloatVector br = r0.sub(r2);
      FloatVector bi = i0.sub(i2);
      FloatVector cr = r1.add(r3);
      FloatVector ci = i1.add(i3);
      // -i (x1 - x3)
      FloatVector dr = i1.sub(i3);
      FloatVector di = r3.sub(r1);
      Lanes.store(ar.add(cr), re2, to + i);
      Lanes.store(ai.add(ci), im2, to + i);
      turn(br.add(dr), bi.add(di), c1, s1, re2, im2, to + run + i);
      turn(ar.sub(cr), ai.sub(ci), c2, s2, re2, im2, to + 2 * run + i);
      turn(br.sub(dr), bi.sub(di), c3, s3, re2, im2, to + 3 * run + i);
    }
  }

  private static void five(
      Stage stage,
      int w,
      long re,
      long im,
      long re2,
      long im2,
      long from,
      long apart,
      long to,
      long run) {
    FloatVector near = broadcast((float) Math.cos(2 * Math.PI / 5));
    FloatVector far = broadcast((float) Math.cos(4 * Math.PI / 5));
    FloatVector nearSine = broadcast((float) Math.sin(2 * Math.PI / 5));
    FloatVector farSine = broadcast((float) Math.sin(4 * Math.PI / 5));
    for (long i = 0; i < run; i += Lanes.COUNT) {
      FloatVector r0 = Lanes.load(re, from + i);
      FloatVector i0 = Lanes.load(im, from + i);
      FloatVector r1 = Lanes.load(re, from + apart + i);
      FloatVector i1 = Lanes.load(im, from + apart + i);
      FloatVector r2 = Lanes.load(re, from + 2 * apart + i);
      FloatVector i2 = Lanes.load(im, from + 2 * apart + i);
      FloatVector r3 = Lanes.load(re, from + 3 * apart + i);
      FloatVector i3 = Lanes.load(im, from + 3 * apart + i);
      FloatVector r4 = Lanes.load(re, from + 4 * apart + i);
      FloatVector i4 = Lanes.load(im, from + 4 * apart + i);
      FloatVector outerR = r1.add(r4);
      FloatVector outerI = i1.add(i4);
      FloatVector innerR = r2.add(r3);
      FloatVector innerI = i2.add(i3);
      FloatVector outerDr = r1.sub(r4);
      FloatVector outerDi = i1.sub(i4);
      FloatVector innerDr = r2.sub(r3);
      FloatVector innerDi = i2.sub(i3);
      Lanes.store(r0.add(outerR).add(innerR), re2, to + i);
      Lanes.store(i0.add(outerI).add(innerI), im2, to + i);
      FloatVector mr = outerR.fma(near, innerR.fma(far, r0));
      FloatVector mi = outerI.fma(near, innerI.fma(far, i0));
      // -i times the weighted differences
      FloatVector tr = outerDi.mul(nearSine).add(innerDi.mul(farSine));
      FloatVector ti = outerDr.mul(nearSine).add(innerDr.mul(farSine)).neg();
      turn(mr.add(tr), mi.add(ti), stage, w, re2, im2, to + run + i);
      turn(mr.sub(tr), mi.sub(ti), stage, w + 3, re2, im2, to + 4 * run + i);
      mr = outerR.fma(far, innerR.fma(near, r0));
      mi = outerI.fma(far, innerI.fma(near, i0));
      tr = outerDi.mul(farSine).sub(innerDi.mul(nearSine));
      ti = innerDr.mul(nearSine).sub(outerDr.mul(farSine));
      turn(mr.add(tr), mi.add(ti), stage, w + 1, re2, im2, to + 2 * run + i);
      turn(mr.sub(tr), mi.sub(ti), stage, w + 2, re2, im2, to + 3 * run + i);
    }
  }

  private static void turn(
      FloatVector r, FloatVector i, Stage stage, int w, long re2, long im2, long to) {
    turn(r, i, broadcast(stage.cosines[w]), broadcast(stage.sines[w]), re2, im2, to);
  }

  /// Stores a complex product.
  private static void turn(
      FloatVector r, FloatVector i, FloatVector c, FloatVector s, long re2, long im2, long to) {
    Lanes.store(r.mul(c).sub(i.mul(s)), re2, to);
    Lanes.store(r.mul(s).add(i.mul(c)), im2, to);
  }

  private static FloatVector broadcast(float value) {
    return FloatVector.broadcast(Lanes.FLOATS, value);
  }
}
