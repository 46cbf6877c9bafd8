package asymml.trusted.split;

import static asymml.trusted.split.OracleLayer.doubles;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.ConvShape;
import asymml.trusted.check.Verification;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.split.LayerRig.Flow;
import asymml.trusted.split.LayerRig.Setting;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// One split layer whose weights its worker updates, against the layer's definition in double
/// precision.
class HeldLayerTest {
  private static final float RATE = 0.05f;
  private static final float MOMENTUM = 0.75f;
  private static final float WEIGHT_DECAY = 0.125f;

  private static final ConvShape SMALL = new ConvShape(3, 5, 4, 3, 4, 3, 3, 1, 1);

  @TempDir Path folder;

  static Stream<Setting> settings() {
    return Stream.of(
        Setting.of(new ConvShape(1, 1, 1, 1, 1, 1, 1, 1, 0), 1),
        Setting.of(SMALL, 1).with(Flow.NONE),
        Setting.of(SMALL, 3).with(false, 0),
        Setting.of(SMALL, 2).with(Flow.ADDED),
        Setting.of(ConvShape.linear(5, 7, 3), 4),
        Setting.of(new ConvShape(4, 7, 3, 2, 3, 4, 2, 3, 1), 1),
        Setting.of(SMALL.withBatch(9), 2).on(1, 3));
  }

  private LayerRig rig(Setting setting) throws Exception {
    LayerRig rig = LayerRig.updatedAtWorker(LayerRig.folder(folder), setting);
    rig.context.updateBy(RATE, MOMENTUM, WEIGHT_DECAY);
    return rig;
  }

  /// Three steps: the first finds the directions, the others have them.
  @ParameterizedTest
  @MethodSource("settings")
  void outputs_gradients_and_updates_are_those_of_the_layer_s_definition(Setting setting)
      throws Exception {
    try (LayerRig rig = rig(setting)) {
      rig.fill(70);
      rig.context.fetchWeights(); // before a step there are none to fetch
      double[] w = doubles(rig.w);
      double[] v = new double[w.length];
      for (int step = 0; step < 3; step++) {
        rig.fill(90 + step); // the weights here, too: the worker has others after the first step
        if (step == 0) {
          System.arraycopy(doubles(rig.w), 0, w, 0, w.length);
        }
        double[] before = doubles(rig.dx);
        rig.forward(step);
        double[] y = OracleLayer.forward(rig.shape, doubles(rig.x), w);
        addBias(y, rig);
        assertClose("output", doubles(rig.y), y);
        double[] dy = doubles(rig.dy);
        rig.backward();
        if (setting.flow() != Flow.NONE) {
          double[] dx = OracleLayer.backwardData(rig.shape, dy, w);
          for (int i = 0; i < dx.length && setting.flow() == Flow.ADDED; i++) {
            dx[i] += before[i];
          }
          assertClose("input gradient", doubles(rig.dx), dx);
        }
        double[] dw = OracleLayer.backwardWeights(rig.shape, doubles(rig.x), dy);
        for (int i = 0; i < w.length; i++) {
          v[i] = MOMENTUM * v[i] + dw[i] + WEIGHT_DECAY * w[i];
          w[i] -= RATE * v[i];
        }
      }
      assertThat(rig.context.fetchWeights()).isTrue();
      assertClose("weights", doubles(rig.w), w);
      assertClose("momentum", doubles(rig.v), v);
      assertThat(rig.op.addedHere()).hasSize(setting.bias() ? 1 : 0);
    }
  }

  private static void addBias(double[] y, LayerRig rig) {
    for (int i = 0; i < y.length && rig.setting.bias(); i++) {
      y[i] += rig.b.get(i % rig.shape.outChannels());
    }
  }

  /// Sums of up to some hundred products in float32.
  private static void assertClose(String what, double[] actual, double[] expected) {
    double norm = 0;
    for (double value : expected) {
      norm += value * value;
    }
    double allowed = 1e-5 * Math.sqrt(norm / expected.length) + 1e-6;
    for (int i = 0; i < expected.length; i++) {
      assertThat(actual[i]).as("%s at %s", what, i).isCloseTo(expected[i], within(10 * allowed));
    }
  }

  @Test
  void weights_are_sent_once_directions_when_they_change_and_the_factor_in_each_step()
      throws Exception {
    try (LayerRig rig = rig(Setting.of(SMALL, 2))) {
      for (int step = 0; step < 12; step++) {
        rig.fill(step);
        rig.forward(step);
        rig.backward();
      }
      rig.context.fetchWeights();
      OracleWorker worker = rig.worker();
      assertThat(worker.asked(Message.HoldWeights.class)).hasSize(1);
      assertThat(worker.asked(Message.LoadWeights.class)).isEmpty();
      assertThat(worker.asked(Message.BackwardWeights.class)).isEmpty();
      // Steps 0 and 10 renew the basis.
      assertThat(worker.asked(Message.KeepDirections.class)).hasSize(2);
      assertThat(worker.asked(Message.FoldWeights.class)).hasSize(12);
      assertThat(worker.asked(Message.UpdateWeights.class))
          .hasSize(12)
          .allSatisfy(asked -> assertThat(asked.operand(0)).hasSize(4 * 9 * 3));
      assertThat(worker.asked(Message.FetchHeld.class)).hasSize(2);
    }
  }

  @ParameterizedTest
  @CsvSource({"FoldWeights, 0", "Forward, 0", "FoldWeights, 1"})
  void a_result_that_is_not_finite_ends_the_step_in_one_line(String kind, int step)
      throws Exception {
    try (LayerRig rig = rig(Setting.of(SMALL, 2))) {
      for (int before = 0; before < step; before++) {
        rig.fill(before);
        rig.forward(before);
        rig.backward();
      }
      rig.worker().spoil(message(kind));
      rig.fill(step);
      assertThatThrownBy(() -> rig.forward(step))
          .isInstanceOf(ProtocolException.class)
          .hasMessageStartingWith(
              "the worker returned values that are not finite for layer layer: it is faulty or"
                  + " hostile")
          .message()
          .hasLineCount(1);
    }
  }

  private static Class<? extends Message> message(String name) {
    return switch (name) {
      case "FoldWeights" -> Message.FoldWeights.class;
      case "Forward" -> Message.Forward.class;
      default -> throw new IllegalArgumentException(name);
    };
  }

  @Test
  void weights_that_come_back_and_are_not_finite_are_refused() throws Exception {
    try (LayerRig rig = rig(Setting.of(SMALL, 2))) {
      rig.fill(1);
      rig.forward(0);
      rig.backward();
      rig.worker().spoil(Message.FetchHeld.class);
      assertThatThrownBy(() -> rig.context.fetchWeights())
          .isInstanceOf(ProtocolException.class)
          .hasMessage(
              "the worker returned weights of layer layer that are not finite: it is faulty or"
                  + " hostile, or training diverged; the last checkpoint is intact");
    }
  }

  @Test
  void a_worker_that_refuses_to_hold_weights_ends_the_run_with_its_reason() throws Exception {
    try (LayerRig rig = rig(Setting.of(SMALL, 2))) {
      rig.worker().refuse(Message.HoldWeights.class);
      rig.fill(1);
      assertThatThrownBy(() -> rig.forward(0))
          .isInstanceOf(ProtocolException.class)
          .hasMessage("the worker refused the holding of weights of op 0: out of memory");
    }
  }

  @Test
  void without_a_rate_there_is_no_update() throws Exception {
    try (LayerRig rig = LayerRig.updatedAtWorker(folder, Setting.of(SMALL, 2))) {
      rig.fill(1);
      rig.forward(0);
      assertThatThrownBy(rig::backward)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("nobody says how");
      assertThat(rig.worker().asked(Message.UpdateWeights.class)).isEmpty();
    }
  }

  static Stream<Setting> impossible() {
    return Stream.of(
        Setting.of(SMALL, 2).on(2, 1),
        Setting.of(SMALL, 0),
        Setting.of(SMALL, 2).with(Decomposition.PER_EXAMPLE));
  }

  @ParameterizedTest
  @MethodSource("impossible")
  void it_takes_one_worker_and_a_shared_basis(Setting setting) {
    assertThatThrownBy(() -> LayerRig.updatedAtWorker(folder, setting))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("one worker updates the weights of layers with a shared basis");
  }

  @Test
  void results_are_not_checked_against_weights_that_are_not_here() {
    assertThatThrownBy(
            () -> LayerRig.updatedAtWorker(folder, Setting.of(SMALL, 2), Verification.EVERY))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("is not checked");
  }
}
