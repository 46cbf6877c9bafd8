package asymml.report;

import asymml.model.Graph;
import asymml.model.NamedTensor;
import asymml.model.SafeTensors;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Delta;
import asymml.privacy.Ledger;
import asymml.privacy.Release;
import asymml.privacy.Sampling;
import asymml.session.Settings;
import asymml.session.TrainingSpec;
import asymml.session.WorkerSpec;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.rank.LayerRanks;
import asymml.trusted.rank.NodeRanks;
import asymml.trusted.rank.RankFile;
import asymml.trusted.rank.RankReport;
import asymml.trusted.rank.Shares;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.TrainConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A run directory of the `cnn` on 48 images, written without training: its files are those that
/// training writes.
///
/// @param directory where it lies
/// @param mode of its plan
/// @param epochs done, of 2
record PlantedRun(Path directory, Mode mode, int epochs) {
  static final int IMAGES = 48;
  static final int STEPS_PER_EPOCH = 3;
  static final long RESIDUAL_VALUES = 4096;
  static final long GRADIENT_VALUES = 2048;
  static final long WEIGHT_VALUES = 640;

  static final TrainConfig CONFIG =
      new TrainConfig(
          "cnn",
          Zoo.Norm.BATCH,
          Mode.ASYMML,
          Decomposition.SHARED,
          new RankPolicy.Fixed(2),
          List.of(Plan.FIRST, Plan.LAST),
          new NoiseStrength.None(),
          new NoiseStrength.None(),
          2,
          16,
          new TrainConfig.Optimizer(
              0.1f, 0.9f, 5e-4f, TrainConfig.Schedule.COSINE, 0, List.of(), 0.1f),
          0,
          true,
          1,
          PrivacyConfig.NONE,
          new Shield.Residual());

  static Graph graph() {
    return Zoo.build("cnn", new Shape(32, 32, 3), 10, Zoo.Norm.BATCH);
  }

  static Plan plan(Mode mode) {
    return Plan.of(graph(), mode, CONFIG.decomposition(), CONFIG.rank(), CONFIG.trustedLayers());
  }

  /// What it was told.
  ///
  /// @param workers local ones
  TrainingSpec spec(int workers) {
    WorkerSpec one = WorkerSpec.local();
    return TrainingSpec.defaults()
        .withTraining(CONFIG.withMode(mode))
        .withWorkers(
            new WorkerSpec(
                Collections.nCopies(workers, one.workers().getFirst()),
                one.tlsTrust(),
                one.tlsKey(),
                one.tlsAllowExpired(),
                one.wire(),
                one.chunks(),
                one.verification(),
                one.timeout(),
                one.localArguments()));
  }

  ReportedRun read() throws IOException {
    return ReportedRun.read(directory);
  }

  /// Writes all files; ranks, of epoch 2, and a ledger only where there is a worker.
  PlantedRun write(String... arguments) throws IOException {
    RunLayout layout = new RunLayout(Files.createDirectories(directory));
    Settings.of(spec(1)).write(layout.config());
    RunFile.write(layout.runFile(), facts(List.of(arguments)));
    try (MetricsLog log = MetricsLog.open(layout.metrics())) {
      for (int epoch = 1; epoch <= epochs; epoch++) {
        log.append(metrics(epoch));
      }
    }
    checkpoint(layout.checkpoint());
    if (mode != Mode.TRUSTED_ONLY) {
      LedgerFile.write(layout.ledger(), unaccounted());
      new RankFile(List.of(ranks(2, 0))).write(layout.rank());
    }
    return this;
  }

  private Map<String, Object> facts(List<String> arguments) {
    Map<String, Object> provenance = new LinkedHashMap<>();
    provenance.put("version", "0.1");
    provenance.put("operatingSystem", "Linux");
    provenance.put("commandLine", arguments);
    Map<String, Object> plan = new LinkedHashMap<>();
    plan(mode).layers().forEach((layer, placement) -> plan.put(layer, placement.toString()));
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("outcome", "finished");
    facts.put("provenance", provenance);
    facts.put("data", "planted: 48 training and 10 test images of 32x32x3, 10 classes");
    facts.put("trainingImages", IMAGES);
    facts.put("plan", plan);
    return facts;
  }

  /// Those of an epoch.
  EpochMetrics metrics(int epoch) {
    boolean worker = mode != Mode.TRUSTED_ONLY;
    return new EpochMetrics(
        epoch,
        (long) STEPS_PER_EPOCH * epoch,
        2.5 / epoch,
        0.25 * epoch,
        2.75 / epoch,
        0.2 * epoch,
        0.1,
        24,
        3.5,
        worker ? 1.5 : 0,
        worker ? 1_234_567 : 0,
        worker ? 7_654_321 : 0);
  }

  /// Zeros in the shapes of the network.
  private static void checkpoint(Path file) throws IOException {
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put("format", "asymml-2");
    metadata.put("model", "cnn");
    metadata.put("norm", "batch");
    metadata.put("weightLayout", "OHWI");
    metadata.put("input", "[32,32,3]");
    metadata.put("classes", "[\"0\",\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]");
    metadata.put("mean", "[0.5,0.5,0.5]");
    metadata.put("standardDeviation", "[0.25,0.25,0.25]");
    metadata.put("epoch", "2");
    metadata.put("step", "6");
    List<NamedTensor> tensors = new ArrayList<>();
    graph()
        .parameters()
        .forEach(p ->
            tensors.add(NamedTensor.of(p.name(), p.shape(), new float[Math.toIntExact(p.size())])));
    SafeTensors.write(file, metadata, tensors);
  }

  /// Everything is sent unprotected, from one split layer.
  static Ledger unaccounted() {
    Release.Uncovered why = new Release.Uncovered("sent unprotected");
    return ledger(
        new Release(Channel.RESIDUALS, "conv2", RESIDUAL_VALUES, why),
        new Release(Channel.GRADIENTS, "conv2", GRADIENT_VALUES, why),
        new Release(Channel.WEIGHTS, "conv2", WEIGHT_VALUES, why));
  }

  /// Releases of each of the six steps.
  static Ledger ledger(Release... releases) {
    return new Ledger(
        new Sampling.Shuffled(IMAGES, 16),
        new Delta(1e-5),
        List.of(new Ledger.Entry(List.of(releases), 2 * STEPS_PER_EPOCH)));
  }

  /// An analysis of two layers and a node.
  ///
  /// @param slack of the second layer's bound; below 0 it is violated
  static RankReport ranks(int epoch, int slack) {
    return new RankReport(
        epoch,
        (long) STEPS_PER_EPOCH * epoch,
        8,
        16,
        1.25,
        List.of(layer("conv1", 3, 1), layer("conv2", 12, slack)),
        List.of(new NodeRanks("bn1", "affine: r + 1", 3, 3, 0)));
  }

  private static LayerRanks layer(String name, int most, int slack) {
    List<Double> spectrum = new ArrayList<>();
    for (int j = 0; j < most; j++) {
      spectrum.add(Math.scalb(1.0, -j - 1));
    }
    asymml.trusted.rank.Figures figures =
        new asymml.trusted.rank.Figures(8, spectrum, 1.5, 2.828, 2, 3, most);
    return new LayerRanks(
        name,
        "split",
        "32x32x" + most,
        "32x32x12",
        figures,
        new Shares(2, 0.25, 0.2, 0.125, 0.1),
        figures,
        new Shares(2, 0.5, 0.4, 0.3, 0.2),
        null,
        new LayerRanks.LowRankOutput(4, 4 + slack, slack, 2.5, 3.5));
  }
}
