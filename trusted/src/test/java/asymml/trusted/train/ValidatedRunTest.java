package asymml.trusted.train;

import static asymml.trusted.train.TinyRuns.data;
import static asymml.trusted.train.TinyRuns.layout;
import static asymml.trusted.train.TinyRuns.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Zoo;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.Sampling;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TinyRuns.Course;
import asymml.trusted.train.Trainer.Outcome;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Runs with a validation split, in `trusted-only` mode.
class ValidatedRunTest {
  private static final DataSet DATA = data(40, 8, 3);
  private static final Validation QUARTER = new Validation(0.25, 0);

  @TempDir Path folder;

  private static TrainConfig config(int epochs, Validation validation) {
    return TinyRuns.config(epochs, 10).withValidation(validation);
  }

  /// A rate so large that the first epochs are soon no longer the best.
  private static TrainConfig restless(int epochs, int patience) {
    return config(epochs, new Validation(0.25, patience)).withOptimizer(TinyRuns.optimizer(0.9f));
  }

  private static TrainConfig dpSgd() {
    return TinyRuns.config(2, 10)
        .withNorm(Zoo.Norm.GROUP)
        .withPrivacy(
            PrivacyConfig.of(
                new DpSgd(15, 1, 0.9, 0.02, 1L << 30), new Epsilon(8), new Delta(1e-4)));
  }

  private static List<EpochMetrics> metrics(RunLayout layout) throws Exception {
    return MetricsLog.readAll(layout.metrics());
  }

  private static List<List<Object>> computed(RunLayout layout) throws Exception {
    return metrics(layout).stream()
        .map(m -> List.<Object>of(m.epoch(), m.step(), m.heldOutLoss(), m.heldOutAccuracy()))
        .toList();
  }

  @Test
  void the_images_set_aside_are_not_trained_on_and_are_evaluated_in_place_of_test_images()
      throws Exception {
    RunLayout layout = layout(folder.resolve("run"));
    Course course = Course.toTheEnd();
    assertThat(run(config(2, QUARTER), DATA, layout, false, course)).isEqualTo(Outcome.FINISHED);
    assertThat(course.events).startsWith("epoch 1: 0 of 3", "evaluated 10 of 10", "done 1");
    assertThat(metrics(layout))
        .hasSize(2)
        .allSatisfy(m -> {
          assertThat(m.heldOut()).isEqualTo("validation");
          assertThat(m.testLoss()).isNull();
          assertThat(m.testAccuracy()).isNull();
          assertThat(m.validationLoss()).isPositive();
        });
    assertThat(Files.readString(layout.metrics())).doesNotContain("testLoss", "testAccuracy");
  }

  @Test
  void the_split_is_stratified_disjoint_and_normalised_by_what_is_trained_on() {
    DataSet split = config(2, QUARTER).split(DATA);
    assertThat(split.train().size()).isEqualTo(30);
    assertThat(split.heldOut().size()).isEqualTo(10);
    assertThat(split.heldOut().sharedWith(split.train())).isZero();
    assertThat(split.heldOut().sharedWith(DATA.train())).isEqualTo(10);
    assertThat(split.test()).isSameAs(DATA.test());
    assertThat(split.normalization()).isEqualTo(Normalization.of(split.train()));
    for (int c = 0; c < 3; c++) {
      int label = c;
      long own = IntStream.range(0, 10).filter(i -> split.heldOut().label(i) == label).count();
      assertThat(own).isBetween(3L, 4L);
    }
    assertThat(config(2, QUARTER).split(split)).isSameAs(split);
    assertThat(config(2, Validation.NONE).split(DATA)).isSameAs(DATA);
    assertThat(DATA.heldOut()).isSameAs(DATA.test());
  }

  @Test
  void the_model_of_the_best_epoch_is_kept_and_is_the_run_s() throws Exception {
    RunLayout layout = layout(folder.resolve("run"));
    TrainConfig config = restless(6, 0);
    run(config, DATA, layout, false, Course.toTheEnd());
    EpochMetrics best = EpochMetrics.best(metrics(layout)).orElseThrow();
    assertThat(best.epoch()).as("a run whose last epoch is not its best").isLessThan(6);
    assertThat(layout.model()).isEqualTo(layout.best());
    try (TrainedModel model = TrainedModel.read(layout);
        TrainedModel last = TrainedModel.read(layout.checkpoint());
        Evaluator evaluator = new Evaluator(model.graph(), model.parameters(), 10)) {
      assertThat(model.epoch()).isEqualTo(best.epoch());
      assertThat(model.step()).isEqualTo(best.step());
      assertThat(last.epoch()).isEqualTo(6);
      Evaluator.Score score =
          evaluator.score(
              config.split(DATA).heldOut(), model.description().normalization(), (_, _) -> {});
      assertThat(score.accuracy()).isEqualTo(best.heldOutAccuracy());
      assertThat(score.loss()).isEqualTo(best.heldOutLoss());
    }
  }

  @Test
  void of_equally_accurate_epochs_the_one_with_the_smallest_loss_is_the_best() {
    assertThat(EpochMetrics.best(List.of())).isEmpty();
    List<EpochMetrics> epochs =
        List.of(validated(1, 0.5, 0.7), validated(2, 0.4, 0.8), validated(3, 0.3, 0.8));
    assertThat(EpochMetrics.best(epochs)).contains(epochs.get(2));
    assertThat(EpochMetrics.best(List.of(epochs.get(1), validated(3, 0.4, 0.8))))
        .contains(epochs.get(1));
    EpochMetrics tested = new EpochMetrics(1, 1, 1.0, 1.0, 1, 1, 1, 1, 1, 1, 1, 1);
    assertThat(EpochMetrics.best(List.of(tested))).isEmpty();
    assertThat(tested.heldOut()).isEqualTo("test");
  }

  private static EpochMetrics validated(int epoch, double loss, double accuracy) {
    return new EpochMetrics(epoch, epoch, 1.0, 1.0, null, null, 1, 1, 1, 1, 1, 1, loss, accuracy);
  }

  @Test
  void training_ends_when_validation_has_not_improved_for_as_many_epochs_as_were_waited_for()
      throws Exception {
    RunLayout whole = layout(folder.resolve("whole"));
    run(restless(12, 0), DATA, whole, false, Course.toTheEnd());
    RunLayout layout = layout(folder.resolve("early"));
    assertThat(run(restless(12, 2), DATA, layout, false, Course.toTheEnd()))
        .isEqualTo(Outcome.EARLY_STOPPED);
    List<EpochMetrics> epochs = metrics(layout);
    int done = epochs.size();
    assertThat(done).isLessThan(12);
    assertThat(EpochMetrics.best(epochs).orElseThrow().epoch()).isEqualTo(done - 2);
    assertThat(computed(layout)).isEqualTo(computed(whole).subList(0, done));
    for (int before = 1; before < done; before++) {
      int best = EpochMetrics.best(epochs.subList(0, before)).orElseThrow().epoch();
      assertThat(before - best).as("after epoch %d", before).isLessThan(2);
    }
    Course again = Course.toTheEnd();
    assertThat(run(restless(12, 2), DATA, layout, true, again)).isEqualTo(Outcome.EARLY_STOPPED);
    assertThat(again.steps()).isZero();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 4, 8, 12})
  void a_run_stopped_after_any_step_comes_to_the_same_epochs_and_the_same_best_model(int steps)
      throws Exception {
    RunLayout whole = layout(folder.resolve("whole"));
    run(restless(6, 3), DATA, whole, false, Course.toTheEnd());
    RunLayout layout = layout(folder.resolve("stopped"));
    Outcome first = run(restless(6, 3), DATA, layout, false, new Course(steps));
    if (first == Outcome.STOPPED) {
      run(restless(6, 3), DATA, layout, true, Course.toTheEnd());
    }
    assertThat(computed(layout)).isEqualTo(computed(whole));
    assertThat(layout.best()).hasSameBinaryContentAs(whole.best());
    assertThat(layout.checkpoint()).hasSameBinaryContentAs(whole.checkpoint());
  }

  @Test
  void a_run_killed_between_checkpoint_and_best_model_writes_the_model_when_it_goes_on()
      throws Exception {
    RunLayout layout = layout(folder.resolve("killed"));
    run(config(2, QUARTER), DATA, layout, false, new Course(3));
    byte[] best = Files.readAllBytes(layout.best());
    Files.delete(layout.best());
    run(config(2, QUARTER), DATA, layout, true, new Course(0));
    assertThat(layout.best()).hasBinaryContent(best);
  }

  @Test
  void another_share_or_seed_is_another_run() throws Exception {
    RunLayout layout = layout(folder.resolve("run"));
    run(config(2, QUARTER), DATA, layout, false, new Course(1));
    for (Validation other : List.of(Validation.NONE, new Validation(0.5, 0))) {
      assertThatThrownBy(() -> run(config(2, other), DATA, layout, true, Course.toTheEnd()))
          .isInstanceOf(TrainingException.class)
          .hasMessageContaining("belongs to a run with another");
    }
  }

  @Test
  void in_an_accounted_run_no_epoch_is_chosen_and_the_account_is_for_what_is_trained_on()
      throws Exception {
    RunLayout layout = layout(folder.resolve("run"));
    TrainConfig config = dpSgd().withValidation(QUARTER);
    assertThat(config.choosesBest()).isFalse();
    assertThat(run(config, DATA, layout, false, Course.toTheEnd())).isEqualTo(Outcome.FINISHED);
    assertThat(layout.best()).doesNotExist();
    assertThat(layout.model()).isEqualTo(layout.checkpoint());
    Sampling.Poisson poisson = (Sampling.Poisson) LedgerFile.read(layout.ledger()).sampling();
    assertThat(poisson.examples()).isEqualTo(30);
    assertThat(poisson.rate().value()).isEqualTo(0.5);
    assertThat(metrics(layout)).allMatch(m -> m.heldOut().equals("validation"));
  }

  /// Neighbouring data sets differ in one place: were the split stratified, another label in one
  /// place would change which other images are trained on.
  @Test
  void in_an_accounted_run_the_split_does_not_follow_from_labels() {
    TrainConfig config = dpSgd().withValidation(QUARTER);
    DataSet other = data(40, 8, 99);
    DataSet split = config.split(DATA);
    DataSet same = config.split(other);
    assertThat(places(split, DATA)).hasSize(10).isEqualTo(places(same, other));
    assertThat(split.normalization()).isEqualTo(DATA.normalization());
  }

  private static List<Integer> places(DataSet split, DataSet all) {
    return IntStream.range(0, all.train().size())
        .filter(i -> contains(split, all, i))
        .boxed()
        .toList();
  }

  private static boolean contains(DataSet split, DataSet all, int place) {
    byte[] wanted = new byte[all.train().shape().size()];
    all.train().pixels(place, wanted);
    byte[] pixels = new byte[wanted.length];
    for (int i = 0; i < split.heldOut().size(); i++) {
      split.heldOut().pixels(i, pixels);
      if (Arrays.equals(pixels, wanted)) {
        return true;
      }
    }
    return false;
  }

  @Test
  void early_stopping_is_refused_where_it_would_be_a_release_or_could_have_no_effect() {
    assertThatThrownBy(() -> dpSgd().withEpochs(9).withValidation(new Validation(0.25, 1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a release that no epsilon covers");
    assertThatThrownBy(() -> new Validation(0, 3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("early stopping needs validation images");
    assertThatThrownBy(() -> config(3, new Validation(0.25, 3)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("below the run's 3 epochs: 3");
    for (double share : new double[] {-0.1, 1, Double.NaN}) {
      assertThatThrownBy(() -> new Validation(share, 0))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("must be 0 to below 1: " + share);
    }
    assertThatThrownBy(() -> new Validation(0.1, -1)).isInstanceOf(IllegalArgumentException.class);
  }
}
