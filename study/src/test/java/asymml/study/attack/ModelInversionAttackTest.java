package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.analysis.Engine;
import asymml.analysis.Maps;
import asymml.analysis.Withheld;
import asymml.analysis.score.Score;
import asymml.model.Graph;
import asymml.session.TrainingSpec;
import asymml.study.attack.PlantedStep.Extent;
import asymml.study.attack.PlantedStep.Sent;
import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.RankPolicy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The decoder on planted recordings of 8 images, with 48 public ones: images come back from what
/// is left of them, and the mean image from noise.
class ModelInversionAttackTest {
  private static final int PUBLIC = 48;
  private static final DataSet DATA = PlantedStep.images(16, PUBLIC + 16);
  private static final Extent FORWARD = new Extent(false, false, 0);

  /// Decoders on clear data are trained once for all tests.
  private static final AttackCache CACHE = new AttackCache();

  @TempDir Path folder;

  /// Remembers the networks that were built.
  private static final class Counting implements Engine {
    private final AttackerEngine engine = new AttackerEngine();
    private final List<String> built = new ArrayList<>();

    @Override
    public Net build(Graph graph, long seed) {
      built.add(graph.name());
      return engine.build(graph, seed);
    }
  }

  private final Counting engine = new Counting();

  private static TrainingSpec split(double noise) {
    return PlantedStep.spec(8)
        .withTrustedLayers(List.of("first", "last"))
        .withRank(new RankPolicy.Fixed(2))
        .withNoise(noise == 0 ? new NoiseStrength.None() : new NoiseStrength.Ratio(noise));
  }

  /// As the plan releases it.
  private static Sent released(double noise) {
    Withheld withheld = new Withheld(2, true, noise);
    return input -> withheld.noised(withheld.residual(input), new SplittableRandom(5));
  }

  private AttackContext attacked(TrainingSpec spec, Sent sent, int known) throws Exception {
    try (PlantedStep step =
        new PlantedStep(spec, DATA, folder.resolve("view.rec")).record(sent, FORWARD)) {
      AttackContext context = step.context(known, 1);
      new LearnedAttacks(engine, context, 1, CACHE).modelInversion();
      return context;
    }
  }

  private static Score score(AttackContext context, String measure) {
    return context.scores().stream()
        .filter(s -> s.measure().equals(measure))
        .findFirst()
        .orElseThrow(() -> new AssertionError(measure + " is not in " + context.scores()));
  }

  @Test
  void images_come_back_from_residuals_without_noise() throws Exception {
    AttackContext found = attacked(split(0), released(0), PUBLIC);
    Score cosine = score(found, "cosine");
    assertThat(cosine.attack()).isEqualTo("model-inversion");
    assertThat(cosine.layer()).isEqualTo("conv2");
    assertThat(cosine.chance()).isZero();
    assertThat(cosine.value()).isGreaterThan(0.5);
    assertThat(cosine.best()).isGreaterThan(0.5);
    assertThat(AttackVerdict.of(found.scores()))
        .startsWith("recovered: images by model-inversion (conv2, cosine 0.");
    assertThat(found.imageScoring().pictures()).hasSize(1);
  }

  /// Noise a thousand times the residual: what is decoded is the mean image but for what the
  /// decoder makes of the noise, 8 images of about 10 free values each: chance is within 0.112 a
  /// deviation, and 0.45 beyond four.
  @Test
  void the_mean_image_comes_back_from_much_noise() throws Exception {
    AttackContext found = attacked(split(1000), released(1000), PUBLIC);
    assertThat(score(found, "cosine").value()).isCloseTo(0, within(0.45));
    assertThat(score(found, "PSNR, dB").value())
        .isLessThan(score(found, "PSNR, dB").chance() + 1)
        .isLessThan(score(found, "PSNR, dB").best());
    assertThat(AttackVerdict.of(found.scores())).startsWith("none of the 1 attacks");
  }

  @Test
  void the_best_score_is_that_of_clear_data_and_computed_once() throws Exception {
    AttackCache own = new AttackCache();
    Maps[] best = new Maps[2];
    for (int i = 0; i < 2; i++) {
      try (PlantedStep step =
          new PlantedStep(split(0), DATA, folder.resolve("view" + i + ".rec"))
              .record(released(0), FORWARD)) {
        AttackContext context = step.context(PUBLIC, 1);
        new LearnedAttacks(engine, context, 1, own).modelInversion();
        best[i] = new Maps(1, 1, 1, 1, new float[] {(float) score(context, "cosine").best()});
      }
    }
    assertThat(best[0].values()).isEqualTo(best[1].values());
    // The part before the layer and the decoder each time, and once the decoder of clear data.
    assertThat(engine.built.stream().filter("decoder"::equals)).hasSize(3);
    assertThat(engine.built.stream().filter(name -> name.startsWith("cnn before"))).hasSize(2);
  }

  @Test
  void a_decoder_needs_a_batch_of_public_images() throws Exception {
    AttackContext found = attacked(split(0), released(0), 7);
    assertThat(found.scores()).isEmpty();
    assertThat(found.notes())
        .extracting(AttackNote::toString)
        .containsExactly(
            "not applied: model-inversion, conv2: there are fewer public images than a batch has");
    assertThat(engine.built).isEmpty();
  }

  @Test
  void a_seed_that_nobody_guesses_hides_the_layers_before() throws Exception {
    AttackContext found = attacked(split(0).withSeed(123_456_789), released(0), PUBLIC);
    assertThat(found.scores()).isEmpty();
    assertThat(found.notes())
        .extracting(AttackNote::why)
        .containsExactly(
            "weights of trusted layers are not known: the run's seed is none of 0 to 999");
  }

  /// Where the first layer is sent images whole, no network comes before it, and no seed is needed.
  @Test
  void the_first_layer_needs_no_weights() throws Exception {
    TrainingSpec open = PlantedStep.spec(8).withMode(Mode.UNTRUSTED_ONLY).withSeed(123_456_789);
    AttackContext found = attacked(open, input -> input, PUBLIC);
    assertThat(found.notes()).isEmpty();
    assertThat(found.scores()).extracting(Score::layer).containsOnly("conv1");
    assertThat(score(found, "cosine").value())
        .isGreaterThan(0.5)
        .isCloseTo(score(found, "cosine").best(), within(1e-6));
    assertThat(score(found, "re-identified").chance()).isEqualTo(1.0 / 8);
  }
}
