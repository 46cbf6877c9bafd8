package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Parameter;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.passes.ResidualNorms.Place;
import asymml.trusted.passes.ResidualNorms.Residual;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.run.RunLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Residuals of a model that was trained for an epoch.
class ResidualSurveyTest {
  private static final DataSet DATA = TinyRuns.data(22, 6, 111);

  @TempDir static Path folder;
  private static RunLayout layout;

  private TrainedModel model;

  @BeforeAll
  static void train() throws Exception {
    layout = TinyRuns.layout(folder);
    TinyRuns.run(TinyRuns.config(1, 8), DATA, layout, false, TinyRuns.Course.toTheEnd());
  }

  @BeforeEach
  void read() throws Exception {
    model = TrainedModel.read(layout.checkpoint());
  }

  @AfterEach
  void close() {
    model.close();
  }

  private Plan plan(Decomposition how) {
    return Plan.of(model.graph(), Mode.ASYMML, how, RankPolicy.parse("1/8"), List.of(Plan.FIRST));
  }

  private static List<RankPolicy> ranks(String... ranks) {
    return Stream.of(ranks).map(RankPolicy::parse).toList();
  }

  private List<Place> survey(ImageSet images, int batch, List<String> heard, String... ranks)
      throws TrainingException {
    return ResidualSurvey.of(
        model,
        images,
        plan(Decomposition.SHARED),
        ranks(ranks),
        batch,
        (done, total) -> heard.add(done + " of " + total));
  }

  private static ImageSet first(int count) {
    int size = DATA.train().shape().size();
    byte[] pixels = new byte[count * size];
    int[] labels = new int[count];
    byte[] image = new byte[size];
    for (int i = 0; i < count; i++) {
      DATA.train().pixels(i, image);
      System.arraycopy(image, 0, pixels, i * size, size);
      labels[i] = DATA.train().label(i);
    }
    return ImageSet.of(DATA.train().shape(), DATA.train().classNames(), labels, pixels);
  }

  @Test
  void every_input_that_would_be_released_is_measured_at_every_rank() throws Exception {
    List<Place> places = survey(DATA.train(), 8, new ArrayList<>(), "0", "1", "2", "4");
    // One entry for each linear layer but the first, which stays: each reads an input of its own.
    assertThat(places)
        .extracting(Place::layer)
        .containsExactlyElementsOf(
            model.graph().linearLayers().stream()
                .skip(1)
                .map(i -> model.graph().nodes().get(i).name())
                .toList());
    for (Place place : places) {
      assertThat(place.residuals()).extracting(Residual::rank).containsExactly(0, 1, 2, 4);
      assertThat(place.residuals().getFirst().energyShare()).isCloseTo(1, within(1e-6));
      assertThat(place.residuals())
          .allSatisfy(r -> assertThat(r.energyShare()).isBetween(0.0, 1 + 1e-6));
      for (int i = 1; i < 4; i++) {
        Residual more = place.residuals().get(i);
        Residual less = place.residuals().get(i - 1);
        assertThat(more.energyShare()).isLessThanOrEqualTo(less.energyShare());
        assertThat(more.medianNorm()).isLessThanOrEqualTo(less.medianNorm() * (1 + 1e-6));
      }
    }
  }

  @Test
  void images_that_do_not_fill_a_batch_are_left_out() throws Exception {
    List<String> heard = new ArrayList<>();
    List<Place> all = survey(DATA.train(), 8, heard, "0", "2");
    assertThat(heard).containsExactly("8 of 16", "16 of 16");
    assertThat(survey(first(16), 8, new ArrayList<>(), "0", "2")).isEqualTo(all);
    assertThat(survey(first(15), 8, new ArrayList<>(), "0", "2")).isNotEqualTo(all);
  }

  @Test
  void fewer_images_than_a_batch_are_a_batch() throws Exception {
    List<String> heard = new ArrayList<>();
    List<Place> five = survey(first(5), 100, heard, "1");
    assertThat(heard).containsExactly("5 of 5");
    assertThat(survey(first(5), 5, new ArrayList<>(), "1")).isEqualTo(five);
    assertThat(survey(first(1), 100, new ArrayList<>(), "1")).hasSameSizeAs(five);
  }

  private Map<String, List<Float>> values() {
    Map<String, List<Float>> values = new LinkedHashMap<>();
    for (Parameter p : model.parameters().all()) {
      List<Float> own = new ArrayList<>();
      for (float value : model.parameters().value(p.name()).toArray()) {
        own.add(value);
      }
      values.put(p.name(), own);
    }
    return values;
  }

  /// Batch norm moves running statistics in a pass as in training: in a copy.
  @Test
  void the_model_is_not_changed() throws Exception {
    Map<String, List<Float>> before = values();
    survey(DATA.train(), 4, new ArrayList<>(), "2");
    assertThat(values()).isEqualTo(before);
  }

  /// Pooling and fused ReLUs turn NaN into 0, so that the residuals behind them look like any.
  @Test
  void a_diverged_model_is_said_to_have_diverged() {
    for (Parameter p : model.parameters().all()) {
      for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
        float before = model.parameters().value(p.name()).get(0);
        model.parameters().value(p.name()).set(0, bad);
        assertThatThrownBy(() -> survey(first(4), 4, new ArrayList<>(), "2"))
            .isInstanceOf(TrainingException.class)
            .hasMessage(
                "%s is not finite: training of this model diverged; lower the learning rate",
                p.name());
        model.parameters().value(p.name()).set(0, before);
      }
    }
  }

  @Test
  void a_plan_that_releases_nothing_has_nothing_to_measure() {
    Plan trusted =
        Plan.of(
            model.graph(),
            Mode.TRUSTED_ONLY,
            Decomposition.SHARED,
            RankPolicy.parse("1/8"),
            List.of());
    assertThatThrownBy(
            () -> ResidualSurvey.of(model, first(4), trusted, ranks("2"), 4, (_, _) -> {}))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> survey(first(4), 4, new ArrayList<>()))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
