package asymml.privacy;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CharacteristicProductTest {
  private static double[] convolved(double[] a, double[] b) {
    double[] sum = new double[a.length + b.length - 1];
    for (int i = 0; i < a.length; i++) {
      for (int j = 0; j < b.length; j++) {
        sum[i + j] += a[i] * b[j];
      }
    }
    return sum;
  }

  /// Direct convolution, wrapped as a circle of the window's size wraps it.
  @ParameterizedTest
  @CsvSource({"0.1, 1, 2, 256", "0.1, 1, 2, 4096", "1e-4, 0.5, 3, 1024", "1, 3, 0.5, 128"})
  void a_window_is_the_direct_convolution_within_the_stated_error(
      double q, double z, double tilt, int size) {
    for (StepLoss.Direction direction : StepLoss.Direction.values()) {
      LossGrid often = LossGrid.of(new StepLoss(q, z, direction), 1.0 / 32, 1e-9);
      LossGrid once = LossGrid.of(new StepLoss(0.5, 2, direction), 1.0 / 32, 1e-9);
      var product = new CharacteristicProduct(size);
      product.multiply(often, tilt, 5);
      product.multiply(once, tilt, 1);
      double[] direct = once.tilted(tilt);
      for (int i = 0; i < 5; i++) {
        direct = convolved(direct, often.tilted(tilt));
      }
      long lowest = -17;
      double[] expected = new double[size];
      for (int i = 0; i < direct.length; i++) {
        long index = 5 * often.lowest() + once.lowest() + i;
        expected[Math.floorMod(index - lowest, size)] += direct[i];
      }
      double[] window = product.window(lowest);
      assertThat(product.error()).isLessThan(1e-12);
      for (int i = 0; i < size; i++) {
        // The direct sums of positive terms have a relative error of their own.
        assertThat(Math.abs(window[i] - expected[i]))
            .as("entry %d", i)
            .isLessThan(product.error() + 1e-14 * expected[i]);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"0.1, 1", "1e-4, 0.3", "1, 3", "0.999999, 1", "1e-6, 1000", "0.01, 0.0078125"})
  void a_grid_keeps_the_mass_and_dominates_the_loss(double q, double z) {
    for (StepLoss.Direction direction : StepLoss.Direction.values()) {
      StepLoss loss = new StepLoss(q, z, direction);
      double range =
          Math.max(1e-12, loss.logRatio(loss.highest(1e-9)) - loss.logRatio(loss.lowest(1e-9)));
      LossGrid grid = LossGrid.of(loss, range / 500, 1e-9);
      double mass = grid.infinite();
      double other = 0;
      double[] masses = grid.masses();
      for (int i = 0; i < masses.length; i++) {
        mass += masses[i];
        other += masses[i] * Math.exp(-grid.step() * (grid.lowest() + i));
      }
      assertThat(mass).isBetween(1 - 1e-12, 1 + 1e-12);
      // Under the other law, what is there is at most everything: losses were never rounded down.
      assertThat(other).isLessThanOrEqualTo(1 + 1e-12);
      for (double epsilon : new double[] {0, 0.1, 1, 3}) {
        double exact = Math.exp(SingleStep.logDelta(loss, epsilon));
        double delta =
            new ComposedLoss(grid.step(), grid.lowest(), masses, 0, 0, grid.infinite(), 0)
                .delta(epsilon);
        assertThat(delta).isGreaterThanOrEqualTo(exact * (1 - 1e-9));
      }
    }
  }
}
