package asymml.trusted.rank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class EnergySharesTest {
  private static final int CHANNELS = 8;
  private static final int PIXELS = 12;
  private static final int BATCH = 5;

  private final Arena arena = Arena.ofShared();

  @AfterEach
  void free() {
    arena.close();
  }

  private Tensor tensor(double[][] rows) {
    Tensor x = Tensor.allocate(arena, BATCH, 3, 4, CHANNELS);
    for (int i = 0; i < x.size(); i++) {
      x.set(i, (float) rows[i / CHANNELS][i % CHANNELS]);
    }
    return x;
  }

  private static List<Spectrum> spectra(Tensor x, int count) {
    List<Spectrum> spectra = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      spectra.add(ExactSvd.of(ExactSvd.matrix(x, i)).spectrum());
    }
    return spectra;
  }

  /// Orthonormal coefficients of zero mean, orthonormal axes, a mean: every share is known.
  @Test
  void principal_components_leave_the_energy_of_the_axes_that_are_cut() {
    SplittableRandom random = Known.seeded(31);
    int rows = BATCH * PIXELS;
    // The first column made constant, the others are orthogonal to it: they have mean 0.
    double[][] start = Known.gaussian(random, rows, CHANNELS + 1);
    for (double[] row : start) {
      row[0] = 1;
    }
    double[][] coefficients = orthonormalised(start);
    double[][] axes = Known.orthonormal(random, CHANNELS, CHANNELS);
    double[] s = {9, 5, 4, 3, 2, 1, 0.5, 0.25};
    double[][] centred = new double[rows][CHANNELS];
    for (int j = 0; j < CHANNELS; j++) {
      for (int p = 0; p < rows; p++) {
        for (int c = 0; c < CHANNELS; c++) {
          centred[p][c] += s[j] * coefficients[p][j + 1] * axes[c][j];
        }
      }
    }
    double[] mean = random.doubles(CHANNELS, -0.3, 0.3).toArray();
    double[][] x = new double[rows][];
    for (int p = 0; p < rows; p++) {
      x[p] = centred[p].clone();
      for (int c = 0; c < CHANNELS; c++) {
        x[p][c] += mean[c];
      }
    }
    double energy = Known.energy(x);
    Tensor tensor = tensor(x);
    for (int rank = 0; rank <= CHANNELS; rank++) {
      double left = 0;
      for (int j = rank; j < CHANNELS; j++) {
        left += s[j] * s[j];
      }
      assertThat(EnergyShares.principalComponents(tensor, rank))
          .isCloseTo(left / energy, within(1e-6));
    }
  }

  /// Fewer rows than channels, as behind a fully connected layer, and rows that repeat.
  @Test
  void batches_that_are_far_from_full_rank_have_shares_too() {
    SplittableRandom random = Known.seeded(35);
    Tensor few = Tensor.allocate(arena, 4, 1, 1, 9);
    for (int i = 0; i < few.size(); i++) {
      few.set(i, (float) random.nextGaussian());
    }
    double[][] centred = new double[4][];
    double energy = 0;
    for (int i = 0; i < 4; i++) {
      centred[i] = ExactSvd.matrix(few, i)[0];
      energy += Known.dot(centred[i], centred[i]);
    }
    for (int c = 0; c < 9; c++) {
      double mean = (centred[0][c] + centred[1][c] + centred[2][c] + centred[3][c]) / 4;
      for (double[] row : centred) {
        row[c] -= mean;
      }
    }
    double[] s = Known.jacobi(centred);
    assertThat(EnergyShares.principalComponents(few, 2))
        .isCloseTo((s[2] * s[2] + s[3] * s[3]) / energy, within(1e-9));
    assertThat(EnergyShares.principalComponents(few, 3)).isLessThan(1e-12);
    Tensor repeated = Tensor.allocate(arena, 4, 2, 3, 9);
    for (int i = 0; i < repeated.size(); i++) {
      repeated.set(i, few.get(i % 9 + 9L * (i / 27 % 2)));
    }
    assertThat(EnergyShares.principalComponents(repeated, 1)).isLessThan(1e-12);
    assertThat(EnergyShares.principalComponents(repeated, 0)).isPositive();
  }

  private static double[][] orthonormalised(double[][] columns) {
    double[][] q = Known.transpose(columns);
    for (int j = 0; j < q.length; j++) {
      for (int round = 0; round < 2; round++) {
        for (int k = 0; k < j; k++) {
          double dot = Known.dot(q[j], q[k]);
          for (int i = 0; i < q[j].length; i++) {
            q[j][i] -= dot * q[k][i];
          }
        }
      }
      double norm = Math.sqrt(Known.dot(q[j], q[j]));
      for (int i = 0; i < q[j].length; i++) {
        q[j][i] /= norm;
      }
    }
    return Known.transpose(q);
  }

  /// Activations whose channels fall in energy.
  private Tensor activations(SplittableRandom random) {
    double[][] x = Known.gaussian(random, BATCH * PIXELS, CHANNELS);
    for (double[] row : x) {
      for (int c = 0; c < CHANNELS; c++) {
        row[c] = Math.max(0, 0.2 + row[c] / (1 + c));
      }
    }
    return tensor(x);
  }

  @Test
  void optima_are_those_of_explicit_projections_and_no_decomposition_beats_them() {
    Tensor x = activations(Known.seeded(32));
    List<Spectrum> spectra = spectra(x, 3);
    for (int rank = 1; rank < CHANNELS; rank++) {
      Shares shares = EnergyShares.of(x, 0, rank, spectra);
      double left = 0;
      double energy = 0;
      for (int i = 0; i < 3; i++) {
        double[][] rows = ExactSvd.matrix(x, i);
        double[][] part = ExactSvd.of(rows).truncated(rank).product();
        left += Known.energy(Known.minus(rows, part));
        energy += Known.energy(rows);
      }
      assertThat(shares.rank()).isEqualTo(rank);
      assertThat(shares.perExampleOptimum()).isCloseTo(left / energy, within(1e-10));
      assertThat(shares.perExample())
          .isBetween(shares.perExampleOptimum() - 1e-6, 1.5 * shares.perExampleOptimum() + 1e-6);
      assertThat(shares.shared())
          .isBetween(shares.sharedOptimum() - 1e-6, 1.05 * shares.sharedOptimum() + 1e-6);
      assertThat(shares.sharedOptimum()).isPositive();
    }
  }

  @Test
  void nothing_kept_leaves_all_and_everything_kept_leaves_nothing() {
    Tensor x = activations(Known.seeded(33));
    assertThat(EnergyShares.of(x, 0, 0, spectra(x, 2))).isEqualTo(new Shares(0, 1, 1, 1, 1));
    Shares all = EnergyShares.of(x, 0, CHANNELS, spectra(x, 2));
    assertThat(all.perExampleOptimum()).isZero();
    assertThat(all.sharedOptimum()).isZero();
    assertThat(all.shared()).isLessThan(1e-9);
    x.fill(0);
    assertThat(EnergyShares.of(x, 0, 2, spectra(x, 2))).isEqualTo(new Shares(2, 0, 0, 0, 0));
  }

  @Test
  void a_rank_that_the_data_decide_is_that_of_the_plans_decomposition() {
    Tensor x = activations(Known.seeded(34));
    assertThat(rank(x, "3", Decomposition.SHARED)).isEqualTo(3);
    assertThat(rank(x, "0", Decomposition.SHARED)).isZero();
    assertThat(rank(x, "1/4", Decomposition.PER_EXAMPLE)).isEqualTo(2);
    int few = rank(x, "energy:0.3:1/1", Decomposition.SHARED);
    int many = rank(x, "energy:0.02:1/1", Decomposition.SHARED);
    assertThat(few).isLessThan(many);
    assertThat(EnergyShares.of(x, 0, few, spectra(x, 1)).shared()).isLessThanOrEqualTo(0.3);
  }

  private static int rank(Tensor x, String policy, Decomposition decomposition) {
    return EnergyShares.rank(x, 0, RankPolicy.parse(policy).resolve(0, x.length(3)), decomposition);
  }
}
