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
import asymml.trusted.draw.Shuffle;
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
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Steps whose gradients are summed by a [GradientStage]. Here is what there must be once: the
/// ledger, which is ahead of each stage, and with DP-SGD the noise on the global sum.
final class StageExecution implements Execution {
  private final RunPlan run;
  private final Parameters parameters;
  private final GradientStage stage;
  private final List<Parameter> trained;
  private final @Nullable Accounted accounted;
  private long cpuNanos;

  /// What a run has that is accounted for.
  private record Accounted(
      Accounting accounting,
      LedgerKeeper ledger,
      Release joint,
      Sampling.Poisson sampling,
      GradientStage.Draws draws,
      ReleaseLog log,
      SumNoise noise) {
    static Accounted of(RunPlan run, @Nullable Ledger earlier) {
      Accounting accounting =
          Accounting.of(
              run.config(),
              run.graph(),
              run.plan(),
              run.examples(),
              () -> new ReleaseTerms.Bounds(Map.of()),
              earlier);
      if (!(accounting.sampling() instanceof Sampling.Poisson sampling)) {
        throw new IllegalStateException("the examples of DP-SGD are drawn");
      }
      ReleaseLog log = new ReleaseLog();
      SumNoise noise = new SumNoise(new SecureRandom(), Kernels.threads());
      noise.log(log);
      return new Accounted(
          accounting,
          new LedgerKeeper(accounting, true, earlier),
          Objects.requireNonNull(accounting.releases().jointGradient()),
          sampling,
          new GradientStage.Draws(
              sampling.examples(), sampling.batchSize(), sampling.slots(), accounting.steps()),
          log,
          noise);
    }
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
    accounted = run.config().privacy().accounted() ? Accounted.of(run, earlier) : null;
  }

  /// Refuses what parts of a batch do not add up to, and what is not computed in parts yet.
  private static void requireParts(RunPlan run) {
    TrainConfig config = run.config();
    require(
        config.mode() == Mode.TRUSTED_ONLY,
        "on a cluster, the mode is trusted-only, without workers: " + config.mode().label());
    require(
        !config.privacy().accounted() || config.privacy().dpSgd() != null,
        "on a cluster, a run that is accounted for is one of DP-SGD");
    require(
        config.classWeights() instanceof ClassWeights.Equal,
        "on a cluster, every class counts the same: leave out class weights");
    require(
        !config.model().described(),
        "on a cluster, the model is one of the zoo: networks from files are not sent to it");
    for (Node node : run.graph().nodes()) {
      require(
          !(node.layer() instanceof Layer.BatchNorm),
          "batch norm mixes the examples of a batch, which no machine of a cluster has whole (%s): use group norm"
              .formatted(node.name()));
      require(
          !(node.layer() instanceof Layer.Dropout),
          "dropout is not computed in parts of a batch (%s): use a model without it"
              .formatted(node.name()));
    }
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalArgumentException(otherwise);
    }
  }

  /// The rest of an epoch.
  ///
  /// @param done steps of it
  /// @param augmentationSeed of it, from which its order follows where examples are not drawn
  TrainingLoop.Steps steps(int done, long augmentationSeed) {
    int[] order = accounted == null ? Shuffle.order(run.examples(), augmentationSeed) : new int[0];
    return new TrainingLoop.Steps() {
      private int next = done;

      @Override
      public boolean hasNext() {
        return next < run.batches();
      }

      @Override
      public SoftmaxCrossEntropy.Result gradients(long step)
          throws ProtocolException, TrainingException {
        int from = Math.min(order.length, next * run.batchSize());
        int[] examples =
            Arrays.copyOfRange(order, from, Math.min(order.length, from + run.batchSize()));
        next++;
        return StageExecution.this.gradients(
            new GradientStage.Step(
                step,
                accounted == null ? null : accounted.draws,
                Arrays.stream(examples).boxed().toList(),
                augmentationSeed));
      }

      @Override
      public void close() {}
    };
  }

  private SoftmaxCrossEntropy.Result gradients(GradientStage.Step step)
      throws ProtocolException, TrainingException {
    GradientStage.Sums sums = stage.gradients(step, parameters.copy());
    if (sums.gradients().length != trained.stream().mapToLong(Parameter::size).sum()) {
      throw new ProtocolException("the sums of a stage have another number of values");
    }
    if (accounted == null && sums.examples() != step.examples().size()) {
      throw new ProtocolException(
          "a stage computed %s examples of %s".formatted(sums.examples(), step.examples().size()));
    }
    cpuNanos += sums.cpuNanos();
    setGradients(sums.gradients(), accounted == null ? 1.0 / sums.examples() : 1);
    for (Parameter p : trained) {
      if (!Elementwise.allFinite(parameters.gradient(p.name()))) {
        throw Divergence.at(step.number(), "the gradients are no longer finite", null);
      }
    }
    if (accounted != null) {
      accounted.log.begin(List.of(accounted.joint));
      // More than so many examples are drawn with a probability that is in delta.
      JointClip.release(
          parameters,
          trained.stream().map(Parameter::name).toList(),
          accounted.joint,
          accounted.noise,
          sums.rounding(),
          accounted.sampling.slots(),
          run.batchSize());
    }
    return new SoftmaxCrossEntropy.Result(
        sums.lossSum(), Math.toIntExact(sums.examples()), Math.toIntExact(sums.correct()));
  }

  /// Rounds to float32 once.
  private void setGradients(double[] sums, double factor) {
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

  @Override
  public SoftmaxCrossEntropy.Result gradients(BatchLoader loader, long step) {
    throw new IllegalStateException("a stage loads its own batches");
  }

  @Override
  public int slots() {
    return accounted == null ? run.batchSize() : accounted.sampling.slots();
  }

  @Override
  public int physicalBatch() {
    return run.physicalBatch();
  }

  @Override
  public Optional<Sampling.Poisson> poisson() {
    return accounted == null ? Optional.empty() : Optional.of(accounted.sampling);
  }

  @Override
  public long lastStep() {
    return accounted == null ? Long.MAX_VALUE : accounted.accounting.steps();
  }

  @Override
  public boolean mustWaitForBasis(long step) {
    return false;
  }

  @Override
  public void begin(RunLayout layout) throws IOException {
    if (accounted != null) {
      accounted.ledger.begin(layout);
    }
  }

  @Override
  public Position resumed(RunLayout layout, Position saved, int batches)
      throws TrainingException, IOException {
    if (accounted == null) {
      return saved;
    }
    accounted.ledger.count(layout, batches);
    return accounted.ledger.afterSpent(saved, batches);
  }

  @Override
  public void reserve(RunLayout layout, long step, long stepsLeft) throws IOException {
    if (accounted != null) {
      accounted.ledger.reserve(layout, step, stepsLeft);
    }
  }

  @Override
  public void settle(RunLayout layout, long done) throws IOException {
    if (accounted != null) {
      accounted.ledger.settle(layout, done);
    }
  }

  @Override
  public boolean isAccounted() {
    return accounted != null;
  }

  @Override
  public Optional<Ledger> forecast() {
    return accounted == null
        ? Optional.empty()
        : Optional.of(accounted.accounting.ledger(accounted.accounting.steps()));
  }

  @Override
  public Map<String, float[]> state() {
    return Map.of();
  }

  @Override
  public void restore(Map<String, float[]> state) {}

  @Override
  public Cost cost() {
    return new Cost((ProcessorTime.nanos() + cpuNanos) / 1e9, 0, 0, 0);
  }

  @Override
  public void close() {
    if (accounted != null) {
      accounted.noise.close();
    }
  }
}
