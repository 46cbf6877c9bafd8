package asymml.trusted.decompose;

import asymml.kernels.ConvShape;
import asymml.kernels.DoubleSum;
import asymml.kernels.Elementwise;
import asymml.kernels.Gemm;
import asymml.kernels.LowRank;
import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.trusted.plan.Rank;
import asymml.trusted.plan.RankPolicy;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.function.IntPredicate;

/// One orthonormal basis `A [C, r]` for the whole batch, and a channel mean.
///
/// With `B = X A` (one product on `[N P, C]`), the low-rank part is `X_T = B A^T + 1 m^T`, where
/// `m` is the part of the channel mean outside the basis, `m = mean - A A^T mean`; so `X_T = 1
/// mean^T + (X - 1 mean^T) A A^T`, the projection of the centred input, and `B` needs no centring
/// of its own. The mean is carried as one direction more, whose coefficient is 1 everywhere: `X_T =
/// [B, 1] [A, m]^T` is one product of r + 1 channels, at the borders of padded maps too.
///
/// The basis is refreshed by subspace iteration on the centred covariance, warm-started from the
/// last one: exact convergence is not needed, since whatever the basis misses goes into the
/// residual. A Rayleigh-Ritz step orders its columns by energy, which is what lets an energy bound
/// cut it.
public final class SharedDecomposer implements Decomposer {
  /// Rounds from a random start: 4 leave up to 8 % more than the optimum where few directions of
  /// nearly equal energy are kept, 12 less than 2 %. Paid once in a run.
  private static final int COLD_ITERATIONS = 12;

  /// Rounds on second moments, which cost no pass over activations.
  private static final int MOMENT_ITERATIONS = 12;

  /// Scaling in float32 rounds by 2^-24 of a value: a limited example ends below its bound by more.
  private static final double BELOW = 1 - 0x1p-20;

  /// How far a sum in float64 can be off, relative to itself: some 2^-53 for each of up to 10,000
  /// terms that one lane of a vector adds up.
  private static final double SUM_ROUNDING = 0x1p-39;

  private final int maxBatch;
  private final int pixels;
  private final int channels;
  private final int cap;
  private final double residualShare;
  private final Refresh refresh;
  private final boolean fitsBatches;
  private final Arena arena = Arena.ofShared(); // read by worker threads of the kernels
  private final Tensor full; // [C, cap], columns by falling energy
  private final Tensor directionMemory; // [cap + 1, C], holds A^T and m^T
  private final Tensor coefficientMemory; // [maxBatch P (cap + 1)], holds B and ones
  private final Tensor channelMean;
  private final Tensor moment; // [C, cap], scratch
  private Tensor directions; // [r + 1, C]
  private double offsetInside; // |A^T m|, 0 but for rounding
  private boolean fitted;
  private long renewals;
  private boolean closed;
  private int batch;

  /// Creates a decomposer without a basis; the first [#fit] finds one.
  ///
  /// @param batch largest number of examples
  /// @param input shape of one example
  /// @param layer the layer's place among the linear layers, from 0; fixes the random start
  /// @param rank the rank, at least 1
  /// @param refresh how often to renew the basis
  public SharedDecomposer(int batch, Shape input, int layer, Rank rank, Refresh refresh) {
    this(batch, input, layer, rank, refresh, true);
  }

  /// Creates a decomposer without a basis.
  ///
  /// @param batch largest number of examples
  /// @param input shape of one example
  /// @param layer the layer's place among the linear layers, from 0; fixes the random start
  /// @param rank the rank, at least 1
  /// @param refresh how often to renew the basis
  /// @param fitsBatches whether [#fit] finds and renews the basis; if not, a `refit` has to come
  ///   first
  public SharedDecomposer(
      int batch, Shape input, int layer, Rank rank, Refresh refresh, boolean fitsBatches) {
    this.fitsBatches = fitsBatches;
    this.maxBatch = batch;
    this.pixels = input.pixels();
    this.channels = input.channels();
    this.cap = Math.min(rank.most(), channels);
    if (cap < 1) {
      throw new IllegalArgumentException("a decomposition needs a rank of at least 1");
    }
    this.residualShare = rank.residualShare();
    this.refresh = refresh;
    this.full = Tensor.allocate(arena, channels, cap);
    this.directionMemory = Tensor.allocate(arena, cap + 1, channels);
    this.channelMean = Tensor.allocate(arena, channels);
    this.moment = Tensor.allocate(arena, channels, cap);
    this.coefficientMemory = Tensor.allocate(arena, batch * pixels, cap + 1);
    this.directions = directionMemory;
    SplittableRandom random = new SplittableRandom(layer);
    double[][] start = new double[cap][channels];
    for (double[] column : start) {
      for (int c = 0; c < channels; c++) {
        column[c] = random.nextGaussian();
      }
    }
    Columns.orthonormalize(start, random);
    Columns.write(start, full);
    setRank(cap);
  }

  @Override
  public int largestRank() {
    return cap;
  }

  @Override
  public int rank() {
    return directions.length(0) - 1;
  }

  /// The basis A and the part m of the channel mean outside it, a direction a row.
  ///
  /// @return `[A, m]^T [r + 1, C]`, a view that the next refresh changes
  Tensor directions() {
    return directions;
  }

  /// The part of the channel mean outside the basis.
  ///
  /// @return `m [C]`, a view that the next refresh changes
  Tensor offset() {
    return directions.examples(rank(), 1).reshape(channels);
  }

  /// The coefficients of the batch last fitted.
  ///
  /// @return `[B, 1] [n P, r + 1]`
  Tensor coefficients() {
    return matrix(coefficientMemory, batch * pixels, rank() + 1);
  }

  @Override
  public void fit(Tensor x, long step) {
    checkBatch(x);
    batch = x.length(0);
    Tensor rows = x.reshape(batch * pixels, channels);
    if (!canProject()) {
      throw new IllegalStateException("there is no basis: refit comes before fit");
    }
    if (fitsBatches && (!fitted || refresh.due(step))) {
      refresh(rows, fitted ? 1 : COLD_ITERATIONS);
      fitted = true;
    }
    // The last column is computed for nothing, and replaced.
    Gemm.multiply(false, true, 1, rows, directions, 0, coefficients());
    LowRank.onesLast(coefficients());
  }

  @Override
  public boolean canProject() {
    return fitted || fitsBatches;
  }

  @Override
  public void refit(Tensor x) {
    checkBatch(x);
    refresh(x.reshape(x.length(0) * pixels, channels), fitted ? 1 : COLD_ITERATIONS);
    fitted = true;
  }

  /// Finds the basis of a batch's noised second moments, `sum X_i^T X_i` over its examples. There
  /// is no mean; one direction can stand for it.
  ///
  /// The moment of one example has a Frobenius norm of at most `|X_i|^2`, and its upper triangle no
  /// larger one; an example above the bound is scaled down to it.
  ///
  /// @param x `[n, H, W, C]`, private; read only
  /// @param clip the bound on one example's moment
  /// @param isNull which places hold no example
  /// @param noise adds to the upper triangle `[C (C + 1) / 2]` what covers an example's part
  @Override
  public void refit(Tensor x, double clip, IntPredicate isNull, Consumer<Tensor> noise) {
    checkBatch(x);
    try (Arena scratch = Arena.ofShared()) { // read and written by worker threads of the kernels
      Tensor sum = Tensor.allocate(scratch, channels, channels);
      DoubleSum moments = new DoubleSum(sum.size());
      for (int i = 0; i < x.length(0); i++) {
        if (!isNull.test(i)) {
          Tensor rows = x.examples(i, 1).reshape(pixels, channels);
          double squares = Elementwise.sumOfSquares(rows);
          float scale = squares > clip * BELOW ? roundedDown(clip * BELOW / squares) : 1;
          Gemm.multiply(true, false, scale, rows, rows, 0, sum);
          moments.add(sum);
        }
      }
      moments.moveTo(sum);
      Tensor triangle = Tensor.allocate(scratch, channels * (channels + 1) / 2);
      copyTriangle(sum, triangle);
      sum.fill(0);
      noise.accept(triangle);
      refresh(symmetric(triangle));
      triangle.fill(0);
    }
    fitted = true;
  }

  /// Of a very large example the factor is a subnormal float, of few bits: to the nearest, it might
  /// come out half as large again.
  private static float roundedDown(double factor) {
    float nearest = (float) factor;
    return nearest > factor ? Math.nextDown(nearest) : nearest;
  }

  private void copyTriangle(Tensor square, Tensor triangle) {
    long at = 0;
    for (int r = 0; r < channels; r++) {
      for (int c = r; c < channels; c++) {
        triangle.set(at++, square.get((long) r * channels + c));
      }
    }
  }

  private double[][] symmetric(Tensor triangle) {
    double[][] square = new double[channels][channels];
    long at = 0;
    for (int r = 0; r < channels; r++) {
      for (int c = r; c < channels; c++) {
        square[r][c] = triangle.get(at++);
        square[c][r] = square[r][c];
      }
    }
    return square;
  }

  /// Subspace iteration on a symmetric matrix, then Rayleigh-Ritz.
  private void refresh(double[][] moments) {
    double[][] columns = Columns.read(full);
    for (int i = 0; i < MOMENT_ITERATIONS; i++) {
      columns = times(moments, columns);
      Columns.orthonormalize(columns, new SplittableRandom(i));
    }
    Columns.write(RayleighRitz.of(columns, times(moments, columns)).columns(), full);
    setRank(cap);
  }

  private static double[][] times(double[][] symmetric, double[][] columns) {
    double[][] image = new double[columns.length][];
    for (int j = 0; j < columns.length; j++) {
      double[] column = columns[j];
      image[j] = Arrays.stream(symmetric).mapToDouble(row -> Columns.dot(row, column)).toArray();
    }
    return image;
  }

  /// `|B_i|^2 + P |m|^2`, since basis and offset are orthogonal. They are to float32's rounding of
  /// the mean, which may be more than all of a small example; so `2 sqrt(P) |B_i| |A^T m|` is
  /// added, which bounds what they have in common.
  @Override
  public double keptSquares(int example) {
    // Without the ones, of which there are P, and not less for the rounding of the sum.
    double all = Elementwise.sumOfSquares(coefficients(example));
    double own = Math.max(0, all - pixels) + SUM_ROUNDING * all;
    return own
        + 2 * Math.sqrt(pixels * own) * offsetInside
        + pixels * Elementwise.sumOfSquares(offset());
  }

  private Tensor coefficients(int example) {
    return matrix(coefficientMemory, example * pixels, pixels, rank() + 1);
  }

  @Override
  public void residual(Tensor x, int example, Tensor out) {
    LowRank.residual(
        x.examples(example, 1).reshape(pixels, channels),
        coefficients(example),
        directions,
        out.reshape(pixels, channels));
  }

  @Override
  public LowRankLayer layer(ConvShape shape) {
    return new SharedLowRankLayer(this, shape);
  }

  /// Subspace iteration on `cov = X^T X - n mean mean^T`, then Rayleigh-Ritz.
  private void refresh(Tensor rows, int iterations) {
    int n = rows.length(0);
    Elementwise.columnSums(rows, channelMean);
    Elementwise.scale(1f / n, channelMean);
    double[] mean = Columns.toDoubles(channelMean);
    double[][] columns = Columns.read(full);
    Tensor projected = matrix(coefficientMemory, n, cap);
    for (int i = 0; i < iterations; i++) {
      columns = covarianceTimes(rows, projected, columns, mean);
      Columns.orthonormalize(columns, new SplittableRandom(i));
      Columns.write(columns, full);
    }
    double[][] image = covarianceTimes(rows, projected, columns, mean);
    RayleighRitz ritz = RayleighRitz.of(columns, image);
    Columns.write(ritz.columns(), full);
    double energy = Elementwise.sumOfSquares(rows);
    cut(ritz, energy - n * Columns.dot(mean, mean), energy);
    setOffset(mean);
  }

  private double[][] covarianceTimes(
      Tensor rows, Tensor projected, double[][] columns, double[] mean) {
    int n = rows.length(0);
    Gemm.multiply(false, false, 1, rows, full, 0, projected);
    Gemm.multiply(true, false, 1, rows, projected, 0, moment);
    double[][] image = Columns.read(moment);
    for (int j = 0; j < image.length; j++) {
      Columns.addScaled(-n * Columns.dot(mean, columns[j]), mean, image[j]);
    }
    return image;
  }

  /// Keeps all columns, or the fewest that the energy bound allows.
  private void cut(RayleighRitz ritz, double centredEnergy, double energy) {
    int rank = cap;
    if (residualShare > 0) {
      double left = centredEnergy;
      rank = 0;
      while (rank < cap
          && (rank < Math.min(RankPolicy.MIN_RANK, cap) || left > residualShare * energy)) {
        left -= ritz.values()[rank];
        rank++;
      }
    }
    setRank(rank);
  }

  /// How often basis or offset were written.
  ///
  /// @return rises with each change
  long renewals() {
    return renewals;
  }

  /// Takes the first columns as the basis, and no offset yet.
  private void setRank(int rank) {
    renewals++;
    directions = matrix(directionMemory, rank + 1, channels);
    for (int c = 0; c < channels; c++) {
      for (int j = 0; j < rank; j++) {
        directions.set((long) j * channels + c, full.get((long) c * cap + j));
      }
    }
    offset().fill(0);
    offsetInside = 0;
  }

  private void setOffset(double[] mean) {
    double[] outside = mean.clone();
    for (double[] column : basis()) {
      Columns.addScaled(-Columns.dot(column, mean), column, outside);
    }
    for (int c = 0; c < channels; c++) {
      offset().set(c, (float) outside[c]);
    }
    measureOffset();
  }

  /// The columns of A.
  double[][] basis() {
    return Arrays.copyOf(Columns.read(full), rank());
  }

  private void measureOffset() {
    double[] m = Columns.toDoubles(offset());
    double squares = 0;
    for (double[] column : basis()) {
      squares += Math.pow(Columns.dot(column, m), 2);
    }
    offsetInside = Math.sqrt(squares);
  }

  @Override
  public Map<String, float[]> state() {
    if (!fitted) {
      return Map.of();
    }
    return Map.of(
        "basis", full.toArray(), "offset", offset().toArray(), "rank", new float[] {rank()});
  }

  @Override
  public void restore(Map<String, float[]> state) {
    float[] savedBasis = state.get("basis");
    float[] savedOffset = state.get("offset");
    float[] savedRank = state.get("rank");
    if (savedBasis == null
        || savedOffset == null
        || savedRank == null
        || savedBasis.length != full.size()
        || savedOffset.length != channels
        || savedRank.length != 1
        || !(savedRank[0] >= 1 && savedRank[0] <= cap)) {
      throw new IllegalArgumentException(
          "the saved decomposition is not a shared basis of "
              + channels
              + " channels and rank "
              + cap);
    }
    full.copyFrom(savedBasis);
    setRank((int) savedRank[0]);
    offset().copyFrom(savedOffset);
    measureOffset();
    fitted = true;
  }

  private void checkBatch(Tensor x) {
    if (x.length(0) > maxBatch || x.size() != (long) x.length(0) * pixels * channels) {
      throw new IllegalArgumentException(
          "this decomposer takes up to "
              + maxBatch
              + " examples of "
              + pixels
              + " pixels and "
              + channels
              + " channels, not "
              + x);
    }
  }

  private static Tensor matrix(Tensor memory, int rows, int columns) {
    return matrix(memory, 0, rows, columns);
  }

  private static Tensor matrix(Tensor memory, int fromRow, int rows, int columns) {
    long row = (long) columns * Float.BYTES;
    return Tensor.of(memory.segment().asSlice(fromRow * row, rows * row), rows, columns);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      coefficientMemory.fill(0);
      full.fill(0);
      directionMemory.fill(0);
      channelMean.fill(0);
      moment.fill(0);
      arena.close();
    }
  }
}
