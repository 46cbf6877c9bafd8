package asymml.trusted.split;

import static asymml.trusted.split.OracleLayer.doubles;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.ConvShape;
import asymml.trusted.check.Verification;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.split.LayerRig.Flow;
import asymml.trusted.split.LayerRig.Setting;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Workers that return finite but wrong results of one layer, under either shield: with results
/// checked the first wrong one ends the step, without it goes unnoticed. Directions are secret, so
/// that a lie can be missed: of those tried here, a single spike under masks once in some ten
/// thousand runs, the others more rarely.
class LyingWorkerTest {
  private static final ConvShape SMALL = new ConvShape(4, 6, 5, 3, 5, 3, 3, 1, 1);

  @TempDir Path folder;

  /// Ways to be wrong.
  enum Lie {
    ONE_PERCENT_MORE((_, right) -> each(right, value -> 1.01 * value)),
    NOTHING((_, right) -> new double[right.length]),
    ONE_CHANNEL_S_SIGN((_, right) -> {
      // The last axis of all three results is one of channels.
      double[] wrong = right.clone();
      for (int i = 0; i < wrong.length; i += 3) {
        wrong[i] = -wrong[i];
      }
      return wrong;
    }),
    ONE_SPIKE((_, right) -> {
      double[] wrong = right.clone();
      wrong[right.length / 2] += 100;
      return wrong;
    }),
    ANOTHER_EXAMPLE_S((_, right) -> {
      double[] wrong = right.clone();
      System.arraycopy(right, 0, wrong, right.length / 2, right.length / 2);
      return wrong;
    }),
    REVERSED((_, right) -> {
      double[] wrong = new double[right.length];
      for (int i = 0; i < wrong.length; i++) {
        wrong[i] = right[right.length - 1 - i];
      }
      return wrong;
    }),
    /// One step of gradient descent would set the weights to the worker's choice.
    STEERED((_, right) -> each(right, value -> 10 * (value - 0.25)));

    private final BiFunction<ConvShape, double[], double[]> wrong;

    Lie(BiFunction<ConvShape, double[], double[]> wrong) {
      this.wrong = wrong;
    }

    private static double[] each(double[] right, DoubleUnaryOperator to) {
      return Arrays.stream(right).map(to).toArray();
    }
  }

  @ParameterizedTest
  @EnumSource
  void a_wrong_output_is_caught(Lie lie) throws Exception {
    try (LayerRig rig = LayerRig.split(folder, Setting.of(SMALL, 1), Verification.EVERY)) {
      rig.fill(1);
      rig.worker().lie(Message.Forward.class, lie.wrong);
      assertThatThrownBy(() -> rig.forward(0))
          .isInstanceOf(ProtocolException.class)
          .hasMessageMatching(
              "the worker returned a wrong output of layer layer, off by \\S+ times what rounding"
                  + " explains: it is faulty or it lies; the last checkpoint is intact");
    }
  }

  @ParameterizedTest
  @EnumSource
  void a_wrong_input_gradient_is_caught(Lie lie) throws Exception {
    try (LayerRig rig =
        LayerRig.split(folder, Setting.of(SMALL, 1).with(Flow.ADDED), Verification.EVERY)) {
      rig.fill(2);
      rig.worker().lie(Message.BackwardData.class, lie.wrong);
      rig.forward(0);
      assertThatThrownBy(rig::backward)
          .isInstanceOf(ProtocolException.class)
          .hasMessageContaining("wrong input gradient of layer layer");
    }
  }

  @ParameterizedTest
  @EnumSource
  void a_wrong_weight_gradient_is_caught(Lie lie) throws Exception {
    try (LayerRig rig = LayerRig.split(folder, Setting.of(SMALL, 2), Verification.EVERY)) {
      rig.fill(3);
      rig.worker().lie(Message.BackwardWeights.class, lie.wrong);
      rig.forward(0);
      assertThatThrownBy(rig::backward)
          .isInstanceOf(ProtocolException.class)
          .hasMessageContaining("wrong weight gradient of layer layer");
    }
  }

  @ParameterizedTest
  @EnumSource
  void under_masks_either_worker_is_caught(Lie lie) throws Exception {
    for (int liar = 0; liar < 2; liar++) {
      for (Class<? extends Message> kind :
          List.of(Message.Forward.class, Message.BackwardData.class)) {
        try (LayerRig rig =
            LayerRig.masked(
                LayerRig.folder(folder), Setting.of(SMALL, liar), 1, Verification.EVERY)) {
          rig.fill(4);
          rig.workers.get(liar).lie(kind, lie.wrong);
          assertThatThrownBy(
                  () -> {
                    rig.forward(0);
                    rig.backward();
                  })
              .isInstanceOf(ProtocolException.class)
              .hasMessageStartingWith("a worker returned a wrong ");
        }
      }
    }
  }

  /// One of two workers returns spikes for every example but one, which a norm and a ReLU silence:
  /// what the other examples would add to gradient sums is gone.
  @Test
  void spikes_that_silence_all_examples_but_one_are_caught_and_pass_unchecked() throws Exception {
    BiFunction<ConvShape, double[], double[]> spikes =
        (shape, right) -> {
          double[] wrong = right.clone();
          int one = right.length / shape.batch();
          for (int i = one; i < wrong.length; i++) {
            wrong[i] = i % one == 0 ? 1e4 : 0;
          }
          return wrong;
        };
    try (LayerRig unchecked =
        LayerRig.masked(LayerRig.folder(folder), Setting.of(SMALL, 0), 1, Verification.OFF)) {
      unchecked.fill(5);
      unchecked.worker().lie(Message.Forward.class, spikes);
      unchecked.forward(0);
      assertThat(unchecked.y.examples(1, 1).get(0)).isGreaterThan(100);
    }
    try (LayerRig checked =
        LayerRig.masked(LayerRig.folder(folder), Setting.of(SMALL, 0), 1, Verification.EVERY)) {
      checked.fill(5);
      checked.worker().lie(Message.Forward.class, spikes);
      assertThatThrownBy(() -> checked.forward(0)).isInstanceOf(ProtocolException.class);
    }
  }

  @Test
  void weights_of_the_worker_s_choice_are_caught_and_pass_unchecked() throws Exception {
    double[] target = new double[5 * 3 * 3 * 3];
    try (LayerRig rig = LayerRig.split(LayerRig.folder(folder), Setting.of(SMALL, 0))) {
      rig.fill(6);
      double[] weights = doubles(rig.w);
      for (int i = 0; i < target.length; i++) {
        target[i] = 10 * weights[i];
      }
      rig.worker().lie(Message.BackwardWeights.class, (_, _) -> target);
      rig.forward(0);
      rig.backward();
      // With a learning rate of 0.1 the weights would now be 0.
      assertThat(rig.dw.get(7)).isEqualTo((float) target[7]);
    }
    try (LayerRig rig =
        LayerRig.split(LayerRig.folder(folder), Setting.of(SMALL, 0), Verification.EVERY)) {
      rig.fill(6);
      rig.worker().lie(Message.BackwardWeights.class, (_, _) -> target);
      rig.forward(0);
      assertThatThrownBy(rig::backward).hasMessageContaining("wrong weight gradient");
    }
  }

  @Test
  void results_of_the_step_before_are_caught() throws Exception {
    try (LayerRig rig = LayerRig.split(folder, Setting.of(SMALL, 1), Verification.EVERY)) {
      double[][] before = new double[1][];
      rig.worker()
          .lie(
              Message.Forward.class,
              (_, right) -> {
                double[] old = before[0] == null ? right : before[0];
                before[0] = right;
                return old;
              });
      rig.fill(7);
      rig.forward(0);
      rig.backward();
      rig.fill(8);
      assertThatThrownBy(() -> rig.forward(1)).hasMessageContaining("wrong output");
    }
  }

  static Stream<Setting> settings() {
    return Stream.concat(
        SplitLinearOpTest.settings(),
        Stream.of(Setting.of(SMALL, 2).with(Decomposition.PER_EXAMPLE).on(2, 2)));
  }

  @ParameterizedTest
  @MethodSource("settings")
  void right_results_pass_and_are_the_same_to_the_bit(Setting setting) throws Exception {
    try (LayerRig plain = LayerRig.split(LayerRig.folder(folder), setting);
        LayerRig checked = LayerRig.split(LayerRig.folder(folder), setting, Verification.EVERY)) {
      for (int step = 0; step < 3; step++) {
        for (LayerRig rig : List.of(plain, checked)) {
          rig.fill(30 + step);
          rig.forward(step);
          rig.backward();
        }
        assertThat(checked.y.toArray()).isEqualTo(plain.y.toArray());
        assertThat(checked.dx.toArray()).isEqualTo(plain.dx.toArray());
        assertThat(checked.dw.toArray()).isEqualTo(plain.dw.toArray());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("asymml.trusted.split.MaskedLinearOpTest#settings")
  void right_results_under_masks_pass(Setting setting) throws Exception {
    try (LayerRig rig = LayerRig.masked(folder, setting, 1, Verification.EVERY)) {
      for (int step = 0; step < 3; step++) {
        rig.fill(40 + step);
        assertThatCode(
                () -> {
                  rig.forward(0);
                  rig.backward();
                })
            .doesNotThrowAnyException();
      }
    }
  }

  /// With a chance of a half in each step, that 40 steps pass has a probability of 1e-12.
  @Test
  void a_sample_of_steps_catches_a_lie_in_time() throws Exception {
    try (LayerRig rig =
        LayerRig.split(folder, Setting.of(SMALL, 1), Verification.parse("sample:0.5"))) {
      rig.fill(9);
      rig.worker().lie(Message.Forward.class, Lie.NOTHING.wrong);
      assertThatThrownBy(
              () -> {
                for (int step = 0; step < 40; step++) {
                  rig.forward(step);
                  rig.backward();
                }
              })
          .hasMessageContaining("wrong output");
    }
  }
}
