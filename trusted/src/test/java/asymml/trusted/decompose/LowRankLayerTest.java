package asymml.trusted.decompose;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.trusted.plan.Rank;
import asymml.trusted.plan.Rank.Energy;
import asymml.trusted.plan.Rank.Fixed;
import asymml.trusted.plan.RankPolicy;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Both low-rank layers against the dense convolution of `X_T`, multiplied out in double precision.
class LowRankLayerTest {
  /// A path through up to three float32 sums, each with an error of a few 1e-7 of the sum of its
  /// terms' magnitudes.
  private static final double TOLERANCE = 2e-6;

  private static final Refresh ALWAYS = new Refresh(1, 0, 1);

  private final Arena arena = Arena.ofShared();
  private final SplittableRandom random = Matrices.seeded(30);

  @AfterEach
  void free() {
    arena.close();
  }

  enum Kind {
    SHARED {
      @Override
      Decomposer create(int batch, Shape input, Rank rank) {
        return new SharedDecomposer(batch, input, 0, rank, ALWAYS);
      }
    },
    PER_EXAMPLE {
      @Override
      Decomposer create(int batch, Shape input, Rank rank) {
        return new PerExampleDecomposer(batch, input, rank, ALWAYS, 2);
      }
    };

    abstract Decomposer create(int batch, Shape input, Rank rank);
  }

  /// A sum of products and the sum of their magnitudes, which bounds its rounding errors.
  private static final class Sums {
    private final double[] value;
    private final double[] magnitude;

    Sums(long size) {
      value = new double[Math.toIntExact(size)];
      magnitude = new double[value.length];
    }

    void add(int at, double a, double b) {
      value[at] += a * b;
      magnitude[at] += Math.abs(a * b);
    }

    void assertClose(Tensor actual) {
      double largest = 0;
      for (double m : magnitude) {
        largest = Math.max(largest, m);
      }
      for (int i = 0; i < value.length; i++) {
        assertThat(Math.abs(actual.get(i) - value[i]))
            .as("element %d", i)
            .isLessThanOrEqualTo(TOLERANCE * largest);
      }
    }
  }

  private interface Term {
    void at(int inPixel, int tap, int outPixel);
  }

  private static void forEachTerm(ConvShape s, Term term) {
    for (int out = 0; out < s.batch() * s.outHeight() * s.outWidth(); out++) {
      int n = out / (s.outHeight() * s.outWidth());
      int oh = out / s.outWidth() % s.outHeight();
      int ow = out % s.outWidth();
      for (int tap = 0; tap < s.kernelHeight() * s.kernelWidth(); tap++) {
        int h = oh * s.stride() - s.padding() + tap / s.kernelWidth();
        int w = ow * s.stride() - s.padding() + tap % s.kernelWidth();
        if (h >= 0 && h < s.height() && w >= 0 && w < s.width()) {
          term.at((n * s.height() + h) * s.width() + w, tap, out);
        }
      }
    }
  }

  private static Sums forward(ConvShape s, double[][] x, Tensor weights) {
    Sums y = new Sums(Tensor.sizeOf(s.outputAxes()));
    int taps = s.kernelHeight() * s.kernelWidth();
    forEachTerm(
        s,
        (in, tap, out) -> {
          for (int o = 0; o < s.outChannels(); o++) {
            for (int c = 0; c < s.inChannels(); c++) {
              double w = weights.get((long) (o * taps + tap) * s.inChannels() + c);
              y.add(out * s.outChannels() + o, w, x[in][c]);
            }
          }
        });
    return y;
  }

  private static Sums weightGradient(ConvShape s, double[][] x, Tensor dy) {
    Sums dw = new Sums(Tensor.sizeOf(s.weightAxes()));
    int taps = s.kernelHeight() * s.kernelWidth();
    forEachTerm(
        s,
        (in, tap, out) -> {
          for (int o = 0; o < s.outChannels(); o++) {
            double g = dy.get((long) out * s.outChannels() + o);
            for (int c = 0; c < s.inChannels(); c++) {
              dw.add((o * taps + tap) * s.inChannels() + c, g, x[in][c]);
            }
          }
        });
    return dw;
  }

  private void check(Decomposer decomposer, LowRankLayer layer, ConvShape s) {
    Tensor weights = Matrices.tensor(arena, random, s.weightAxes());
    Tensor dy = Matrices.tensor(arena, random, s.outputAxes());
    Tensor y = Tensor.allocate(arena, s.outputAxes());
    Tensor dw = Tensor.allocate(arena, s.weightAxes());
    y.fill(Float.NaN); // both are overwritten everywhere
    dw.fill(Float.NaN);
    double[][] lowRank = Factors.lowRank(decomposer, s.batch());
    layer.forward(weights, y);
    forward(s, lowRank, weights).assertClose(y);
    layer.backwardWeights(dy, dw);
    weightGradient(s, lowRank, dy).assertClose(dw);
  }

  private Tensor input(ConvShape s) {
    return Matrices.activations(arena, random, s.batch(), s.height(), s.width(), s.inChannels());
  }

  private static Shape shape(ConvShape s) {
    return new Shape(s.height(), s.width(), s.inChannels());
  }

  static Stream<Arguments> layers() {
    List<ConvShape> shapes =
        List.of(
            new ConvShape(2, 5, 7, 13, 3, 3, 3, 1, 1),
            new ConvShape(3, 8, 8, 16, 32, 3, 3, 2, 1),
            new ConvShape(2, 7, 7, 6, 5, 3, 3, 2, 0), // the stride leaves a row and a column out
            new ConvShape(2, 6, 5, 12, 8, 1, 1, 1, 0),
            new ConvShape(2, 9, 9, 8, 4, 1, 1, 2, 0),
            new ConvShape(1, 11, 9, 3, 4, 5, 5, 3, 2),
            new ConvShape(2, 4, 4, 10, 7, 4, 4, 1, 0), // a kernel as large as the map
            ConvShape.linear(13, 40, 10),
            ConvShape.linear(1, 8, 3));
    return Stream.of(Kind.values())
        .flatMap(kind -> shapes.stream().map(shape -> Arguments.of(kind, shape)));
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("layers")
  void both_passes_equal_the_dense_layer_on_the_low_rank_part(Kind kind, ConvShape s) {
    for (int rank : new int[] {1, 3}) {
      try (Decomposer decomposer = kind.create(s.batch(), shape(s), new Fixed(rank));
          LowRankLayer layer = decomposer.layer(s)) {
        for (int step = 0; step < 2; step++) {
          decomposer.fit(input(s), step);
          check(decomposer, layer, s);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void a_layer_follows_a_rank_that_rises_and_falls(Kind kind) {
    ConvShape s = new ConvShape(2, 6, 6, 16, 8, 3, 3, 1, 1);
    Tensor rich = input(s);
    Tensor poor = Tensor.allocate(arena, s.inputAxes());
    poor.fill(1);
    poor.set(5, 2);
    try (Decomposer decomposer = kind.create(2, shape(s), new Energy(0.02, s.inChannels()));
        LowRankLayer layer = decomposer.layer(s)) {
      int step = 0;
      for (Tensor x : List.of(poor, rich, rich, poor, rich)) {
        decomposer.fit(x, step++);
        assertThat(decomposer.rank() > RankPolicy.MIN_RANK).isEqualTo(x == rich);
        assertThat(decomposer.rank()).isLessThanOrEqualTo(decomposer.largestRank());
        check(decomposer, layer, s);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void several_layers_and_batch_sizes_read_one_decomposition(Kind kind) {
    ConvShape main = new ConvShape(4, 6, 6, 12, 8, 3, 3, 2, 1);
    ConvShape shortcut = new ConvShape(4, 6, 6, 12, 8, 1, 1, 2, 0);
    try (Decomposer decomposer = kind.create(4, shape(main), new Fixed(3));
        LowRankLayer first = decomposer.layer(main);
        LowRankLayer second = decomposer.layer(shortcut);
        LowRankLayer last = decomposer.layer(main.withBatch(3))) {
      decomposer.fit(input(main), 0);
      check(decomposer, first, main);
      check(decomposer, second, shortcut);
      decomposer.fit(input(main.withBatch(3)), 1);
      check(decomposer, last, main.withBatch(3));
      Tensor weights = Tensor.allocate(arena, main.weightAxes());
      Tensor y = Tensor.allocate(arena, main.outputAxes());
      assertThatThrownBy(() -> first.forward(weights, y))
          .isInstanceOfAny(IllegalStateException.class, IllegalArgumentException.class);
    }
  }

  /// What was folded is used again; a basis that was renewed is folded anew, and a backward pass
  /// between, which works on the same memory, changes nothing.
  @ParameterizedTest
  @EnumSource
  void weights_that_have_not_changed_need_not_be_given_again(Kind kind) {
    ConvShape s = new ConvShape(2, 6, 6, 12, 8, 3, 3, 1, 1);
    Tensor weights = Tensor.allocate(arena, s.weightAxes());
    Tensor others = Tensor.allocate(arena, s.weightAxes());
    Tensor y = Tensor.allocate(arena, s.outputAxes());
    Tensor expected = Tensor.allocate(arena, s.outputAxes());
    Tensor dw = Tensor.allocate(arena, s.weightAxes());
    for (long i = 0; i < weights.size(); i++) {
      weights.set(i, (float) random.nextGaussian());
    }
    try (Decomposer decomposer = kind.create(2, shape(s), new Fixed(3));
        LowRankLayer layer = decomposer.layer(s);
        LowRankLayer fresh = decomposer.layer(s)) {
      for (int step = 0; step < 3; step++) {
        decomposer.fit(input(s), step);
        for (int again = 0; again < 2; again++) {
          layer.forward(weights, step == 0 && again == 0, y);
          fresh.forward(weights, expected);
          assertThat(y.toArray()).as("step %s", step).isEqualTo(expected.toArray());
          layer.backwardWeights(y, dw);
        }
      }
      layer.forward(others, true, y);
      assertThat(y.toArray()).containsOnly(0f);
    }
  }

  @ParameterizedTest
  @EnumSource
  void close_is_idempotent(Kind kind) {
    ConvShape s = ConvShape.linear(2, 8, 3);
    try (Decomposer decomposer = kind.create(2, shape(s), new Fixed(2))) {
      decomposer.fit(input(s), 0);
      LowRankLayer layer = decomposer.layer(s);
      check(decomposer, layer, s);
      layer.close();
      layer.close();
      decomposer.layer(s).close();
    }
  }
}
