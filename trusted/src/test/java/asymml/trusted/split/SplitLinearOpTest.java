package asymml.trusted.split;

import static asymml.trusted.split.OracleLayer.channelSums;
import static asymml.trusted.split.OracleLayer.difference;
import static asymml.trusted.split.OracleLayer.doubles;
import static asymml.trusted.split.OracleLayer.norm;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.split.LayerRig.Flow;
import asymml.trusted.split.LayerRig.Setting;
import asymml.trusted.split.OracleWorker.Asked;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// One split layer, with workers that compute exactly, against the layer's definition: what stays
/// and what is sent adds up to the whole, however it is split and shared out.
class SplitLinearOpTest {
  private static final double UNIT = 0x1p-24;

  private static final ConvShape SMALL = new ConvShape(3, 5, 4, 3, 4, 3, 3, 1, 1);

  @TempDir Path folder;

  static Stream<Setting> settings() {
    ConvShape flat = ConvShape.linear(5, 7, 3);
    ConvShape wide = new ConvShape(2, 3, 6, 4, 2, 1, 5, 1, 0);
    ConvShape tall = new ConvShape(4, 7, 3, 2, 3, 4, 2, 3, 1);
    ConvShape single = new ConvShape(1, 1, 1, 1, 1, 1, 1, 1, 0);
    ConvShape skipping = new ConvShape(2, 6, 5, 3, 4, 1, 1, 2, 0);
    return Stream.of(
        Setting.of(single, 0),
        Setting.of(single, 1),
        Setting.of(SMALL, 0).with(Flow.ADDED),
        Setting.of(SMALL, 1).with(Flow.NONE),
        Setting.of(SMALL, 3).with(false, 0),
        Setting.of(SMALL, 2).with(Decomposition.PER_EXAMPLE).with(Flow.ADDED),
        Setting.of(flat, 4),
        Setting.of(flat, 7).on(2, 1),
        Setting.of(flat, 1).with(Decomposition.PER_EXAMPLE).on(3, 1),
        Setting.of(flat, 0).on(7, 2),
        Setting.of(wide, 2).on(2, 1).with(Flow.ADDED),
        Setting.of(tall, 1).on(3, 1),
        Setting.of(skipping, 2).with(false, 0).with(Flow.NONE),
        Setting.of(SMALL.withBatch(9), 2).on(2, 2).with(Flow.ADDED),
        // Its maps have 16 values: chunks may start at any example.
        Setting.of(new ConvShape(11, 4, 4, 1, 1, 3, 3, 1, 1), 1).on(2, 3));
  }

  @ParameterizedTest
  @MethodSource("settings")
  void output_and_gradients_are_those_of_the_layer_s_definition(Setting setting) throws Exception {
    checkSteps(setting, 2);
  }

  @Test
  void random_layers_shared_out_at_random_compute_their_definition() throws Exception {
    System.out.println("seed 71");
    SplittableRandom random = new SplittableRandom(71);
    for (int trial = 0; trial < 12; trial++) {
      int kernelHeight = random.nextInt(1, 5);
      int kernelWidth = random.nextInt(1, 5);
      ConvShape shape =
          new ConvShape(
              random.nextInt(1, 8),
              random.nextInt(kernelHeight, 9),
              random.nextInt(kernelWidth, 9),
              random.nextInt(1, 6),
              random.nextInt(1, 6),
              kernelHeight,
              kernelWidth,
              random.nextInt(1, 4),
              random.nextInt(Math.min(kernelHeight, kernelWidth)));
      Flow[] flows = Flow.values();
      checkSteps(
          Setting.of(shape, random.nextInt(shape.inChannels() + 1))
              .on(random.nextInt(1, 4), random.nextInt(1, 4))
              .with(flows[random.nextInt(flows.length)])
              .with(random.nextBoolean(), 0),
          1);
    }
  }

  private void checkSteps(Setting setting, int steps) throws Exception {
    try (LayerRig rig = LayerRig.split(LayerRig.folder(folder), setting)) {
      for (int step = 0; step < steps; step++) {
        rig.fill(90 + step);
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
    int window = rig.shape.kernelHeight() * rig.shape.kernelWidth() * rig.shape.inChannels();
    assertClose("y", rig.y, expected, window);
  }

  private static void checkGradients(LayerRig rig, double[] before) {
    ConvShape shape = rig.shape;
    double[] dy = doubles(rig.dy);
    int positions = shape.batch() * shape.outHeight() * shape.outWidth();
    assertClose("dw", rig.dw, OracleLayer.backwardWeights(shape, doubles(rig.x), dy), positions);
    if (rig.setting.bias()) {
      assertClose("db", rig.db, channelSums(dy, shape.outChannels()), positions);
    } else {
      assertThat(rig.db.toArray()).containsOnly(Float.NaN);
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
    int window = shape.kernelHeight() * shape.kernelWidth() * shape.outChannels();
    assertClose("dx", rig.dx, expected, window);
  }

  /// All factors are at most 1, those of a low-rank part at most a few times as large: each
  /// product, sum and split rounds by at most a few units.
  private static void assertClose(String what, Tensor actual, double[] expected, int terms) {
    double tolerance = 16 * (terms + 16) * UNIT;
    for (int i = 0; i < expected.length; i++) {
      assertThat(Math.abs(actual.get(i) - expected[i]))
          .as("%s[%d]: %s against %s", what, i, actual.get(i), expected[i])
          .isLessThan(tolerance);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void a_worker_gets_what_the_low_rank_part_leaves_and_nothing_at_full_rank(int rank)
      throws Exception {
    try (LayerRig rig = LayerRig.split(folder, Setting.of(SMALL, rank))) {
      rig.fill(5);
      rig.forward(0);
      double[] x = doubles(rig.x);
      double[] sent = rig.worker().only(Message.Forward.class).operand(0);
      if (rank == 0) {
        assertThat(sent).isEqualTo(x);
      } else if (rank == SMALL.inChannels()) {
        assertThat(norm(sent)).isLessThan(1e-5 * norm(x));
      } else {
        assertThat(norm(sent)).isBetween(0.05 * norm(x), 0.95 * norm(x));
        // What stays has fewer directions than channels, around a mean.
        assertThat(determinant(covariance(difference(x, sent)))).isCloseTo(0, within(1e-6));
        assertThat(determinant(covariance(x))).isGreaterThan(0.01);
      }
    }
  }

  /// Of three channels.
  private static double[][] covariance(double[] map) {
    double[] mean = channelSums(map, 3);
    double[][] covariance = new double[3][3];
    int count = map.length / 3;
    for (int p = 0; p < count; p++) {
      for (int a = 0; a < 3; a++) {
        for (int b = 0; b < 3; b++) {
          covariance[a][b] +=
              (map[3 * p + a] - mean[a] / count) * (map[3 * p + b] - mean[b] / count) / count;
        }
      }
    }
    return covariance;
  }

  private static double determinant(double[][] m) {
    double sum = 0;
    for (int i = 0; i < 3; i++) {
      int j = (i + 1) % 3;
      int k = (i + 2) % 3;
      sum += m[0][i] * (m[1][j] * m[2][k] - m[1][k] * m[2][j]);
    }
    return sum;
  }

  @Test
  void what_is_asked_for_is_the_least_and_in_the_order_of_the_chunks() throws Exception {
    ConvShape shape = new ConvShape(6, 4, 4, 1, 1, 3, 3, 1, 1);
    try (LayerRig rig = LayerRig.split(folder, Setting.of(shape, 0).on(1, 3))) {
      rig.fill(6);
      rig.forward(0);
      rig.backward();
      List<Asked> forward = rig.worker().asked(Message.Forward.class);
      double[] x = doubles(rig.x);
      for (int c = 0; c < 3; c++) {
        assertThat(forward.get(c).operand(0)).isEqualTo(Arrays.copyOfRange(x, 32 * c, 32 * c + 32));
      }
      assertThat(forward).hasSize(3);
      assertThat(rig.worker().asked(Message.BackwardData.class)).hasSize(3);
      assertThat(rig.worker().only(Message.BackwardWeights.class).operand(0)).isEqualTo(x);
      // One operation on two examples for all chunks, and one on all six that needs no weights.
      assertThat(rig.worker().asked(Message.DefineOp.class)).hasSize(2);
      assertThat(rig.worker().only(Message.LoadWeights.class).operand(0)).isEqualTo(doubles(rig.w));
    }
    try (LayerRig rig =
        LayerRig.split(LayerRig.folder(folder), Setting.of(shape, 0).with(Flow.NONE))) {
      rig.fill(7);
      rig.forward(0);
      rig.backward();
      assertThat(rig.worker().asked(Message.BackwardData.class)).isEmpty();
      assertThat(rig.worker().only(Message.BackwardWeights.class).operand(1))
          .isEqualTo(doubles(rig.dy));
    }
  }

  @Test
  void a_worker_without_examples_is_asked_for_nothing() throws Exception {
    try (LayerRig rig = LayerRig.split(folder, Setting.of(ConvShape.linear(2, 3, 2), 1).on(3, 1))) {
      rig.fill(8);
      rig.forward(0);
      rig.backward();
      List<Integer> requests = new ArrayList<>();
      for (OracleWorker worker : rig.workers) {
        requests.add(worker.asked(Message.class).size());
      }
      // The first of three shares of two examples is empty; the others define an operation, load
      // weights, and compute one output and two gradients.
      assertThat(requests).containsExactly(0, 5, 5);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 2})
  void null_examples_are_sent_as_zeros_and_take_no_gradient(int rank) throws Exception {
    ConvShape shape = SMALL.withBatch(5);
    try (LayerRig rig = LayerRig.split(folder, Setting.of(shape, rank).on(2, 1))) {
      rig.fill(9);
      rig.context.nullExamples(i -> i == 1 || i == 4);
      rig.forward(0);
      rig.backward();
      for (int i = 0; i < 5; i++) {
        boolean real = i != 1 && i != 4;
        OracleWorker worker = rig.workers.get(i < 2 ? 0 : 1);
        int place = i < 2 ? i : i - 2;
        for (int operand = 0; operand < 2; operand++) {
          double[] all = worker.only(Message.BackwardWeights.class).operand(operand);
          int values = all.length / (i < 2 ? 2 : 3);
          double[] own = Arrays.copyOfRange(all, place * values, (place + 1) * values);
          assertThat(norm(own) > 0).as("example %d, operand %d", i, operand).isEqualTo(real);
        }
        assertThat(norm(doubles(rig.dx.examples(i, 1))) > 0).as("dx of %d", i).isEqualTo(real);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void nothing_is_learned_from_a_null_example_whatever_a_worker_answers(boolean adds)
      throws Exception {
    Setting setting = Setting.of(SMALL, 1).with(adds ? Flow.ADDED : Flow.FIRST);
    try (LayerRig rig = LayerRig.split(folder, setting)) {
      rig.worker().shift(Message.BackwardData.class);
      rig.fill(14);
      rig.dx.examples(1, 1).fill(0);
      rig.context.nullExamples(i -> i == 1);
      rig.forward(0);
      rig.backward();
      assertThat(rig.dx.examples(1, 1).toArray()).containsOnly(0);
      double[] dx = OracleLayer.backwardData(SMALL, doubles(rig.dy), doubles(rig.w));
      double[] first = Arrays.copyOf(dx, dx.length / 3);
      if (!adds) {
        // The others get what it answers, wrong as it is.
        for (int i = 0; i < first.length; i++) {
          assertThat(rig.dx.get(i)).isCloseTo((float) first[i] + 1, within(1e-5f));
        }
      }
    }
  }

  static Stream<Class<? extends Message>> results() {
    return Stream.of(
        Message.Forward.class, Message.BackwardData.class, Message.BackwardWeights.class);
  }

  @ParameterizedTest
  @MethodSource("results")
  void a_result_that_is_not_finite_is_refused_and_names_worker_and_layer(
      Class<? extends Message> kind) throws Exception {
    for (int rank = 0; rank < 2; rank++) {
      try (LayerRig rig =
          LayerRig.split(LayerRig.folder(folder), Setting.of(SMALL, rank).on(2, 1))) {
        OracleWorker second = rig.workers.get(1);
        second.party().worker().name("worker 2 of 2");
        second.spoil(kind);
        rig.fill(10);
        assertThatThrownBy(
                () -> {
                  rig.forward(0);
                  rig.backward();
                })
            .isInstanceOf(ProtocolException.class)
            .hasMessageContaining("worker 2 of 2 returned values that are not finite")
            .hasMessageContaining("layer layer")
            .hasMessageContaining("the last checkpoint is intact");
      }
    }
  }

  @ParameterizedTest
  @MethodSource("results")
  void a_request_that_is_refused_ends_the_step_with_the_worker_s_reason(
      Class<? extends Message> kind) throws Exception {
    try (LayerRig rig = LayerRig.split(folder, Setting.of(SMALL, 1))) {
      rig.worker().refuse(kind);
      rig.fill(11);
      assertThatThrownBy(
              () -> {
                rig.forward(0);
                rig.backward();
              })
          .isInstanceOf(ProtocolException.class)
          .hasMessageContaining("the worker refused")
          .hasMessageContaining("out of memory");
      // The connection is over, and says so again.
      assertThatThrownBy(rig.context.workers()::flush)
          .isInstanceOf(ProtocolException.class)
          .hasMessageContaining("out of memory");
    }
  }

  @Test
  void a_pass_backward_needs_one_forward_and_a_pass_its_releases() throws Exception {
    try (LayerRig rig = LayerRig.split(folder, Setting.of(SMALL, 1))) {
      rig.fill(12);
      rig.forward(0);
      rig.backward();
      // All that was planned has happened.
      assertThatThrownBy(rig.op::sendWeights)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("weights of layer");
      rig.input.forget();
      assertThatThrownBy(() -> rig.op.forward(1))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("residuals of layer");
      assertThatThrownBy(rig.op::backward)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("gradients of layer");
    }
  }

  /// With one example that is not zero, all that is computed here is that example's part.
  @ParameterizedTest
  @CsvSource({"0, true", "1, true", "3, false", "2, false"})
  void one_example_s_trusted_part_of_the_gradients_stays_below_the_clip_norm(
      int rank, boolean hasBias) throws Exception {
    double clip = 0.75;
    ConvShape shape = new ConvShape(4, 5, 4, 3, 4, 2, 3, 2, 1);
    try (LayerRig rig = LayerRig.split(folder, Setting.of(shape, rank).with(hasBias, clip))) {
      int step = 0;
      for (float scale : new float[] {1e-6f, 1, 30, 1e6f, 1e18f}) {
        rig.worker().forgetAsked();
        rig.fill(13 + step);
        for (int i = 0; i < shape.batch(); i++) {
          if (i != 2) {
            rig.dy.examples(i, 1).fill(0);
          }
        }
        for (long i = 0; i < rig.dy.size(); i++) {
          rig.dy.set(i, scale * rig.dy.get(i));
        }
        rig.forward(step++);
        rig.backward();
        Asked asked = rig.worker().only(Message.BackwardWeights.class);
        double[] ofWorker = OracleLayer.backwardWeights(shape, asked.operand(0), asked.operand(1));
        double[] here = difference(doubles(rig.dw), ofWorker);
        double[] bias = hasBias ? doubles(rig.db) : new double[0];
        // The worker's part is known to float32 alone: at large scales it hides what is here.
        double unknown = 1e-5 * norm(ofWorker);
        double part =
            rank == 0 || unknown > 0.01 * clip ? norm(bias) : norm(norm(here), norm(bias));
        assertThat(part).as("scale %s", scale).isLessThan(clip * (1 + 1e-6) + unknown);
        assertThat(part > 0).isEqualTo(hasBias || unknown <= 0.01 * clip);
        // What the worker gets is not limited by this guard: it was released before.
        assertThat(norm(asked.operand(1))).isGreaterThan(0.1 * scale);
      }
    }
  }

  @Test
  void a_layer_is_closed_twice_and_its_gradients_are_listed_as_planned() throws Exception {
    try (LayerRig rig = LayerRig.split(folder, Setting.of(SMALL, 1).with(false, 2))) {
      assertThat(rig.op.addedHere()).containsExactly(rig.dw);
      rig.op.close();
      rig.op.close();
    }
    try (LayerRig rig = LayerRig.split(LayerRig.folder(folder), Setting.of(SMALL, 0))) {
      // Of the weights the worker computes all.
      assertThat(rig.op.addedHere()).containsExactly(rig.db);
    }
  }
}
