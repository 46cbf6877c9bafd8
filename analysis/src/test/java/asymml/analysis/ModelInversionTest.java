package asymml.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.analysis.Engine.Net;
import asymml.model.GraphBuilder;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Shape;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/// Images of two colours behind a layer that mixes them into four channels. The seeds are fixed.
class ModelInversionTest {
  private static final int BATCH = 16;
  private static final double[][] MIX = {{1, 0.5}, {-1, 1}, {0.3, -2}, {1, 1}};

  private final SplittableRandom random = new SplittableRandom(12);
  private final NaiveEngine engine = new NaiveEngine();

  private Maps images(int count, int side) {
    return Planted.normal(random, count, side, side, 2);
  }

  /// Each position's two colours as four channels.
  private static Maps mixed(Maps images) {
    float[] values = new float[2 * images.values().length];
    for (int i = 0; i < values.length; i++) {
      int p = i / 4;
      values[i] =
          (float)
              (MIX[i % 4][0] * images.values()[2 * p] + MIX[i % 4][1] * images.values()[2 * p + 1]);
    }
    return new Maps(images.examples(), images.height(), images.width(), 4, values);
  }

  /// Squares of two by two pixels as the channels of one position.
  private static Maps packed(Maps images) {
    int half = images.height() / 2;
    float[] values = new float[images.values().length];
    for (int i = 0; i < values.length; i++) {
      int c = i % 8;
      int x = i / 8 % half * 2 + c / 2 % 2;
      int y = i / 8 / half % half * 2 + c / 4;
      int n = i / 8 / half / half;
      values[i] = images.values()[((n * images.height() + y) * images.width() + x) * 2 + c % 2];
    }
    return new Maps(images.examples(), half, half, 8, values);
  }

  /// The mean squared error over that of the mean image, which is nearly 0 here.
  private static double error(Maps found, Maps truth) {
    double squares = 0;
    double all = 0;
    for (int i = 0; i < truth.values().length; i++) {
      squares += Math.pow(found.values()[i] - truth.values()[i], 2);
      all += Math.pow(truth.values()[i], 2);
    }
    return squares / all;
  }

  private ModelInversion train(Maps activations, Maps images, Withheld withheld, int epochs) {
    return ModelInversion.train(engine, activations, images, withheld, BATCH, epochs, 4);
  }

  @Test
  void what_was_sent_whole_is_decoded() {
    Maps known = images(64, 2);
    Maps secret = images(8, 2);
    try (ModelInversion decoder = train(mixed(known), known, Withheld.NOTHING, 12)) {
      Maps found = decoder.decode(mixed(secret));
      assertThat(found).hasToString("Maps[8, 2, 2, 2]");
      assertThat(error(found, secret)).isLessThan(0.2);
    }
    assertThat(engine.open()).isZero();
  }

  @Test
  void pixels_of_a_square_come_back_to_their_places() {
    Maps known = images(64, 4);
    Maps secret = images(8, 4);
    try (ModelInversion decoder = train(packed(known), known, Withheld.NOTHING, 12)) {
      Maps found = decoder.decode(packed(secret));
      assertThat(found).hasToString("Maps[8, 4, 4, 2]");
      assertThat(error(found, secret)).isLessThan(0.3);
    }
  }

  @Test
  void under_noise_of_ten_times_the_signal_the_mean_image_is_the_best_answer() {
    Maps known = images(64, 2);
    Withheld noised = new Withheld(0, true, 10);
    Maps secret = images(16, 2);
    try (ModelInversion decoder = train(mixed(known), known, noised, 3)) {
      Maps found = decoder.decode(noised.noised(mixed(secret), random));
      assertThat(error(found, secret)).isGreaterThan(0.9);
    }
  }

  @Test
  void inputs_of_a_layer_are_taken_in_whole_batches() {
    GraphBuilder graph = new GraphBuilder(new Shape(4, 4, 2));
    graph.add("conv", new Conv2d(3, 3, 1, 1));
    graph.add("flat", new Flatten());
    try (Net net = engine.build(graph.build("before"), 1)) {
      Maps images = images(11, 4);
      Maps found = ModelInversion.activations(net, images, new Shape(4, 4, 3), 4);
      assertThat(found).hasToString("Maps[8, 4, 4, 3]");
      assertThat(found.slice(4, 4).values()).isEqualTo(net.forward(images.slice(4, 4)).values());
      assertThatThrownBy(() -> ModelInversion.activations(net, images, new Shape(4, 4, 3), 12))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("11 auxiliary images are less than a batch of 12");
    }
  }

  @Test
  void images_that_do_not_fill_batches_or_have_no_activations_are_refused() {
    Maps images = images(40, 4);
    Maps activations = mixed(images);
    for (Maps[] bad :
        new Maps[][] {
          {activations, images}, // no multiple of 16
          {activations.slice(0, 32), images.slice(0, 16)},
          {activations.slice(0, 8), images.slice(0, 8)}
        }) {
      assertThatThrownBy(() -> train(bad[0], bad[1], Withheld.NOTHING, 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("are not one number of at least 16 images in batches of 16");
    }
    assertThat(engine.open()).isZero();
  }

  @Test
  void a_layer_whose_resolution_is_no_part_of_the_images_is_refused() {
    Maps images = images(16, 5);
    Maps half = Planted.normal(random, 16, 2, 2, 4);
    assertThatThrownBy(() -> train(half, images, Withheld.NOTHING, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Maps[16, 2, 2, 4] is no even part of images 5x5x2");
  }

  @Test
  void a_decoder_that_diverges_at_all_rates_is_given_up_and_closed() {
    Maps images = images(16, 2);
    Maps activations = mixed(images);
    Arrays.fill(activations.values(), Float.NaN);
    assertThatThrownBy(() -> train(activations, images, Withheld.NOTHING, 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the decoder diverges at every learning rate");
    assertThat(engine.open()).isZero();
  }

  @Test
  void the_same_seed_gives_the_same_decoder() {
    Maps images = images(16, 2);
    Maps sent = mixed(images(4, 2));
    float[][] found = new float[2][];
    for (int i = 0; i < 2; i++) {
      try (ModelInversion decoder = train(mixed(images), images, new Withheld(1, true, 0.5), 2)) {
        found[i] = decoder.decode(sent).values();
      }
    }
    assertThat(found[0]).isEqualTo(found[1]);
  }
}
