package asymml.kernels;

import asymml.kernels.ScatteringPlan.Grid;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// What one example is computed in. Complex values are `[x, y, lane]` or `[y, x, lane]`, a lane for
/// each channel and orientation.
final class ScatteringWorkspace {
  private static final int ORIENTATIONS = Scattering.ORIENTATIONS;

  private final ScatteringPlan plan;
  private final Grid full;
  private final Grid half;
  private final int lanes;
  private final MemorySegment memory;
  private final long smoothed;
  private final long modulus;
  private final long row;
  private long re;
  private long im;
  private long re2;
  private long im2;
  private long spectrumRe;
  private long spectrumIm;

  /// Takes up the memory.
  ///
  /// @param plan of the transform
  /// @param arena owner of the memory
  ScatteringWorkspace(ScatteringPlan plan, Arena arena) {
    this.plan = plan;
    full = plan.full;
    half = plan.half;
    lanes = plan.lanes;
    long buffer = (long) full.size() * lanes * Float.BYTES;
    memory = arena.allocate(9 * buffer, Tensor.ALIGNMENT_BYTES);
    long at = memory.address();
    re = at;
    im = at + buffer;
    re2 = at + 2 * buffer;
    im2 = at + 3 * buffer;
    spectrumRe = at + 4 * buffer;
    spectrumIm = at + 5 * buffer;
    modulus = at + 6 * buffer;
    smoothed = at + 7 * buffer;
    row = at + 8 * buffer;
  }

  /// Transforms one image.
  ///
  /// @param image address of `[H, W, C]`
  /// @param features address of `[H / 4, W / 4, 81 C]`, overwritten
  void transform(long image, long features) {
    load(image);
    smooth(full, re, features, 0, 0);
    forward(full);
    takeSpectrum();
    multiply(plan.fine);
    inverse(full);
    modulus(full, modulus);
    smooth(full, modulus, features, 1, 1);
    shift();
    fold(plan.coarse);
    finish(features, 1 + ORIENTATIONS, 1);
    at(re).copyFrom(at(modulus));
    at(im).fill((byte) 0);
    forward(full);
    takeSpectrum();
    shift();
    for (int t = 0; t < ORIENTATIONS; t++) {
      fold(plan.second[t]);
      finish(features, 1 + 2 * ORIENTATIONS + t, ORIENTATIONS);
    }
  }

  private MemorySegment at(long address) {
    return memory.asSlice(address - memory.address(), (long) full.size() * lanes * Float.BYTES);
  }

  /// Moduli and averages of wavelet coefficients at scale 1.
  private void finish(long features, int path, int step) {
    inverse(half);
    modulus(half, re);
    smooth(half, re, features, path, step);
  }

  /// The extended image, each value once for each orientation.
  private void load(long image) {
    int rows = full.rows().length();
    int columns = full.columns().length();
    for (int y = 0; y < rows; y++) {
      int fromY = mirrored(y - (rows - plan.height) / 2, plan.height);
      for (int x = 0; x < columns; x++) {
        int fromX = mirrored(x - (columns - plan.width) / 2, plan.width);
        long to = ((long) y * columns + x) * lanes;
        for (int lane = 0; lane < lanes; lane++) {
          long from = ((long) fromY * plan.width + fromX) * plan.channels + lane / ORIENTATIONS;
          Lanes.set(re, to + lane, Lanes.get(image, from));
        }
      }
    }
    at(im).fill((byte) 0);
  }

  /// The mirror image repeats every two lengths.
  private static int mirrored(int place, int length) {
    int folded = Math.floorMod(place, 2 * length);
    return Math.min(folded, 2 * length - 1 - folded);
  }

  /// From `[y, x, lane]` to the frequencies `[x, y, lane]`.
  private void forward(Grid grid) {
    int rows = grid.rows().length();
    int columns = grid.columns().length();
    if (grid.rows().transform(re, im, re2, im2, columns * lanes)) {
      swap();
    }
    transpose(rows, columns);
    if (grid.columns().transform(re, im, re2, im2, rows * lanes)) {
      swap();
    }
  }

  /// From the frequencies `[x, y, lane]` to `[y, x, lane]`.
  private void inverse(Grid grid) {
    int rows = grid.rows().length();
    int columns = grid.columns().length();
    // Real and imaginary parts exchanged: the inverse.
    if (grid.columns().transform(im, re, im2, re2, rows * lanes)) {
      swap();
    }
    transpose(columns, rows);
    if (grid.rows().transform(im, re, im2, re2, columns * lanes)) {
      swap();
    }
  }

  private void swap() {
    long other = re;
    re = re2;
    re2 = other;
    other = im;
    im = im2;
    im2 = other;
  }

  private void takeSpectrum() {
    long other = re;
    re = spectrumRe;
    spectrumRe = other;
    other = im;
    im = spectrumIm;
    spectrumIm = other;
  }

  /// From `[outer, inner, lane]` to `[inner, outer, lane]`.
  private void transpose(int outer, int inner) {
    transpose(re, re2, outer, inner);
    transpose(im, im2, outer, inner);
    swap();
  }

  private void transpose(long from, long to, int outer, int inner) {
    for (int lane = 0; lane < lanes; lane += Lanes.COUNT) {
      VectorMask<Float> mask = Lanes.tail(lane, lanes);
      for (int i = 0; i < inner; i++) {
        long target = (long) i * outer * lanes + lane;
        for (int o = 0; o < outer; o++) {
          long source = ((long) o * inner + i) * lanes + lane;
          Lanes.store(Lanes.load(from, source, mask), to, target, mask);
          target += lanes;
        }
      }
    }
  }

  private void multiply(float[] filter) {
    for (int i = 0; i < filter.length; i += Lanes.COUNT) {
      FloatVector factor = FloatVector.fromArray(Lanes.FLOATS, filter, i);
      Lanes.store(Lanes.load(spectrumRe, i).mul(factor), re, i);
      Lanes.store(Lanes.load(spectrumIm, i).mul(factor), im, i);
    }
  }

  /// Shifts what has the spectrum by half a pixel along both axes.
  private void shift() {
    for (int i = 0; i < plan.cosines.length; i += Lanes.COUNT) {
      FloatVector c = FloatVector.fromArray(Lanes.FLOATS, plan.cosines, i);
      FloatVector s = FloatVector.fromArray(Lanes.FLOATS, plan.sines, i);
      FloatVector a = Lanes.load(spectrumRe, i);
      FloatVector b = Lanes.load(spectrumIm, i);
      Lanes.store(a.mul(c).sub(b.mul(s)), spectrumRe, i);
      Lanes.store(a.mul(s).add(b.mul(c)), spectrumIm, i);
    }
  }

  /// Filters, and takes every second pixel: frequencies that look alike then are added.
  private void fold(float[] filter) {
    int rows = half.rows().length();
    int columns = half.columns().length();
    int run = rows * lanes;
    for (int x = 0; x < columns; x++) {
      int first = 2 * x * run;
      fold(spectrumRe, filter, re, x * run, first, first + 2 * columns * run, run);
      fold(spectrumIm, filter, im, x * run, first, first + 2 * columns * run, run);
    }
  }

  private static void fold(
      long from, float[] filter, long to, int at, int first, int second, int run) {
    for (int i = 0; i < run; i += Lanes.COUNT) {
      FloatVector sum =
          Lanes.load(from, first + i).mul(FloatVector.fromArray(Lanes.FLOATS, filter, first + i));
      sum = add(from, filter, first + run + i, sum);
      sum = add(from, filter, second + i, sum);
      sum = add(from, filter, second + run + i, sum);
      Lanes.store(sum, to, at + i);
    }
  }

  private static FloatVector add(long from, float[] filter, int i, FloatVector sum) {
    return Lanes.load(from, i).fma(FloatVector.fromArray(Lanes.FLOATS, filter, i), sum);
  }

  private void modulus(Grid grid, long to) {
    int size = grid.size() * lanes;
    for (int i = 0; i < size; i += Lanes.COUNT) {
      FloatVector a = Lanes.load(re, i);
      FloatVector b = Lanes.load(im, i);
      Lanes.store(a.fma(a, b.mul(b)).sqrt(), to, i);
    }
  }

  /// Averages, and stores the lane of orientation t as path `path + t * step`.
  private void smooth(Grid grid, long from, long features, int path, int step) {
    Smoothing alongY = grid.smoothY();
    Smoothing alongX = grid.smoothX();
    for (int o = 0; o < alongY.outputs(); o++) {
      alongY.average(o, from, alongX.samples() * lanes, smoothed);
      for (int p = 0; p < alongX.outputs(); p++) {
        alongX.average(p, smoothed, lanes, row);
        long pixel = (long) o * alongX.outputs() + p;
        long to = pixel * plan.channels * Scattering.PATHS + path;
        for (int lane = 0; lane < lanes; lane++) {
          int orientation = lane % ORIENTATIONS;
          if (orientation == 0 || step > 0) {
            Lanes.set(
                features,
                to + (long) lane / ORIENTATIONS * Scattering.PATHS + (long) orientation * step,
                Lanes.get(row, lane));
          }
        }
      }
    }
  }

  /// Zeroes the memory.
  void clear() {
    memory.fill((byte) 0);
  }
}
