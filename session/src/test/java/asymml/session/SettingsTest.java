package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Epsilon;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.train.DpSgd;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.PrivacyConfig.Clip;
import asymml.trusted.train.PrivacyConfig.Drawing;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainConfig.Schedule;
import asymml.wire.Encoding;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class SettingsTest {
  @TempDir Path folder;

  private static Settings yaml(String text) {
    return Settings.parse("run.yaml", text);
  }

  private static Finding finding(String yaml) {
    InvalidSpecException e =
        catchThrowableOfType(InvalidSpecException.class, () -> yaml(yaml).spec());
    assertThat(e).as(yaml).isNotNull();
    assertThat(e.findings()).hasSize(1);
    assertThat(e.getMessage()).doesNotContain("--", "\n");
    return e.findings().getFirst();
  }

  @Test
  void nothing_set_is_every_default() {
    assertThat(yaml("# nothing\n").spec()).isEqualTo(TrainingSpec.defaults());
    assertThat(new Settings(Map.of()).spec()).isEqualTo(TrainingSpec.defaults());
  }

  static Stream<TrainingSpec> specs() {
    TrainingSpec defaults = TrainingSpec.defaults();
    TrainingSpec accounted =
        defaults.withNorm(Zoo.Norm.GROUP).withProtection(new Epsilon(8), Channel.WEIGHTS);
    return Stream.of(
        defaults,
        defaults.withMode(Mode.TRUSTED_ONLY).withModel("resnet20").withEpochs(3).withBatchSize(7),
        defaults.withRank(RankPolicy.parse("energy:0.1:1/2")).withTrustedLayers(List.of()),
        defaults.withRank(RankPolicy.parse("layers:0:4:8")).withTrustedLayers(List.of("fc")),
        defaults.withNoise(new NoiseStrength.None()),
        defaults.withNoise(new NoiseStrength.Multiplier(2.5)),
        defaults.withTraining(
            defaults
                .training()
                .withGradientNoise(new NoiseStrength.Ratio(0.5))
                .withDecomposition(Decomposition.PER_EXAMPLE)
                .withLabelSmoothing(0.1f)
                .withAugment(false)
                .withSeed(-5)),
        defaults.withOptimizer(
            new asymml.trusted.train.TrainConfig.Optimizer(
                1f, 0f, 1e-4f, Schedule.STEP, 1.5, List.of(3, 5), 0.2f)),
        accounted,
        accounted.withNoise(new NoiseStrength.Multiplier(1.1)),
        accounted.withPrivacy(
            new PrivacyConfig(
                Set.of(Channel.RESIDUALS),
                null,
                new asymml.privacy.Delta(1e-6),
                Drawing.SHUFFLE,
                Basis.DP,
                Clip.parse("20:0.01"))),
        yaml("dp-sgd: true\nmode: trusted-only\ntarget-epsilon: 3\ndelta: 1.0e-6").spec(),
        yaml("""
        dp-sgd: true
        shield: shares
        noise-multiplier: 1.5
        logical-batch-size: 512
        max-grad-norm: 0.1
        weight-average: 0
        masks-share: 0.05
        per-example-memory: 64M
        """)
            .spec(),
        defaults.withShield(new Shield.Shares(1)),
        defaults.withShield(new Shield.Shares(1.0 / 3)),
        defaults.withData("images.zip").withLimits(200, 10).withThreads(3),
        defaults.withData(DataSpec.of("a").withPublicSource("b")).withRankAnalysisEvery(2),
        defaults.withWorkers(
            WorkerSpec.of(WorkerChoice.parse("unix:/tmp/w.sock"), WorkerChoice.parse("cuda:1"))
                .withChunks(2)
                .withTimeout(Duration.ofSeconds(7))),
        defaults.withWorkers(
            WorkerSpec.local()
                .withWorkers(List.of(WorkerChoice.parse("tls:localhost:4433")), Path.of("w.pem"))
                .withWire(Encoding.BFLOAT16)));
  }

  @ParameterizedTest
  @MethodSource("specs")
  void a_specification_written_and_read_is_the_same(TrainingSpec spec) throws IOException {
    Path file = folder.resolve("config.yaml");
    Settings.of(spec).write(file);
    assertThat(Settings.read(file).spec()).isEqualTo(spec);
    assertThat(Settings.read(file).differences(Settings.of(spec))).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("specs")
  void every_key_that_is_written_is_known_and_in_the_order_of_the_known_ones(TrainingSpec spec) {
    List<String> written = List.copyOf(Settings.of(spec).values().keySet());
    assertThat(Settings.known()).containsSubsequence(written).doesNotHaveDuplicates();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "x: 1                                   | residuals=[]                             | SHUFFLE",
        "target-epsilon: 5                      | residuals=[RESIDUALS]                    | SHUFFLE",
        "protect: gradients                     | residuals=[RESIDUALS, GRADIENTS]         | SHUFFLE",
        "protect: [weights]                     | residuals=[RESIDUALS, GRADIENTS, WEIGHTS] | POISSON",
        "protect: all                           | residuals=[RESIDUALS, GRADIENTS, WEIGHTS] | POISSON",
        "shield: shares                         | residuals=[RESIDUALS, GRADIENTS]         | SHUFFLE",
      })
  void what_is_protected_follows_from_target_and_shield(
      String yaml, String channels, Drawing drawing) {
    PrivacyConfig privacy =
        (yaml.startsWith("x") ? new Settings(Map.of()) : yaml(yaml)).spec().training().privacy();
    assertThat("residuals=" + privacy.protect().stream().sorted().toList()).isEqualTo(channels);
    assertThat(privacy.drawing()).isEqualTo(drawing);
    assertThat(privacy.basis()).isEqualTo(privacy.accounted() ? Basis.PUBLIC : Basis.BATCH);
  }

  @Test
  void dp_sgd_brings_its_own_defaults() throws IOException {
    TrainConfig config = yaml("dp-sgd: true\nshield: shares\ntarget-epsilon: 8").spec().training();
    DpSgd dpSgd = Objects.requireNonNull(config.privacy().dpSgd());
    assertThat(dpSgd).isEqualTo(DpSgd.DEFAULT);
    assertThat(config.norm()).isEqualTo(Zoo.Norm.GROUP);
    assertThat(config.batchSize()).isEqualTo(128);
    assertThat(config.epochs()).isEqualTo(30);
    assertThat(config.augment()).isFalse();
    assertThat(config.optimizer().learningRate()).isEqualTo(2);
    assertThat(config.optimizer().weightDecay()).isZero();
    assertThat(config.noise()).isEqualTo(new NoiseStrength.None());
    assertThat(config.privacy().protect())
        .containsExactlyInAnyOrder(Channel.RESIDUALS, Channel.GRADIENTS, Channel.WEIGHTS);
    assertThat(config.privacy().drawing()).isEqualTo(Drawing.POISSON);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "max-grad-norm: 1                      | is a setting of DP-SGD, which is off",
        "dp-sgd: false; masks-share: 0.1       | is a setting of DP-SGD, which is off",
        "dp-sgd: true; sampling: shuffle       | does not go with DP-SGD",
        "dp-sgd: true; protect: residuals      | does not go with DP-SGD",
        "dp-sgd: true; clip: '3:1:1'           | does not go with DP-SGD",
        "dp-sgd: true; max-grad-norm: 0        | the largest gradient norm must be above 0",
        "dp-sgd: true; augmentation-multiplicity: 0 | an example has at least 1 view",
        "dp-sgd: true; augmentation-multiplicity: 2; augment: false | all views of an image are"
            + " alike",
        "dp-sgd: true; weight-average: 1       | the weight average must keep from 0 to below 1",
        "dp-sgd: true; masks-share: -1         | the masks' share must be above 0",
        "dp-sgd: true; logical-batch-size: 0   | a logical batch has at least 1 example",
        "dp-sgd: true; per-example-memory: 1T  | is not a number of bytes such as 512M or 2G",
      })
  void settings_that_do_not_go_with_dp_sgd_are_refused(String yaml, String why) {
    assertThatThrownBy(() -> yaml(yaml.replace("; ", "\n")).spec())
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining(why);
  }

  @Test
  void the_noise_of_a_run_that_is_accounted_for_follows_from_its_target_alone() {
    NoiseStrength none = new NoiseStrength.None();
    assertThat(yaml("").spec().training().noise()).isEqualTo(new NoiseStrength.Ratio(0.1));
    assertThat(yaml("target-epsilon: 5").spec().training().noise()).isEqualTo(none);
    assertThat(yaml("protect: all").spec().training().noise()).isEqualTo(none);
    assertThat(yaml("shield: shares").spec().training().noise())
        .isEqualTo(new NoiseStrength.Multiplier(10));
    assertThat(yaml("shield: shares\ntarget-epsilon: 5").spec().training().noise()).isEqualTo(none);
  }

  @Test
  void the_rank_is_0_where_masks_make_results_exact_unless_one_is_set() {
    assertThat(yaml("").spec().training().rank()).hasToString("1/8");
    assertThat(yaml("shield: shares").spec().training().rank()).hasToString("0");
    assertThat(yaml("shield: shares\nrank: 4").spec().training().rank()).hasToString("4");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "epochs: many           | epochs",
        "epochs: 1.5            | epochs",
        "seed: x                | seed",
        "learning-rate: fast    | learning-rate",
        "target-epsilon: x      | target-epsilon",
        "target-epsilon: -1     | target-epsilon",
        "augment: perhaps       | augment",
        "model: lenet           | model",
        "norm: layer            | norm",
        "mode: private          | mode",
        "rank: half             | rank",
        "schedule: linear       | schedule",
        "wire: half             | wire",
        "protect: everything    | protect",
        "sampling: some         | sampling",
        "basis: none            | basis",
        "clip: twelve           | clip",
        "shield: two            | shield",
        "weight-gradient: some  | weight-gradient",
        "weight-gradient: sampled:2 | weight-gradient",
        "worker: somewhere      | worker",
        "worker: cuda:x         | worker",
        "limit-train: 0         | limit-train",
        "milestones: [1, x]     | milestones",
      })
  void a_value_that_cannot_be_read_is_laid_to_its_setting(String yaml, String key) {
    Finding finding = finding(yaml);
    assertThat(finding.kind()).isEqualTo(Finding.Kind.UNREADABLE);
    assertThat(finding.setting()).isEqualTo(key);
    assertThat(finding.message()).startsWith(key + ": ");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'noise-ratio: 1\nnoise-multiplier: 1'      | NOISE_GIVEN_TWICE",
        "'target-epsilon: 5\nnoise-multiplier: 0'   | TARGET_WITHOUT_NOISE",
        "'target-epsilon: 5\nnoise-ratio: 0'        | TARGET_WITHOUT_NOISE",
        "'schedule: step'                           | NO_MILESTONES",
        "'weight-gradient: sampled:1/4'             | SAMPLED_WITHOUT_MASKS",
        "'shield: shares\nprotect: residuals'       | MASKS_UNPROTECTED",
        "'shield: shares\nworker: unix:/a'          | NOT_TWO_WORKERS",
        "'shield: shares\nworker: [unix:/a, unix:/a]' | SAME_WORKER_TWICE",
        "'worker: [unix:/a, unix:/a]'               | SAME_WORKER_TWICE",
        "'worker: [local, local]\nbatch-size: 1'    | TOO_MANY_WORKERS",
        "'worker: tls:a:1'                          | TLS_WITHOUT_TRUST",
        "'tls-trust: w.pem'                         | TLS_WITHOUT_TRUST",
        "'tls-keystore: t.p12'                      | CONTRADICTION",
        "'tls-keystore: t.p12\ntls-password-file: p' | CONTRADICTION",
        "'wire: bfloat16'                           | NOTHING_TO_ROUND",
        "'wire: bfloat16\nworker: tls:a:1\ntls-trust: w\nmode: trusted-only' | NOTHING_TO_ROUND",
        "'wire: bfloat16\nworker: [tls:a:1, tls:b:1]\ntls-trust: w\nshield: shares' | MASKS_ROUNDED",
        "'chunks: 2\nshield: shares'                | MASKS_IN_CHUNKS",
        "'chunks: 0'                                | OUT_OF_RANGE",
        "'chunks: 17'                               | OUT_OF_RANGE",
        "'worker-timeout: 0'                        | OUT_OF_RANGE",
        "'threads: 0'                               | OUT_OF_RANGE",
        "'analyze-every: -1'                        | OUT_OF_RANGE",
        "'epochs: 0'                                | CONTRADICTION",
        "'sampling: poisson'                        | CONTRADICTION",
        "'protect: none\ntarget-epsilon: 5'         | CONTRADICTION",
      })
  void what_does_not_go_together_is_found_by_kind(String yaml, Finding.Kind kind) {
    assertThat(finding(yaml).kind()).isEqualTo(kind);
  }

  @ParameterizedTest
  @ValueSource(strings = {"- 1\n- 2\n", "just words", "a: [", "epochs:\n", "epochs: {a: 1}\n"})
  void what_is_no_mapping_of_settings_is_refused_in_one_line(String text) {
    assertThatThrownBy(() -> yaml(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("run.yaml ")
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
  }

  @Test
  void an_unknown_setting_is_refused_with_the_known_ones() {
    assertThatThrownBy(() -> yaml("epochz: 3"))
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining("unknown setting 'epochz'; known are data, limit-train,");
  }

  @Test
  void a_missing_file_is_one_line() {
    assertThatThrownBy(() -> Settings.read(folder.resolve("none.yaml")))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("cannot read " + folder.resolve("none.yaml"));
  }

  @Test
  void settings_that_win_replace_the_noise_however_it_was_given() {
    Settings ratio = yaml("noise-ratio: 0.5\nepochs: 3");
    Settings multiplier = yaml("noise-multiplier: 2");
    assertThat(ratio.overriddenBy(multiplier).values())
        .doesNotContainKey("noise-ratio")
        .containsEntry("noise-multiplier", 2)
        .containsEntry("epochs", 3);
    assertThat(ratio.overriddenBy(yaml("epochs: 4")).values())
        .containsEntry("noise-ratio", 0.5)
        .containsEntry("epochs", 4);
  }

  @Test
  void a_resumed_run_may_change_where_it_is_computed_but_not_what() {
    Settings saved = yaml("epochs: 3\nthreads: 1");
    TrainingSpec same = saved.spec().withThreads(2).withRankAnalysisEvery(1);
    saved.requireUnchangedBy(
        same.withWorkers(WorkerSpec.of(WorkerChoice.parse("unix:/w")).withChunks(2)));
    saved.requireUnchangedBy(same.withEpochs(4));
    assertThatThrownBy(() -> saved.requireUnchangedBy(same.withEpochs(2)))
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining("epochs was 3 and is 2");
    assertThatThrownBy(() -> saved.requireUnchangedBy(same.withEpochs(4).withBatchSize(7)))
        .hasMessageContaining("batch-size was ")
        .hasMessageNotContaining("epochs");
    assertThatThrownBy(
            () -> saved.requireUnchangedBy(same.withNoise(new NoiseStrength.Multiplier(1))))
        .hasMessageContaining("noise-ratio was 0.1 and is not given")
        .hasMessageContaining("noise-multiplier was not given and is 1.0");
  }

  @Test
  void settings_without_some_keep_the_rest_and_cannot_be_changed() {
    Settings rest = yaml("epochs: 3\nseed: 1").without(List.of("seed"));
    assertThat(rest.values()).containsOnlyKeys("epochs");
    assertThatThrownBy(() -> rest.values().put("seed", 2))
        .isInstanceOf(UnsupportedOperationException.class);
    assertThat(rest.text("seed")).isEmpty();
  }
}
