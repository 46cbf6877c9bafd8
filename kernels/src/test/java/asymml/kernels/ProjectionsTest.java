package asymml.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Projections against their definition in double precision, at sizes around a vector's.
class ProjectionsTest {
  private static final double TOLERANCE = 1e-4;

  private final SplittableRandom random = new SplittableRandom(12);

  private Tensor random(int... shape) {
    Tensor tensor = Tensor.allocate(Arena.ofAuto(), shape);
    for (long i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) random.nextDouble(-1, 1));
    }
    return tensor;
  }

  private static double squares(Tensor x) {
    double sum = 0;
    for (long i = 0; i < x.size(); i++) {
      sum += (double) x.get(i) * x.get(i);
    }
    return sum;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 15, 16, 17, 40})
  void one_pass_combines_projects_and_weighs(int channels) {
    Tensor x = random(7, channels);
    Tensor vector = random(channels);
    Tensor sum = random(7, channels);
    Tensor twice = random(7 * channels);
    Tensor map = random(7);
    Tensor factors = random(7);
    Tensor columns = random(channels);
    float[] before = sum.toArray();
    float[] beforeTwice = twice.toArray();
    float[] beforeColumns = columns.toArray();
    assertThat(Projections.combineAndProject(x, 0.5f, vector, sum, map))
        .isCloseTo(squares(x), within(TOLERANCE));
    assertThat(Projections.combine(x, -2, twice)).isCloseTo(squares(x), within(TOLERANCE));
    for (int i = 0; i < before.length; i++) {
      assertThat(sum.get(i)).isCloseTo(before[i] + 0.5f * x.get(i), within(1e-6f));
      assertThat(twice.get(i)).isCloseTo(beforeTwice[i] - 2 * x.get(i), within(1e-6f));
    }
    Tensor weighed = random(7, channels);
    float[] beforeWeighed = weighed.toArray();
    assertThat(Projections.combineAndWeigh(x, 3, factors, weighed, columns))
        .isCloseTo(squares(x), within(TOLERANCE));
    for (int c = 0; c < channels; c++) {
      double expected = beforeColumns[c];
      for (int p = 0; p < 7; p++) {
        expected += (double) factors.get(p) * x.get((long) p * channels + c);
      }
      assertThat((double) columns.get(c)).isCloseTo(expected, within(TOLERANCE));
    }
    for (int p = 0; p < 7; p++) {
      double dot = 0;
      for (int c = 0; c < channels; c++) {
        int i = p * channels + c;
        dot += (double) x.get(i) * vector.get(c);
        assertThat(weighed.get(i)).isCloseTo(beforeWeighed[i] + 3 * x.get(i), within(1e-6f));
      }
      assertThat((double) map.get(p)).isCloseTo(dot, within(TOLERANCE));
    }
  }

  @ParameterizedTest
  @CsvSource({"1,false,false", "5,true,false", "16,false,true", "33,true,true", "100,true,true"})
  void what_is_taken_is_what_is_projected(int channels, boolean add, boolean masked) {
    int examples = 3;
    int positions = 11;
    Tensor source = random(examples, positions, channels);
    Tensor mask = random(examples, positions, channels);
    Tensor target = random(examples, positions, channels);
    Tensor vector = random(channels);
    Tensor map = random(positions);
    float[] before = target.toArray();
    float[] mapBefore = map.toArray();
    float[] t = {9, 2, -1, 0.5f};
    float[] scales = {1, 0.5f, 3};
    Projections.Taken taken =
        Projections.take(source, masked ? mask : null, scales, add, target, t, 1, vector, map);
    assertThat(taken.finite()).isTrue();
    double squares = 0;
    double[] expected = new double[positions];
    for (int i = 0; i < before.length; i++) {
      int example = i / positions / channels;
      double value = masked ? source.get(i) - mask.get(i) : source.get(i);
      double scaled = masked ? scales[example] * value : value;
      squares += value * value;
      expected[i / channels % positions] += t[1 + example] * value * vector.get(i % channels);
      assertThat((double) target.get(i)).isCloseTo((add ? before[i] : 0) + scaled, within(1e-6));
    }
    assertThat(taken.squares()).isCloseTo(squares, within(TOLERANCE * (1 + squares)));
    for (int p = 0; p < positions; p++) {
      assertThat((double) map.get(p)).isCloseTo(mapBefore[p] + expected[p], within(TOLERANCE));
    }
  }

  @Test
  void a_value_that_is_not_finite_is_found_wherever_it_stands() {
    for (int bad = 0; bad < 2 * 5 * 19; bad++) {
      Tensor source = random(2, 5, 19);
      source.set(bad, bad % 2 == 0 ? Float.NaN : Float.NEGATIVE_INFINITY);
      Tensor target = random(2, 5, 19);
      assertThat(
              Projections.take(
                      source,
                      null,
                      new float[0],
                      false,
                      target,
                      new float[] {1, 1},
                      0,
                      random(19),
                      random(5))
                  .finite())
          .isFalse();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "5,4,3,4,3,3,1,1",
    "1,1,17,20,1,1,1,0",
    "7,6,2,1,3,2,2,1",
    "6,5,16,33,1,1,2,0",
    "8,8,1,5,5,5,1,2"
  })
  void projected_kernels_give_the_projection_of_what_the_layer_gives(
      int height,
      int width,
      int in,
      int out,
      int kernelHeight,
      int kernelWidth,
      int stride,
      int pad) {
    ConvShape shape =
        new ConvShape(1, height, width, in, out, kernelHeight, kernelWidth, stride, pad);
    Tensor w = random(shape.weightAxes());
    Tensor s = random(out);
    Tensor r = random(in);
    int taps = kernelHeight * kernelWidth;
    Tensor outs = random(taps * in);
    Tensor ins = random(taps * out);
    assertThat(Projections.ofWeights(w, s, r, outs, ins)).isCloseTo(squares(w), within(TOLERANCE));
    Tensor x = random(shape.inputAxes());
    Tensor dy = random(shape.outputAxes());
    Tensor forward = random(shape.outHeight() * shape.outWidth());
    Tensor backward = random(height * width);
    Projections.forward(shape, x, outs, forward);
    Projections.backward(shape, dy, ins, backward);
    double[] y = new double[Math.toIntExact(forward.size())];
    double[] dx = new double[Math.toIntExact(backward.size())];
    for (int p = 0; p < y.length; p++) {
      for (int k = 0; k < taps; k++) {
        int row = p / shape.outWidth() * stride - pad + k / kernelWidth;
        int column = p % shape.outWidth() * stride - pad + k % kernelWidth;
        if (row < 0 || row >= height || column < 0 || column >= width) {
          continue;
        }
        int q = row * width + column;
        for (int o = 0; o < out; o++) {
          for (int c = 0; c < in; c++) {
            double weight = w.get(((long) o * taps + k) * in + c);
            y[p] += weight * s.get(o) * x.get((long) q * in + c);
            dx[q] += weight * r.get(c) * dy.get((long) p * out + o);
          }
        }
      }
    }
    for (int p = 0; p < y.length; p++) {
      assertThat((double) forward.get(p)).isCloseTo(y[p], within(TOLERANCE));
    }
    for (int q = 0; q < dx.length; q++) {
      assertThat((double) backward.get(q)).isCloseTo(dx[q], within(TOLERANCE));
    }
  }

  @Test
  void sizes_that_do_not_fit_are_refused() {
    Tensor x = random(4, 3);
    assertThatThrownBy(() -> Projections.combine(x, 1, random(11)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Projections.combineAndProject(x, 1, random(5), random(12), random(4)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no rows of 5 values");
    assertThatThrownBy(() ->
            Projections.take(
                x, null, new float[0], false, random(12), new float[4], 0, random(3), random(3)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("does not hold examples");
  }
}
