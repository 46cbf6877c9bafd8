package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.privacy.Channel;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.QueryStatement;
import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.run.QueryLog;
import asymml.trusted.train.Evaluator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A trained model with real worker processes.
class InferenceSessionTest {
  private static final DataSet DATA = TinyImages.data();

  /// Without noise nothing but rounding is between the two.
  private static final double ROUNDING = 1e-4;

  private static final TrainingSpec LOCAL =
      TrainingSpec.defaults().withNoise(new NoiseStrength.None()).withBatchSize(4).withThreads(1);

  @TempDir static Path shared;
  private static Path trained;

  @TempDir Path folder;

  @BeforeAll
  static void train() throws Exception {
    trained = shared.resolve("run");
    TrainingSpec spec =
        TrainingSpec.defaults()
            .withMode(Mode.TRUSTED_ONLY)
            .withBatchSize(6)
            .withEpochs(2)
            .withThreads(1);
    try (TrainingSession session =
        TrainingSession.create(ResolvedRun.of(spec, DATA, null), trained)) {
      session.train();
    }
  }

  private static List<byte[]> pixels(int count) {
    List<byte[]> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      all.add(TinyImages.pixels(TinyImages.SHAPE, i % 2, 500 + i));
    }
    return all;
  }

  @Test
  void a_split_model_scores_and_predicts_as_the_whole_one_and_counts_every_image()
      throws Exception {
    try (TrainedRun run = TrainedRun.open(trained);
        InferenceSession session = run.split(InferenceSpec.of(LOCAL))) {
      long before = session.allQueries();
      assertThat(session.workers()).singleElement().asString().startsWith("UNTRUSTED: ");
      assertThat(session.plan().needsWorker()).isTrue();
      Evaluator.Score whole = run.evaluate(DATA.test(), 4);
      Evaluator.Score split = session.evaluate(DATA.test(), (_, _) -> {});
      assertThat(split.loss()).isCloseTo(whole.loss(), within(ROUNDING));
      assertThat(split.accuracy()).isEqualTo(whole.accuracy());
      List<byte[]> pixels = pixels(6);
      List<List<TrainedRun.Prediction>> predictions = session.predict(pixels);
      assertThat(predictions).hasSize(6);
      for (int i = 0; i < 6; i++) {
        List<TrainedRun.Prediction> expected = run.predict(pixels.get(i));
        assertThat(predictions.get(i).getFirst().className())
            .isEqualTo(expected.getFirst().className());
        assertThat(predictions.get(i).getFirst().probability())
            .isCloseTo(expected.getFirst().probability(), within(ROUNDING));
      }
      QueryStatement statement = session.statement();
      assertThat(statement.queries()).isEqualTo(16);
      assertThat(session.allQueries()).isEqualTo(before + 16);
      assertThat(statement.lines())
          .anyMatch(line -> line.contains("no guarantee (epsilon infinite)"))
          .anyMatch(line -> line.contains("residuals (released without noise)"))
          .anyMatch(line -> line.contains("no (epsilon, delta) is claimed"));
      assertThat(Files.readString(run.layout().queries()))
          .contains("\"queries\":10", "\"queries\":4", "\"queries\":2", "infinite");
    }
  }

  @Test
  void with_noise_that_is_accounted_for_a_query_has_an_epsilon() throws Exception {
    Path publicImages = TinyImages.folder(folder.resolve("public"), 8, 2, 4000);
    TrainingSpec spec =
        LOCAL
            .withData(LOCAL.data().withPublicSource(publicImages.toString()))
            .withProtection(null, Channel.RESIDUALS)
            .withNoise(new NoiseStrength.Multiplier(2));
    try (TrainedRun run = TrainedRun.open(trained);
        InferenceSession session = run.split(InferenceSpec.of(spec))) {
      session.evaluate(DATA.test(), (_, _) -> {});
      QueryStatement statement = session.statement();
      assertThat(statement.epsilon().isFinite()).isTrue();
      assertThat(statement.twice()).isGreaterThan(statement.epsilon());
      assertThat(statement.replaced()).isGreaterThan(statement.twice());
      assertThat(statement.once().ledger().delta()).isEqualTo(new Delta(1e-5));
      assertThat(statement.lines().getFirst()).doesNotContain("infinite");
      // The public images are no queries.
      DataSet opened = run.open(DataSpec.of(publicImages.toString()), (_, _, _) -> {});
      long before = session.allQueries();
      assertThatThrownBy(() -> session.evaluate(opened.train(), (_, _) -> {}))
          .isInstanceOf(InvalidSpecException.class)
          .hasMessageContaining("8 images of 8 that are classified");
      assertThat(session.allQueries()).isEqualTo(before);
    }
  }

  @Test
  void two_workers_give_the_exact_result_with_a_guarantee_against_either() throws Exception {
    TrainingSpec spec = LOCAL.withShield(new Shield.Shares(1));
    try (TrainedRun run = TrainedRun.open(trained);
        InferenceSession session = run.split(InferenceSpec.of(spec))) {
      assertThat(session.workers()).hasSize(2);
      Evaluator.Score split = session.evaluate(DATA.test(), (_, _) -> {});
      assertThat(split.loss()).isCloseTo(run.evaluate(DATA.test(), 4).loss(), within(5e-3));
      assertThat(session.statement().epsilon().isFinite()).isTrue();
      assertThat(session.statement().lines()).anyMatch(line -> line.contains("do not collude"));
    }
  }

  @Test
  void a_worker_that_refuses_ends_it_in_one_line_before_an_image_is_counted() throws Exception {
    FakeWorker worker = FakeWorker.start(folder.resolve("fake.sock"));
    TrainingSpec spec = LOCAL.withWorkers(WorkerSpec.of(worker.choice()));
    try (TrainedRun run = TrainedRun.open(trained)) {
      long before = QueryLog.queries(run.layout().queries());
      assertThatThrownBy(() -> run.split(InferenceSpec.of(spec)).close())
          .isInstanceOf(IOException.class)
          .hasMessageContaining("this worker only greets")
          .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
      worker.awaitLeft();
      assertThat(QueryLog.queries(run.layout().queries())).isEqualTo(before);
    }
  }

  @Test
  void queries_that_cannot_be_counted_are_not_sent() throws Exception {
    try (TrainedRun run = TrainedRun.open(trained);
        InferenceSession session = run.split(InferenceSpec.of(LOCAL))) {
      Path log = run.layout().queries();
      Path aside = folder.resolve("aside");
      boolean there = Files.exists(log);
      if (there) {
        Files.move(log, aside);
      }
      Files.createDirectory(log);
      assertThatThrownBy(() -> session.predict(pixels(1)))
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith("cannot write " + log);
      assertThat(session.statement().queries()).isZero();
      Files.delete(log);
      if (there) {
        Files.move(aside, log);
      }
    }
  }

  @Test
  void what_inference_does_not_have_is_refused() {
    refused(LOCAL.withMode(Mode.TRUSTED_ONLY), "trusted-only computes all here");
    refused(LOCAL.withProtection(null, Channel.GRADIENTS), "can be none or residuals");
    refused(LOCAL.withProtection(new Epsilon(3)), "is a budget of training");
  }

  private static void refused(TrainingSpec spec, String why) {
    assertThatThrownBy(() -> InferenceSpec.of(spec))
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining(why);
  }

  @Test
  void what_cannot_be_accounted_for_is_refused_before_a_worker_starts() throws Exception {
    TrainingSpec spec = LOCAL.withProtection(null, Channel.RESIDUALS);
    try (TrainedRun run = TrainedRun.open(trained)) {
      assertThatThrownBy(() -> run.split(InferenceSpec.of(spec)).close())
          .isInstanceOfSatisfying(
              InvalidSpecException.class,
              e ->
                  assertThat(e.findings())
                      .extracting(Finding::kind)
                      .containsExactly(Finding.Kind.NO_NOISE));
      TrainingSpec unknown = LOCAL.withTrustedLayers(List.of("conv9"));
      assertThatThrownBy(() -> run.split(InferenceSpec.of(unknown)).close())
          .isInstanceOf(InvalidSpecException.class)
          .hasMessageContaining("conv9");
      // The generated public images are larger than those of the model.
      TrainingSpec larger =
          spec.withNoise(new NoiseStrength.Multiplier(1)).withRank(RankPolicy.parse("1/8"));
      assertThatThrownBy(() -> run.split(InferenceSpec.of(larger)).close())
          .isInstanceOf(InvalidSpecException.class)
          .hasMessageContaining("the public images are 32x32x3 and the model takes 8x8x3");
    }
  }
}
