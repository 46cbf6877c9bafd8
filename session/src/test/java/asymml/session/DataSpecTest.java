package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Shape;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataLimits;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.DataSets;
import asymml.trusted.data.Decoding;
import asymml.trusted.data.Normalization;
import asymml.trusted.data.TestSet;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataSpecTest {
  private static final Decoding DECODING =
      new Decoding(new DataLimits(100), 8, 1 << 20, new Decoding.Window(0, 4095));

  private static final DataSet DATA = TinyImages.data();
  private static final DataSpec SPEC =
      new DataSpec("mine", new Limit(5), new Limit(3), "others", DECODING);

  @TempDir Path folder;

  @Test
  void public_images_are_all_of_their_source_decoded_in_the_same_way() {
    assertThat(SPEC.publicImages())
        .isEqualTo(new DataSpec("others", Limit.NONE, Limit.NONE, "generated:2", DECODING));
  }

  @Test
  void a_changed_part_leaves_the_others() {
    DataSpec changed =
        DataSpec.of("x")
            .withSource("mine")
            .withLimits(new Limit(5), new Limit(3))
            .withPublicSource("others")
            .withDecoding(DECODING.withLimits(new DataLimits(7)))
            .withLimits(new DataLimits(100));
    assertThat(changed).isEqualTo(SPEC);
  }

  @Test
  void without_limits_a_data_set_is_whole_and_normalised_as_it_was() {
    Normalization given = Normalization.constant(3);
    DataSet other = new DataSet("o", DATA.train(), DATA.test(), given, false, 2);
    DataSet all = DataSpec.limited(other, Limit.NONE, Limit.NONE, 7);
    assertThat(all.train().digest()).isEqualTo(DATA.train().digest());
    assertThat(all.test().digest()).isEqualTo(DATA.test().digest());
    assertThat(all.normalization()).isEqualTo(given);
    assertThat(all.name()).isEqualTo("o");
    assertThat(all.flip()).isFalse();
    assertThat(all.cropPadding()).isEqualTo(2);
  }

  @Test
  void images_that_a_limit_leaves_out_have_no_part_in_the_normalisation() {
    DataSet few = DataSpec.limited(DATA, new Limit(5), new Limit(3), 7);
    assertThat(few.train().size()).isEqualTo(5);
    assertThat(few.test().size()).isEqualTo(3);
    assertThat(few.train().sharedWith(DATA.train())).isEqualTo(5);
    assertThat(few.normalization())
        .isEqualTo(Normalization.of(few.train()))
        .isNotEqualTo(DATA.normalization());
    // Test images are never in it.
    assertThat(DataSpec.limited(DATA, Limit.NONE, new Limit(3), 7).normalization())
        .isEqualTo(DATA.normalization());
  }

  /// Their headers are looked at, so that the shape does not depend on a limit.
  @Test
  void images_that_a_limit_leaves_out_are_not_decoded() throws Exception {
    Path images = TinyImages.folder(folder.resolve("images"), 12, 6, 1);
    DataSpec spec = DataSpec.of(images.toString()).withLimits(new Limit(5), new Limit(3));
    DataSet all = DataSets.open(images.toString(), (_, _, _) -> {});
    DataSet expected = DataSpec.limited(all, new Limit(5), new Limit(3), 7);
    Map<String, Long> totals = new HashMap<>();
    DataSet few = spec.open(7, (what, _, total) -> totals.put(what, total));
    assertThat(few.train().digest()).isEqualTo(expected.train().digest());
    assertThat(few.test().digest()).isEqualTo(expected.test().digest());
    assertThat(few.normalization()).isEqualTo(expected.normalization());
    assertThat(totals)
        .containsEntry("checking training images", 12L)
        .containsEntry("decoding training images", 5L)
        .containsEntry("checking test images", 6L)
        .containsEntry("decoding test images", 3L);
    // Where damaged images are left out, the limit is of those that remain.
    Decoding skipping = spec.decoding().withOnBadImage(Decoding.OnBadImage.SKIP);
    DataSet kept = spec.withDecoding(skipping).open(7, (what, _, total) -> totals.put(what, total));
    assertThat(totals).containsEntry("decoding training images", 12L);
    assertThat(kept.train().digest()).isEqualTo(expected.train().digest());
  }

  @Test
  void test_images_are_opened_alone_and_limited_as_with_the_others() throws Exception {
    Path images = TinyImages.folder(folder.resolve("images"), 6, 8, 1);
    DataSpec spec = DataSpec.of(images.toString()).withLimits(Limit.NONE, new Limit(3));
    DataSet whole = spec.open(5, (_, _, _) -> {});
    try (var files = Files.walk(images.resolve("train"))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Files.delete(file);
      }
    }
    TestSet alone = spec.openTest(TinyImages.SHAPE, TinyImages.CLASSES, 5, (_, _, _) -> {});
    assertThat(alone.images().digest()).isEqualTo(whole.test().digest());
    assertThat(alone.images().size()).isEqualTo(3);
    assertThatThrownBy(
            () -> spec.openTest(new Shape(9, 8, 3), TinyImages.CLASSES, 5, (_, _, _) -> {}))
        .isInstanceOf(DataException.class);
    assertThatThrownBy(() -> spec.openTest(TinyImages.SHAPE, List.of("a", "b"), 5, (_, _, _) -> {}))
        .isInstanceOf(DataException.class);
  }

  @Test
  void an_image_whose_header_declares_more_than_the_limit_is_refused() throws Exception {
    Path images = TinyImages.folder(folder.resolve("images"), 4, 2, 1);
    DataSpec spec = DataSpec.of(images.toString());
    assertThat(spec.withLimits(new DataLimits(64)).open(1, (_, _, _) -> {}).train().size())
        .isEqualTo(4);
    assertThatThrownBy(() -> spec.withLimits(new DataLimits(63)).open(1, (_, _, _) -> {}))
        .isInstanceOf(DataException.class)
        .satisfies(e -> assertThat(e.getMessage()).contains("63").doesNotContain("\n"));
  }
}
