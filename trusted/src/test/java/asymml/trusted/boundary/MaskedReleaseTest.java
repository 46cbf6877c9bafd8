package asymml.trusted.boundary;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.trusted.plan.Shield;
import asymml.wire.Slot;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What the door lets out under masks: never unmasked, never twice under the same masks, never both
/// halves to one worker.
class MaskedReleaseTest {
  private static final int EXAMPLES = 3;
  private static final int VALUES = 2000;
  private static final double NOISE = 5;
  private static final Slot SLOT = new Slot(0, (long) EXAMPLES * VALUES);

  private static final Release RELEASE = release(Shield.Shares.NORM, NOISE);

  @TempDir Path folder;

  private final Arena arena = Arena.ofShared();
  private OpenDoor first;
  private OpenDoor second;
  private Tensor x;

  private static Release release(double norm, double noise) {
    return new Release(
        Channel.RESIDUALS,
        "conv",
        VALUES,
        new Release.Gaussian(new ClipNorm(norm), new NoiseMultiplier(noise)));
  }

  @BeforeEach
  void connect() throws Exception {
    first = new OpenDoor(Files.createDirectory(folder.resolve("1")), 61, 2);
    second = new OpenDoor(Files.createDirectory(folder.resolve("2")), 62, 2);
    first.log().begin(Collections.nCopies(4, RELEASE));
    x = Tensor.allocate(arena, EXAMPLES, VALUES);
    for (int i = 0; i < x.size(); i++) {
      x.set(i, (i / VALUES + 1) * 1000f);
    }
  }

  @AfterEach
  void disconnect() throws Exception {
    first.close();
    second.close();
    arena.close();
  }

  private Mask mask() {
    return first.door().newMask(EXAMPLES, VALUES, NOISE);
  }

  private Masked masked(Release what, Mask mask, NullExamples nullExamples) throws Exception {
    return first
        .door()
        .masked(what, SLOT, mask, (i, _) -> x.examples(i, 1), nullExamples, ReleaseWitness.NONE);
  }

  @Test
  void what_leaves_has_the_masks_size_whatever_the_values_are() throws Exception {
    Masked masked = masked(RELEASE, mask(), i -> i == 1);
    Tensor sent = first.worker().result(SLOT, EXAMPLES, VALUES);
    for (int n = 0; n < EXAMPLES; n++) {
      double squares = 0;
      for (int i = 0; i < VALUES; i++) {
        squares += Math.pow(sent.get((long) n * VALUES + i), 2);
      }
      // Of 2000 normal values, at 4.5 standard errors.
      assertThat(Math.sqrt(squares / VALUES)).isCloseTo(NOISE, within(NOISE * 0.072));
    }
    float norm = (float) (1000 * Math.sqrt(VALUES));
    assertThat(masked.scales()).containsExactly(new float[] {norm, 0, 3 * norm}, within(0.01f));
  }

  /// An image with two places has parts of norm 1 in both, so sqrt(2) in all.
  @Test
  void of_two_views_of_an_image_masks_cover_the_norm_of_both() throws Exception {
    Release both =
        new Release(
            Channel.RESIDUALS,
            "conv",
            2L * VALUES,
            new Release.Gaussian(new ClipNorm(Math.sqrt(2)), new NoiseMultiplier(NOISE)));
    Release oneNorm =
        new Release(
            Channel.RESIDUALS,
            "conv",
            2L * VALUES,
            new Release.Gaussian(new ClipNorm(1), new NoiseMultiplier(NOISE)));
    first.log().begin(List.of(both, both, oneNorm));
    double deviation = Math.sqrt(2) * NOISE;
    Mask enough = first.door().newMask(EXAMPLES, VALUES, deviation);
    assertThat(masked(both, enough, NullExamples.NONE).scales()).hasSize(EXAMPLES);
    Mask little = first.door().newMask(EXAMPLES, VALUES, 0.999 * deviation);
    assertThatThrownBy(() -> masked(both, little, NullExamples.NONE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("the masks are not those that are accounted for");
    Mask other = first.door().newMask(EXAMPLES, VALUES, deviation);
    assertThatThrownBy(() -> masked(oneNorm, other, NullExamples.NONE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("the masks are not those that are accounted for");
  }

  @Test
  void masks_are_used_once_on_each_side() throws Exception {
    Mask mask = mask();
    second.door().masks(mask, SLOT);
    assertThatThrownBy(() -> second.door().masks(mask, SLOT))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("to one worker");
    masked(RELEASE, mask, NullExamples.NONE);
    assertThatThrownBy(() -> masked(RELEASE, mask, NullExamples.NONE))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("masks hide one release");
  }

  @Test
  void masks_never_go_where_the_values_go() throws Exception {
    Mask mask = mask();
    assertThatThrownBy(() -> first.door().masks(mask, SLOT))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("never to the one whose data they hide");
    second.log().begin(List.of(RELEASE));
    assertThatThrownBy(() ->
            second
                .door()
                .masked(
                    RELEASE,
                    SLOT,
                    mask,
                    (i, _) -> x.examples(i, 1),
                    NullExamples.NONE,
                    ReleaseWitness.NONE))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("from the worker they are made for");
  }

  @Test
  void nothing_leaves_under_less_than_is_accounted_for_or_unplanned() throws Exception {
    Mask weak = first.door().newMask(EXAMPLES, VALUES, NOISE * 0.99);
    assertThatThrownBy(() -> masked(RELEASE, weak, NullExamples.NONE))
        .hasMessageContaining("the masks are not those that are accounted for");
    assertThatThrownBy(() -> masked(release(2, NOISE), mask(), NullExamples.NONE))
        .hasMessageContaining("the masks are not those that are accounted for");
    assertThatThrownBy(
            () -> masked(release(Shield.Shares.NORM, NOISE / 2), mask(), NullExamples.NONE))
        .hasMessageContaining("no such release is planned");
    assertThatThrownBy(() -> first.door().newMask(1, 1, 1e-7)).hasMessageContaining("millionth");
    assertThat(first.worker().bytesToWorker()).isZero();
  }

  /// In a null example's place they would show that there is one.
  @Test
  void values_that_are_not_finite_do_not_leave_wherever_they_are() {
    x.set(VALUES, Float.NaN);
    for (NullExamples nullExamples : List.<NullExamples>of(NullExamples.NONE, i -> i == 1)) {
      assertThatThrownBy(() -> masked(RELEASE, mask(), nullExamples))
          .isInstanceOf(NonFiniteException.class);
      float[] sent = first.worker().result(SLOT, EXAMPLES, VALUES).toArray();
      for (float value : sent) {
        assertThat(value).isFinite();
      }
    }
  }
}
