package asymml.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class WithheldTest {
  private static final SplittableRandom RANDOM = new SplittableRandom(3);

  private static double squares(Maps maps) {
    double sum = 0;
    for (float value : maps.values()) {
      sum += (double) value * value;
    }
    return sum;
  }

  /// Channels that are all multiples of two patterns and a mean.
  private static Maps ofRankTwo(int n) {
    Maps maps = new Maps(n, 4, 4, 6, new float[n * 96]);
    for (int p = 0; p < maps.positions(); p++) {
      double a = RANDOM.nextGaussian();
      double b = RANDOM.nextGaussian();
      for (int c = 0; c < 6; c++) {
        maps.values()[p * 6 + c] = (float) (a * (c - 2.5) + b * (c % 2) + 3 * c);
      }
    }
    return maps;
  }

  @Test
  void a_shared_basis_and_the_mean_keep_a_batch_of_their_rank() {
    Maps x = ofRankTwo(5);
    assertThat(squares(new Withheld(2, true, 0).residual(x))).isLessThan(1e-8 * squares(x));
    assertThat(squares(new Withheld(1, true, 0).residual(x)))
        .isGreaterThan(1e-4 * squares(x.centred()));
  }

  @Test
  void bases_of_single_examples_keep_each_of_rank_one() {
    Maps x = new Maps(3, 4, 4, 6, new float[3 * 96]);
    for (int n = 0; n < 3; n++) {
      for (int p = 0; p < 16; p++) {
        double a = RANDOM.nextGaussian();
        for (int c = 0; c < 6; c++) {
          x.values()[(n * 16 + p) * 6 + c] = (float) (a * Math.sin(n + c));
        }
      }
    }
    assertThat(squares(new Withheld(1, false, 0).residual(x))).isLessThan(1e-8 * squares(x));
  }

  /// 2 x 4800 values: the standard error of the variance is 1.4 %, the bounds are seven of them.
  @Test
  void noise_is_as_large_as_it_says_against_the_median_norm() {
    Maps x = Planted.normal(RANDOM, 100, 4, 4, 6);
    Maps noised = new Withheld(0, true, 0.5).noised(x, new SplittableRandom(8));
    double added = squares(noised.minus(x)) / x.values().length;
    // Half the examples are clipped, by at most a few per cent of their norm.
    assertThat(added).isCloseTo(0.25, within(0.03));
  }

  @Test
  void under_masks_every_example_has_the_same_norm_whatever_it_was() {
    Maps x = Planted.normal(RANDOM, 2, 4, 4, 6);
    for (int i = 0; i < x.exampleSize(); i++) {
      x.values()[i] *= 50;
    }
    Maps sent = new Withheld(0, true, 1e-6, true).noised(x, new SplittableRandom(8));
    for (int n = 0; n < 2; n++) {
      assertThat(squares(sent.slice(n, 1))).isCloseTo(1, within(1e-4));
    }
  }

  @Test
  void an_input_that_leaves_whole_is_left_alone() {
    Maps x = Planted.normal(RANDOM, 2, 2, 2, 3);
    assertThat(Withheld.NOTHING.noised(Withheld.NOTHING.residual(x), RANDOM)).isSameAs(x);
  }

  @Test
  void what_comes_before_a_layer_ends_in_its_input() {
    Graph graph = Zoo.build("resnet20", new Shape(32, 32, 3), 10, Zoo.Norm.BATCH);
    for (int node : graph.linearLayers().subList(1, graph.linearLayers().size())) {
      Graph before = Architecture.before(graph, node);
      assertThat(before.classes()).isEqualTo(graph.inputShape(node).size());
      assertThat(graph.parameters()).containsAll(before.parameters());
    }
  }
}
