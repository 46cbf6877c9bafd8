package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.PrivacyConfig.Clip;
import asymml.trusted.train.PrivacyConfig.Drawing;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class ResolvedRunFindingsTest {
  private static final TrainingSpec PLAIN = TrainingSpec.defaults().withBatchSize(8).withThreads(1);
  private static final TrainingSpec ACCOUNTED =
      PLAIN.withNorm(Zoo.Norm.GROUP).withProtection(new Epsilon(8), Channel.WEIGHTS);
  private static final DataSet DATA = TinyImages.data();
  private static final ImageSet PUBLIC = TinyImages.images(TinyImages.SHAPE, 6, 5000);

  @TempDir Path folder;

  private static TrainingSpec with(
      Set<Channel> protect, @Nullable Epsilon target, Drawing drawing, Basis basis, Clip clip) {
    return ACCOUNTED.withPrivacy(
        new PrivacyConfig(protect, target, new Delta(1e-5), drawing, basis, clip));
  }

  private static final Set<Channel> ALL =
      Set.of(Channel.RESIDUALS, Channel.GRADIENTS, Channel.WEIGHTS);

  static Stream<Arguments> unsound() {
    PrivacyConfig privacy = ACCOUNTED.training().privacy();
    return Stream.of(
        Arguments.of(Finding.Kind.NOTHING_RELEASED, ACCOUNTED.withMode(Mode.TRUSTED_ONLY)),
        Arguments.of(Finding.Kind.INPUTS_UNPROTECTED, ACCOUNTED.withMode(Mode.UNTRUSTED_ONLY)),
        Arguments.of(Finding.Kind.MIXED_EXAMPLES, ACCOUNTED.withNorm(Zoo.Norm.BATCH)),
        Arguments.of(
            Finding.Kind.NO_NOISE,
            PLAIN.withNorm(Zoo.Norm.GROUP).withProtection(null, Channel.WEIGHTS)),
        Arguments.of(Finding.Kind.SAMPLED_GRADIENT, ACCOUNTED.withShield(new Shield.Shares(0.25))),
        Arguments.of(
            Finding.Kind.PRIVATE_CLIP_BOUND,
            with(ALL, new Epsilon(8), Drawing.POISSON, Basis.PUBLIC, new Clip.Median())),
        Arguments.of(
            Finding.Kind.SAMPLING_REVEALED,
            with(
                Set.of(Channel.RESIDUALS, Channel.GRADIENTS),
                new Epsilon(8),
                Drawing.POISSON,
                Basis.PUBLIC,
                new Clip.Public())),
        Arguments.of(
            Finding.Kind.DELTA_TOO_LARGE,
            ACCOUNTED.withPrivacy(
                new PrivacyConfig(
                    ALL,
                    new Epsilon(8),
                    new Delta(1.0 / 24),
                    privacy.drawing(),
                    privacy.basis(),
                    privacy.clip()))),
        Arguments.of(
            Finding.Kind.PRIVATE_BASIS,
            with(ALL, new Epsilon(8), Drawing.POISSON, Basis.BATCH, new Clip.Public())),
        Arguments.of(
            Finding.Kind.PRIVATE_RANK, ACCOUNTED.withRank(RankPolicy.parse("energy:0.1:1/2"))));
  }

  private static List<Finding> findings(TrainingSpec spec, @Nullable ImageSet publicImages) {
    InvalidSpecException e =
        catchThrowableOfType(
            InvalidSpecException.class, () -> ResolvedRun.of(spec, DATA, publicImages));
    assertThat(e).isNotNull();
    return e.findings();
  }

  @ParameterizedTest
  @MethodSource("unsound")
  void each_break_of_the_guarantee_is_found_alone(Finding.Kind kind, TrainingSpec spec) {
    assertThat(findings(spec, PUBLIC))
        .singleElement()
        .satisfies(finding -> {
          assertThat(finding.kind()).isEqualTo(kind);
          assertThat(finding.setting()).isNull();
          assertThat(finding.problem()).doesNotContain("--").isNotBlank();
        });
  }

  @Test
  void all_breaks_are_found_at_once_and_in_one_message() {
    TrainingSpec spec =
        with(Set.of(Channel.RESIDUALS), null, Drawing.POISSON, Basis.BATCH, new Clip.Median())
            .withNorm(Zoo.Norm.BATCH)
            .withRank(RankPolicy.parse("energy:0.1:1/2"));
    List<Finding> found = findings(spec, null);
    assertThat(found)
        .extracting(Finding::kind)
        .containsExactlyInAnyOrder(
            Finding.Kind.MIXED_EXAMPLES,
            Finding.Kind.PRIVATE_BASIS,
            Finding.Kind.PRIVATE_RANK,
            Finding.Kind.NO_NOISE,
            Finding.Kind.PRIVATE_CLIP_BOUND,
            Finding.Kind.SAMPLING_REVEALED,
            Finding.Kind.NO_PUBLIC_IMAGES);
    assertThatThrownBy(() -> ResolvedRun.of(spec, DATA, null))
        .hasMessage(String.join("; ", found.stream().map(Finding::problem).toList()));
  }

  @Test
  void a_delta_just_below_one_over_the_examples_is_accepted() {
    TrainingSpec spec =
        ACCOUNTED.withPrivacy(
            new PrivacyConfig(
                ALL,
                new Epsilon(8),
                new Delta(0.99 / 24),
                Drawing.POISSON,
                Basis.PUBLIC,
                new Clip.Public()));
    assertThat(ResolvedRun.of(spec, DATA, PUBLIC).needsWorker()).isTrue();
  }

  @Test
  void public_images_are_there_and_of_the_right_shape() {
    assertThat(findings(ACCOUNTED, null))
        .extracting(Finding::kind)
        .containsExactly(Finding.Kind.NO_PUBLIC_IMAGES);
    for (Shape other : List.of(new Shape(8, 8, 1), new Shape(8, 9, 3), new Shape(16, 16, 3))) {
      assertThat(findings(ACCOUNTED, TinyImages.images(other, 2, 1)))
          .singleElement()
          .satisfies(finding -> {
            assertThat(finding.kind()).isEqualTo(Finding.Kind.PUBLIC_SHAPE);
            assertThat(finding.problem()).contains(other.toString(), TinyImages.SHAPE.toString());
          });
    }
  }

  @ParameterizedTest
  @CsvSource({"0", "23", "1000", "1009"})
  void one_private_image_among_the_public_ones_is_found(int seed) {
    byte[] pixels = new byte[3 * TinyImages.SHAPE.size()];
    System.arraycopy(
        TinyImages.pixels(TinyImages.SHAPE, seed % 2, seed),
        0,
        pixels,
        TinyImages.SHAPE.size(),
        TinyImages.SHAPE.size());
    // Under other class names and another label: only pixels count.
    ImageSet tainted =
        ImageSet.of(TinyImages.SHAPE, List.of("x", "y", "z"), new int[] {0, 2, 1}, pixels);
    assertThat(findings(ACCOUNTED, tainted))
        .containsExactly(
            Finding.of(
                Finding.Kind.PUBLIC_DATA_PRIVATE,
                "public-data",
                "has 1 images of 3 that are training or test images of this run"));
  }

  @Test
  void private_images_that_a_run_takes_nothing_from_are_not_compared() {
    assertThat(ResolvedRun.of(PLAIN, DATA, DATA.train()).publicImages()).isNull();
    TrainingSpec masked =
        PLAIN.withNorm(Zoo.Norm.GROUP).withShield(new Shield.Shares(1)); // rank 0: no basis
    assertThat(ResolvedRun.of(masked, DATA, DATA.train()).publicImages()).isNull();
  }

  static Stream<Arguments> sound() {
    List<Arguments> all = new ArrayList<>();
    for (Mode mode : List.of(Mode.ASYMML, Mode.DP_ONLY)) {
      for (Channel channel : List.of(Channel.RESIDUALS, Channel.GRADIENTS, Channel.WEIGHTS)) {
        for (String rank : List.of("0", "4", "layers:0:0:3:0")) {
          for (Decomposition decomposition : Decomposition.values()) {
            all.add(Arguments.of(mode, channel, rank, decomposition, false));
            if (channel != Channel.RESIDUALS) {
              all.add(Arguments.of(mode, channel, rank, decomposition, true));
            }
          }
        }
      }
    }
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("sound")
  void public_images_are_taken_where_clip_bounds_or_bases_come_from_them_and_nowhere_else(
      Mode mode, Channel channel, String rank, Decomposition decomposition, boolean masked) {
    TrainingSpec spec =
        PLAIN.withNorm(Zoo.Norm.GROUP).withProtection(new Epsilon(8), channel).withMode(mode);
    spec = masked ? spec.withShield(new Shield.Shares(1)) : spec;
    spec = spec.withTraining(spec.training().withDecomposition(decomposition));
    ResolvedRun run = ResolvedRun.of(spec.withRank(RankPolicy.parse(rank)), DATA, PUBLIC);
    boolean bounds = !masked || channel == Channel.WEIGHTS;
    boolean bases =
        mode == Mode.ASYMML && decomposition == Decomposition.SHARED && !rank.equals("0");
    assertThat(run.publicImages() != null).isEqualTo(bounds || bases);
    assertThat(run.needsWorker()).isTrue();
    assertThat(run.normalization()).isEqualTo(Normalization.constant(3));
  }

  @ParameterizedTest
  @EnumSource(Mode.class)
  void a_mode_places_every_linear_layer(Mode mode) {
    ResolvedRun run =
        ResolvedRun.of(PLAIN.withMode(mode).withRank(new RankPolicy.Fixed(5)), DATA, null);
    Placement inner =
        switch (mode) {
          case ASYMML ->
              new Placement.Split(Decomposition.SHARED, new asymml.trusted.plan.Rank.Fixed(5));
          case DP_ONLY ->
              new Placement.Split(Decomposition.SHARED, new asymml.trusted.plan.Rank.Fixed(0));
          case TRUSTED_ONLY -> new Placement.Trusted();
          case UNTRUSTED_ONLY -> new Placement.Untrusted();
        };
    Placement outer =
        mode == Mode.UNTRUSTED_ONLY ? new Placement.Untrusted() : new Placement.Trusted();
    assertThat(run.plan().layers())
        .isEqualTo(Map.of("conv1", outer, "conv2", inner, "conv3", inner, "fc", outer));
    assertThat(run.needsWorker()).isEqualTo(mode != Mode.TRUSTED_ONLY);
    assertThat(run.normalization()).isEqualTo(DATA.normalization());
  }

  @Test
  void layers_that_all_stay_trusted_need_no_worker() {
    TrainingSpec spec = PLAIN.withTrustedLayers(List.of("conv1", "conv2", "conv3", "fc"));
    assertThat(ResolvedRun.of(spec, DATA, null).needsWorker()).isFalse();
    TrainingSpec accounted = ACCOUNTED.withTrustedLayers(List.of("conv1", "conv2", "conv3", "fc"));
    assertThat(findings(accounted, PUBLIC))
        .extracting(Finding::kind)
        .containsExactly(Finding.Kind.NOTHING_RELEASED);
  }

  @Test
  void a_rank_is_no_larger_than_the_channels_that_there_are() {
    ResolvedRun run = ResolvedRun.of(PLAIN.withRank(new RankPolicy.Fixed(32)), DATA, null);
    assertThat(run.plan().placement("conv2")).hasToString("split shared 16");
    assertThat(run.plan().placement("conv3")).hasToString("split shared 32");
  }

  @Test
  void a_rank_that_no_layer_reaches_is_refused() {
    assertThat(findings(PLAIN.withRank(new RankPolicy.Fixed(33)), null))
        .singleElement()
        .satisfies(finding -> {
          assertThat(finding.kind()).isEqualTo(Finding.Kind.MISFIT);
          assertThat(finding.problem())
              .isEqualTo(
                  "rank 33 is above the directions of every layer that is split: give at most 32");
        });
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "model: vgg11         | 8",
        "trusted-layers: conv9 | 8",
        "trusted-layers: pool1 | 8",
        "model: cnn           | 4",
        "rank: layers:0:4:4:4:4 | 8",
      })
  void a_network_that_does_not_fit_is_a_misfit(String yaml, int size) {
    Shape shape = new Shape(size, size, 3);
    ImageSet images = TinyImages.images(shape, 4, 1);
    DataSet data = new DataSet("d", images, images, Normalization.of(images), false, 0);
    assertThatThrownBy(() -> ResolvedRun.of(Settings.parse("run.yaml", yaml).spec(), data, null))
        .isInstanceOfSatisfying(
            InvalidSpecException.class,
            e ->
                assertThat(e.findings())
                    .singleElement()
                    .satisfies(f -> assertThat(f.kind()).isEqualTo(Finding.Kind.MISFIT)))
        .hasCauseInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void images_of_one_class_are_a_misfit() {
    ImageSet one =
        ImageSet.of(
            TinyImages.SHAPE, List.of("only"), new int[1], new byte[TinyImages.SHAPE.size()]);
    DataSet data = new DataSet("d", one, one, Normalization.of(one), false, 0);
    assertThatThrownBy(() -> ResolvedRun.of(PLAIN, data, null))
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining("at least 2 classes");
  }

  /// Digits of IDX files are neither mirrored nor shifted, and scattering features are not shifted.
  @ParameterizedTest
  @CsvSource({
    "cnn, 2, false, 0, true",
    "cnn, 2, true, 0, false",
    "cnn, 2, false, 1, false",
    "cnn, 1, false, 0, false",
    "scatter-cnn, 2, false, 4, true",
    "scatter-cnn, 2, true, 4, false",
  })
  void views_that_are_all_alike_are_refused(
      String model, int views, boolean flip, int padding, boolean refused) {
    Shape shape = new Shape(16, 16, 3);
    ImageSet images = TinyImages.images(shape, 40, 1);
    DataSet data = new DataSet("digits", images, images, Normalization.of(images), flip, padding);
    TrainingSpec spec =
        Settings.parse(
                "run.yaml",
                "mode: trusted-only\ndp-sgd: true\nnoise-multiplier: 1\nmodel: %s\naugmentation-multiplicity: %s"
                    .formatted(model, views))
            .spec();
    if (!refused) {
      assertThat(ResolvedRun.of(spec, data, null).data().train().size()).isEqualTo(40);
      return;
    }
    assertThatThrownBy(() -> ResolvedRun.of(spec, data, null))
        .isInstanceOfSatisfying(
            InvalidSpecException.class,
            e ->
                assertThat(e.findings())
                    .singleElement()
                    .satisfies(f -> {
                      assertThat(f.kind()).isEqualTo(Finding.Kind.MISFIT);
                      assertThat(f.setting()).isEqualTo("augmentation-multiplicity");
                      assertThat(f.problem()).contains("digits", "give 1");
                    }));
  }

  private TrainingSpec from(TrainingSpec spec, Path images, Path publicImages) {
    return spec.withData(DataSpec.of(images.toString()).withPublicSource(publicImages.toString()));
  }

  @Test
  void images_are_opened_limited_and_described() throws Exception {
    Path images = TinyImages.folder(folder.resolve("mine"), 12, 6, 1);
    List<Integer> heard = new ArrayList<>();
    ResolvedRun run =
        ResolvedRun.open(
            from(PLAIN, images, folder.resolve("none")).withLimits(5, 3),
            (_, done, _) -> heard.add((int) done));
    assertThat(run.data().train().size()).isEqualTo(5);
    assertThat(run.data().test().size()).isEqualTo(3);
    assertThat(run.data().normalization()).isEqualTo(Normalization.of(run.data().train()));
    assertThat(run.describeData())
        .startsWith("mine: 5 training and 3 test images of ")
        .endsWith(
            ", 2 classes; an epoch is one step, since the batch size of %d is more"
                .formatted(PLAIN.training().batchSize()));
    assertThat(run.publicImages()).isNull(); // and their source, which does not exist, not opened
    assertThat(heard).isNotEmpty();
  }

  @Test
  void public_images_of_a_folder_are_opened_without_the_limits_of_the_private_ones()
      throws Exception {
    Path images = TinyImages.folder(folder.resolve("mine"), 12, 6, 1);
    Path others = TinyImages.folder(folder.resolve("others"), 9, 4, 7000);
    ResolvedRun run =
        ResolvedRun.open(from(ACCOUNTED, images, others).withLimits(4, 2), (_, _, _) -> {});
    assertThat(Objects.requireNonNull(run.publicImages()).size()).isEqualTo(9);
  }

  @Test
  void private_images_under_another_path_are_found_before_anything_is_written() throws Exception {
    Path images = TinyImages.folder(folder.resolve("mine"), 12, 6, 1);
    Path copy = TinyImages.folder(folder.resolve("copy"), 12, 6, 1);
    Path link = Files.createSymbolicLink(folder.resolve("link"), images);
    Path one = TinyImages.folder(folder.resolve("one"), 4, 2, 7000);
    Files.copy(images.resolve("test/dark/1.png"), one.resolve("train/bright/copy.png"));
    for (Path laundered : List.of(images, images.resolve(".").resolve(""), copy, link, one)) {
      Path run = folder.resolve("run");
      assertThatThrownBy(() -> TrainingSession.create(from(ACCOUNTED, images, laundered), run))
          .as(laundered.toString())
          .isInstanceOfSatisfying(
              InvalidSpecException.class,
              e ->
                  assertThat(e.findings())
                      .singleElement()
                      .satisfies(f -> {
                        assertThat(f.kind()).isEqualTo(Finding.Kind.PUBLIC_DATA_PRIVATE);
                        assertThat(f.setting()).isEqualTo("public-data");
                      }));
      assertThat(run).doesNotExist();
    }
  }

  @Test
  void a_wrong_layer_is_found_before_public_images_are_looked_for() throws Exception {
    Path images = TinyImages.folder(folder.resolve("mine"), 4, 2, 1);
    Path nowhere = folder.resolve("nowhere");
    assertThatThrownBy(() ->
            ResolvedRun.open(
                from(ACCOUNTED, images, nowhere).withTrustedLayers(List.of("conv9")),
                (_, _, _) -> {}))
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining("conv9");
    assertThatThrownBy(() -> ResolvedRun.open(from(ACCOUNTED, images, nowhere), (_, _, _) -> {}))
        .isInstanceOf(DataException.class)
        .hasMessageContaining(nowhere.toString());
  }

  @Test
  void the_seed_chooses_what_a_limit_leaves() throws Exception {
    Path images = TinyImages.folder(folder.resolve("mine"), 12, 6, 1);
    TrainingSpec limited = from(PLAIN, images, images).withLimits(5, 3);
    String first = digest(limited);
    assertThat(digest(limited)).isEqualTo(first);
    assertThat(digest(limited.withSeed(2))).isNotEqualTo(first);
    assertThat(digest(limited.withNoise(new NoiseStrength.None()))).isEqualTo(first);
  }

  private static String digest(TrainingSpec spec) throws DataException {
    return ResolvedRun.open(spec, (_, _, _) -> {}).data().train().digest();
  }
}
