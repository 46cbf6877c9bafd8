package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Parameter;
import asymml.model.Zoo;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.network.OracleNetwork;
import asymml.trusted.ops.Parameters;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EvaluatorTest {
  private static final long SEED = 17;
  private static final DataSet DATA = TinyRuns.data(12, 13, SEED);
  private static final Graph GRAPH = Zoo.build("cnn", DATA.train().shape(), 3, Zoo.Norm.BATCH);

  private Parameters parameters = new Parameters(GRAPH, new Initializer(SEED), false);

  @BeforeEach
  void move_the_running_statistics() {
    System.out.println("seed " + SEED);
    SplittableRandom random = new SplittableRandom(SEED);
    for (Parameter p : parameters.all()) {
      if (!p.kind().trained()) {
        Tensor value = parameters.value(p.name());
        for (long i = 0; i < value.size(); i++) {
          value.set(i, (float) random.nextDouble(0.2, 0.9));
        }
      }
    }
    parameters.changed();
  }

  @AfterEach
  void close() {
    parameters.close();
  }

  private Evaluator.Score score(int batchSize) throws TrainingException {
    try (Evaluator evaluator = new Evaluator(GRAPH, parameters, batchSize)) {
      return evaluator.score(DATA.test(), DATA.normalization(), (_, _) -> {});
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4, 13, 64})
  void the_score_is_the_oracles_at_every_batch_size(int batchSize) throws Exception {
    double[] logits = oracleLogits();
    double loss = 0;
    int correct = 0;
    int[] predicted = new int[DATA.test().size()];
    for (int n = 0; n < predicted.length; n++) {
      double sum = 0;
      for (int k = 0; k < 3; k++) {
        sum += Math.exp(logits[n * 3 + k]);
        predicted[n] = logits[n * 3 + k] > logits[n * 3 + predicted[n]] ? k : predicted[n];
      }
      loss += Math.log(sum) - logits[n * 3 + DATA.test().label(n)];
      correct += predicted[n] == DATA.test().label(n) ? 1 : 0;
    }
    Evaluator.Score score = score(batchSize);
    assertThat(score.loss()).isCloseTo(loss / predicted.length, within(1e-5));
    assertThat(score.accuracy()).isEqualTo((double) correct / predicted.length);
    for (int n = 0; n < predicted.length; n++) {
      assertThat(score.confusion().count(DATA.test().label(n), predicted[n])).isPositive();
    }
    assertThat(score.confusion().total(0) + score.confusion().total(1) + score.confusion().total(2))
        .isEqualTo(predicted.length);
  }

  private double[] oracleLogits() {
    Map<String, double[]> values = new HashMap<>();
    for (Parameter p : parameters.all()) {
      Tensor value = parameters.value(p.name());
      double[] copy = new double[(int) value.size()];
      for (int i = 0; i < copy.length; i++) {
        copy[i] = value.get(i);
      }
      values.put(p.name(), copy);
    }
    ImageSet images = DATA.test();
    Normalization normalization = DATA.normalization();
    byte[] pixels = new byte[images.shape().size()];
    double[] x = new double[images.size() * pixels.length];
    for (int n = 0; n < images.size(); n++) {
      images.pixels(n, pixels);
      for (int i = 0; i < pixels.length; i++) {
        double level = (pixels[i] & 0xff) / 255.0;
        x[n * pixels.length + i] =
            (level - normalization.mean()[i % 3]) / normalization.standardDeviation()[i % 3];
      }
    }
    return new OracleNetwork(GRAPH, images.size(), values, Map.of()).logits(x, false);
  }

  @Test
  void progress_counts_images_up_to_all_of_them() throws Exception {
    List<Integer> done = new ArrayList<>();
    try (Evaluator evaluator = new Evaluator(GRAPH, parameters, 5)) {
      evaluator.score(
          DATA.test(),
          DATA.normalization(),
          (n, total) -> {
            assertThat(total).isEqualTo(13);
            done.add(n);
          });
    }
    assertThat(done).containsExactly(5, 10, 13);
  }

  @Test
  void an_evaluator_sees_parameters_that_changed() throws Exception {
    try (Evaluator evaluator = new Evaluator(GRAPH, parameters, 5)) {
      evaluator.score(DATA.test(), DATA.normalization(), (_, _) -> {});
      parameters.value("fc.weight").fill(0);
      parameters.value("fc.bias").copyFrom(new float[] {0, 1, 0});
      parameters.changed();
      Evaluator.Score score = evaluator.score(DATA.test(), DATA.normalization(), (_, _) -> {});
      assertThat(score.accuracy()).isEqualTo(4.0 / 13);
    }
  }

  @Test
  void outputs_that_are_not_finite_end_in_one_line_without_a_value() {
    parameters.value("fc.bias").fill(Float.NaN);
    parameters.changed();
    assertThatThrownBy(() -> score(4))
        .isInstanceOf(TrainingException.class)
        .hasMessage(
            "the outputs on the test images are not finite: training of this model diverged");
  }
}
