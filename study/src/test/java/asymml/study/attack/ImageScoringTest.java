package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.analysis.Maps;
import asymml.analysis.score.Score;
import asymml.trusted.data.DataSet;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Scores of images that are wrong by a known amount. Pixels lie from 0.1 to 0.9, so that a little
/// more is not cut off.
class ImageScoringTest {
  private static final int BATCH = 4;

  @TempDir static Path folder;

  private static DataSet data;
  private static PlantedStep step;

  @BeforeAll
  static void plant() throws Exception {
    data = PlantedStep.images(BATCH, 12);
    step =
        new PlantedStep(PlantedStep.spec(BATCH), data, folder.resolve("view.rec"))
            .record(input -> input, new PlantedStep.Extent(false, false, 0));
  }

  @AfterAll
  static void close() {
    step.close();
  }

  private static AttackContext context(int publicImages) throws Exception {
    return step.context(publicImages, 1);
  }

  private static Maps truths() {
    return Maps.of(step.truth().images());
  }

  /// The true images, each pixel brighter by a share of white.
  private static Maps brighter(double by) {
    float[] deviation = data.normalization().standardDeviation();
    Maps images = truths();
    for (int i = 0; i < images.values().length; i++) {
      images.values()[i] += (float) (by / deviation[i % deviation.length]);
    }
    return images;
  }

  /// Every image in the place of the one before it.
  private static Maps shifted(Maps images) {
    return images.pick(new int[] {1, 2, 3, 0}, 0, BATCH);
  }

  private static Score score(AttackContext context, String measure) {
    return context.scores().stream()
        .filter(score -> score.measure().equals(measure))
        .findFirst()
        .orElseThrow();
  }

  /// The PSNR of an error of 0.1 in each pixel is -20 log10 0.1, of 0.01 twice that.
  @Test
  void brightness_lowers_the_psnr_and_tells_images_apart_as_well() throws Exception {
    AttackContext context = context(8);
    context
        .imageScoring()
        .add(AttackName.IMAGE, context.first().getFirst(), "mask", brighter(0.1), brighter(0.01));
    assertThat(score(context, "mask: PSNR, dB").value()).isCloseTo(20, within(0.01));
    assertThat(score(context, "mask: PSNR, dB").best()).isCloseTo(40, within(0.05));
    assertThat(score(context, "mask: cosine").value()).isCloseTo(1, within(1e-5));
    assertThat(score(context, "mask: cosine").chance()).isZero();
    assertThat(score(context, "mask: re-identified").value()).isEqualTo(1);
    assertThat(score(context, "mask: re-identified").chance()).isEqualTo(0.25);
    assertThat(context.scores()).hasSize(4).allMatch(score -> score.attack().equals("image"));
  }

  @Test
  void images_in_wrong_places_are_wrong_unless_they_came_without_places() throws Exception {
    AttackContext ordered = context(8);
    int node = ordered.first().getFirst();
    ordered.imageScoring().add(AttackName.IMAGE, node, "", shifted(truths()), truths());
    assertThat(score(ordered, "re-identified").value()).isZero();
    assertThat(score(ordered, "SSIM").value()).isLessThan(0.9);
    AttackContext unordered = context(8);
    unordered
        .imageScoring()
        .addUnordered(AttackName.GRADIENT_INVERSION, node, shifted(truths()), truths());
    assertThat(score(unordered, "re-identified").value()).isEqualTo(1);
    assertThat(score(unordered, "SSIM").value()).isCloseTo(1, within(1e-5));
    // The guess may choose its places too: it is no longer 0 and a fourth.
    assertThat(score(unordered, "cosine").chance()).isPositive();
  }

  /// Fewer public images than a batch has: a guess takes some of them twice.
  @Test
  void few_public_images_are_guess_enough() throws Exception {
    AttackContext context = context(2);
    context
        .imageScoring()
        .addUnordered(
            AttackName.GRADIENT_INVERSION, context.first().getFirst(), truths(), truths());
    assertThat(score(context, "cosine").value()).isCloseTo(1, within(1e-5));
    assertThat(score(context, "cosine").chance()).isBetween(0.0, 0.99);
    assertThat(score(context, "re-identified").chance()).isLessThan(1);
  }

  @Test
  void an_attacks_picture_is_that_of_its_highest_psnr() throws Exception {
    AttackContext context = context(8);
    int node = context.first().getFirst();
    for (double by : new double[] {0.1, 0.02, 0.05}) {
      context.imageScoring().add(AttackName.IMAGE, node, "by " + by, brighter(by), truths());
    }
    assertThat(context.imageScoring().pictures())
        .singleElement()
        .satisfies(
            picture -> assertThat(picture.psnr()).isCloseTo(-20 * Math.log10(0.02), within(0.05)));
  }

  @Test
  void noise_is_not_better_than_the_mean_of_public_images() throws Exception {
    AttackContext context = context(8);
    assertThat(context.imageScoring().betterThanMean(shifted(brighter(0.02)))).isTrue();
    assertThat(context.imageScoring().betterThanMean(PlantedStep.noise(5).of(truths()))).isFalse();
  }
}
