package asymml.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.ConcurrentLinkedQueue;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// The scattering transform of images: moduli of wavelet transforms, once and twice, averaged over
/// small neighbourhoods (Bruna and Mallat 2013, arXiv 1203.1513). It has no parameters.
///
/// With Morlet wavelets `psi` ([Morlet]) on two scales in eight orientations `t pi / 8`, and a
/// Gaussian `phi` of standard deviation 1.6 pixels and sum 1, the paths of a colour x are, in this
/// order:
///
/// | paths | value |
/// |---|---|
/// | 0 | `x * phi` |
/// | 1 + t | `abs(x * psi(0, t)) * phi` |
/// | 9 + t | `abs(x * psi(1, t)) * phi` |
/// | 17 + 8 t + u | `abs(abs(x * psi(0, t)) * psi(1, u)) * phi` |
///
/// The image is extended by its mirror image, edge pixels repeated, by at least four pixels on each
/// side, and then repeated periodically. Results are taken at pixels 1.5, 5.5, ... and moduli of
/// scale 1 at pixels 0.5, 2.5, ..., which is symmetric: the transform of a mirrored image is the
/// mirrored transform with orientation t in the place of `-t mod 8` ([#mirror]).
///
/// Each example is computed by itself, in float32, whatever the number of threads. Safe for use by
/// several threads. [#close] zeroes what it computed with.
public final class Scattering implements AutoCloseable {
  /// The number of orientations, L.
  public static final int ORIENTATIONS = 8;

  /// Channels of the output for each channel of the images.
  public static final int PATHS = 1 + 2 * ORIENTATIONS + ORIENTATIONS * ORIENTATIONS;

  /// Pixels of the images, along each axis, for each pixel of the output.
  public static final int REDUCTION = 4;

  private static final int LEAST_MARGIN = 4;
  private static final double SMOOTHING = 1.6;

  private final int height;
  private final int width;
  private final int channels;
  private final int lanes;
  private final Grid full;
  private final Grid half;
  // [kx, ky, channel, orientation]; of the second wavelet, one for each orientation.
  private final float[] fine;
  private final float[] coarse;
  private final float[][] second;
  private final float[] cosines;
  private final float[] sines;
  private final ConcurrentLinkedQueue<Workspace> idle = new ConcurrentLinkedQueue<>();
  private final Arena arena = Arena.ofShared(); // used by worker threads of the kernels

  /// The torus of images, or of moduli at scale 1.
  ///
  /// @param rows transform along y
  /// @param columns transform along x
  /// @param smoothY phi along y, taken at the output's rows
  /// @param smoothX phi along x, taken at the output's columns
  private record Grid(Fourier rows, Fourier columns, Smoothing smoothY, Smoothing smoothX) {
    int size() {
      return rows.length() * columns.length();
    }
  }

  /// A matrix `[outputs, length]` that is nearly 0 but for a band in each row.
  @SuppressWarnings("ArrayRecordComponent") // Not compared.
  private record Smoothing(int outputs, int length, float[] weights, int[] from, int[] to) {}

  /// Plans the transform.
  ///
  /// @param height H, a multiple of 4
  /// @param width W, a multiple of 4
  /// @param channels C, at least 1
  /// @throws IllegalArgumentException if a size is out of range
  public Scattering(int height, int width, int channels) {
    if (height < REDUCTION
        || width < REDUCTION
        || height % REDUCTION != 0
        || width % REDUCTION != 0) {
      throw new IllegalArgumentException(
          "height and width must be multiples of " + REDUCTION + ": " + height + " x " + width);
    }
    this.height = height;
    this.width = width;
    this.channels = Operands.atLeastOne("channels", channels);
    lanes = Math.multiplyExact(channels, ORIENTATIONS);
    int rows = torus(height);
    int columns = torus(width);
    full = grid(rows, columns, 1);
    half = grid(rows, columns, 2);
    double[][] fineFilters = filters(rows, columns, 0);
    double[][] coarseFilters = filters(rows, columns, 1);
    fine = perLane(fineFilters);
    coarse = perLane(coarseFilters);
    second = new float[ORIENTATIONS][];
    for (int t = 0; t < ORIENTATIONS; t++) {
      double[][] same = new double[ORIENTATIONS][];
      Arrays.fill(same, coarseFilters[t]);
      second[t] = perLane(same);
    }
    cosines = new float[rows * columns * lanes];
    sines = new float[rows * columns * lanes];
    for (int i = 0; i < cosines.length; i++) {
      int x = i / lanes / rows;
      int y = i / lanes % rows;
      double angle = Math.PI * ((double) x / columns + (double) y / rows);
      cosines[i] = (float) Math.cos(angle);
      sines[i] = (float) Math.sin(angle);
    }
  }

  /// The smallest multiple of 4 with enough room that is a product of 2, 3 and 5.
  private static int torus(int length) {
    int size = length + 2 * LEAST_MARGIN;
    while (!isSmooth(size)) {
      size += REDUCTION;
    }
    return size;
  }

  private static boolean isSmooth(int size) {
    int rest = size;
    for (int factor : new int[] {2, 3, 5}) {
      while (rest % factor == 0) {
        rest /= factor;
      }
    }
    return rest == 1;
  }

  private Grid grid(int rows, int columns, int step) {
    return new Grid(
        new Fourier(rows / step),
        new Fourier(columns / step),
        smoothing(height, rows, step),
        smoothing(width, columns, step));
  }

  private static Smoothing smoothing(int length, int torus, int step) {
    int outputs = length / REDUCTION;
    int samples = torus / step;
    int margin = (torus - length) / 2;
    float[] weights = new float[outputs * samples];
    int[] from = new int[outputs];
    int[] to = new int[outputs];
    for (int o = 0; o < outputs; o++) {
      double centre = margin + REDUCTION * o + 1.5;
      double[] row = new double[samples];
      double sum = 0;
      for (int n = 0; n < samples; n++) {
        double position = step * n + (step - 1) / 2.0;
        for (int k = -2; k <= 2; k++) {
          double distance = position + (double) k * torus - centre;
          row[n] += Math.exp(-distance * distance / (2 * SMOOTHING * SMOOTHING));
        }
        sum += row[n];
      }
      to[o] = 0;
      from[o] = samples;
      for (int n = 0; n < samples; n++) {
        if (row[n] > 1e-9) {
          from[o] = Math.min(from[o], n);
          to[o] = n + 1;
        }
        weights[o * samples + n] = (float) (row[n] / sum);
      }
    }
    return new Smoothing(outputs, samples, weights, from, to);
  }

  /// The wavelets of a scale, scaled by what the inverse transforms lack.
  private static double[][] filters(int rows, int columns, int scale) {
    double[][] filters = new double[ORIENTATIONS][];
    for (int t = 0; t < ORIENTATIONS; t++) {
      filters[t] =
          new Morlet(Math.PI * t / ORIENTATIONS, scale, scale == 1).transform(rows, columns);
      for (int k = 0; k < filters[t].length; k++) {
        filters[t][k] /= (double) rows * columns;
      }
    }
    return filters;
  }

  private float[] perLane(double[][] filters) {
    float[] values = new float[filters[0].length * lanes];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) filters[i % ORIENTATIONS][i / lanes];
    }
    return values;
  }

  /// Transforms a batch.
  ///
  /// @param images `[N, H, W, C]`
  /// @param features `[N, H / 4, W / 4, 81 C]`, the paths of a colour together; overwritten
  /// @throws IllegalArgumentException if a shape differs
  /// @throws IllegalStateException if closed
  public void forward(Tensor images, Tensor features) {
    Primitive.requireOpen(!arena.scope().isAlive(), "scattering transform");
    int batch = images.length(0);
    long in = Operands.address("images", images, batch, height, width, channels);
    long out =
        Operands.address(
            "features", features, batch, height / REDUCTION, width / REDUCTION, PATHS * channels);
    long imageBytes = images.sizeBytes() / batch;
    long featureBytes = features.sizeBytes() / batch;
    Parallel.run(
        batch,
        example -> {
          Workspace free = idle.poll();
          Workspace workspace = free == null ? new Workspace() : free;
          workspace.transform(in + example * imageBytes, out + example * featureBytes);
          idle.add(workspace);
        });
  }

  /// What one example is computed in. Complex values are `[x, y, lane]` or `[y, x, lane]`, a lane
  /// for each channel and orientation.
  private final class Workspace {
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

    Workspace() {
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

    void transform(long image, long features) {
      load(image);
      smooth(full, re, features, 0, 0);
      forward(full);
      takeSpectrum();
      multiply(fine);
      inverse(full);
      modulus(full, modulus);
      smooth(full, modulus, features, 1, 1);
      shift();
      fold(coarse);
      finish(features, 1 + ORIENTATIONS, 1);
      MemorySegment all = memory;
      all.asSlice(re - all.address(), bytes(full))
          .copyFrom(all.asSlice(modulus - all.address(), bytes(full)));
      all.asSlice(im - all.address(), bytes(full)).fill((byte) 0);
      forward(full);
      takeSpectrum();
      shift();
      for (int t = 0; t < ORIENTATIONS; t++) {
        fold(second[t]);
        finish(features, 1 + 2 * ORIENTATIONS + t, ORIENTATIONS);
      }
    }

    private long bytes(Grid grid) {
      return (long) grid.size() * lanes * Float.BYTES;
    }

    /// Moduli and averages of wavelet coefficients at scale 1.
    private void finish(long features, int path, int step) {
      inverse(half);
      modulus(half, re);
      smooth(half, re, features, path, step);
    }

    /// The extended image, each value once for each orientation.
    private void load(long image) {
      int rows = full.rows.length();
      int columns = full.columns.length();
      for (int y = 0; y < rows; y++) {
        int fromY = mirrored(y - (rows - height) / 2, height);
        for (int x = 0; x < columns; x++) {
          int fromX = mirrored(x - (columns - width) / 2, width);
          long to = ((long) y * columns + x) * lanes;
          for (int lane = 0; lane < lanes; lane++) {
            long from = ((long) fromY * width + fromX) * channels + lane / ORIENTATIONS;
            Lanes.set(re, to + lane, Lanes.get(image, from));
          }
        }
      }
      memory.asSlice(im - memory.address(), bytes(full)).fill((byte) 0);
    }

    /// The mirror image repeats every two lengths.
    private static int mirrored(int place, int length) {
      int folded = Math.floorMod(place, 2 * length);
      return Math.min(folded, 2 * length - 1 - folded);
    }

    /// From `[y, x, lane]` to the frequencies `[x, y, lane]`.
    private void forward(Grid grid) {
      int rows = grid.rows.length();
      int columns = grid.columns.length();
      if (grid.rows.transform(re, im, re2, im2, columns * lanes)) {
        swap();
      }
      transpose(rows, columns);
      if (grid.columns.transform(re, im, re2, im2, rows * lanes)) {
        swap();
      }
    }

    /// From the frequencies `[x, y, lane]` to `[y, x, lane]`.
    private void inverse(Grid grid) {
      int rows = grid.rows.length();
      int columns = grid.columns.length();
      // Real and imaginary parts exchanged: the inverse.
      if (grid.columns.transform(im, re, im2, re2, rows * lanes)) {
        swap();
      }
      transpose(columns, rows);
      if (grid.rows.transform(im, re, im2, re2, columns * lanes)) {
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
      for (int i = 0; i < cosines.length; i += Lanes.COUNT) {
        FloatVector c = FloatVector.fromArray(Lanes.FLOATS, cosines, i);
        FloatVector s = FloatVector.fromArray(Lanes.FLOATS, sines, i);
        FloatVector a = Lanes.load(spectrumRe, i);
        FloatVector b = Lanes.load(spectrumIm, i);
        Lanes.store(a.mul(c).sub(b.mul(s)), spectrumRe, i);
        Lanes.store(a.mul(s).add(b.mul(c)), spectrumIm, i);
      }
    }

    /// Filters, and takes every second pixel: frequencies that look alike then are added.
    private void fold(float[] filter) {
      int rows = half.rows.length();
      int columns = half.columns.length();
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
      Smoothing alongY = grid.smoothY;
      Smoothing alongX = grid.smoothX;
      int run = alongX.length * lanes;
      for (int o = 0; o < alongY.outputs; o++) {
        average(alongY, o, from, run, smoothed, run);
        for (int p = 0; p < alongX.outputs; p++) {
          averageLanes(alongX, p);
          long to = (long) (o * alongX.outputs + p) * channels * PATHS + path;
          for (int lane = 0; lane < lanes; lane++) {
            int orientation = lane % ORIENTATIONS;
            if (orientation == 0 || step > 0) {
              Lanes.set(
                  features,
                  to + (long) lane / ORIENTATIONS * PATHS + (long) orientation * step,
                  Lanes.get(row, lane));
            }
          }
        }
      }
    }

    /// One row of a matrix times rows of `run` values.
    private static void average(
        Smoothing matrix, int output, long from, int apart, long to, int run) {
      int first = matrix.from[output];
      int end = matrix.to[output];
      int weights = output * matrix.length;
      for (int i = 0; i < run; i += Lanes.COUNT) {
        FloatVector sum = FloatVector.zero(Lanes.FLOATS);
        for (int n = first; n < end; n++) {
          FloatVector weight = FloatVector.broadcast(Lanes.FLOATS, matrix.weights[weights + n]);
          sum = Lanes.load(from, (long) n * apart + i).fma(weight, sum);
        }
        Lanes.store(sum, to, i);
      }
    }

    private void averageLanes(Smoothing matrix, int output) {
      for (int lane = 0; lane < lanes; lane += Lanes.COUNT) {
        VectorMask<Float> mask = Lanes.tail(lane, lanes);
        FloatVector sum = FloatVector.zero(Lanes.FLOATS);
        for (int n = matrix.from[output]; n < matrix.to[output]; n++) {
          float weight = matrix.weights[output * matrix.length + n];
          sum = Lanes.load(smoothed, (long) n * lanes + lane, mask).mul(weight).add(sum);
        }
        Lanes.store(sum, row, lane, mask);
      }
    }
  }

  /// The features of the mirrored image, from those of the image. Exact.
  ///
  /// @param features of one image, `[H / 4, W / 4, 81 C]`
  /// @param width W / 4
  /// @param channels C
  /// @param mirrored of the same length, overwritten; not the same array
  public static void mirror(float[] features, int width, int channels, float[] mirrored) {
    int values = channels * PATHS;
    int pixels = features.length / values;
    for (int pixel = 0; pixel < pixels; pixel++) {
      int column = pixel % width;
      int from = pixel * values;
      int to = (pixel - column + width - 1 - column) * values;
      for (int c = 0; c < values; c++) {
        mirrored[to + c / PATHS * PATHS + mirrored(c % PATHS)] = features[from + c];
      }
    }
  }

  /// Where a path's value stands for the mirrored image.
  ///
  /// @param path from 0 to 80
  /// @return the path whose orientations are mirrored
  public static int mirrored(int path) {
    if (path == 0) {
      return 0;
    }
    boolean twice = path > 2 * ORIENTATIONS;
    int start = twice ? 1 + 2 * ORIENTATIONS : 1;
    int first = (path - start) / ORIENTATIONS;
    int last = (path - start) % ORIENTATIONS;
    return start + (twice ? opposite(first) : first) * ORIENTATIONS + opposite(last);
  }

  private static int opposite(int orientation) {
    return (ORIENTATIONS - orientation) % ORIENTATIONS;
  }

  /// Zeroes and frees the memory. Idempotent.
  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      idle.forEach(workspace -> workspace.memory.fill((byte) 0));
      idle.clear();
      arena.close();
    }
  }
}
