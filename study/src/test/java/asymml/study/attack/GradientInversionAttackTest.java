package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.session.TrainingSpec;
import asymml.study.attack.PlantedStep.Extent;
import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Inversion of gradients on planted recordings of two images.
class GradientInversionAttackTest {
  private static final int PUBLIC = 32;
  private static final DataSet DATA = PlantedStep.images(8, PUBLIC + 8);

  @TempDir Path folder;

  private static TrainingSpec open(int batch) {
    return PlantedStep.spec(batch).withMode(Mode.UNTRUSTED_ONLY);
  }

  private AttackContext attacked(TrainingSpec spec, Extent extent, int iterations)
      throws Exception {
    try (PlantedStep step =
        new PlantedStep(spec, DATA, folder.resolve("view.rec")).record(input -> input, extent)) {
      AttackContext context = step.context(PUBLIC, 4);
      new LearnedAttacks(new AttackerEngine(), context, iterations, new AttackCache())
          .gradientInversion();
      return context;
    }
  }

  private static List<String> why(AttackContext context) {
    return context.notes().stream().map(AttackNote::why).toList();
  }

  @Test
  void batches_of_more_images_are_left_out() throws Exception {
    AttackContext found = attacked(open(8), Extent.WHOLE, 1);
    assertThat(found.scores()).isEmpty();
    assertThat(found.notes())
        .containsExactly(
            new AttackNote(
                AttackName.GRADIENT_INVERSION,
                "all layers",
                "it looks for at most 4 images a batch"));
  }

  @Test
  void without_successive_weights_there_are_no_gradients() throws Exception {
    assertThat(why(attacked(open(2), new Extent(true, false, 0), 1)))
        .containsExactly(
            "no successive weights, or standardised ones, which do not show the optimiser's step");
  }

  @Test
  void a_seed_that_nobody_guesses_hides_trusted_layers() throws Exception {
    TrainingSpec secret =
        PlantedStep.spec(2)
            .withTrustedLayers(List.of("first", "last"))
            .withNoise(new NoiseStrength.None())
            .withSeed(123_456_789);
    assertThat(why(attacked(secret, Extent.WHOLE, 1)))
        .containsExactly(
            "weights of trusted layers are not known: the run's seed is none of 0 to 999");
  }

  @Test
  void where_clear_gradients_give_nothing_either_no_score_stands_for_it() throws Exception {
    AttackContext found = attacked(open(2), Extent.WHOLE, 1);
    assertThat(found.scores()).isEmpty();
    assertThat(why(found))
        .containsExactly(
            "from clear gradients of this network it rebuilds no image better than the mean public"
                + " one either, in 1 iterations: it would say nothing");
  }
}
