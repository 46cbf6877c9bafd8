package asymml.trusted.split;

import static asymml.trusted.split.OracleLayer.channelSums;
import static asymml.trusted.split.OracleLayer.difference;
import static asymml.trusted.split.OracleLayer.doubles;
import static asymml.trusted.split.OracleLayer.norm;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.split.LayerRig.Flow;
import asymml.trusted.split.LayerRig.Setting;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// One layer under masks, with two workers that compute exactly, against the layer's definition and
/// against what either of the two may see.
class MaskedLinearOpTest {
  private static final double UNIT = 0x1p-24;

  private static final ConvShape SMALL = new ConvShape(3, 5, 4, 3, 4, 3, 3, 1, 1);

  @TempDir Path folder;

  static Stream<Setting> settings() {
    return Stream.of(
        Setting.of(ConvShape.linear(1, 1, 1), 0),
        Setting.of(SMALL, 0).with(Flow.ADDED),
        Setting.of(SMALL, 2),
        Setting.of(SMALL, 3).with(false, 0).with(Flow.NONE),
        Setting.of(SMALL, 1).with(Decomposition.PER_EXAMPLE).with(Flow.ADDED),
        Setting.of(ConvShape.linear(6, 9, 4), 5),
        Setting.of(new ConvShape(2, 7, 3, 2, 3, 4, 2, 3, 1), 1),
        Setting.of(new ConvShape(2, 3, 6, 4, 2, 1, 5, 1, 0), 0).with(false, 0));
  }

  @ParameterizedTest
  @MethodSource("settings")
  void results_without_masks_are_those_of_the_layer_s_definition(Setting setting) throws Exception {
    try (LayerRig rig = LayerRig.masked(folder, setting, 1)) {
      for (int step = 0; step < 2; step++) {
        rig.fill(20 + step);
        double[] before = doubles(rig.dx);
        rig.forward(step);
        checkOutput(rig);
        rig.backward();
        checkGradients(rig, before);
      }
    }
  }

  private static void checkOutput(LayerRig rig) {
    double[] expected = OracleLayer.forward(rig.shape, doubles(rig.x), doubles(rig.w));
    if (rig.setting.bias()) {
      for (int i = 0; i < expected.length; i++) {
        expected[i] += rig.b.get(i % rig.shape.outChannels());
      }
    }
    assertClose("y", rig.y, expected, rig.x, norm(doubles(rig.w)));
  }

  private static void checkGradients(LayerRig rig, double[] before) {
    ConvShape shape = rig.shape;
    double[] dy = doubles(rig.dy);
    double[] dw = OracleLayer.backwardWeights(shape, doubles(rig.x), dy);
    // Computed here: no mask is near it.
    assertThat(norm(difference(doubles(rig.dw), dw))).isLessThan(1e-5 * norm(dw));
    if (rig.setting.bias()) {
      double[] db = channelSums(dy, shape.outChannels());
      assertThat(norm(difference(doubles(rig.db), db))).isLessThan(1e-5 * norm(dy));
    }
    if (rig.setting.flow() == Flow.NONE) {
      assertThat(doubles(rig.dx)).isEqualTo(before);
      return;
    }
    double[] expected = OracleLayer.backwardData(shape, dy, doubles(rig.w));
    if (rig.setting.flow() == Flow.ADDED) {
      for (int i = 0; i < expected.length; i++) {
        expected[i] += before[i];
      }
    }
    assertClose("dx", rig.dx, expected, rig.dy, norm(doubles(rig.w)));
  }

  /// What is masked, the masks and both results are rounded to float32, each by at most a unit of
  /// some deviations of a mask; the difference is scaled back to the size of the example.
  private static void assertClose(
      String what, Tensor actual, double[] expected, Tensor hidden, double weights) {
    double largest = 0;
    for (int i = 0; i < hidden.length(0); i++) {
      largest = Math.max(largest, norm(doubles(hidden.examples(i, 1))));
    }
    double tolerance = 32 * UNIT * (1 + LayerRig.MASKS * largest * weights);
    for (int i = 0; i < expected.length; i++) {
      assertThat(Math.abs(actual.get(i) - expected[i]))
          .as("%s[%d]: %s against %s", what, i, actual.get(i), expected[i])
          .isLessThan(tolerance);
    }
  }

  @Test
  void the_holder_sees_the_same_masks_whatever_the_data_and_the_other_their_sum() throws Exception {
    double[] masks = {};
    for (long data = 31; data < 33; data++) {
      try (LayerRig rig = LayerRig.masked(LayerRig.folder(folder), Setting.of(SMALL, 0), 1)) {
        rig.fill(data);
        rig.forward(0);
        rig.backward();
        OracleWorker holder = rig.workers.getLast();
        double[] now = holder.only(Message.Forward.class).operand(0);
        if (masks.length > 0) {
          assertThat(now).isEqualTo(masks);
        }
        masks = now;
        assertHidden(rig, Message.Forward.class, rig.x);
        assertHidden(rig, Message.BackwardData.class, rig.dy);
        // Neither of them could compute it.
        for (OracleWorker worker : rig.workers) {
          assertThat(worker.asked(Message.BackwardWeights.class)).isEmpty();
        }
      }
    }
  }

  /// The two operands differ by the examples at the norm of 1, and are as large as the masks.
  private static void assertHidden(LayerRig rig, Class<? extends Message> kind, Tensor hidden) {
    double[] masked = rig.worker().only(kind).operand(0);
    double[] masks = rig.workers.getLast().only(kind).operand(0);
    int values = masked.length / hidden.length(0);
    // Of at least 180 normal values: outside once in a million runs.
    assertThat(norm(masks) / Math.sqrt(masks.length)).isBetween(1.4, 2.6);
    for (int i = 0; i < hidden.length(0); i++) {
      double[] example = doubles(hidden.examples(i, 1));
      double[] apart =
          difference(
              Arrays.copyOfRange(masked, i * values, (i + 1) * values),
              Arrays.copyOfRange(masks, i * values, (i + 1) * values));
      double norm = norm(example);
      for (int v = 0; v < values; v++) {
        assertThat(Math.abs(apart[v] - example[v] / norm)).isLessThan(1e-5);
      }
    }
  }

  @Test
  void masks_are_fresh_for_each_tensor_and_step() throws Exception {
    // X and dY have one shape.
    ConvShape shape = new ConvShape(2, 3, 3, 2, 2, 1, 1, 1, 0);
    try (LayerRig rig = LayerRig.masked(folder, Setting.of(shape, 0), 1)) {
      for (int step = 0; step < 3; step++) {
        rig.fill(33);
        rig.forward(step);
        rig.backward();
      }
      List<double[]> seen =
          rig.workers.getLast().asked(Message.ExpandMask.class).stream()
              .map(asked -> asked.operand(0))
              .toList();
      assertThat(seen).hasSize(6);
      for (int i = 0; i < seen.size(); i++) {
        for (int j = 0; j < i; j++) {
          double inner = 0;
          for (int v = 0; v < seen.get(i).length; v++) {
            inner += seen.get(i)[v] * seen.get(j)[v];
          }
          // Of 36 pairs of normal values, at 5 deviations for 15 comparisons: once in 10^5 seeds.
          assertThat(Math.abs(inner)).isLessThan(5 * 4 * Math.sqrt(36));
        }
      }
    }
  }

  @Test
  void an_output_gradient_that_no_input_needs_is_sent_to_nobody() throws Exception {
    try (LayerRig rig = LayerRig.masked(folder, Setting.of(SMALL, 1).with(Flow.NONE), 1)) {
      rig.fill(34);
      rig.forward(0);
      rig.backward();
      for (OracleWorker worker : rig.workers) {
        assertThat(worker.asked(Message.BackwardData.class)).isEmpty();
      }
      assertThat(rig.workers.getLast().asked(Message.ExpandMask.class)).hasSize(1);
    }
  }

  @Test
  void null_examples_are_masks_alone_and_take_no_gradient() throws Exception {
    try (LayerRig rig = LayerRig.masked(folder, Setting.of(SMALL, 0).with(Flow.ADDED), 1)) {
      rig.fill(35);
      float[] before = rig.dx.examples(1, 1).toArray();
      rig.context.nullExamples(i -> i == 1);
      rig.forward(0);
      rig.backward();
      for (Class<? extends Message> kind :
          List.of(Message.Forward.class, Message.BackwardData.class)) {
        double[] masked = rig.worker().only(kind).operand(0);
        double[] masks = rig.workers.getLast().only(kind).operand(0);
        int values = masked.length / 3;
        for (int i = 0; i < masked.length; i++) {
          assertThat(masked[i] == masks[i]).as("%d", i).isEqualTo(i / values == 1);
        }
      }
      assertThat(rig.dx.examples(1, 1).toArray()).isEqualTo(before);
      assertThat(rig.y.examples(1, 1).toArray())
          .isEqualTo(repeated(rig.b.toArray(), rig.y.examples(1, 1).size()));
    }
  }

  private static float[] repeated(float[] row, long size) {
    float[] all = new float[Math.toIntExact(size)];
    for (int i = 0; i < all.length; i++) {
      all[i] = row[i % row.length];
    }
    return all;
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void a_result_of_either_worker_that_is_not_finite_is_refused(int which) throws Exception {
    for (Class<? extends Message> kind :
        List.of(Message.Forward.class, Message.BackwardData.class)) {
      try (LayerRig rig = LayerRig.masked(LayerRig.folder(folder), Setting.of(SMALL, 1), 1)) {
        rig.workers.get(which).spoil(kind);
        rig.fill(36);
        assertThatThrownBy(
                () -> {
                  rig.forward(0);
                  rig.backward();
                })
            .isInstanceOf(ProtocolException.class)
            .hasMessageContaining("values that are not finite for layer layer");
      }
    }
  }

  /// All of the gradient is computed here: with one example that is not zero, it is that example's.
  @ParameterizedTest
  @ValueSource(floats = {1e-5f, 1, 1e5f, 1e18f})
  void one_example_s_gradient_stays_below_the_clip_norm(float scale) throws Exception {
    double clip = 0.75;
    try (LayerRig rig = LayerRig.masked(folder, Setting.of(SMALL, 1).with(true, clip), 1)) {
      rig.fill(37);
      for (long i = 0; i < rig.dy.size(); i++) {
        rig.dy.set(i, i < rig.dy.size() / 3 ? scale * rig.dy.get(i) : 0);
      }
      double[] dy = doubles(rig.dy);
      rig.forward(0);
      rig.backward();
      double part = norm(norm(doubles(rig.dw)), norm(doubles(rig.db)));
      assertThat(part).isLessThan(clip * (1 + 1e-6)).isPositive();
      double[] whole = OracleLayer.backwardWeights(SMALL, doubles(rig.x), dy);
      if (norm(whole) < 0.01 * clip) {
        // What is small is not changed, but for noise of a billionth of the bound.
        assertThat(norm(difference(doubles(rig.dw), whole))).isLessThan(1e-6 * clip);
      }
    }
  }

  @Test
  void a_sampled_gradient_follows_from_step_and_data_and_nothing_else() throws Exception {
    ConvShape shape = new ConvShape(4, 8, 8, 2, 2, 3, 3, 1, 1);
    float[][] gradients = new float[4][];
    for (int run = 0; run < 2; run++) {
      try (LayerRig rig = LayerRig.masked(LayerRig.folder(folder), Setting.of(shape, 0), 0.1)) {
        for (int step = 0; step < 2; step++) {
          rig.fill(38);
          rig.forward(step);
          rig.backward();
          gradients[2 * run + step] = rig.dw.toArray();
        }
      }
    }
    assertThat(gradients[2]).isEqualTo(gradients[0]).isNotEqualTo(gradients[1]);
    assertThat(gradients[3]).isEqualTo(gradients[1]);
  }

  @Test
  void the_operation_adds_all_gradients_here_and_is_closed_twice() throws Exception {
    try (LayerRig rig = LayerRig.masked(folder, Setting.of(SMALL, 1), 1)) {
      assertThat(rig.op.addedHere()).containsExactly(rig.dw, rig.db);
      rig.fill(39);
      rig.forward(0);
      rig.op.backward();
      float[] complete = rig.dw.toArray();
      rig.op.mergeWeightGradient();
      assertThat(rig.dw.toArray()).isEqualTo(complete);
      rig.op.close();
      rig.op.close();
    }
  }
}
