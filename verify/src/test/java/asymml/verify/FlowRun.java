package asymml.verify;

import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import asymml.kernels.WeightStandardization;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Node;
import asymml.model.Parameter;
import asymml.privacy.Channel;
import asymml.privacy.Release;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.network.SplitNetwork;
import asymml.trusted.ops.Parameters;
import asymml.trusted.passes.PublicPass;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Placement.Trusted;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.plan.Shield;
import asymml.trusted.split.SplitContext;
import asymml.trusted.split.Workers;
import asymml.verify.CapturingWorker.Seen;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Runs steps of one plan with workers that keep what they see, and derives from that, and from the
/// gradients just before an update, which releases there were.
final class FlowRun implements AutoCloseable {
  /// So little noise that what it covers can be seen.
  static final double NOISE = 1e-4;

  private static final int NULL = SoftmaxCrossEntropy.NO_LABEL;
  private static final int NULL_EXAMPLE = 2;

  private final FlowPlan settings;
  private final Graph graph;
  private final Plan plan;
  private final ReleasePlan releases;
  private final Arena arena = Arena.ofShared();
  private final List<CapturingWorker> workers = new ArrayList<>();
  private final List<ReleaseDoor> doors = new ArrayList<>();
  private final Parameters parameters;
  private final SplitContext context;
  private final SplitNetwork network;
  private final @Nullable PublicPass publicPass;
  private final List<String> remote;

  /// What one step did.
  ///
  /// @param seen by each worker
  /// @param before the bases before the forward pass, by the name of the first layer that reads
  ///   there
  /// @param after the bases after it
  /// @param nulls which places hold no example
  /// @param refresh whether it renews bases
  record Step(
      List<Seen> seen,
      Map<String, float[]> before,
      Map<String, float[]> after,
      Set<Integer> nulls,
      boolean refresh) {}

  FlowRun(FlowPlan settings, Path folder) throws Exception {
    this.settings = settings;
    this.graph = settings.graph();
    this.plan = settings.plan();
    this.releases = new ReleasePlan(graph, plan, settings.terms(NOISE));
    List<Workers.Party> parties = new ArrayList<>();
    for (int i = 0; i < (settings.shield() instanceof Shield.Shares ? 2 : 1); i++) {
      CapturingWorker worker = new CapturingWorker(folder.resolve("worker" + i));
      ReleaseDoor door = new ReleaseDoor(worker.remote(), new SecureRandom(), 1);
      workers.add(worker);
      doors.add(door);
      parties.add(new Workers.Party(worker.remote(), door));
    }
    Workers all = new Workers(parties, 1);
    parameters = new Parameters(graph, new Initializer(5), true, plan.heldWeights());
    // It starts with zeros, through which no gradient flows.
    Tensor last = parameters.value("fc.weight");
    SplittableRandom random = new SplittableRandom(6);
    for (long i = 0; i < last.size(); i++) {
      last.set(i, (float) random.nextDouble(-1, 1));
    }
    parameters.changed();
    context = new SplitContext(graph, FlowPlan.BATCH, releases, all);
    network = SplitNetwork.forTraining(graph, plan, FlowPlan.BATCH, parameters, context, 0);
    publicPass =
        settings.accounted() && settings.basis() == Basis.PUBLIC && plan.sharesBases()
            ? new PublicPass(graph, parameters, images(91), new int[] {0, 1, 2, 0})
            : null;
    all.mapRegion(network.regionBytes());
    remote =
        graph.linearLayers().stream()
            .map(i -> graph.nodes().get(i).name())
            .filter(name -> !(plan.placement(name) instanceof Trusted))
            .toList();
  }

  ReleasePlan releases() {
    return releases;
  }

  private Tensor images(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Tensor images =
        Tensor.allocate(
            arena,
            FlowPlan.BATCH,
            FlowPlan.INPUT.height(),
            FlowPlan.INPUT.width(),
            FlowPlan.INPUT.channels());
    for (long i = 0; i < images.size(); i++) {
      images.set(i, (float) random.nextDouble(-2, 2));
    }
    return images;
  }

  /// A whole step without the update.
  ///
  /// @param step its number
  /// @param nothing whether all examples are null examples
  Step step(long step, boolean nothing) throws Exception {
    int[] labels = {0, 1, 2, 0};
    Set<Integer> nulls = new HashSet<>();
    network.input().copyFrom(images(step));
    for (int i = 0; i < labels.length; i++) {
      if (settings.accounted() && (nothing || i == NULL_EXAMPLE)) {
        nulls.add(i);
        labels[i] = NULL;
        network.input().examples(i, 1).fill(0);
      }
    }
    context.nullExamples(nulls::contains);
    if (publicPass != null && context.refreshes(step)) {
      publicPass.fitBases(context);
    }
    Map<String, float[]> before = bases();
    context.updateBy(0.01f, 0, 0);
    network.forward(step);
    SoftmaxCrossEntropy.evaluate(
        network.logits(), labels, 0.1f, FlowPlan.BATCH, network.logitsGradient());
    network.backward();
    var _ = context.fetchWeights(); // waits for updates
    List<Seen> seen = new ArrayList<>();
    for (CapturingWorker worker : workers) {
      seen.add(worker.take());
    }
    return new Step(seen, before, bases(), nulls, context.refreshes(step));
  }

  private Map<String, float[]> bases() {
    Map<String, float[]> bases = new TreeMap<>();
    context
        .state()
        .forEach((name, values) -> {
          if (name.endsWith(".basis")) {
            bases.put(name.substring(0, name.length() - ".basis".length()), values);
          }
        });
    return bases;
  }

  void update() {
    parameters.update(0.01f, 0, 0);
  }

  /// The name of the layer that an operation at a worker is for: they are defined in graph order.
  String layer(int op) {
    return remote.get(op);
  }

  /// Whether the worker updates a layer's weights.
  boolean isHeld(String layer) {
    return parameters.isHeld(layer + ".weight");
  }

  List<String> remote() {
    return remote;
  }

  int channels(String layer) {
    return graph.inputShape(node(layer)).channels();
  }

  private int node(String layer) {
    return graph.nodes().stream().map(Node::name).toList().indexOf(layer);
  }

  /// For each node with trained parameters, those to whose gradient something was added that no
  /// worker returned, with what it is.
  Map<String, Map<Parameter, double[]>> addedHere(Step step) {
    Map<String, Map<Parameter, double[]>> added = new TreeMap<>();
    for (int i = 0; i < graph.nodes().size(); i++) {
      String name = graph.nodes().get(i).name();
      float[] returned = step.seen().getFirst().weightGradients().get(remote.indexOf(name));
      for (Parameter p : graph.parameters(i)) {
        if (p.kind().trained() && !parameters.isHeld(p.name())) {
          double[] rest = toDoubles(parameters.gradient(p.name()).toArray());
          if (p.kind().weight() && returned != null) {
            float[] workers = byParameter(p, returned);
            Arrays.setAll(rest, at -> rest[at] - workers[at]);
          }
          if (Arrays.stream(rest).anyMatch(value -> value != 0)) {
            added.computeIfAbsent(name, _ -> new TreeMap<>(FlowRun::byName)).put(p, rest);
          }
        }
      }
    }
    return added;
  }

  private static int byName(Parameter a, Parameter b) {
    return a.name().compareTo(b.name());
  }

  private static double[] toDoubles(float[] values) {
    double[] all = new double[values.length];
    Arrays.setAll(all, i -> values[i]);
    return all;
  }

  /// A gradient by what a layer computes with as one by the parameter.
  private float[] byParameter(Parameter p, float[] gradient) {
    if (p.kind() != Parameter.Kind.STANDARDIZED_WEIGHT) {
      return gradient;
    }
    try (Arena scratch = Arena.ofConfined()) {
      Tensor standardized = Tensor.allocate(scratch, p.shape());
      Tensor inverseNorms = Tensor.allocate(scratch, p.shape()[0]);
      WeightStandardization.forward(parameters.value(p.name()), standardized, inverseNorms);
      Tensor own = Tensor.allocate(scratch, p.shape()).copyFrom(gradient);
      WeightStandardization.backward(standardized, inverseNorms, own);
      return own.toArray();
    }
  }

  /// The planned noise on gradient sums, by layer.
  List<Release> noisedSums(boolean refresh) {
    return releases.releases(refresh).stream()
        .filter(r -> r.channel() == Channel.WEIGHTS)
        .filter(r -> r.mechanism() instanceof Release.Gaussian)
        .toList();
  }

  @Override
  public void close() {
    network.close();
    context.close();
    if (publicPass != null) {
      publicPass.close();
    }
    parameters.close();
    for (ReleaseDoor door : doors) {
      door.close();
    }
    for (CapturingWorker worker : workers) {
      worker.close();
    }
    arena.close();
  }
}
