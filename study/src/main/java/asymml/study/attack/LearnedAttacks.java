package asymml.study.attack;

import asymml.analysis.Architecture;
import asymml.analysis.Engine;
import asymml.analysis.GradientInversion;
import asymml.analysis.GradientSolve;
import asymml.analysis.InitialNetwork;
import asymml.analysis.Maps;
import asymml.analysis.ModelInversion;
import asymml.analysis.ReleasedMembership;
import asymml.analysis.Withheld;
import asymml.model.Graph;
import asymml.model.Shape;
import asymml.trusted.plan.Placement;
import asymml.trusted.train.TrainConfig;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/// Attacks on images that train or differentiate networks, which they do on an [Engine].
final class LearnedAttacks {
  private static final int DECODER_EPOCHS = 8;
  private static final int INVERTED_IMAGES = 4;
  private static final String ALL = "all layers";

  private final Engine engine;
  private final AttackContext context;
  private final int inversionIterations;
  private final AttackCache cache;

  /// @param engine who computes
  /// @param context what is attacked, and where scores go
  /// @param inversionIterations of gradient inversion
  /// @param cache from plan to plan
  LearnedAttacks(Engine engine, AttackContext context, int inversionIterations, AttackCache cache) {
    this.engine = engine;
    this.context = context;
    this.inversionIterations = inversionIterations;
    this.cache = cache;
  }

  private InitialNetwork initial() {
    return InitialNetwork.of(context.architecture(), context.truth().graph());
  }

  /// How the input of a layer is released: the plan is public.
  private Withheld withheld(int node) {
    String name = context.architecture().name(node);
    if (!(context.truth().plan().placement(name) instanceof Placement.Split)) {
      return Withheld.NOTHING;
    }
    return new Withheld(
        context.rank(node),
        context.shared(),
        context.noiseRatio(node),
        context.config().shield().masks());
  }

  /// The first layer, and the next one where the first is sent what is left of images, of which
  /// there may be next to nothing.
  void modelInversion() {
    List<Integer> first = context.first();
    InitialNetwork network = initial();
    boolean ofImages =
        context.architecture().readsImages(first.getFirst())
            && withheld(first.getFirst()).rank() > 0;
    first.stream().limit(ofImages ? 2 : 1).forEach(node -> modelInversion(node, network));
  }

  private void modelInversion(int node, InitialNetwork network) {
    Maps sent = context.sent(node);
    int batch = sent.examples();
    Maps all = context.known(Integer.MAX_VALUE);
    if (all.examples() < batch) {
      context.note(
          AttackName.MODEL_INVERSION, node, "there are fewer public images than a batch has");
      return;
    }
    Maps known = all.slice(0, all.examples() / batch * batch);
    Maps activations = known;
    if (!context.architecture().readsImages(node)) {
      Graph before = Architecture.before(context.truth().graph(), node);
      if (!network.knows(before)) {
        context.note(
            AttackName.MODEL_INVERSION,
            node,
            "weights of trusted layers are not known: the run's seed is none of 0 to 999");
        return;
      }
      try (Engine.Net net = network.build(engine, before)) {
        Shape input = new Shape(sent.height(), sent.width(), sent.channels());
        activations = ModelInversion.activations(net, known, input, batch);
      }
    }
    Maps found = decode(activations, known, withheld(node), batch, sent);
    Maps clear = context.input(context.truth().pass(), node);
    Maps trained = activations;
    Maps best =
        best(
            AttackName.MODEL_INVERSION,
            node,
            () -> decode(trained, known, Withheld.NOTHING, batch, clear));
    context.imageScoring().add(AttackName.MODEL_INVERSION, node, "", found, best);
  }

  private Maps decode(Maps activations, Maps known, Withheld withheld, int batch, Maps sent) {
    try (ModelInversion decoder =
        ModelInversion.train(
            engine, activations, known, withheld, batch, DECODER_EPOCHS, context.config().seed())) {
      return decoder.decode(sent);
    }
  }

  private Maps best(AttackName name, Object where, Supplier<Maps> attack) {
    List<Object> key =
        List.of(
            name,
            context.truth().graph().name(),
            context.config().norm(),
            where,
            Arrays.hashCode(context.truth().images().toArray()));
    return cache.best(key, attack);
  }

  void gradientInversion() {
    Graph graph = context.truth().graph();
    AttackName name = AttackName.GRADIENT_INVERSION;
    int node = context.first().getFirst();
    int images = context.truth().labels().length;
    if (images > INVERTED_IMAGES) {
      context.note(name, ALL, "it looks for at most %s images a batch".formatted(INVERTED_IMAGES));
      return;
    }
    if (context.config().optimizer().algorithm() != TrainConfig.Algorithm.SGD) {
      context.note(name, ALL, AttackContext.NOT_SGD);
      return;
    }
    InitialNetwork network = initial();
    if (!network.knows(graph)) {
      context.note(
          name, ALL, "weights of trusted layers are not known: the run's seed is none of 0 to 999");
      return;
    }
    Map<String, float[]> gradients = new LinkedHashMap<>();
    context
        .architecture()
        .operations()
        .forEach((layer, op) -> {
          GradientSolve.Gradient found =
              context.architecture().standardises(layer)
                  ? null
                  : GradientSolve.ofSuccessiveWeights(op, 0, optimizer());
          if (found != null) {
            gradients.put(context.architecture().name(layer) + ".weight", floats(found.values()));
          }
        });
    if (gradients.isEmpty()) {
      context.note(
          name,
          ALL,
          "no successive weights, or standardised ones, which do not show the optimiser's step");
      return;
    }
    try (Engine.Net net = network.build(engine, graph)) {
      Maps best = best(name, ALL, () -> invert(net, clearGradients(net), images));
      if (!context.imageScoring().betterThanMean(best)) {
        context.note(
            name,
            ALL,
            "from clear gradients of this network it rebuilds no image better than the mean public"
                + " one either, in %s iterations: it would say nothing"
                    .formatted(inversionIterations));
        return;
      }
      context.imageScoring().addUnordered(name, node, invert(net, gradients, images), best);
    }
  }

  private GradientSolve.Optimizer optimizer() {
    TrainConfig.Optimizer own = context.config().optimizer();
    return new GradientSolve.Optimizer(
        context.truth().learningRates(1), own.momentum(), own.weightDecay());
  }

  private static float[] floats(double[] values) {
    float[] result = new float[values.length];
    for (int i = 0; i < result.length; i++) {
      result[i] = (float) values[i];
    }
    return result;
  }

  private Maps invert(Engine.Net net, Map<String, float[]> gradients, int images) {
    Graph graph = context.truth().graph();
    return GradientInversion.invert(
            net,
            gradients,
            graph.input(),
            images,
            graph.classes(),
            inversionIterations,
            context.config().seed())
        .images();
  }

  /// The gradients of the first linear layers and the classifier, which the worker may not have:
  /// for scale.
  private Map<String, float[]> clearGradients(Engine.Net net) {
    Maps logits = net.forward(Maps.of(context.truth().images()));
    net.backward(ReleasedMembership.lossGradient(logits, context.truth().labels()));
    Graph graph = context.truth().graph();
    Map<String, float[]> gradients = new LinkedHashMap<>();
    List<Integer> linear = graph.linearLayers();
    Set<Integer> chosen =
        new LinkedHashSet<>(linear.subList(0, Math.min(linear.size(), context.layers() + 1)));
    chosen.add(linear.getLast());
    for (int i : chosen) {
      String parameter = graph.nodes().get(i).name() + ".weight";
      gradients.put(parameter, net.gradient(parameter));
    }
    return gradients;
  }
}
