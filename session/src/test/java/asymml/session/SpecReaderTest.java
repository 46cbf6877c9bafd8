package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.trusted.check.Verification;
import asymml.trusted.data.Decoding;
import asymml.trusted.data.Decoding.OnBadImage;
import asymml.trusted.ops.PerExampleMethod;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.plan.Update;
import asymml.trusted.train.ClassWeights;
import asymml.trusted.train.DpSgd;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.PrivacyConfig.Clip;
import asymml.trusted.train.PrivacyConfig.Drawing;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainConfig.Schedule;
import asymml.trusted.train.Validation;
import asymml.wire.Encoding;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Every setting by its key: what it reads, what it changes, what it refuses.
class SpecReaderTest {
  private static final TrainingSpec DEFAULTS = TrainingSpec.defaults();

  private static TrainingSpec read(String yaml) {
    return Settings.parse("run.yaml", yaml).spec();
  }

  private static Finding finding(String yaml) {
    InvalidSpecException e = catchThrowableOfType(InvalidSpecException.class, () -> read(yaml));
    assertThat(e).as(yaml).isNotNull();
    assertThat(e.findings()).as(yaml).hasSize(1);
    return e.findings().getFirst();
  }

  /// A setting, where it arrives, and what it reads as.
  private static Arguments set(String yaml, Function<TrainingSpec, ?> place, Object value) {
    return Arguments.of(yaml, place, value);
  }

  private static DpSgd dpSgd(TrainingSpec spec) {
    return Objects.requireNonNull(spec.training().privacy().dpSgd());
  }

  static Stream<Arguments> settings() {
    return Stream.of(
        set("data: generated:3", s -> s.data().source(), "generated:3"),
        set("data: 2024", s -> s.data().source(), "2024"),
        set("data: a,b", s -> s.data().source(), "a,b"),
        set("limit-train: 200", s -> s.data().limitTrain(), new Limit(200)),
        set("limit-train: all", s -> s.data().limitTrain(), Limit.NONE),
        set("limit-test: 1", s -> s.data().limitTest(), new Limit(1)),
        set("verify: every", s -> s.workers().verification(), Verification.EVERY),
        set("verify: sample:0.5", s -> s.workers().verification(), new Verification(0.5)),
        set("max-image-pixels: 1000", s -> s.data().decoding().limits().imagePixels(), 1000),
        set("image-size: 64", s -> s.data().decoding().imageSize(), 64),
        set("image-size: stored", s -> s.data().decoding().imageSize(), 0),
        set("window: 16:1023", s -> s.data().decoding().window(), new Decoding.Window(16, 1023)),
        set("image-size: 8\nrandom-crop: true", s -> s.data().decoding().randomCrop(), true),
        set("label-column: a", s -> s.data().decoding().columns().label(), "a"),
        set("group-column: b", s -> s.data().decoding().columns().group(), "b"),
        set("image-cache: 2G", s -> s.data().decoding().cacheBytes(), 2L << 30),
        set("image-cache: all", s -> s.data().decoding().cacheBytes(), Long.MAX_VALUE),
        set("on-bad-image: skip", s -> s.data().decoding().onBadImage(), OnBadImage.SKIP),
        set("on-bad-image: fail", s -> s.data().decoding().onBadImage(), OnBadImage.FAIL),
        set("public-data: p.zip", s -> s.data().publicSource(), "p.zip"),
        set("augment: false", s -> s.training().augment(), false),
        set("augment: 'false'", s -> s.training().augment(), false),
        set("model: vgg19", s -> s.training().model().name(), "vgg19"),
        set("norm: group", s -> s.training().norm(), Zoo.Norm.GROUP),
        set("mode: dp-only", s -> s.training().mode(), Mode.DP_ONLY),
        set("mode: untrusted-only", s -> s.training().mode(), Mode.UNTRUSTED_ONLY),
        set(
            "decomposer: per-example",
            s -> s.training().decomposition(),
            Decomposition.PER_EXAMPLE),
        set("dp-sgd: true", s -> s.training().privacy().dpSgd(), DpSgd.DEFAULT),
        set("dp-sgd: false", s -> s.training().privacy(), PrivacyConfig.NONE),
        set("dp-sgd: true\nlogical-batch-size: 9", s -> dpSgd(s).logicalBatchSize(), 9),
        set("dp-sgd: true\nmax-grad-norm: 0.5", s -> dpSgd(s).maxGradNorm(), 0.5),
        set(
            "dp-sgd: true\naugmentation-multiplicity: 3",
            s -> List.of(dpSgd(s).views(), s.training().augment()),
            List.of(3, true)),
        set("dp-sgd: true", s -> s.training().optimizer().learningRate(), 2f),
        set("dp-sgd: true\ntarget-epsilon: 8", s -> s.training().optimizer().learningRate(), 2f),
        set("dp-sgd: true\ntarget-epsilon: 3", s -> s.training().optimizer().learningRate(), 1f),
        set("dp-sgd: true\nmodel: scatter-cnn", s -> dpSgd(s).views(), 2),
        set("dp-sgd: true\nmodel: scatter-cnn", s -> s.training().augment(), true),
        set("dp-sgd: true\nmodel: scatter-cnn\naugment: false", s -> dpSgd(s).views(), 1),
        set("dp-sgd: true\nweight-average: 0.5", s -> dpSgd(s).weightAverage(), 0.5),
        set("dp-sgd: true\nmasks-share: 0.25", s -> dpSgd(s).masksShare(), 0.25),
        set(
            "dp-sgd: true\nper-example: recomputed",
            s -> dpSgd(s).perExample(),
            PerExampleMethod.RECOMPUTED),
        set("dp-sgd: true\nper-example-memory: 2G", s -> dpSgd(s).memoryBytes(), 2L << 30),
        set("init: w.onnx", s -> String.valueOf(s.init().file()), "w.onnx"),
        set("init: w.onnx\ninit-public: true", s -> s.init().isPublic(), true),
        set("init: w.onnx\nfreeze: conv1,bn1", s -> s.training().frozen(), List.of("conv1", "bn1")),
        set("rank: 8", s -> s.training().rank(), new RankPolicy.Fixed(8)),
        set("rank: 1/4", s -> s.training().rank(), new RankPolicy.Fraction(1, 4)),
        set("rank: schedule:2:32", s -> s.training().rank(), new RankPolicy.Schedule(2, 32)),
        set("rank: layers:0:4", s -> s.training().rank(), new RankPolicy.PerLayer(List.of(0, 4))),
        set("trusted-layers: none", s -> s.training().trustedLayers(), List.of()),
        set("trusted-layers: conv1,fc", s -> s.training().trustedLayers(), List.of("conv1", "fc")),
        set("trusted-layers: [fc]", s -> s.training().trustedLayers(), List.of("fc")),
        set("noise-ratio: 0.5", s -> s.training().noise(), new NoiseStrength.Ratio(0.5)),
        set("noise-ratio: 0", s -> s.training().noise(), new NoiseStrength.None()),
        set("noise-ratio: -0.0", s -> s.training().noise(), new NoiseStrength.None()),
        set("noise-multiplier: 3", s -> s.training().noise(), new NoiseStrength.Multiplier(3)),
        set("noise-multiplier: 0.0", s -> s.training().noise(), new NoiseStrength.None()),
        set(
            "gradient-noise-ratio: 2e-1",
            s -> s.training().gradientNoise(),
            new NoiseStrength.Ratio(0.2)),
        set("gradient-noise-ratio: 0", s -> s.training().gradientNoise(), new NoiseStrength.None()),
        set("shield: shares", s -> s.training().shield(), new Shield.Shares(1)),
        set(
            "shield: shares\nweight-gradient: sampled:1/4",
            s -> s.training().shield(),
            new Shield.Shares(0.25)),
        set(
            "shield: shares\nweight-gradient: sampled:0.5",
            s -> s.training().shield(),
            new Shield.Shares(0.5)),
        set(
            "shield: shares\nweight-gradient: exact",
            s -> s.training().shield(),
            new Shield.Shares(1)),
        set("weight-gradient: sampled:1", s -> s.training().shield(), new Shield.Residual()),
        set("protect: residuals", s -> s.training().privacy().protect(), Set.of(Channel.RESIDUALS)),
        set(
            "protect: [residuals, gradients]",
            s -> s.training().privacy().protect(),
            Set.of(Channel.RESIDUALS, Channel.GRADIENTS)),
        set("protect: none", s -> s.training().privacy().protect(), Set.of()),
        set("target-epsilon: 3", s -> s.training().privacy().target(), new Epsilon(3)),
        set("delta: 1.0e-7", s -> s.training().privacy().delta(), new Delta(1e-7)),
        set(
            "protect: residuals\nsampling: poisson",
            s -> s.training().privacy().drawing(),
            Drawing.POISSON),
        set("protect: residuals\nbasis: dp", s -> s.training().privacy().basis(), Basis.DP),
        set(
            "protect: residuals\nclip: 20:0.01",
            s -> s.training().privacy().clip(),
            new Clip.Fixed(new ClipNorm(20), new ClipNorm(0.01), null)),
        set(
            "protect: residuals\nclip: 20",
            s -> s.training().privacy().clip(),
            new Clip.Fixed(new ClipNorm(20), null, null)),
        set("validation-split: 0.1", s -> s.training().validation(), new Validation(0.1, 0)),
        set("validation-split: 0", s -> s.training().validation(), Validation.NONE),
        set(
            "validation-split: 0.1\nearly-stopping: 2",
            s -> s.training().validation(),
            new Validation(0.1, 2)),
        set("early-stopping: none", s -> s.training().validation(), Validation.NONE),
        set("class-weights: none", s -> s.training().classWeights(), new ClassWeights.Equal()),
        set(
            "class-weights: balanced",
            s -> s.training().classWeights(),
            new ClassWeights.Balanced()),
        set(
            "class-weights: [1, 2, 0.5]",
            s -> s.training().classWeights(),
            new ClassWeights.Given(List.of(1f, 2f, 0.5f))),
        set("optimizer: sgd", s -> s.training().optimizer().learningRate(), 0.05f),
        set(
            "optimizer: adamw",
            s -> s.training().optimizer(),
            DEFAULTS
                .training()
                .optimizer()
                .withAlgorithm(TrainConfig.Algorithm.ADAMW)
                .withLearningRate(0.001f)
                .withWeightDecay(0.01f)),
        set(
            "optimizer: adamw\nmodel: vgg16\ndp-sgd: true",
            s ->
                List.of(
                    s.training().optimizer().learningRate(),
                    s.training().optimizer().weightDecay()),
            List.of(0.001f, 0f)),
        set("epochs: 3", s -> s.training().epochs(), 3),
        set("epochs: ' 3 '", s -> s.training().epochs(), 3),
        set("batch-size: 1", s -> s.training().batchSize(), 1),
        set("model: vgg16", s -> s.training().optimizer().learningRate(), 0.01f),
        set("model: scatter-cnn", s -> s.training().optimizer().learningRate(), 0.003f),
        set("model: resnet20", s -> s.training().optimizer().learningRate(), 0.05f),
        set("learning-rate: 1", s -> s.training().optimizer().learningRate(), 1f),
        set("learning-rate: 1.0e-3", s -> s.training().optimizer().learningRate(), 1e-3f),
        set("momentum: 0", s -> s.training().optimizer().momentum(), 0f),
        set("weight-decay: 0.0", s -> s.training().optimizer().weightDecay(), 0f),
        set("schedule: constant", s -> s.training().optimizer().schedule(), Schedule.CONSTANT),
        set(
            "schedule: step\nmilestones: [3, 5]",
            s -> s.training().optimizer().milestones(),
            List.of(3, 5)),
        set(
            "schedule: step\nmilestones: 3,5",
            s -> s.training().optimizer().milestones(),
            List.of(3, 5)),
        set(
            "schedule: step\nmilestones: 3",
            s -> s.training().optimizer().milestones(),
            List.of(3)),
        set("milestones: []", s -> s.training().optimizer().milestones(), List.of()),
        set(
            "schedule: step\nmilestones: 1\nstep-factor: 0.5",
            s -> s.training().optimizer().factor(),
            0.5f),
        set("warm-up-epochs: 1.5", s -> s.training().optimizer().warmUpEpochs(), 1.5),
        set("label-smoothing: 0.1", s -> s.training().labelSmoothing(), 0.1f),
        set("seed: -9223372036854775808", s -> s.training().seed(), Long.MIN_VALUE),
        set("seed: 9223372036854775807", s -> s.training().seed(), Long.MAX_VALUE),
        set("analyze-every: 4", s -> s.analyzeEvery(), 4),
        set("threads: 3", s -> s.threads(), 3),
        set(
            "worker: cuda:1",
            s -> s.workers().workers(),
            List.of(new WorkerChoice.Local("cuda:1"))),
        set(
            "worker: local,local",
            s -> s.workers().workers(),
            List.of(new WorkerChoice.Local("cpu"), new WorkerChoice.Local("cpu"))),
        set(
            "worker: ['unix:/tmp/a,b']",
            s -> s.workers().workers(),
            List.of(WorkerChoice.parse("unix:/tmp/a,b"))),
        set("worker: tls:a:1\ntls-trust: w.pem", s -> s.workers().tlsTrust(), Path.of("w.pem")),
        set(
            "worker: tls:a:1\ntls-trust: w.pem\ntls-keystore: t.p12\ntls-password-file: pw",
            s -> s.workers().tlsKey(),
            new TlsKey(Path.of("t.p12"), Path.of("pw"))),
        set(
            "worker: tls:a:1\ntls-trust: w.pem\ntls-allow-expired: true",
            s -> s.workers().tlsAllowExpired(),
            true),
        set(
            "worker: tls:a:1\ntls-trust: w.pem\nwire: bfloat16",
            s -> s.workers().wire(),
            Encoding.BFLOAT16),
        set("update: worker", s -> s.training().update(), Update.WORKER),
        set("chunks: 16", s -> s.workers().chunks(), 16),
        set("worker-timeout: 1", s -> s.workers().timeout(), Duration.ofSeconds(1)));
  }

  @ParameterizedTest
  @MethodSource("settings")
  void a_setting_is_read_and_survives_being_written(
      String yaml, Function<TrainingSpec, Object> place, Object value) {
    TrainingSpec spec = read(yaml);
    assertThat(place.apply(spec)).isEqualTo(value);
    assertThat(read(Settings.of(spec).yaml())).isEqualTo(spec);
  }

  @Test
  void every_known_setting_but_the_run_directory_is_read_above() {
    Set<String> tried =
        settings()
            .flatMap(arguments -> ((String) arguments.get()[0]).lines())
            .map(line -> line.substring(0, line.indexOf(':')))
            .collect(Collectors.toSet());
    assertThat(Settings.known())
        .filteredOn(key -> !key.equals(Settings.OUT))
        .allMatch(tried::contains);
  }

  /// One value for each setting that differs from its default and goes with all the others; a file
  /// to begin with has to be declared public, and frozen layers do not go with analyses.
  private static Map<String, Object> allChanged() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("data", "other");
    values.put("limit-train", 9);
    values.put("limit-test", 8);
    values.put("validation-split", 0.25);
    values.put("max-image-pixels", 1000);
    values.put("image-size", 48);
    values.put("image-cache", 1048576);
    values.put("on-bad-image", "skip");
    values.put("window", "0:4095");
    values.put("label-column", "finding");
    values.put("group-column", "patient");
    values.put("augment", false);
    values.put("model", "resnet20");
    values.put("norm", "group");
    values.put("mode", "dp-only");
    values.put("decomposer", "per-example");
    values.put("rank", 3);
    values.put("trusted-layers", List.of("fc"));
    values.put("noise-multiplier", 2.5);
    values.put("protect", "residuals");
    values.put("target-epsilon", 4);
    values.put("delta", 1e-6);
    values.put("sampling", "poisson");
    values.put("basis", "dp");
    values.put("clip", "5.0");
    values.put("public-data", "p");
    values.put("epochs", 3);
    values.put("batch-size", 5);
    values.put("optimizer", "adamw");
    values.put("learning-rate", 0.5);
    values.put("momentum", 0.25);
    values.put("weight-decay", 0.125);
    values.put("schedule", "step");
    values.put("milestones", List.of(1));
    values.put("step-factor", 0.75);
    values.put("warm-up-epochs", 0.75);
    values.put("label-smoothing", 0.0625);
    values.put("class-weights", List.of("1.0", "2.0"));
    values.put("seed", 7);
    values.put("analyze-every", 1);
    values.put("threads", DEFAULTS.threads() + 1);
    values.put("worker", List.of("tls:a:1", "tls:b:2"));
    values.put("tls-trust", "w.pem");
    values.put("tls-keystore", "t.p12");
    values.put("tls-password-file", "pw");
    values.put("tls-allow-expired", true);
    values.put("wire", "bfloat16");
    values.put("chunks", 3);
    values.put("verify", "sample:0.5");
    values.put("worker-timeout", 9);
    return values;
  }

  @Test
  void settings_do_not_touch_each_other() {
    Map<String, Object> values = allChanged();
    TrainingSpec all = new Settings(values).spec();
    Settings written = Settings.of(all);
    values.forEach((key, value) ->
        assertThat(written.text(key))
            .as(key)
            .isEqualTo(
                value instanceof Integer && key.equals("target-epsilon")
                    ? value + ".0"
                    : new Settings(Map.of(key, value)).text(key)));
    assertThat(Settings.of(DEFAULTS).differences(written))
        .hasSize(values.size() + 1) // the noise ratio of the defaults is gone
        .contains("noise-ratio was 0.1 and is not given", "epochs was 8 and is 3");
  }

  @Test
  void a_resumed_run_may_change_no_setting_but_the_free_ones() {
    Map<String, Object> values = allChanged();
    Settings saved = new Settings(values);
    Map<String, Object> others =
        Map.ofEntries(
            Map.entry("limit-train", 10),
            Map.entry("limit-test", 10),
            Map.entry("validation-split", 0.5),
            Map.entry("image-size", 47),
            Map.entry("on-bad-image", "fail"),
            Map.entry("window", "full"),
            Map.entry("label-column", "species"),
            Map.entry("group-column", "ward"),
            Map.entry("augment", true),
            Map.entry("model", "cnn"),
            Map.entry("norm", "batch"),
            Map.entry("mode", "asymml"),
            Map.entry("decomposer", "shared"),
            Map.entry("rank", 4),
            Map.entry("trusted-layers", "none"),
            Map.entry("noise-multiplier", 2.25),
            Map.entry("protect", "weights"),
            Map.entry("target-epsilon", 5),
            Map.entry("delta", 1e-7),
            Map.entry("sampling", "shuffle"),
            Map.entry("basis", "public"),
            Map.entry("clip", "5.5"),
            Map.entry("public-data", "q"),
            Map.entry("epochs", 4),
            Map.entry("batch-size", 6),
            Map.entry("learning-rate", 0.25),
            Map.entry("momentum", 0.5),
            Map.entry("weight-decay", 0.5),
            Map.entry("schedule", "cosine"),
            Map.entry("milestones", "1,2"),
            Map.entry("step-factor", 0.5),
            Map.entry("warm-up-epochs", 1),
            Map.entry("label-smoothing", 0.5),
            Map.entry("optimizer", "sgd"),
            Map.entry("class-weights", "1,3"),
            Map.entry("seed", 8));
    assertThat(others.keySet())
        .containsExactlyInAnyOrderElementsOf(
            values.keySet().stream()
                .filter(key -> !Settings.FREE_ON_RESUME.contains(key))
                .toList());
    others.forEach((key, value) -> {
      TrainingSpec changed = saved.overriddenBy(new Settings(Map.of(key, value))).spec();
      InvalidSpecException e =
          catchThrowableOfType(InvalidSpecException.class, () -> saved.requireUnchangedBy(changed));
      assertThat(e).as(key).isNotNull().hasMessageContaining(key + " was ");
      assertThat(e.findings().getFirst().kind()).isEqualTo(Finding.Kind.CHANGED_ON_RESUME);
    });
  }

  /// Not among all that were changed: it does not go with accounting.
  @Test
  void who_updates_weights_is_a_setting_that_a_resumed_run_keeps() {
    Settings saved = new Settings(Map.of("update", "worker"));
    assertThat(saved.spec().training().update()).isEqualTo(Update.WORKER);
    assertThat(Settings.of(saved.spec()).text("update")).isEqualTo("worker");
    assertThat(DEFAULTS.training().update()).isEqualTo(Update.TRUSTED);
    assertThatThrownBy(() -> saved.requireUnchangedBy(DEFAULTS))
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining("update was worker and is trusted");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "data: elsewhere",
        "max-image-pixels: 5000",
        "analyze-every: 5",
        "threads: 1",
        "worker: [tls:c:1, tls:d:2]",
        "tls-trust: v.pem",
        "tls-allow-expired: false",
        "wire: float32",
        "chunks: 1",
        "worker-timeout: 60",
      })
  void what_changes_no_result_may_change_on_resume(String yaml) {
    Settings saved = new Settings(allChanged());
    TrainingSpec changed = saved.overriddenBy(Settings.parse("flags", yaml)).spec();
    assertThat(changed).isNotEqualTo(saved.spec());
    saved.requireUnchangedBy(changed);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "epochs: 2147483648",
        "epochs: ",
        "epochs: 1,2",
        "epochs: true",
        "batch-size: 0x10",
        "seed: 9223372036854775808",
        "seed: 1.0",
        "learning-rate: ",
        "momentum: 0.9f x",
        "delta: small",
        "delta: -1",
        "delta: NaN",
        "target-epsilon: NaN",
        "label-smoothing: 10%",
        "validation-split: half",
        "early-stopping: 0",
        "early-stopping: soon",
        "class-weights: much",
        "class-weights: 1,-2",
        "class-weights: 1,,2",
        "optimizer: adam",
        "warm-up-epochs: one",
        "noise-ratio: a tenth",
        "noise-multiplier: z",
        "gradient-noise-ratio: many",
        "augment: 1",
        "augment: True",
        "model: CNN",
        "model: ",
        "norm: GROUP",
        "mode: ASYMML",
        "rank: -1",
        "rank: 3/2",
        "rank: 0/4",
        "rank: energy:2",
        "rank: layers:",
        "protect: residuals,secrets",
        "protect: ",
        "protect: basis",
        "clip: 0",
        "clip: 1:2:3:4",
        "clip: -5",
        "clip: 1e38:1e38:1e38",
        "clip: 1e-300",
        "clip: 1:NaN",
        "clip: 1:1:Infinity",
        "weight-gradient: sampled:0",
        "weight-gradient: sampled:1/0",
        "weight-gradient: sampled:1/2/3",
        "weight-gradient: sampled:",
        "weight-gradient: sampled:NaN",
        "limit-test: -3",
        "limit-train: most",
        "milestones: 1,,2",
        "milestones: 1.5",
        "threads: all",
        "chunks: two",
        "worker-timeout: 1.5",
        "worker: here",
        "worker: local,",
        "worker: tls:nowhere",
        "worker: local,cuda:",
      })
  void a_wrong_value_is_a_finding_about_its_setting_that_shows_it_in_one_line(String yaml) {
    String key = yaml.substring(0, yaml.indexOf(':'));
    Settings settings = new Settings(Map.of(key, yaml.substring(yaml.indexOf(':') + 2)));
    InvalidSpecException e = catchThrowableOfType(InvalidSpecException.class, settings::spec);
    assertThat(e).as(yaml).isNotNull();
    Finding finding = e.findings().getFirst();
    assertThat(finding.kind()).isEqualTo(Finding.Kind.UNREADABLE);
    assertThat(finding.setting()).isEqualTo(key);
    assertThat(e.getMessage()).startsWith(key + ": ").doesNotContain("\n", "Exception", "null");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "norm: x | batch, group",
        "mode: x | asymml, trusted-only, untrusted-only, dp-only",
        "decomposer: x | shared, per-example",
        "update: x | trusted, worker",
        "schedule: x | constant, cosine, step",
        "sampling: x | shuffle, poisson",
        "basis: x | batch, public, dp",
        "wire: x | float32, bfloat16",
        "shield: x | residual, shares",
        "augment: x | true, false",
        "protect: x | none, residuals, gradients, weights, all",
        "model: x | cnn, scatter-cnn, resnet20, wrn16-4, mobilenetv2, resnet18, resnet34, resnet50,"
            + " vgg11, vgg13, vgg16, vgg19, and no .onnx or .yaml file",
      })
  void a_name_that_is_none_is_refused_with_all_that_are(String yaml, String choices) {
    assertThat(finding(yaml).problem()).isEqualTo("'x' is none of " + choices);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "batch-size: 0",
        "learning-rate: 0",
        "learning-rate: NaN",
        "momentum: 1",
        "momentum: -0.1",
        "weight-decay: -1",
        "warm-up-epochs: -0.5",
        "label-smoothing: 1",
        "noise-ratio: -1",
        "noise-ratio: Infinity",
        "noise-multiplier: NaN",
        "gradient-noise-ratio: -2",
        "protect: residuals\ngradient-noise-ratio: 0.1\nnoise-multiplier: 1",
        "basis: public",
        "clip: public",
        "delta: 0",
        "delta: 1",
        "target-epsilon: 0",
        "target-epsilon: Infinity",
        "protect: residuals\ndelta: 0",
        "learning-rate: Infinity",
        "learning-rate: 1e39",
        "learning-rate: 1e-50",
        "learning-rate: -1",
        "momentum: NaN",
        "weight-decay: Infinity",
        "weight-decay: NaN",
        "warm-up-epochs: Infinity",
        "warm-up-epochs: NaN",
        "warm-up-epochs: 8",
        "epochs: 2\nwarm-up-epochs: 2",
        "schedule: step\nmilestones: [5, 3]",
        "schedule: step\nmilestones: [3, 3]",
        "schedule: step\nmilestones: 0",
        "schedule: step\nmilestones: -2147483648",
        "schedule: step\nmilestones: [3, 2147483647]",
        "schedule: step\nmilestones: [3, 8]",
        "schedule: step\nmilestones: 3\nstep-factor: 0",
        "schedule: step\nmilestones: 3\nstep-factor: 1.5",
        "schedule: step\nmilestones: 3\nstep-factor: NaN",
        "step-factor: -1",
        "milestones: [3, 5]",
        "schedule: constant\nmilestones: 3",
        "label-smoothing: NaN",
        "label-smoothing: -0.1",
        "epochs: -2147483648",
        "batch-size: -2147483648",
        "noise-ratio: NaN",
        "noise-ratio: 1e300",
        "noise-ratio: 1e-7",
        "noise-multiplier: 1e300",
        "noise-multiplier: 1e-300",
        "noise-multiplier: -1",
        "gradient-noise-ratio: Infinity",
      })
  void a_value_that_the_computation_refuses_is_a_contradiction(String yaml) {
    Finding finding = finding(yaml);
    assertThat(finding.kind()).isEqualTo(Finding.Kind.CONTRADICTION);
    assertThat(finding.setting()).isNull();
    assertThat(finding.message()).isEqualTo(finding.problem()).isNotBlank();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "threads: 4097 | threads must be 1 to 4096: 4097",
        "threads: 2147483647 | threads must be 1 to 4096: 2147483647",
        "analyze-every: -2147483648 | analyze-every must be at least 0 epochs: -2147483648",
        "step-factor: 0.5 | step-factor has no effect but with the schedule step",
        "worker-timeout: -2147483648 | worker-timeout must be at least 1 second: -2147483648",
        "chunks: 2147483647 | chunks must be 1 to 16: 2147483647",
      })
  void a_value_out_of_its_range_is_refused_with_the_range(String yaml, String message) {
    assertThat(finding(yaml).message()).isEqualTo(message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "epochs: 2147483647",
        "batch-size: 2147483647",
        "worker-timeout: 2147483647",
        "analyze-every: 2147483647",
        "learning-rate: 3.4e38",
        "warm-up-epochs: 7.999",
        "noise-ratio: 1e12",
        "noise-multiplier: 1.5e-11",
        "protect: residuals\nclip: 1e12:1e-12:1",
        "limit-train: 2147483647",
        "delta: 1e-300",
        "protect: residuals\ntarget-epsilon: 1e300",
      })
  void the_largest_and_smallest_values_are_taken_as_they_are(String yaml) {
    TrainingSpec spec = read(yaml);
    assertThat(read(Settings.of(spec).yaml())).isEqualTo(spec);
  }

  @Test
  void milestones_and_factor_go_with_the_schedule_that_they_were_given_for() {
    Settings file =
        Settings.parse("run.yaml", "schedule: step\nmilestones: [2, 4]\nstep-factor: 0.5");
    TrainConfig.Optimizer cosine =
        file.overriddenBy(Settings.parse("flags", "schedule: cosine"))
            .spec()
            .training()
            .optimizer();
    assertThat(cosine).isEqualTo(DEFAULTS.training().optimizer());
    assertThat(
            file.overriddenBy(Settings.parse("flags", "schedule: step"))
                .spec()
                .training()
                .optimizer()
                .milestones())
        .containsExactly(2, 4);
  }

  @Test
  void what_has_no_effect_is_told_apart_by_mode() {
    assertThat(Settings.withoutEffect(DEFAULTS).keySet())
        .containsExactlyInAnyOrder("public-data", "step-factor");
    assertThat(Settings.withoutEffect(DEFAULTS.withMode(Mode.TRUSTED_ONLY)))
        .containsEntry("rank", "in mode trusted-only")
        .containsEntry("worker", "in mode trusted-only")
        .doesNotContainKeys("epochs", "model", "augment");
    assertThat(Settings.withoutEffect(DEFAULTS.withMode(Mode.UNTRUSTED_ONLY)))
        .containsKeys("noise-ratio", "noise-multiplier", "rank", "trusted-layers")
        .doesNotContainKeys("worker", "chunks");
    assertThat(Settings.withoutEffect(DEFAULTS.withMode(Mode.DP_ONLY)))
        .containsKeys("rank", "decomposer")
        .doesNotContainKeys("noise-ratio", "trusted-layers");
    for (Mode mode : Mode.values()) {
      assertThat(Settings.known())
          .containsAll(Settings.withoutEffect(DEFAULTS.withMode(mode)).keySet());
    }
  }

  @Test
  void masks_without_a_worker_need_no_accounting() {
    TrainingSpec spec = read("shield: shares\nmode: trusted-only\nprotect: none");
    assertThat(spec.usedWorkers()).isEmpty();
    assertThat(spec.training().privacy().accounted()).isFalse();
  }

  @Test
  void no_noise_under_masks_is_written_since_their_default_is_some() {
    TrainingSpec quiet =
        DEFAULTS.withShield(new Shield.Shares(1)).withNoise(new NoiseStrength.None());
    assertThat(Settings.of(quiet).values()).containsEntry("noise-ratio", 0.0);
    assertThat(Settings.of(quiet).spec()).isEqualTo(quiet);
  }

  @Test
  void noise_that_follows_from_a_target_is_not_written() {
    for (TrainingSpec spec :
        List.of(
            DEFAULTS.withProtection(new Epsilon(2)),
            DEFAULTS
                .withProtection(new Epsilon(2), Channel.GRADIENTS)
                .withShield(new Shield.Shares(1)))) {
      assertThat(Settings.of(spec).values()).doesNotContainKeys("noise-ratio", "noise-multiplier");
      assertThat(Settings.of(spec).spec()).isEqualTo(spec);
    }
  }

  @Test
  void a_multiplier_on_output_gradients_is_found_before_it_would_have_to_be_written() {
    InvalidSpecException e =
        catchThrowableOfType(
            InvalidSpecException.class,
            () ->
                DEFAULTS.withTraining(
                    DEFAULTS.training().withGradientNoise(new NoiseStrength.Multiplier(1))));
    assertThat(e.findings().getFirst().setting()).isEqualTo("gradient-noise-ratio");
  }

  @Test
  void a_time_limit_is_written_in_whole_seconds() {
    TrainingSpec spec =
        DEFAULTS.withWorkers(WorkerSpec.local().withTimeout(Duration.ofMillis(1900)));
    assertThat(Settings.of(spec).spec().workers().timeout()).isEqualTo(Duration.ofSeconds(1));
  }

  @Test
  void options_of_started_workers_are_no_setting() {
    TrainingSpec spec =
        DEFAULTS.withWorkers(WorkerSpec.local().withLocalArguments(List.of(List.of("--record"))));
    assertThat(Settings.of(spec)).isEqualTo(Settings.of(DEFAULTS));
  }

  @Test
  void the_run_directory_is_known_and_changes_no_specification() {
    assertThat(read("out: runs/mine")).isEqualTo(DEFAULTS);
  }
}
