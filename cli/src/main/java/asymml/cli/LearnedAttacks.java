package asymml.cli;

import asymml.analysis.Architecture;
import asymml.analysis.Engine;
import asymml.analysis.GradientInversion;
import asymml.analysis.GradientSolve;
import asymml.analysis.InitialNetwork;
import asymml.analysis.Maps;
import asymml.analysis.ModelInversion;
import asymml.analysis.ReleasedMembership;
import asymml.analysis.ReleasedMembership.Shadow;
import asymml.analysis.Withheld;
import asymml.analysis.score.Score;
import asymml.analysis.score.SpanScores;
import asymml.model.Graph;
import asymml.model.Shape;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Shield;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The attacks that train or differentiate networks, which they do on an [Engine].
final class LearnedAttacks {
  /// Images of a run whose members shadows are trained to tell.
  static final int CANDIDATES = 256;

  private static final int DECODER_EPOCHS = 8;
  private static final int INVERTED_IMAGES = 4;
  private static final int SHADOWS = 4;
  private static final String ALL = "all layers";

  private final Engine engine;
  private final AttackScene scene;
  private final @Nullable Path model;
  private final int inversionIterations;
  private final Kept kept;

  /// What is the same for several plans, and dear: what attacks make of clear data, and shadows.
  static final class Kept {
    private final Map<List<Object>, Maps> best = new HashMap<>();
    private final Map<List<Object>, List<Shadow>> shadows = new HashMap<>();
  }

  /// @param engine who computes
  /// @param scene what is attacked, and where scores go
  /// @param model the run's checkpoint, for attacks on the released model; null if there is none
  /// @param inversionIterations of gradient inversion
  /// @param kept from plan to plan
  LearnedAttacks(
      Engine engine, AttackScene scene, @Nullable Path model, int inversionIterations, Kept kept) {
    this.engine = engine;
    this.scene = scene;
    this.model = model;
    this.inversionIterations = inversionIterations;
    this.kept = kept;
  }

  private InitialNetwork initial() {
    return InitialNetwork.of(scene.architecture(), scene.truth().graph());
  }

  /// How the input of a layer leaves: the plan is no secret.
  private Withheld withheld(int node) {
    String name = scene.architecture().name(node);
    if (!(scene.truth().plan().placement(name) instanceof Placement.Split)) {
      return Withheld.NOTHING;
    }
    return new Withheld(
        scene.rank(node),
        scene.shared(),
        scene.noiseRatio(node),
        scene.config().shield() instanceof Shield.Shares);
  }

  /// The first layer, and the next one where the first is sent what is left of images, of which
  /// there may be next to nothing.
  void modelInversion() {
    List<Integer> first = scene.first();
    InitialNetwork network = initial();
    boolean ofImages =
        scene.architecture().readsImages(first.getFirst()) && withheld(first.getFirst()).rank() > 0;
    first.stream().limit(ofImages ? 2 : 1).forEach(node -> modelInversion(node, network));
  }

  private void modelInversion(int node, InitialNetwork network) {
    Maps sent = scene.sent(node);
    int batch = sent.examples();
    Maps all = scene.known(Integer.MAX_VALUE);
    if (all.examples() < batch) {
      scene.note(
          AttackName.MODEL_INVERSION, node, "there are fewer public images than a batch has");
      return;
    }
    Maps known = all.slice(0, all.examples() / batch * batch);
    Maps activations = known;
    if (!scene.architecture().readsImages(node)) {
      Graph before = Architecture.before(scene.truth().graph(), node);
      if (!network.knows(before)) {
        scene.note(
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
    Maps clear = scene.input(scene.truth().pass(), node);
    Maps trained = activations;
    Maps best =
        best(
            AttackName.MODEL_INVERSION,
            node,
            () -> decode(trained, known, Withheld.NOTHING, batch, clear));
    scene.images(AttackName.MODEL_INVERSION, node, "", found, best);
  }

  private Maps decode(Maps activations, Maps known, Withheld withheld, int batch, Maps sent) {
    try (ModelInversion decoder =
        ModelInversion.train(
            engine, activations, known, withheld, batch, DECODER_EPOCHS, scene.config().seed())) {
      return decoder.decode(sent);
    }
  }

  private Maps best(AttackName name, Object where, Supplier<Maps> attack) {
    List<Object> key =
        List.of(
            name,
            scene.truth().graph().name(),
            scene.config().norm(),
            where,
            Arrays.hashCode(scene.truth().images().toArray()));
    return kept.best.computeIfAbsent(key, _ -> attack.get());
  }

  void gradientInversion() {
    Graph graph = scene.truth().graph();
    AttackName name = AttackName.GRADIENT_INVERSION;
    int node = scene.first().getFirst();
    int images = scene.truth().labels().length;
    if (images > INVERTED_IMAGES) {
      scene.note(name, ALL, "it looks for at most %d images a batch".formatted(INVERTED_IMAGES));
      return;
    }
    InitialNetwork network = initial();
    if (!network.knows(graph)) {
      scene.note(
          name, ALL, "weights of trusted layers are not known: the run's seed is none of 0 to 999");
      return;
    }
    Map<String, float[]> gradients = new LinkedHashMap<>();
    scene
        .architecture()
        .operations()
        .forEach((layer, op) -> {
          GradientSolve.Gradient found =
              scene.architecture().standardises(layer)
                  ? null
                  : GradientSolve.ofSuccessiveWeights(op, 0, optimizer());
          if (found != null) {
            gradients.put(scene.architecture().name(layer) + ".weight", floats(found.values()));
          }
        });
    if (gradients.isEmpty()) {
      scene.note(
          name,
          ALL,
          "no successive weights, or standardised ones, which do not show the optimiser's step");
      return;
    }
    try (Engine.Net net = network.build(engine, graph)) {
      Maps best = best(name, ALL, () -> invert(net, clearGradients(net), images));
      if (!scene.betterThanMean(best)) {
        scene.note(
            name,
            ALL,
            "from clear gradients of this network it rebuilds no image better than the mean public"
                + " one either, in %d iterations: it would say nothing"
                    .formatted(inversionIterations));
        return;
      }
      scene.unordered(name, node, invert(net, gradients, images), best);
    }
  }

  private GradientSolve.Optimizer optimizer() {
    TrainConfig.Optimizer own = scene.config().optimizer();
    return new GradientSolve.Optimizer(
        scene.truth().learningRates(1), own.momentum(), own.weightDecay());
  }

  private static float[] floats(double[] values) {
    float[] result = new float[values.length];
    for (int i = 0; i < result.length; i++) {
      result[i] = (float) values[i];
    }
    return result;
  }

  private Maps invert(Engine.Net net, Map<String, float[]> gradients, int images) {
    Graph graph = scene.truth().graph();
    return GradientInversion.invert(
            net,
            gradients,
            graph.input(),
            images,
            graph.classes(),
            inversionIterations,
            scene.config().seed())
        .images();
  }

  /// The gradients of the first linear layers and the classifier, which the worker may not have:
  /// for scale.
  private Map<String, float[]> clearGradients(Engine.Net net) {
    Maps logits = net.forward(Maps.of(scene.truth().images()));
    net.backward(ReleasedMembership.lossGradient(logits, scene.truth().labels()));
    Graph graph = scene.truth().graph();
    Map<String, float[]> gradients = new LinkedHashMap<>();
    List<Integer> linear = graph.linearLayers();
    Set<Integer> chosen =
        new LinkedHashSet<>(linear.subList(0, Math.min(linear.size(), scene.layers() + 1)));
    chosen.add(linear.getLast());
    for (int i : chosen) {
      String parameter = graph.nodes().get(i).name() + ".weight";
      gradients.put(parameter, net.gradient(parameter));
    }
    return gradients;
  }

  void releasedMembership() {
    AttackName name = AttackName.RELEASED_MEMBERSHIP;
    int members =
        Math.min(scene.data().train().size(), scene.data().test().size() - scene.publicImages());
    if (model == null) {
      scene.note(name, ALL, "there is no released model");
      return;
    }
    if (members < scene.data().train().size()) {
      scene.note(
          name, ALL, "shadows are trained on runs of at most %d images".formatted(CANDIDATES));
      return;
    }
    Maps candidates = scene.candidates(members);
    int[] labels = scene.candidateLabels(members);
    double[] confidence;
    try (TrainedModel released = TrainedModel.read(model)) {
      Map<String, float[]> parameters = new LinkedHashMap<>();
      released
          .parameters()
          .all()
          .forEach(p -> parameters.put(p.name(), released.parameters().value(p.name()).toArray()));
      try (Engine.Net net = ReleasedMembership.load(engine, released.graph(), parameters)) {
        confidence =
            ReleasedMembership.confidence(net, candidates, labels, scene.config().batchSize());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    List<Shadow> shadows = shadows(candidates, labels, members);
    released("AUC, shadow models", ReleasedMembership.scores(confidence, shadows), members);
    released("AUC, loss threshold", confidence, members);
  }

  private void released(String measure, double[] scores, int members) {
    double auc =
        SpanScores.auc(
            Arrays.copyOf(scores, members), Arrays.copyOfRange(scores, members, scores.length));
    scene.add(new Score(AttackName.RELEASED_MEMBERSHIP.label(), "model", measure, auc, 0.5, 1));
  }

  private List<Shadow> shadows(Maps candidates, int[] labels, int members) {
    TrainConfig config = scene.config();
    List<Object> key =
        List.of(
            scene.truth().graph().name(),
            config.norm(),
            config.epochs(),
            config.batchSize(),
            Arrays.hashCode(candidates.values()));
    return kept.shadows.computeIfAbsent(
        key,
        _ -> {
          int steps = Math.ceilDiv(members, config.batchSize()) * config.epochs();
          ReleasedMembership.Training training =
              new ReleasedMembership.Training(
                  config.batchSize(),
                  config.epochs(),
                  scene.truth().learningRates(steps),
                  config.optimizer().momentum(),
                  config.optimizer().weightDecay());
          // Shadows are trained without augmentation, whatever the run did.
          return ReleasedMembership.shadows(
              engine, scene.truth().graph(), candidates, labels, SHADOWS, training, config.seed());
        });
  }
}
