package asymml.trusted.rank;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.trusted.decompose.Decomposer;
import asymml.trusted.decompose.PerExampleDecomposer;
import asymml.trusted.decompose.RankPolicy;
import asymml.trusted.decompose.Refresh;
import asymml.trusted.decompose.SharedDecomposer;
import asymml.trusted.execute.Placement.Decomposition;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.EigenDecompositionSymmetric;

/// What the product's decompositions leave of a batch, and what the best ones would.
final class EnergyShares {
  private EnergyShares() {}

  /// The rank that a policy comes to on a batch: where it depends on the data, that of the plan's
  /// own decomposition.
  static int rank(Tensor x, int layer, RankPolicy policy, Decomposition decomposition) {
    int cap = policy.rank(layer, x.length(3));
    if (cap == 0 || policy.residualShare() == 0) {
      return cap;
    }
    try (Decomposer decomposer = decomposer(x, layer, policy, decomposition)) {
      decomposer.fit(x, 0);
      return decomposer.rank();
    }
  }

  /// Measures a batch.
  ///
  /// @param x `[n, H, W, C]`
  /// @param layer the layer's place among the linear layers
  /// @param rank directions to keep
  /// @param spectra exact ones, of the first examples of the batch
  static Shares of(Tensor x, int layer, int rank, List<Spectrum> spectra) {
    if (rank == 0) {
      return new Shares(0, 1, 1, 1, 1);
    }
    Tensor first = x.examples(0, spectra.size());
    RankPolicy fixed = new RankPolicy.Fixed(rank);
    double energy = spectra.stream().mapToDouble(Spectrum::energy).sum();
    double left = spectra.stream().mapToDouble(s -> s.energyFrom(rank)).sum();
    return new Shares(
        rank,
        left(first, layer, fixed, Decomposition.PER_EXAMPLE),
        energy == 0 ? 0 : left / energy,
        left(x, layer, fixed, Decomposition.SHARED),
        principalComponents(x, rank));
  }

  private static Decomposer decomposer(
      Tensor x, int layer, RankPolicy policy, Decomposition decomposition) {
    Shape shape = new Shape(x.length(1), x.length(2), x.length(3));
    int batch = x.length(0);
    return switch (decomposition) {
      case SHARED -> new SharedDecomposer(batch, shape, layer, policy, Refresh.DEFAULT);
      case PER_EXAMPLE ->
          new PerExampleDecomposer(
              batch, shape, layer, policy, Refresh.DEFAULT, PerExampleDecomposer.USUAL_ROUNDS);
    };
  }

  private static double left(Tensor x, int layer, RankPolicy policy, Decomposition decomposition) {
    double left = 0;
    double energy = 0;
    try (Arena memory = Arena.ofShared(); // written by worker threads of the kernels
        Decomposer decomposer = decomposer(x, layer, policy, decomposition)) {
      decomposer.fit(x, 0);
      Tensor residual = Tensor.allocate(memory, x.examples(0, 1).shape());
      for (int i = 0; i < x.length(0); i++) {
        decomposer.residual(x, i, 1, residual);
        left += Elementwise.sumOfSquares(residual);
        energy += Elementwise.sumOfSquares(x.examples(i, 1));
      }
      residual.fill(0);
    }
    return energy == 0 ? 0 : left / energy;
  }

  /// The share that mean and first principal components leave: the least of all affine subspaces of
  /// that dimension (Pearson 1901).
  static double principalComponents(Tensor x, int rank) {
    int channels = x.length(3);
    double[][] moment = new double[channels][channels];
    double[] mean = new double[channels];
    long rows = x.size() / channels;
    for (int i = 0; i < x.length(0); i++) {
      for (double[] row : ExactSvd.matrix(x, i)) {
        for (int c = 0; c < channels; c++) {
          mean[c] += row[c] / rows;
          double factor = row[c];
          double[] target = moment[c];
          for (int d = 0; d <= c; d++) {
            target[d] += factor * row[d];
          }
        }
      }
    }
    double energy = 0;
    for (int c = 0; c < channels; c++) {
      energy += moment[c][c];
    }
    if (energy == 0 || rank >= channels) {
      return 0;
    }
    for (int c = 0; c < channels; c++) {
      for (int d = 0; d <= c; d++) {
        moment[c][d] -= rows * mean[c] * mean[d];
        moment[d][c] = moment[c][d];
      }
    }
    double[] values =
        new EigenDecompositionSymmetric(new Array2DRowRealMatrix(moment, false)).getEigenvalues();
    Arrays.sort(values);
    double left = 0;
    for (int j = 0; j < channels - rank; j++) {
      left += Math.max(0, values[j]); // rounding may leave what is 0 below it
    }
    return left / energy;
  }
}
