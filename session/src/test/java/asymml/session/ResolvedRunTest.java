package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Epsilon;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.train.ClassWeights;
import asymml.trusted.train.Validation;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// Images that occur twice: 32 different ones, and copies of the first under another label.
class ResolvedRunTest {
  private static final Shape SHAPE = new Shape(32, 32, 3);
  private static final int DIFFERENT = 32;

  private static DataSet withCopies(int copies) {
    SplittableRandom random = new SplittableRandom(5);
    byte[] pixels = new byte[(DIFFERENT + copies) * SHAPE.size()];
    random.nextBytes(pixels);
    for (int i = DIFFERENT; i < DIFFERENT + copies; i++) {
      System.arraycopy(pixels, 0, pixels, i * SHAPE.size(), SHAPE.size());
    }
    int[] labels = IntStream.range(0, DIFFERENT + copies).map(i -> i % 2).toArray();
    ImageSet train = ImageSet.of(SHAPE, List.of("a", "b"), labels, pixels);
    byte[] others = new byte[4 * SHAPE.size()];
    random.nextBytes(others);
    ImageSet test = ImageSet.of(SHAPE, List.of("a", "b"), new int[] {0, 1, 0, 1}, others);
    return new DataSet("twice", train, test, Normalization.of(train), true, 4);
  }

  private static TrainingSpec spec() {
    return TrainingSpec.defaults().withBatchSize(16).withNorm(Zoo.Norm.GROUP);
  }

  private static ResolvedRun accounted(DataSet data) {
    TrainingSpec spec = spec().withProtection(new Epsilon(8), Channel.WEIGHTS);
    return ResolvedRun.of(spec, data, TinyImages.images(SHAPE, 4, 1));
  }

  @Test
  void in_a_run_that_is_accounted_for_each_image_counts_once() {
    ResolvedRun run = accounted(withCopies(3));
    assertThat(run.data().train().size()).isEqualTo(DIFFERENT);
    assertThat(run.data().train().label(0)).isZero();
    assertThat(run.describeData())
        .isEqualTo(
            "twice: 32 training and 4 test images of 32x32x3, 2 classes;"
                + " 3 copies of others are left out, since each image counts once");
    assertThat(accounted(withCopies(1)).describeData()).contains("1 copy of another is left out");
    assertThat(accounted(withCopies(0)).describeData()).endsWith("2 classes");
  }

  @Test
  void test_images_that_are_training_images_too_are_counted_in_a_warning() {
    DataSet apart = withCopies(0);
    assertThat(ResolvedRun.of(spec(), apart, null).describeData()).doesNotContain("WARNING");
    DataSet leaking =
        new DataSet(
            "leaking",
            apart.train(),
            apart.train().subset(3, 1),
            apart.normalization(),
            apart.flip(),
            apart.cropPadding());
    assertThat(ResolvedRun.of(spec(), leaking, null).describeData())
        .contains("WARNING: 3 of the test images are among the training images too");
  }

  @Test
  void validation_images_are_set_aside_before_images_are_counted_once() {
    TrainingSpec spec = spec().withProtection(new Epsilon(8), Channel.WEIGHTS);
    TrainingSpec validated =
        spec.withTraining(spec.training().withValidation(new Validation(0.25, 0)));
    ResolvedRun run = ResolvedRun.of(validated, withCopies(0), TinyImages.images(SHAPE, 4, 1));
    assertThat(run.data().train().size()).isEqualTo(24);
    assertThat(run.describeData())
        .isEqualTo(
            "twice: 24 training, 8 validation and 4 test images of 32x32x3, 2 classes; validation"
                + " images choose no model, which would be a release: that of the last epoch is the"
                + " run's");
    TrainingSpec plain =
        spec().withTraining(spec().training().withValidation(new Validation(0.25, 0)));
    assertThat(ResolvedRun.of(plain, withCopies(0), null).describeData()).endsWith("2 classes");
    assertThat(ResolvedRun.of(plain, withCopies(32), null).describeData())
        .contains("48 training, 16 validation")
        .containsPattern(
            "WARNING: \\d+ of the validation images are among the training images too");
  }

  @Test
  void class_weights_must_be_as_many_as_classes() {
    TrainingSpec spec =
        spec()
            .withTraining(
                spec().training().withClassWeights(new ClassWeights.Given(List.of(1f, 2f, 3f))));
    assertThatThrownBy(() -> ResolvedRun.of(spec, withCopies(0), null))
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining("3 class weights for 2 classes");
  }

  @Test
  void in_other_runs_nothing_is_left_out() {
    ResolvedRun run = ResolvedRun.of(spec(), withCopies(3), null);
    assertThat(run.data().train().size()).isEqualTo(DIFFERENT + 3);
    assertThat(run.describeData()).endsWith("2 classes");
  }
}
