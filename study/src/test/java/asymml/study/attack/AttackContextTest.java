package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.analysis.Maps;
import asymml.analysis.WorkerView;
import asymml.analysis.score.Score;
import asymml.session.DataSpec;
import asymml.session.Limit;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataSet;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.train.FirstStep;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A recorded run of two steps, with noise of a tenth of the residual, and images whose scores are
/// known.
class AttackContextTest {
  private static final int BATCH = 8;
  private static final int PUBLIC = 24;
  private static final TrainingSpec SPEC =
      TrainingSpec.defaults()
          .withLimits(16, 48)
          .withBatchSize(BATCH)
          .withEpochs(1)
          .withNoise(new NoiseStrength.Ratio(0.1));

  @TempDir static Path folder;

  private static DataSet data;
  private static WorkerView view;
  private static FirstStep truth;

  private AttackContext context;

  @BeforeAll
  static void record() throws Exception {
    data =
        DataSpec.of("generated").withLimits(new Limit(16), new Limit(48)).open(1, (_, _, _) -> {});
    RecordedRun run = RecordedRun.of(SPEC, 0, data, folder.resolve("run"));
    view = WorkerView.open(run.recording());
    truth = new FirstStep(SPEC.training(), data);
  }

  @AfterAll
  static void close() throws Exception {
    truth.close();
    view.close();
  }

  @BeforeEach
  void attack() {
    context = new AttackContext(view, truth, SPEC.training(), null, data, PUBLIC, 1);
  }

  private int first() {
    return context.first().getFirst();
  }

  private double score(String measure) {
    return context.scores().stream()
        .filter(score -> score.measure().equals(measure))
        .mapToDouble(Score::value)
        .findFirst()
        .orElseThrow();
  }

  private Maps truths() {
    return Maps.of(truth.images());
  }

  /// The true images in another order.
  private Maps shuffled() {
    Maps images = truths();
    Maps result = images.zeros();
    int size = images.exampleSize();
    for (int i = 0; i < BATCH; i++) {
      System.arraycopy(images.values(), i * size, result.values(), (i + 3) % BATCH * size, size);
    }
    return result;
  }

  private Maps meanImages() {
    return AttackImages.mean(context.known(PUBLIC), BATCH);
  }

  @Test
  void attacks_are_tried_on_the_first_layers_at_the_worker() {
    assertThat(context.first()).hasSize(1);
    assertThat(context.architecture().name(first())).isEqualTo("conv2");
    assertThat(new AttackContext(view, truth, SPEC.training(), null, data, PUBLIC, 9).first())
        .hasSize(2);
    assertThatThrownBy(() -> context.operation(0)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void rank_and_noise_of_a_layer_are_the_plans() {
    assertThat(context.rank(first())).isEqualTo(2); // an eighth of 16 channels
    assertThat(context.noiseRatio(first())).isCloseTo(0.1, within(1e-12));
    assertThat(context.shared()).isTrue();
  }

  @Test
  void what_was_sent_is_close_to_the_residual_of_the_true_input() {
    Maps sent = context.sent(first());
    Maps input = context.input(truth.pass(), first());
    assertThat(sent.examples()).isEqualTo(BATCH);
    assertThat(sent.exampleSize()).isEqualTo(input.exampleSize());
    double sentNorm = 0;
    double inputNorm = 0;
    for (int i = 0; i < sent.values().length; i++) {
      sentNorm += (double) sent.values()[i] * sent.values()[i];
      inputNorm += (double) input.values()[i] * input.values()[i];
    }
    assertThat(sentNorm).isPositive().isLessThan(inputNorm);
  }

  @Test
  void candidates_are_the_runs_images_and_as_many_that_are_neither_public_nor_trained_on() {
    Maps candidates = context.candidates(4);
    assertThat(candidates.examples()).isEqualTo(8);
    AttackImages images = new AttackImages(data.normalization());
    int size = candidates.exampleSize();
    assertThat(candidates.slice(0, 4).values())
        .isEqualTo(images.of(data.train(), 0, 4).values())
        .hasSize(4 * size);
    assertThat(candidates.slice(4, 4).values())
        .isEqualTo(images.of(data.test(), PUBLIC, 4).values());
    int[] labels = context.candidateLabels(4);
    assertThat(labels).hasSize(8);
    assertThat(labels[1]).isEqualTo(data.train().label(1));
    assertThat(labels[5]).isEqualTo(data.test().label(PUBLIC + 1));
  }

  @Test
  void an_attacker_knows_no_more_images_than_are_public() {
    assertThat(context.known(4).examples()).isEqualTo(4);
    assertThat(context.known(1000).examples()).isEqualTo(PUBLIC);
  }

  @Test
  void the_true_images_score_best_and_become_the_picture() {
    context.imageScoring().add(AttackName.IMAGE, first(), "", truths(), truths());
    assertThat(score("SSIM")).isCloseTo(1, within(1e-6));
    assertThat(score("cosine")).isCloseTo(1, within(1e-6));
    assertThat(score("re-identified")).isEqualTo(1);
    assertThat(score("PSNR, dB")).isGreaterThan(60);
    assertThat(context.scores())
        .allSatisfy(score -> {
          assertThat(score.attack()).isEqualTo("image");
          assertThat(score.layer()).isEqualTo("conv2");
          assertThat(score.value()).isEqualTo(score.best());
          assertThat(score.chance()).isLessThan(score.best());
        });
    assertThat(context.imageScoring().pictures())
        .singleElement()
        .extracting(AttackPicture::layer)
        .isEqualTo("conv2");
  }

  @Test
  void the_mean_image_is_no_better_than_chance() {
    context.imageScoring().add(AttackName.IMAGE, first(), "mask", meanImages(), truths());
    for (Score score : context.scores()) {
      assertThat(score.measure()).startsWith("mask: ");
      if (score.measure().contains("PSNR") || score.measure().contains("SSIM")) {
        assertThat(score.value()).isCloseTo(score.chance(), within(1e-6));
      }
    }
    assertThat(AttackVerdict.of(context.scores())).startsWith("none of the 1 attacks");
  }

  @Test
  void the_best_picture_of_an_attack_is_kept() {
    context.imageScoring().add(AttackName.IMAGE, first(), "a", meanImages(), truths());
    double mean = context.imageScoring().pictures().getFirst().psnr();
    context.imageScoring().add(AttackName.IMAGE, first(), "b", truths(), truths());
    context.imageScoring().add(AttackName.IMAGE, first(), "c", meanImages(), truths());
    context.imageScoring().add(AttackName.MODEL_INVERSION, first(), "", meanImages(), truths());
    assertThat(context.imageScoring().pictures())
        .extracting(AttackPicture::attack)
        .containsExactly(AttackName.IMAGE, AttackName.MODEL_INVERSION);
    assertThat(context.imageScoring().pictures().getFirst().psnr()).isGreaterThan(mean);
  }

  @Test
  void images_without_their_order_are_taken_for_those_they_are_most_like() {
    context
        .imageScoring()
        .addUnordered(AttackName.GRADIENT_INVERSION, first(), shuffled(), truths());
    assertThat(score("cosine")).isCloseTo(1, within(1e-6));
    assertThat(score("re-identified")).isEqualTo(1);
  }

  @Test
  void images_are_better_than_the_mean_if_they_are_more_like_the_truth() {
    assertThat(context.imageScoring().betterThanMean(shuffled())).isTrue();
    assertThat(context.imageScoring().betterThanMean(meanImages())).isFalse();
  }

  @Test
  void a_note_says_where_an_attack_was_not_applied_and_why() {
    context.note(AttackName.MASK, first(), "no gradients were recorded");
    context.note(AttackName.IMAGE, "all layers", "no layer reads images");
    assertThat(context.notes())
        .extracting(AttackNote::toString)
        .containsExactly(
            "not applied: mask, conv2: no gradients were recorded",
            "not applied: image, all layers: no layer reads images");
  }

  @Test
  void a_view_of_another_batch_size_is_refused() {
    TrainingSpec other = SPEC.withBatchSize(4);
    try (FirstStep smaller = new FirstStep(other.training(), data)) {
      assertThatThrownBy(
              () -> new AttackContext(view, smaller, other.training(), null, data, PUBLIC, 1))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void a_view_of_another_seed_is_refused() {
    TrainingSpec other = SPEC.withSeed(2);
    try (FirstStep step = new FirstStep(other.training(), data)) {
      assertThatThrownBy(
              () -> new AttackContext(view, step, other.training(), null, data, PUBLIC, 1))
          .hasMessageContaining("its first weights of conv2 are not those");
    }
  }

  @Test
  void an_attack_that_finds_nothing_to_work_on_says_so() throws Exception {
    LayerAttacks attacks =
        new LayerAttacks(
            context,
            new LearnedAttacks(new AttackerEngine(), context, 1, new AttackCache()),
            new ReleasedModelAttack(new AttackerEngine(), context, null, new AttackCache()),
            1);
    attacks.attack(AttackName.IMAGE);
    attacks.attack(AttackName.RELEASED_MEMBERSHIP);
    attacks.attack(AttackName.GRADIENT_INVERSION);
    assertThat(context.scores()).isEmpty();
    assertThat(context.notes())
        .extracting(AttackNote::why)
        .containsExactly(
            "nothing in this recording for it to work on",
            "there is no released model",
            "it looks for at most 4 images a batch");
  }

  @Test
  void gradient_solves_leave_out_layers_with_too_many_unknowns() throws Exception {
    LayerAttacks attacks =
        new LayerAttacks(
            context,
            new LearnedAttacks(new AttackerEngine(), context, 1, new AttackCache()),
            new ReleasedModelAttack(new AttackerEngine(), context, null, new AttackCache()),
            1);
    attacks.attack(AttackName.GRADIENT_SOLVE);
    assertThat(context.scores()).isEmpty();
    assertThat(context.notes()).extracting(AttackNote::layer).isEqualTo(List.of("conv2", "conv3"));
  }
}
