package asymml.study.audit;

import asymml.kernels.TemporaryFolder;
import asymml.privacy.Channel;
import asymml.privacy.Ledger;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.session.TrainingSpec;
import asymml.session.WorkerPool;
import asymml.session.WorkerSpec;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.AuditStep;
import asymml.trusted.train.ClassWeights;
import asymml.trusted.train.DpSgd;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainingException;
import asymml.trusted.train.Validation;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// An audit of single steps. With canaries whose gradients are orthogonal and as long as the clip
/// norm allows, each there by a coin, a step of DP-SGD is as many Gaussian mechanisms at once, each
/// with the step's mu (Nasr et al., arXiv 2302.07956). It finds factors that are wrong in clipping,
/// sums, noise and masks.
///
/// Steps are those of a run with these settings, on [Canaries] in place of its images and network.
///
/// @param spec of a run with DP-SGD
/// @param noise z of its sums
/// @param steps how many are made, each with 1024 canaries; at least 1
/// @param confidence above 0 and below 1
public record StepAudit(TrainingSpec spec, NoiseMultiplier noise, int steps, double confidence) {
  private static final String MODEL = "released model";
  private static final String[] WORKERS = {"worker with masked values", "worker with the masks"};

  /// What one observer sees.
  ///
  /// @param observer in words
  /// @param claimed mu of a step, as it is accounted for
  /// @param found what the canaries prove
  public record View(String observer, double claimed, MuEstimate found) {
    /// Whether the claim withstands the audit.
    ///
    /// @return false if the step is less private than is claimed
    public boolean holds() {
      return found.lower() <= claimed;
    }
  }

  /// Checks the settings and the number of steps.
  public StepAudit {
    if (spec.training().privacy().dpSgd() == null) {
      throw new IllegalArgumentException("an audit is of a run with DP-SGD");
    }
    if (steps < 1 || !(confidence > 0 && confidence < 1)) {
      throw new IllegalArgumentException(
          "an audit has at least 1 step and a confidence between 0 and 1: %s, %s"
              .formatted(steps, confidence));
    }
  }

  /// Audits what each observer sees. Starts two workers on this machine where the run has some.
  ///
  /// @return the released model, then each worker
  /// @throws IOException if a worker fails
  /// @throws TrainingException if a step is not finite
  public List<View> run() throws IOException, TrainingException {
    SplittableRandom random = new SplittableRandom(spec.training().seed());
    boolean[][] there = MuEstimate.coins(steps, random);
    Canaries canaries = new Canaries(dpSgd(spec.training()).maxGradNorm(), spec.training().seed());
    if (spec.training().mode() == Mode.TRUSTED_ONLY) {
      try (SumObserver observer = new SumObserver(step(canaries, null), canaries)) {
        return List.of(view(MODEL, observer.ledger(), _ -> true, there, observer.scores(there)));
      }
    }
    try (TemporaryFolder folder = TemporaryFolder.create()) {
      return withWorkers(canaries, there, folder.path());
    }
  }

  private List<View> withWorkers(Canaries canaries, boolean[][] there, Path folder)
      throws IOException, TrainingException {
    List<Path> recordings = List.of(folder.resolve("values.rec"), folder.resolve("masks.rec"));
    TrainingSpec local =
        spec.withTraining(config())
            .withWorkers(
                WorkerSpec.local()
                    .withLocalArguments(recordings.stream().map(StepAudit::record).toList()));
    Ledger ledger;
    double[][] sums;
    try (WorkerPool pool = WorkerPool.open(local, new RunLayout(folder));
        SumObserver observer = new SumObserver(step(canaries, pool), canaries)) {
      ledger = observer.ledger();
      sums = observer.scores(there);
    }
    int places = dpSgd(spec.training()).views();
    List<View> views = new ArrayList<>();
    views.add(view(MODEL, ledger, r -> r.channel() == Channel.WEIGHTS, there, sums));
    for (int worker = 0; worker < WORKERS.length; worker++) {
      double[][] seen =
          new WorkerObserver(recordings.get(worker), ledger, canaries, places).combined(sums);
      views.add(view(WORKERS[worker], ledger, _ -> true, there, seen));
    }
    return views;
  }

  private static List<String> record(Path file) {
    return List.of("--record", file.toString(), "--record-limit", "8g");
  }

  private View view(
      String observer,
      Ledger ledger,
      Predicate<Release> which,
      boolean[][] there,
      double[][] scores) {
    return new View(observer, mu(ledger, which), MuEstimate.of(there, scores, confidence));
  }

  /// What a step is claimed to be.
  static double mu(Ledger ledger, Predicate<Release> which) {
    double squares = 0;
    for (Release release : ledger.entries().getFirst().releases()) {
      if (which.test(release)
          && release.mechanism() instanceof Release.Gaussian(var _, NoiseMultiplier z)) {
        squares += 1 / (z.value() * z.value());
      }
    }
    return Math.sqrt(squares);
  }

  private AuditStep step(Canaries canaries, @Nullable WorkerPool pool) throws IOException {
    return new AuditStep(
        config(),
        canaries.graph(),
        canaries.images(),
        canaries.normalization(),
        pool == null ? null : pool.parties());
  }

  private static DpSgd dpSgd(TrainConfig config) {
    DpSgd dpSgd = config.privacy().dpSgd();
    if (dpSgd == null) {
      throw new IllegalStateException("the settings were checked");
    }
    return dpSgd;
  }

  /// The settings of the run that bear on a step's privacy, on canaries.
  private TrainConfig config() {
    TrainConfig config = spec.training();
    DpSgd own = dpSgd(config);
    DpSgd all =
        new DpSgd(
            Canaries.COUNT,
            own.maxGradNorm(),
            own.views(),
            0,
            own.masksShare(),
            own.perExample(),
            own.memoryBytes());
    TrainConfig.Optimizer optimizer =
        new TrainConfig.Optimizer(
            1, 0, 0, TrainConfig.Schedule.CONSTANT, 0, List.of(), config.optimizer().factor());
    return config
        .withPrivacy(PrivacyConfig.of(all, null, config.privacy().delta()))
        .withNoise(new NoiseStrength.Multiplier(noise.value()))
        .withEpochs(1)
        .withOptimizer(optimizer)
        .withLabelSmoothing(0)
        .withAugment(false)
        .withValidation(Validation.NONE)
        .withClassWeights(new ClassWeights.Equal())
        .withRank(new RankPolicy.Fixed(0))
        .withTrustedLayers(List.of());
  }
}
