package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.analysis.WorkerView;
import asymml.privacy.Channel;
import asymml.privacy.Ledger;
import asymml.privacy.Release;
import asymml.trusted.data.DataSet;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.FirstStep;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Runs of two real processes, recorded and attacked. Seeds are fixed; noise is not, where there is
/// any.
class AttackCommandTest {
  @TempDir static Path folder;

  private static Outcome open = Outcome.of();
  private static JsonNode openScores = JsonMapper.shared().createObjectNode();

  /// Three steps of 16 images, all layers at the worker, nothing protected.
  @BeforeAll
  static void attack_an_unprotected_run() throws Exception {
    train("open", "--mode", "untrusted-only");
    open = attack("open", "--public-images", "32");
    openScores = JsonMapper.shared().readTree(Files.readString(json("open")));
  }

  private static Path json(String name) {
    return folder.resolve(name + ".json");
  }

  private static void train(String name, String... options) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "train",
                "--limit-train",
                "48",
                "--limit-test",
                "10",
                "--batch-size",
                "16",
                "--epochs",
                "1",
                "--progress",
                "plain",
                "--worker-record",
                folder.resolve(name + ".rec").toString(),
                "--out",
                folder.resolve(name).toString()));
    arguments.addAll(List.of(options));
    Outcome outcome = Outcome.of(arguments.toArray(String[]::new));
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
  }

  private static Outcome attack(String name, String... options) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "attack",
                "--recording",
                folder.resolve(name + ".rec").toString(),
                "--truth",
                folder.resolve(name).toString(),
                "--json",
                json(name).toString()));
    arguments.addAll(List.of(options));
    return Outcome.of(arguments.toArray(String[]::new));
  }

  private static double score(JsonNode scores, String attack, String layer, String measure) {
    for (JsonNode score : scores.get("scores")) {
      if (score.get("attack").asString().equals(attack)
          && score.get("layer").asString().equals(layer)
          && score.get("measure").asString().equals(measure)) {
        return score.get("value").asDouble();
      }
    }
    throw new AssertionError(attack + " " + layer + " " + measure + " is not in " + scores);
  }

  @Test
  void the_table_says_what_it_is() {
    assertThat(open.err()).isEmpty();
    assertThat(open.code()).isZero();
    assertThat(open.out())
        .startsWith("PRIVATE: scored against private images; not covered by any guarantee")
        .contains(
            "no noise that still trains stops all of these",
            "attack",
            "chance",
            "best",
            "not applied: gradient-solve, conv1: 16384 unknowns a channel",
            "written: " + json("open"));
  }

  @Test
  void masks_activations_and_norms_of_an_unprotected_run_are_read_off_its_gradients() {
    for (String layer : List.of("conv1", "conv2")) {
      assertThat(score(openScores, "mask", layer, "mask accuracy")).isGreaterThan(0.97);
      assertThat(score(openScores, "mask", layer, "activation cosine")).isGreaterThan(0.97);
      assertThat(score(openScores, "mask", layer, "norm correlation")).isGreaterThan(0.97);
    }
  }

  @Test
  void images_of_an_unprotected_run_come_back() {
    assertThat(score(openScores, "image", "conv1", "norm leak: cosine")).isGreaterThan(0.95);
    assertThat(score(openScores, "image", "conv1", "norm leak: PSNR, dB")).isGreaterThan(22);
    assertThat(score(openScores, "image", "conv1", "mask: cosine")).isGreaterThan(0.7);
    assertThat(score(openScores, "image", "conv1", "norm leak: re-identified")).isEqualTo(1);
  }

  /// 1024 unknowns and 576 equations: a projection, sqrt(576 / 1024) = 0.75 at best.
  @Test
  void a_small_map_of_an_unprotected_run_follows_from_successive_weights() {
    assertThat(score(openScores, "gradient-solve", "conv3", "cosine, weights + optimiser"))
        .isGreaterThan(0.5);
    assertThat(score(openScores, "gradient-solve", "conv3", "re-identified, weights + optimiser"))
        .isEqualTo(1);
  }

  @Test
  void members_of_an_unprotected_batch_are_told() {
    assertThat(score(openScores, "membership", "conv1", "AUC")).isEqualTo(1);
  }

  /// The cap is 16 of 32 channels; fewer directions leave a third of the energy.
  @Test
  void a_rank_that_follows_the_data_is_attacked_as_it_came_out() throws Exception {
    train(
        "energy",
        "--trusted-layers",
        "first,last",
        "--noise-ratio",
        "0",
        "--rank",
        "energy:0.3:1/2");
    assertThat(attack("energy", "--attack", "subspace").err()).isEmpty();
    int found = 0;
    for (JsonNode score :
        JsonMapper.shared().readTree(Files.readString(json("energy"))).get("scores")) {
      if (score.get("layer").asString().equals("conv3")) {
        String measure = score.get("measure").asString();
        assertThat(Integer.parseInt(measure.substring(measure.indexOf("r=") + 2))).isBetween(1, 15);
        assertThat(score.get("value").asDouble()).isGreaterThan(0.99);
        found++;
      }
    }
    assertThat(found).isEqualTo(1);
  }

  /// The decoder trains on images under noise as strong as the run's.
  @Test
  void noise_that_a_budget_came_to_is_what_the_attacker_takes_it_for() throws Exception {
    train("budget", "--norm", "group", "--shield", "shares", "--target-epsilon", "8");
    RunLayout layout = new RunLayout(folder.resolve("budget"));
    TrainOptions options = TrainOptions.of(Settings.read(layout.config()));
    DataSet data =
        DataOpening.open(
            options.data,
            options.limitTrain,
            options.limitTest,
            options.seed,
            new PrintWriter(Writer.nullWriter()));
    Ledger ledger = LedgerFile.read(layout.ledger());
    Release.Gaussian first =
        ledger.entries().getFirst().releases().stream()
            .filter(r -> r.channel() == Channel.RESIDUALS && r.layer().equals("conv2"))
            .map(Release::mechanism)
            .map(Release.Gaussian.class::cast)
            .findFirst()
            .orElseThrow();
    try (WorkerView view = WorkerView.open(folder.resolve("budget.rec"));
        FirstStep step = new FirstStep(options.config(), data)) {
      AttackScene scene = new AttackScene(view, step, options.config(), ledger, data, 4, 2);
      int conv2 = scene.first().getFirst();
      assertThat(scene.architecture().name(conv2)).isEqualTo("conv2");
      assertThat(scene.noiseRatio(conv2))
          .isCloseTo(
              first.noiseMultiplier().value() * Math.sqrt(scene.sent(conv2).exampleSize()),
              within(1e-9))
          .isGreaterThan(50);
    }
  }

  @Test
  void a_shared_basis_is_read_off_its_residuals() throws Exception {
    train("split", "--trusted-layers", "first,last", "--noise-ratio", "0");
    Outcome outcome = attack("split", "--attack", "subspace");
    assertThat(outcome.err()).isEmpty();
    JsonNode scores = JsonMapper.shared().readTree(Files.readString(json("split")));
    assertThat(score(scores, "subspace", "conv3", "squared cosine of angles, r=4"))
        .isGreaterThan(0.99);
    Outcome image = attack("split", "--attack", "image");
    assertThat(image.out())
        .contains("not applied: image, all layers: nothing in this recording for it to work on");
  }

  /// The first layer stays here and noise of a thousand times the residual goes out: the span is no
  /// better than a guess of 4 among 32 directions, whose mean is 0.125 and deviation 0.04. Beyond
  /// 0.45 lies less than one run in a million.
  @Test
  void noise_that_does_not_train_hides_the_span() throws Exception {
    train("noisy", "--noise-ratio", "1000", "--learning-rate", "0.000001");
    Outcome outcome = attack("noisy", "--attack", "subspace");
    assertThat(outcome.err()).isEmpty();
    JsonNode scores = JsonMapper.shared().readTree(Files.readString(json("noisy")));
    assertThat(score(scores, "subspace", "conv3", "squared cosine of angles, r=4"))
        .isLessThan(0.45);
  }

  /// Nobody tries that many seeds, and the first layer's weights were not sent.
  @Test
  void a_seed_that_nobody_guesses_keeps_the_decoder_from_training() {
    train("secret", "--seed", "7263541980", "--noise-ratio", "0");
    Outcome outcome = attack("secret", "--attack", "model-inversion", "--public-images", "16");
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.out())
        .contains("not applied: model-inversion, conv2: weights of trusted layers are not known");
  }

  @Test
  void a_recording_of_another_seed_is_refused_in_one_line() {
    train("other", "--mode", "untrusted-only", "--seed", "2");
    Outcome outcome =
        Outcome.of(
            "attack",
            "--recording",
            folder.resolve("open.rec").toString(),
            "--truth",
            folder.resolve("other").toString());
    assertThat(outcome.code()).isEqualTo(1);
    assertThat(outcome.err())
        .contains("that can be scored: its first weights of conv1 are not those")
        .hasLineCount(1);
  }

  @Test
  void an_unknown_attack_is_wrong_usage() {
    Outcome outcome = attack("open", "--attack", "guess");
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err()).contains("--attack is gradient-solve, mask, image, subspace");
    assertThat(Outcome.of("attack").err()).contains("give --recording and --truth, or --suite");
  }
}
