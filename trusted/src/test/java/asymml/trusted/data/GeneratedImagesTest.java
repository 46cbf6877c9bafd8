package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Shape;
import asymml.trusted.draw.Shuffle;
import java.nio.ByteBuffer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class GeneratedImagesTest {
  private static DataSet data;

  @BeforeAll
  static void open() throws DataException {
    data = DataSets.open("generated", SampleFiles.SILENT);
  }

  /// Pinned: the default run's figures hold for these images.
  @Test
  void the_default_images_never_change() {
    assertThat(data.name()).isEqualTo("generated:1");
    assertThat(data.train().digest())
        .isEqualTo("a90367f3dcc1e3dfc09b84f1573a67655d8cda8d1cc90e5f2995da2f6e7f5b50");
    assertThat(data.test().digest())
        .isEqualTo("040ddf2d892c7d2e224918c2c50b81da6c614a99d351d0495ee1fcdb55a2b071");
  }

  @Test
  void the_seed_decides() throws DataException {
    DataSet same = DataSets.open("generated:1", SampleFiles.SILENT);
    assertThat(same.test().digest()).isEqualTo(data.test().digest());
    // Drawn once for all that open it one after the other.
    assertThat(DataSets.open("generated:1", SampleFiles.SILENT)).isSameAs(same);
    DataSet other = DataSets.open("generated:-2", SampleFiles.SILENT);
    assertThat(other.name()).isEqualTo("generated:-2");
    assertThat(other.test().digest()).isNotEqualTo(data.test().digest());
    DataSet again = DataSets.open("generated", SampleFiles.SILENT);
    assertThat(again.train().digest()).isEqualTo(data.train().digest());
    assertThatThrownBy(() -> DataSets.open("generated:x", SampleFiles.SILENT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("'generated:x' needs a whole number");
  }

  @Test
  void the_classes_are_balanced() {
    assertThat(data.train().shape()).isEqualTo(new Shape(32, 32, 3));
    assertThat(data.train().classNames()).hasSize(10).contains("ring", "triangle", "stripes");
    for (ImageSet set : new ImageSet[] {data.train(), data.test()}) {
      int[] counts = new int[10];
      for (int i = 0; i < set.size(); i++) {
        counts[set.label(i)]++;
      }
      assertThat(counts).containsOnly(set.size() / 10);
    }
  }

  @Test
  void no_two_images_are_equal() {
    assertThat(
            IntStream.range(0, data.train().size())
                .mapToObj(i -> ByteBuffer.wrap(SampleFiles.pixels(data.train(), i)))
                .distinct())
        .hasSize(6000);
  }

  /// Softmax regression on all pixels by plain gradient descent, to where it fits its training
  /// images better than chance by far and the test images hardly.
  @Test
  void a_linear_classifier_stays_below_60_percent() {
    int features = data.train().shape().size();
    float[] weights = new float[10 * (features + 1)];
    float[] table = data.normalization().table();
    for (int epoch = 0; epoch < 4; epoch++) {
      float rate = 0.001f / (1 + epoch);
      for (int i : Shuffle.order(data.train().size(), epoch)) {
        float[] x = features(data.train(), i, table);
        double[] p = probabilities(weights, x);
        p[data.train().label(i)] -= 1;
        for (int c = 0; c < 10; c++) {
          float step = (float) (rate * p[c]);
          for (int f = 0; f < x.length; f++) {
            weights[c * x.length + f] -= step * x[f];
          }
        }
      }
    }
    double train = accuracy(data.train(), weights, table);
    double test = accuracy(data.test(), weights, table);
    System.out.printf("softmax regression: %.3f train, %.3f test accuracy%n", train, test);
    assertThat(train).isGreaterThan(0.3);
    assertThat(test).isLessThan(0.6);
  }

  private static double accuracy(ImageSet set, float[] weights, float[] table) {
    int right = 0;
    for (int i = 0; i < 1000; i++) {
      double[] p = probabilities(weights, features(set, i, table));
      int best = 0;
      for (int c = 1; c < 10; c++) {
        best = p[c] > p[best] ? c : best;
      }
      right += best == set.label(i) ? 1 : 0;
    }
    return right / 1000.0;
  }

  private static float[] features(ImageSet set, int index, float[] table) {
    byte[] pixels = SampleFiles.pixels(set, index);
    float[] x = new float[pixels.length + 1];
    for (int f = 0; f < pixels.length; f++) {
      x[f] = table[f % 3 * 256 + (pixels[f] & 0xFF)];
    }
    x[pixels.length] = 1;
    return x;
  }

  private static double[] probabilities(float[] weights, float[] x) {
    double[] p = new double[10];
    double sum = 0;
    for (int c = 0; c < 10; c++) {
      float logit = 0;
      for (int f = 0; f < x.length; f++) {
        logit += weights[c * x.length + f] * x[f];
      }
      p[c] = Math.exp(Math.clamp(logit, -50, 50));
      sum += p[c];
    }
    for (int c = 0; c < 10; c++) {
      p[c] /= sum;
    }
    return p;
  }
}
