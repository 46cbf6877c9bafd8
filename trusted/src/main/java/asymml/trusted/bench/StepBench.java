package asymml.trusted.bench;

import asymml.kernels.Closer;
import asymml.kernels.ProcessorTime;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.trusted.decompose.Refresh;
import asymml.trusted.network.Network;
import asymml.trusted.network.SplitNetwork;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.Parameters;
import asymml.trusted.ops.StepProfile;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.passes.InferencePass;
import asymml.trusted.passes.PublicPass;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.split.SplitContext;
import asymml.trusted.split.Workers;
import asymml.wire.ProtocolException;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/// Whole training steps of a plan on random images: forward, loss, backward, update; or batches of
/// inference, which run forward alone. What data cost (decoding, augmentation) is not in it.
public final class StepBench implements AutoCloseable {
  private static final float RATE = 1e-3f;
  private static final float MOMENTUM = 0.9f;
  private static final float WEIGHT_DECAY = 5e-4f;

  private final Parameters parameters;
  private final @Nullable Workers workers;
  private final @Nullable SplitContext split;
  private final @Nullable PublicPass publicPass;
  private final @Nullable InferencePass inferencePass;
  private final Network network;
  private final boolean training;
  private final int[] labels;
  private long step;

  /// Plans a network for training and fills its input.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param batch number of examples N
  /// @param terms on what terms tensors are released
  /// @param workers who compute the untrusted parts; null if the plan needs none
  /// @throws ProtocolException if the worker refuses an operation
  public StepBench(Graph graph, Plan plan, int batch, ReleaseTerms terms, @Nullable Workers workers)
      throws ProtocolException {
    this(graph, plan, batch, terms, workers, true);
  }

  /// Plans a network for inference and fills its input.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param batch number of examples N
  /// @param terms on what terms tensors are released
  /// @param workers who compute the untrusted parts; null if the plan needs none
  /// @return to be closed
  /// @throws ProtocolException if the worker refuses an operation
  public static StepBench ofInference(
      Graph graph, Plan plan, int batch, ReleaseTerms terms, @Nullable Workers workers)
      throws ProtocolException {
    return new StepBench(graph, plan, batch, terms, workers, false);
  }

  private StepBench(
      Graph graph,
      Plan plan,
      int batch,
      ReleaseTerms terms,
      @Nullable Workers workers,
      boolean training)
      throws ProtocolException {
    this.workers = workers;
    this.training = training;
    if (workers == null) {
      plan.requireTrusted();
    }
    try (Closer opened = new Closer()) {
      parameters =
          opened.own(
              new Parameters(
                  graph, new Initializer(1), training, training ? plan.heldWeights() : Set.of()));
      if (workers == null) {
        split = null;
        network =
            opened.own(
                training
                    ? TrustedNetwork.forTraining(graph, batch, parameters, 1)
                    : TrustedNetwork.forInference(graph, batch, parameters));
      } else {
        ReleasePlan releases =
            training
                ? new ReleasePlan(graph, plan, terms)
                : ReleasePlan.ofInference(graph, plan, terms);
        split = opened.own(new SplitContext(graph, batch, releases, workers));
        network =
            opened.own(
                training
                    ? SplitNetwork.forTraining(graph, plan, batch, parameters, split, 1)
                    : SplitNetwork.forInference(graph, plan, batch, parameters, split));
      }
      if (workers != null) {
        workers.mapRegion(network.regionBytes());
      }
      SplittableRandom random = new SplittableRandom(1);
      for (long i = 0; i < network.input().size(); i++) {
        network.input().set(i, (float) random.nextGaussian());
      }
      labels = random.ints(batch, 0, graph.classes()).toArray();
      boolean fits = terms instanceof ReleaseTerms.Accounted && split != null && !split.hasBases();
      publicPass =
          fits && training ? new PublicPass(graph, parameters, network.input(), labels) : null;
      inferencePass =
          fits && !training ? new InferencePass(graph, plan, parameters, network.input()) : null;
      opened.release();
    }
  }

  /// Runs steps that count, after the present state of warm-up.
  ///
  /// @param steps how many, at least 1
  /// @return their mean cost; the profile is that of these steps
  /// @throws ProtocolException if the worker fails
  public StepCost run(int steps) throws ProtocolException {
    network.profile().reset();
    long sent = workers == null ? 0 : workers.bytesOut();
    long received = workers == null ? 0 : workers.bytesBack();
    long workerCpu = workers == null ? 0 : workers.cpuNanos();
    long cpu = ProcessorTime.nanos();
    long wall = System.nanoTime();
    for (int i = 0; i < steps; i++) {
      step();
    }
    double count = 1e6 * steps;
    return new StepCost(
        (System.nanoTime() - wall) / count,
        (ProcessorTime.nanos() - cpu) / count,
        workers == null ? 0 : (workers.cpuNanos() - workerCpu) / count,
        workers == null ? 0 : (workers.bytesOut() - sent) / steps,
        workers == null ? 0 : (workers.bytesBack() - received) / steps);
  }

  private void step() throws ProtocolException {
    if (training) {
      trainingStep();
    } else if (step == 0) {
      if (inferencePass != null && split != null) {
        inferencePass.fitBases(split);
      }
      network.forward(0);
    } else {
      network.forwardFurther(Refresh.DEFAULT.ofInference(step));
    }
    step++;
  }

  private void trainingStep() throws ProtocolException {
    if (publicPass != null && split != null && (split.refreshes(step) || !split.hasBases())) {
      publicPass.fitBases(split);
    }
    if (split != null) {
      split.updateBy(RATE, MOMENTUM, WEIGHT_DECAY);
    }
    network.forward(step);
    StepProfile profile = network.profile();
    profile.time(
        Phase.UPDATE,
        () -> SoftmaxCrossEntropy.evaluate(network.logits(), labels, 0, network.logitsGradient()));
    network.backward();
    profile.time(Phase.UPDATE, () -> parameters.update(RATE, MOMENTUM, WEIGHT_DECAY));
  }

  /// Where the time of the last [#run] went.
  ///
  /// @return sums over its steps
  public StepProfile profile() {
    return network.profile();
  }

  @Override
  public void close() {
    network.close();
    if (publicPass != null) {
      publicPass.close();
    }
    if (inferencePass != null) {
      inferencePass.close();
    }
    if (split != null) {
      split.close();
    }
    parameters.close();
  }
}
