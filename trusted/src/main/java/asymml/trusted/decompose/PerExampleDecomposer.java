package asymml.trusted.decompose;

import asymml.kernels.ConvShape;
import asymml.kernels.Elementwise;
import asymml.kernels.LowRank;
import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.trusted.plan.Rank;
import asymml.trusted.plan.RankPolicy;
import java.lang.foreign.Arena;
import java.util.Map;
import java.util.stream.IntStream;

/// The paper's decomposition: each example's `X_i [P, C]` gets its own `V_i U_i^T`, by the light
/// SVD of [LightSvd] (3LegRace, arXiv 2110.01229). Its residual is the closest to optimal; its
/// price is a kernel folded for every example.
public final class PerExampleDecomposer implements Decomposer {
  /// Rounds of alternation in a run: 2 come within 15 % of the optimum.
  public static final int USUAL_ROUNDS = 2;

  private final int maxBatch;
  private final int pixels;
  private final int channels;
  private final int cap;
  private final int rounds;
  private final double residualShare;
  private final Refresh refresh;
  private final Arena arena = Arena.ofShared(); // written by the threads that share the examples
  private final Tensor left; // [maxBatch, cap, C], holds U^T
  private final Tensor right; // [maxBatch, P, cap], holds V
  private int rank;
  private int batch;
  private boolean chosen;
  private boolean closed;

  /// Creates a decomposer.
  ///
  /// @param batch largest number of examples
  /// @param input shape of one example
  /// @param rank the rank, at least 1; of an example at most its pixels
  /// @param refresh how often an energy bound chooses its rank anew
  /// @param rounds rounds of alternation a direction, at least 1; in a run [#USUAL_ROUNDS]
  public PerExampleDecomposer(int batch, Shape input, Rank rank, Refresh refresh, int rounds) {
    this.maxBatch = batch;
    this.pixels = input.pixels();
    this.channels = input.channels();
    this.cap = Math.min(Math.min(rank.most(), channels), pixels);
    if (cap < 1 || rounds < 1) {
      throw new IllegalArgumentException(
          "a decomposition needs a rank and rounds of at least 1: " + cap + ", " + rounds);
    }
    this.residualShare = rank.residualShare();
    this.refresh = refresh;
    this.rounds = rounds;
    this.left = Tensor.allocate(arena, batch, cap, channels);
    this.right = Tensor.allocate(arena, batch, pixels, cap);
    this.rank = cap;
  }

  @Override
  public int largestRank() {
    return cap;
  }

  @Override
  public int rank() {
    return rank;
  }

  /// The factor U of one example, a direction a row.
  ///
  /// @param example its place in the batch
  /// @return `U^T [r, C]`, a view
  Tensor left(int example) {
    return factor(left, example, channels).reshape(rank, channels);
  }

  /// The factor V of one example.
  ///
  /// @param example its place in the batch
  /// @return `[P, r]`, a view
  Tensor right(int example) {
    return factor(right, example, pixels);
  }

  int batch() {
    return batch;
  }

  @Override
  public void fit(Tensor x, long step) {
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
    batch = x.length(0);
    if (residualShare > 0 && (!chosen || refresh.due(step))) {
      rank = cap;
      rank = fewest(factorize(x));
      chosen = true;
    }
    factorize(x);
  }

  /// Factors all examples at the current rank.
  ///
  /// @return `[n][r + 1]`: energy left in each example after 0, 1, ... r directions
  private double[][] factorize(Tensor x) {
    double[][] left = new double[batch][];
    IntStream.range(0, batch)
        .parallel()
        .forEach(i ->
            left[i] =
                new LightSvd(pixels, channels)
                    .factorize(x.examples(i, 1), rank, rounds, right(i), left(i)));
    return left;
  }

  /// The fewest directions that leave at most the share allowed of the batch's energy.
  private int fewest(double[][] left) {
    double[] sums = new double[cap + 1];
    for (double[] example : left) {
      for (int r = 0; r <= cap; r++) {
        sums[r] += example[r];
      }
    }
    int fewest = Math.min(RankPolicy.MIN_RANK, cap);
    while (fewest < cap && sums[fewest] > residualShare * sums[0]) {
      fewest++;
    }
    return fewest;
  }

  @Override
  public void residual(Tensor x, int example, Tensor out) {
    LowRank.residual(
        x.examples(example, 1).reshape(pixels, channels),
        right(example),
        left(example),
        out.reshape(pixels, channels));
  }

  /// Directions found one after the other are not quite orthogonal: the triangle inequality holds.
  @Override
  public double keptSquares(int example) {
    double[][] v = Columns.read(right(example));
    double norm = 0;
    for (int j = 0; j < rank; j++) {
      double u = Elementwise.sumOfSquares(left(example).examples(j, 1));
      norm += Math.sqrt(u * Columns.dot(v[j], v[j]));
    }
    return norm * norm;
  }

  @Override
  public LowRankLayer layer(ConvShape shape) {
    return new PerExampleLowRankLayer(this, shape);
  }

  @Override
  public Map<String, float[]> state() {
    return chosen ? Map.of("rank", new float[] {rank}) : Map.of();
  }

  @Override
  public void restore(Map<String, float[]> state) {
    float[] saved = state.get("rank");
    if (saved == null || saved.length != 1 || !(saved[0] >= 1 && saved[0] <= cap)) {
      throw new IllegalArgumentException("the saved decomposition is not a per-example rank");
    }
    rank = (int) saved[0];
    chosen = true;
  }

  private Tensor factor(Tensor memory, int example, int rows) {
    long place = (long) rows * cap * Float.BYTES;
    long used = (long) rows * rank * Float.BYTES;
    return Tensor.of(memory.segment().asSlice(example * place, used), rows, rank);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      left.fill(0);
      right.fill(0);
      arena.close();
    }
  }
}
