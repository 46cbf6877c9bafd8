package asymml.trusted.rank;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.trusted.decompose.Decomposer;
import asymml.trusted.decompose.PerExampleDecomposer;
import asymml.trusted.decompose.Refresh;
import asymml.trusted.decompose.SharedDecomposer;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Rank;
import java.lang.foreign.Arena;
import java.util.List;
import org.hipparchus.linear.Array2DRowRealMatrix;
import org.hipparchus.linear.SingularValueDecomposition;

/// The residual energies of a batch by the product's decompositions, and by the best ones.
public final class EnergyShares {
  private EnergyShares() {}

  /// What a rank comes to on a batch: where it depends on the data, that of the plan's own
  /// decomposition.
  ///
  /// @param x `[n, H, W, C]`, the layer's input; read only
  /// @param layer its place among the linear layers
  /// @param rank of the plan
  /// @param decomposition of the plan
  /// @return directions that stay, 0 to C
  public static int rank(Tensor x, int layer, Rank rank, Decomposition decomposition) {
    if (rank.most() == 0 || rank.residualShare() == 0) {
      return rank.most();
    }
    try (Decomposer decomposer = decomposer(x, layer, rank, decomposition)) {
      decomposer.fit(x, 0);
      return decomposer.rank();
    }
  }

  /// Measures a batch.
  ///
  /// @param x `[n, H, W, C]`
  /// @param layer the layer's place among the linear layers
  /// @param rank the rank
  /// @param spectra exact ones, of the first examples of the batch
  static Shares of(Tensor x, int layer, int rank, List<Spectrum> spectra) {
    if (rank == 0) {
      return new Shares(0, 1, 1, 1, 1);
    }
    Tensor first = x.examples(0, spectra.size());
    Rank fixed = new Rank.Fixed(rank);
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
      Tensor x, int layer, Rank rank, Decomposition decomposition) {
    Shape shape = new Shape(x.length(1), x.length(2), x.length(3));
    int batch = x.length(0);
    return switch (decomposition) {
      case SHARED -> new SharedDecomposer(batch, shape, layer, rank, Refresh.DEFAULT);
      case PER_EXAMPLE ->
          new PerExampleDecomposer(
              batch, shape, rank, Refresh.DEFAULT, PerExampleDecomposer.USUAL_ROUNDS);
    };
  }

  private static double left(Tensor x, int layer, Rank rank, Decomposition decomposition) {
    double left = 0;
    double energy = 0;
    try (Arena memory = Arena.ofShared(); // written by worker threads of the kernels
        Decomposer decomposer = decomposer(x, layer, rank, decomposition)) {
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

  /// The residual energy of mean and first principal components: the least of all affine subspaces
  /// of that dimension (Pearson 1901).
  ///
  /// By the centred rows themselves where they are fewer than the channels, else by their
  /// covariance, whose singular values are its eigenvalues. (Hipparchus' symmetric eigenvalue
  /// solver gives up on some of these matrices, which are often far from full rank.)
  static double principalComponents(Tensor x, int rank) {
    int channels = x.length(3);
    double[] mean = new double[channels];
    double[][] rows = rows(x, mean);
    double energy = 0;
    for (double[] row : rows) {
      for (int c = 0; c < channels; c++) {
        energy += row[c] * row[c];
        row[c] -= mean[c];
      }
    }
    if (energy == 0 || rank >= channels) {
      return 0;
    }
    return rows.length < channels
        ? ExactSvd.of(rows).spectrum().energyFrom(rank) / energy
        : sumFrom(rank, covariance(rows)) / energy;
  }

  private static double[][] rows(Tensor x, double[] mean) {
    int channels = x.length(3);
    double[][] rows = new double[Math.toIntExact(x.size() / channels)][];
    int at = 0;
    for (int i = 0; i < x.length(0); i++) {
      for (double[] row : ExactSvd.matrix(x, i)) {
        rows[at++] = row;
        for (int c = 0; c < channels; c++) {
          mean[c] += row[c] / rows.length;
        }
      }
    }
    return rows;
  }

  private static double[][] covariance(double[][] rows) {
    int channels = rows[0].length;
    double[][] covariance = new double[channels][channels];
    for (double[] row : rows) {
      for (int c = 0; c < channels; c++) {
        double factor = row[c];
        double[] target = covariance[c];
        for (int d = 0; d <= c; d++) {
          target[d] += factor * row[d];
        }
      }
    }
    for (int c = 0; c < channels; c++) {
      for (int d = 0; d < c; d++) {
        covariance[d][c] = covariance[c][d];
      }
    }
    return covariance;
  }

  private static double sumFrom(int rank, double[][] covariance) {
    double[] values =
        new SingularValueDecomposition(new Array2DRowRealMatrix(covariance, false))
            .getSingularValues();
    double left = 0;
    for (int j = values.length - 1; j >= rank; j--) { // the small ones first
      left += values[j];
    }
    return left;
  }
}
