package asymml.trusted.train;

import asymml.kernels.Elementwise;
import asymml.kernels.Kernels;
import asymml.kernels.ProcessorTime;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import asymml.model.Layer;
import asymml.model.Node;
import asymml.model.Parameter;
import asymml.privacy.Ledger;
import asymml.privacy.Release;
import asymml.privacy.Sampling;
import asymml.trusted.boundary.ReleaseLog;
import asymml.trusted.boundary.SumNoise;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.ops.JointClip;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Checkpoint.Position;
import asymml.trusted.train.EpochTotals.Cost;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Steps whose gradients are summed by a [GradientStage]. Here is what there must be once: the
/// ledger, which is ahead of each stage, and with DP-SGD the noise on the global sum.
final class StageExecution implements Execution {
  private final RunPlan run;
  private final Parameters parameters;
  private final GradientStage stage;
  private final GradientStage.Terms terms;
  private final List<Parameter> trained;
  private final int values;
  private final @Nullable Accounting accounting;
  private final @Nullable LedgerKeeper ledger;
  private final @Nullable Noised noised;
  private @Nullable RunLayout layout;
  private long workerCpuNanos;
  private long cpuNanos;
  private long bytesOut;
  private long bytesBack;

  /// The mechanism on the global sum.
  private record Noised(Release joint, SumNoise noise, ReleaseLog log) {}

  /// The rest of an epoch.
  final class Steps implements TrainingLoop.Steps {
    private final int[] order;
    private final int batches;
    private final long augmentationSeed;
    private int next;

    private Steps(int[] order, int done, long augmentationSeed) {
      this.order = order;
      this.batches = run.batches();
      this.next = done;
      this.augmentationSeed = augmentationSeed;
    }

    @Override
    public boolean hasNext() {
      return next < batches;
    }

    @Override
    public SoftmaxCrossEntropy.@Nullable Result gradients(long step)
        throws ProtocolException, TrainingException {
      int from = next * run.batchSize();
      next++;
      int[] examples =
          order.length == 0
              ? order
              : Arrays.copyOfRange(order, from, Math.min(order.length, from + run.batchSize()));
      return StageExecution.this.gradients(
          new GradientStage.Step(
              step, terms, Arrays.stream(examples).boxed().toList(), augmentationSeed));
    }

    @Override
    public void close() {}
  }

  /// Plans a run.
  ///
  /// @param earlier the ledger of the run that is to be resumed, null for a new one
  /// @throws IllegalArgumentException if the run cannot be computed in parts, or not be accounted
  ///   for
  StageExecution(
      RunPlan run, Parameters parameters, GradientStage stage, @Nullable Ledger earlier) {
    this.run = run;
    this.parameters = parameters;
    this.stage = stage;
    requireParts(run);
    trained = parameters.all().stream().filter(Parameter::trained).toList();
    values = Math.toIntExact(trained.stream().mapToLong(Parameter::size).sum());
    TrainConfig config = run.config();
    boolean releases = run.plan().needsWorker() || config.privacy().accounted();
    if (!releases) {
      accounting = null;
      ledger = null;
      noised = null;
      terms = new GradientStage.Terms(0, "", "", run.examples(), run.batchSize(), 0, run.steps());
      return;
    }
    Accounting planned =
        Accounting.of(
                config,
                run.graph(),
                run.plan(),
                run.examples(),
                () -> new ReleaseTerms.Bounds(Map.of()),
                config.privacy().accounted() ? earlier : null)
            .requirePrecision()
            .refreshingAlways();
    if (earlier != null && !planned.ledger(earlier.steps()).equals(earlier)) {
      throw new IllegalArgumentException(
          "the ledger does not say what this run releases: it was changed, or it is of another run or of another version of the program; start a new run");
    }
    accounting = planned;
    ledger = new LedgerKeeper(planned, config.privacy().accounted(), earlier);
    Release joint = planned.releases().jointGradient();
    if (joint == null) {
      noised = null;
    } else {
      ReleaseLog log = new ReleaseLog();
      SumNoise noise = new SumNoise(new SecureRandom(), Kernels.threads());
      noise.log(log);
      noised = new Noised(joint, noise, log);
    }
    terms =
        new GradientStage.Terms(
            planned.releases().terms() instanceof ReleaseTerms.DpSgd dpSgd
                ? dpSgd.noise().value()
                : 0,
            planned.releases().terms() instanceof ReleaseTerms.Unaccounted none
                ? none.reason()
                : "",
            planned.releases().releases(true).toString(),
            run.examples(),
            run.batchSize(),
            planned.sampling() instanceof Sampling.Poisson poisson ? poisson.slots() : 0,
            planned.steps());
  }

  /// Refuses what parts of a batch do not add up to, or could not be accounted for.
  private static void requireParts(RunPlan run) {
    TrainConfig config = run.config();
    for (Node node : run.graph().nodes()) {
      if (node.layer() instanceof Layer.BatchNorm) {
        throw new IllegalArgumentException(
            "batch norm mixes the examples of a batch, which no machine of a cluster has whole (%s): use --norm group"
                .formatted(node.name()));
      }
      if (node.layer() instanceof Layer.Dropout) {
        throw new IllegalArgumentException(
            "dropout is not computed in parts of a batch (%s): use a model without it"
                .formatted(node.name()));
      }
    }
    if (config.mode() != Mode.ASYMML && config.mode() != Mode.TRUSTED_ONLY) {
      throw new IllegalArgumentException(
          "on a cluster, the mode is asymml or trusted-only: " + config.mode().label());
    }
    boolean dpSgd = config.privacy().dpSgd() != null;
    if (config.privacy().accounted() && !dpSgd) {
      throw new IllegalArgumentException(
          "on a cluster, only DP-SGD is accounted for (--dp-sgd): leave out --protect and --target-epsilon, or train on one machine");
    }
    if (config.needsPublicImages(run.plan())) {
      throw new IllegalArgumentException(
          "on a cluster, bases are not fitted to public images: use --rank 0");
    }
  }

  /// Where the steps of an epoch come from.
  ///
  /// @param order of its examples; empty where they are drawn
  /// @param done steps of it
  /// @param augmentationSeed of it
  Steps steps(int[] order, int done, long augmentationSeed) {
    return new Steps(order, done, augmentationSeed);
  }

  private SoftmaxCrossEntropy.@Nullable Result gradients(GradientStage.Step step)
      throws ProtocolException, TrainingException {
    GradientStage.@Nullable Sums sums =
        stage.gradients(step, parameters.copy(), () -> repeat(step.number()));
    if (sums == null) {
      return null;
    }
    if (sums.gradients().length != values) {
      throw new ProtocolException("the sums of a stage have another number of values");
    }
    cpuNanos += sums.cpuNanos();
    workerCpuNanos += sums.workerCpuNanos();
    bytesOut += sums.bytesOut();
    bytesBack += sums.bytesBack();
    if (noised == null) {
      if (sums.examples() != step.examples().size()) {
        throw new ProtocolException(
            "a stage computed %s examples of %s".formatted(sums.examples(), step.examples().size()));
      }
      set(sums.gradients(), 1.0 / sums.examples());
      requireFinite(step.number());
    } else {
      set(sums.gradients(), 1);
      requireFinite(step.number());
      noised.log.begin(List.of(noised.joint));
      JointClip.release(
          parameters,
          trained.stream().map(Parameter::name).toList(),
          noised.joint,
          noised.noise,
          sums.rounding(),
          sums.slots(),
          run.batchSize());
    }
    return new SoftmaxCrossEntropy.Result(
        sums.lossSum(), Math.toIntExact(sums.examples()), Math.toIntExact(sums.correct()));
  }

  /// Rounds to float32 once.
  private void set(double[] sums, double factor) {
    int at = 0;
    for (Parameter p : trained) {
      Tensor gradient = parameters.gradient(p.name());
      int count = Math.toIntExact(p.size());
      for (int i = 0; i < count; i++) {
        gradient.set(i, (float) (sums[at + i] * factor));
      }
      at += count;
    }
  }

  private void requireFinite(long step) throws TrainingException {
    for (Parameter p : trained) {
      if (!Elementwise.allFinite(parameters.gradient(p.name()))) {
        throw Divergence.at(step, "the gradients are no longer finite", null);
      }
    }
  }

  /// A step that is accounted for is not repeated: to begin the next one costs no more.
  private synchronized boolean repeat(long step) throws IOException {
    if (ledger == null) {
      return true;
    }
    if (isAccounted()) {
      return false;
    }
    if (layout == null) {
      throw new IllegalStateException("no step was begun");
    }
    ledger.repeat(layout, step);
    return true;
  }

  @Override
  public SoftmaxCrossEntropy.Result gradients(
      BatchLoader loader, long step) {
    throw new IllegalStateException("a stage loads its own batches");
  }

  @Override
  public int slots() {
    return run.batchSize();
  }

  @Override
  public int physicalBatch() {
    return run.batchSize();
  }

  @Override
  public Optional<Sampling.Poisson> poisson() {
    return Optional.ofNullable(terms.sampling());
  }

  @Override
  public long lastStep() {
    return accounting == null ? Long.MAX_VALUE : accounting.steps();
  }

  @Override
  public boolean mustWaitForBasis(long step) {
    return false;
  }

  @Override
  public void begin(RunLayout layout) throws IOException {
    if (ledger != null) {
      ledger.begin(layout);
    }
  }

  @Override
  public Position resumed(RunLayout layout, Position saved, int batches)
      throws TrainingException, IOException {
    if (ledger == null) {
      return saved;
    }
    ledger.count(layout, batches);
    return ledger.afterSpent(saved, batches);
  }

  @Override
  public synchronized void reserve(RunLayout layout, long step, long stepsLeft)
      throws IOException {
    this.layout = layout;
    if (ledger != null) {
      ledger.reserve(layout, step, stepsLeft);
    }
  }

  @Override
  public synchronized void settle(RunLayout layout, long done) throws IOException {
    if (ledger != null) {
      ledger.settle(layout, done);
    }
  }

  @Override
  public boolean isAccounted() {
    return run.config().privacy().accounted();
  }

  @Override
  public Optional<Ledger> forecast() {
    return accounting == null ? Optional.empty() : Optional.of(accounting.ledger(accounting.steps()));
  }

  @Override
  public Map<String, float[]> state() {
    return Map.of();
  }

  @Override
  public void restore(Map<String, float[]> state) {}

  @Override
  public Cost cost() {
    return new Cost(
        (ProcessorTime.nanos() + cpuNanos) / 1e9, workerCpuNanos / 1e9, bytesOut, bytesBack);
  }

  @Override
  public void close() {
    if (noised != null) {
      noised.noise.close();
    }
  }
}
