package asymml.trusted.check;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.Convolution.Pass;
import asymml.kernels.Tensor;
import asymml.trusted.boundary.ReleaseWitness;
import asymml.wire.Encoding;
import java.lang.foreign.Arena;
import java.util.EnumSet;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// How near float32 arithmetic comes to what is allowed, over many draws of the secrets.
class LayerCheckTest {
  private static final int DRAWS = 400;

  static Stream<ConvShape> shapes() {
    return Stream.of(
        new ConvShape(8, 4, 4, 512, 512, 3, 3, 1, 1),
        new ConvShape(4, 16, 16, 64, 32, 3, 3, 1, 1),
        new ConvShape(6, 9, 7, 5, 17, 3, 3, 2, 1),
        ConvShape.linear(4, 512, 10),
        ConvShape.linear(1, 3, 2));
  }

  /// With the least noise in values (all of one sign) and with the most.
  @ParameterizedTest
  @MethodSource("shapes")
  void float32_is_never_near_the_limit(ConvShape shape) throws Exception {
    for (double least : new double[] {-1, 0.5}) {
      System.out.println("seed 5");
      SplittableRandom random = new SplittableRandom(5);
      try (Arena arena = Arena.ofShared();
          Convolution layer = new Convolution(shape, EnumSet.allOf(Pass.class))) {
        Tensor x = random(random, arena, least, shape.inputAxes());
        Tensor w = random(random, arena, least, shape.weightAxes());
        Tensor dy = random(random, arena, least, shape.outputAxes());
        Tensor y = Tensor.allocate(arena, shape.outputAxes());
        Tensor dx = Tensor.allocate(arena, shape.inputAxes());
        Tensor dw = Tensor.allocate(arena, shape.weightAxes());
        layer.loadWeights(w);
        layer.forward(x, y);
        layer.backwardData(dy, dx);
        layer.backwardWeights(x, dy, dw);
        Tensor taken =
            Tensor.allocate(arena, (int) Math.max(dw.size(), Math.max(x.size(), y.size())));
        Verifier verifier = new Verifier(Verification.EVERY, 1);
        Rounding rounding = Rounding.of("float32", Encoding.FLOAT32);
        try (LayerCheck check = new LayerCheck(verifier, "it", rounding, "layer", shape, true);
            Combination.OfInput input =
                new Combination.OfInput(
                    verifier, shape.batch(), shape.height() * shape.width(), shape.inChannels())) {
          for (int draw = 0; draw < DRAWS; draw++) {
            verifier.begin();
            check.weights(w);
            show(input.watch(), x);
            check.output(input).take(y, false, first(taken, y), 0);
            check.requireOutput(input, 1);
            show(check.watchGradient(input), dy);
            check.inputGradient().take(dx, false, first(taken, dx), 0);
            check.requireInputGradient(1);
            check.takeWeightGradient(input, dw, false, first(taken, dw));
          }
          System.out.printf(
              "%s from %s on: at most %.3f of what is allowed%n", shape, least, check.largest());
          assertThat(check.largest()).isBetween(1e-4, 0.35);
        }
      }
    }
  }

  private static Tensor first(Tensor memory, Tensor like) {
    return Tensor.of(memory.segment().asSlice(0, like.size() * Float.BYTES), like.shape());
  }

  private static void show(ReleaseWitness witness, Tensor batch) {
    for (int i = 0; i < batch.length(0); i++) {
      witness.saw(0, i, batch.examples(i, 1), 1);
    }
  }

  private static Tensor random(SplittableRandom random, Arena arena, double least, int... shape) {
    Tensor tensor = Tensor.allocate(arena, shape);
    for (long i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) random.nextDouble(least, 1));
    }
    return tensor;
  }
}
