package asymml.cli;

import asymml.analysis.Architecture;
import asymml.analysis.Architecture.Neighbours;
import asymml.analysis.Engine;
import asymml.analysis.GradientSolve;
import asymml.analysis.HiddenSubspace;
import asymml.analysis.ImageDecoder;
import asymml.analysis.InitialNetwork;
import asymml.analysis.Maps;
import asymml.analysis.MaskLeak;
import asymml.analysis.ModelInversion;
import asymml.analysis.SpanMembership;
import asymml.analysis.Withheld;
import asymml.analysis.WorkerView;
import asymml.analysis.WorkerView.Operation;
import asymml.analysis.WorkerView.Pass;
import asymml.analysis.score.ImageScores;
import asymml.analysis.score.MapScores;
import asymml.analysis.score.Score;
import asymml.analysis.score.SpanScores;
import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Shape;
import asymml.trusted.data.ImageSet;
import asymml.trusted.execute.LayerPass;
import asymml.trusted.execute.Placement;
import asymml.trusted.execute.Placement.Decomposition;
import asymml.trusted.train.FirstStep;
import asymml.trusted.train.TrainConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map.Entry;
import org.jspecify.annotations.Nullable;

/// Hands attacks what they may read, and their results with the truth to the scorers.
final class AttackRun {
  /// Examples whose own bases are looked for under a per-example decomposition.
  private static final int BASES = 8;

  /// Public images that the linear decoder is fitted to.
  private static final int LINEAR_IMAGES = 64;

  private static final int DECODER_EPOCHS = 10;

  private final FirstStep truth;
  private final TrainConfig config;
  private final ImageSet publicImages;
  private final int layers;
  private final int maxUnknowns;
  private final Architecture architecture;
  private final AttackImages images;
  private final Engine engine;
  private final List<AttackPicture> pictures = new ArrayList<>();
  private final List<Score> scores = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();

  /// @param view what is attacked
  /// @param truth for scoring
  /// @param config of the run
  /// @param publicImages others than the run's
  /// @param layers how many layers each attack is tried on
  /// @param maxUnknowns of gradient solves
  /// @throws IllegalArgumentException if the view does not begin with that step
  AttackRun(
      WorkerView view,
      FirstStep truth,
      TrainConfig config,
      ImageSet publicImages,
      int layers,
      int maxUnknowns) {
    this.truth = truth;
    this.config = config;
    this.publicImages = publicImages;
    this.images = new AttackImages(truth.normalization());
    this.engine = new AttackerEngine();
    this.layers = layers;
    this.maxUnknowns = maxUnknowns;
    List<String> atWorker =
        truth.plan().layers().entrySet().stream()
            .filter(e -> !(e.getValue() instanceof Placement.Trusted))
            .map(Entry::getKey)
            .toList();
    architecture = Architecture.match(view, truth.graph(), atWorker);
    architecture.operations().forEach(this::requireInitialWeights);
  }

  private void requireInitialWeights(int node, Operation op) {
    if (!op.weights().isEmpty()
        && !Arrays.equals(op.weights().getFirst().toArray(), truth.pass().weight(node).toArray())) {
      throw new IllegalArgumentException(
          "its first weights of "
              + architecture.name(node)
              + " are not those that the run's seed gives");
    }
  }

  List<Score> scores() {
    return List.copyOf(scores);
  }

  List<AttackPicture> pictures() {
    return List.copyOf(pictures);
  }

  List<String> notes() {
    return List.copyOf(notes);
  }

  void attack(AttackName name) {
    int before = scores.size();
    switch (name) {
      case GRADIENT_SOLVE -> gradientSolve();
      case MASK -> neighbours().forEach(this::mask);
      case IMAGE -> image();
      case SUBSPACE -> first().forEach(this::subspace);
      case MEMBERSHIP -> membership();
      case MODEL_INVERSION -> modelInversion();
    }
    if (scores.size() == before) {
      note(name, "all layers", "nothing in this recording for it to work on");
    }
  }

  private void add(
      AttackName name, int node, String measure, double value, double chance, double best) {
    scores.add(new Score(name.label(), architecture.name(node), measure, value, chance, best));
  }

  private void note(AttackName name, String layer, String why) {
    notes.add("not applied: %s, %s: %s".formatted(name.label(), layer, why));
  }

  private static @Nullable Pass pass(Operation op) {
    return op.passes().isEmpty() ? null : op.passes().getFirst();
  }

  /// The first layers at the worker whose pass was recorded.
  private List<Integer> first() {
    return architecture.operations().entrySet().stream()
        .filter(e -> pass(e.getValue()) != null)
        .map(Entry::getKey)
        .limit(layers)
        .toList();
  }

  private List<Neighbours> neighbours() {
    return architecture.neighbours().stream().limit(layers).toList();
  }

  private Operation operation(int node) {
    Operation op = architecture.operations().get(node);
    if (op == null) {
      throw new IllegalStateException("layer " + node + " is not at the worker");
    }
    return op;
  }

  private Maps input(LayerPass pass, int node) {
    return fit(
        pass.output(truth.graph().nodes().get(node).inputs().getFirst()), operation(node).shape());
  }

  private static Maps fit(Tensor x, ConvShape shape) {
    return Maps.of(x).reshape(shape.height(), shape.width(), shape.inChannels());
  }

  private void gradientSolve() {
    List<Integer> nodes = new ArrayList<>();
    for (Entry<Integer, Operation> e : architecture.operations().entrySet()) {
      ConvShape s = e.getValue().shape();
      long unknowns = (long) s.batch() * s.height() * s.width();
      if (unknowns <= maxUnknowns) {
        nodes.add(e.getKey());
      } else {
        note(
            AttackName.GRADIENT_SOLVE,
            architecture.name(e.getKey()),
            unknowns + " unknowns a channel are more than --max-unknowns");
      }
    }
    nodes.subList(Math.max(0, nodes.size() - layers), nodes.size()).forEach(this::gradientSolve);
  }

  private void gradientSolve(int node) {
    Operation op = operation(node);
    Pass pass = pass(op);
    if (pass == null || pass.dy() == null) {
      note(AttackName.GRADIENT_SOLVE, architecture.name(node), "no gradient was recorded");
      return;
    }
    solve(node, pass.dy(), "own dW", GradientSolve.ofWorker(pass));
    if (architecture.standardises(node)) {
      note(
          AttackName.GRADIENT_SOLVE,
          architecture.name(node),
          "standardised weights do not show the optimiser's step");
      return;
    }
    solve(node, pass.dy(), "weights", GradientSolve.ofSuccessiveWeights(op, 0, null));
    GradientSolve.Optimizer optimizer =
        new GradientSolve.Optimizer(
            truth.learningRates(1),
            config.optimizer().momentum(),
            config.optimizer().weightDecay());
    solve(
        node,
        pass.dy(),
        "weights + optimiser",
        GradientSolve.ofSuccessiveWeights(op, 0, optimizer));
  }

  private void solve(int node, Tensor dy, String from, GradientSolve.@Nullable Gradient gradient) {
    if (gradient == null) {
      note(AttackName.GRADIENT_SOLVE, architecture.name(node), "no " + from + " recorded");
      return;
    }
    Maps x = input(truth.pass(), node);
    Maps found = GradientSolve.solve(operation(node).shape(), dy, gradient).x();
    add(AttackName.GRADIENT_SOLVE, node, "cosine, " + from, MapScores.cosine(found, x), 0, 1);
    add(
        AttackName.GRADIENT_SOLVE,
        node,
        "re-identified, " + from,
        MapScores.reidentified(found, x),
        1.0 / x.examples(),
        1);
  }

  private MaskLeak.@Nullable Result leak(AttackName name, Neighbours pair) {
    Pass from = pass(operation(pair.from()));
    Pass to = pass(operation(pair.to()));
    if (from == null || to == null || from.dy() == null || to.dx() == null) {
      note(name, architecture.name(pair.from()), "no gradients were recorded");
      return null;
    }
    return MaskLeak.recover(Maps.of(from.dy()), Maps.of(to.dx()), pair.norm(), pair.pool());
  }

  private void mask(Neighbours pair) {
    MaskLeak.Result found = leak(AttackName.MASK, pair);
    if (found == null) {
      return;
    }
    Maps active = Maps.of(truth.pass().output(pair.relu()));
    Maps z = found.preActivation();
    int node = pair.from();
    add(AttackName.MASK, node, "mask accuracy", MapScores.maskAccuracy(z, active), 0.5, 1);
    if (found.scaled()) {
      Maps guess = z.relu();
      add(AttackName.MASK, node, "activation cosine", MapScores.cosine(guess, active), 0, 1);
      add(
          AttackName.MASK,
          node,
          "norm correlation",
          MapScores.normCorrelation(guess, active),
          0,
          1);
    }
  }

  private void image() {
    for (Neighbours pair : architecture.neighbours()) {
      ConvShape shape = operation(pair.from()).shape();
      if (architecture.readsImages(pair.from())
          && shape.outHeight() == shape.height()
          && shape.outWidth() == shape.width()) {
        image(pair, shape);
      }
    }
  }

  private void image(Neighbours pair, ConvShape shape) {
    MaskLeak.Result found = leak(AttackName.IMAGE, pair);
    if (found == null) {
      return;
    }
    Maps known = known(LINEAR_IMAGES);
    Maps features =
        ImageDecoder.features(
            known, shape, operation(pair.from()).weights().getFirst(), pair.norm());
    Maps clear = ImageDecoder.normalised(Maps.of(truth.pass().output(pair.from())), pair.norm());
    Maps z = found.preActivation();
    ImageDecoder ofMasks = ImageDecoder.fit(known, features.positive(), config.seed());
    images(
        AttackName.IMAGE,
        pair.from(),
        "mask",
        ofMasks.decode(z.positive()),
        ofMasks.decode(clear.positive()),
        known);
    if (found.scaled()) {
      ImageDecoder ofValues = ImageDecoder.fit(known, features, config.seed());
      images(
          AttackName.IMAGE,
          pair.from(),
          "norm leak",
          ofValues.decode(z),
          ofValues.decode(clear),
          known);
    }
  }

  /// Scores rebuilt images.
  ///
  /// @param from what they were rebuilt from; empty if there is but one way
  /// @param best what the attack makes of the clear data
  private void images(AttackName name, int node, String from, Maps found, Maps best, Maps known) {
    Maps truths = Maps.of(truth.images());
    Maps pixels = images.pixels(truths);
    Maps guess = images.pixels(AttackImages.mean(known, truths.examples()));
    Maps rebuilt = images.pixels(found);
    Maps possible = images.pixels(best);
    String prefix = from.isEmpty() ? "" : from + ": ";
    double psnr = ImageScores.psnr(rebuilt, pixels);
    add(
        name,
        node,
        prefix + "PSNR, dB",
        psnr,
        ImageScores.psnr(guess, pixels),
        ImageScores.psnr(possible, pixels));
    if (pixels.height() >= 8 && pixels.width() >= 8) {
      add(
          name,
          node,
          prefix + "SSIM",
          ImageScores.ssim(rebuilt, pixels),
          ImageScores.ssim(guess, pixels),
          ImageScores.ssim(possible, pixels));
    }
    add(
        name,
        node,
        prefix + "cosine",
        MapScores.cosine(found, truths),
        0,
        MapScores.cosine(best, truths));
    add(
        name,
        node,
        prefix + "re-identified",
        MapScores.reidentified(found, truths),
        1.0 / truths.examples(),
        MapScores.reidentified(best, truths));
    pictures.removeIf(picture -> picture.attack() == name);
    pictures.add(
        new AttackPicture(name, architecture.name(node), pixels, sent(node), rebuilt, psnr));
  }

  private Maps known(int most) {
    return images.of(publicImages, 0, Math.min(most, publicImages.size()));
  }

  /// How the input of a layer leaves: the plan is no secret.
  private Withheld withheld(int node) {
    if (!(truth.plan().placement(architecture.name(node)) instanceof Placement.Split)) {
      return Withheld.NOTHING;
    }
    int values = sent(node).exampleSize();
    double ratio = config.noise().sigma(1, values) * Math.sqrt(values);
    return new Withheld(rank(node), shared(), ratio);
  }

  private void modelInversion() {
    int node = first().getFirst();
    InitialNetwork network = InitialNetwork.of(architecture, truth.graph());
    Maps sent = sent(node);
    int batch = sent.examples();
    Maps known = known(publicImages.size() / batch * batch);
    Maps activations = known;
    if (!architecture.readsImages(node)) {
      Graph before = Architecture.before(truth.graph(), node);
      if (!network.knows(before)) {
        note(
            AttackName.MODEL_INVERSION,
            architecture.name(node),
            "weights of trusted layers are not known: the run's seed is none of 0 to 999");
        return;
      }
      try (Engine.Net net = network.build(engine, before)) {
        Shape input = new Shape(sent.height(), sent.width(), sent.channels());
        activations = ModelInversion.activations(net, known, input, batch);
      }
    }
    Maps found = decode(activations, known, withheld(node), batch, sent);
    Maps clear = input(truth.pass(), node);
    Maps best = decode(activations, known, Withheld.NOTHING, batch, clear);
    images(AttackName.MODEL_INVERSION, node, "", found, best, known);
  }

  private Maps decode(Maps activations, Maps known, Withheld withheld, int batch, Maps sent) {
    try (ModelInversion decoder =
        ModelInversion.train(
            engine, activations, known, withheld, batch, DECODER_EPOCHS, config.seed())) {
      return decoder.decode(sent);
    }
  }

  private int rank(int node) {
    return truth.plan().placement(architecture.name(node)) instanceof Placement.Split split
        ? split
            .rank()
            .rank(truth.graph().linearLayers().indexOf(node), operation(node).shape().inChannels())
        : 0;
  }

  private boolean shared() {
    return config.decomposition() == Decomposition.SHARED;
  }

  private Maps sent(int node) {
    Pass pass = pass(operation(node));
    if (pass == null) {
      throw new IllegalStateException("layer " + node + " has no pass");
    }
    return Maps.of(pass.x());
  }

  private void subspace(int node) {
    int rank = rank(node);
    Maps sent = sent(node);
    int rows = shared() ? sent.positions() : sent.height() * sent.width();
    if (rank == 0 || rows <= sent.channels()) {
      note(
          AttackName.SUBSPACE,
          architecture.name(node),
          rank == 0 ? "nothing is kept back" : "fewer positions than channels");
      return;
    }
    Maps hidden = input(truth.pass(), node).minus(sent);
    double sum = 0;
    int count = shared() ? 1 : Math.min(BASES, sent.examples());
    for (int i = 0; i < count; i++) {
      Maps seen = shared() ? sent : sent.slice(i, 1);
      Maps kept = shared() ? hidden.centred() : hidden.slice(i, 1);
      sum +=
          SpanScores.agreement(
              HiddenSubspace.find(seen, rank).basis(), SpanScores.principal(kept, rank));
    }
    add(
        AttackName.SUBSPACE,
        node,
        "squared cosine of angles, r=" + rank,
        sum / count,
        (double) rank / sent.channels(),
        1);
  }

  private void membership() {
    try (LayerPass mixed = truth.candidates()) {
      first().forEach(node -> membership(node, mixed));
    } catch (IllegalArgumentException e) {
      note(AttackName.MEMBERSHIP, "all layers", String.valueOf(e.getMessage()));
    }
  }

  private void membership(int node, LayerPass mixed) {
    Maps sent = sent(node);
    Maps candidates = input(mixed, node);
    double[][] none = new double[sent.channels()][0];
    double[][] hidden =
        shared() && sent.positions() > sent.channels()
            ? HiddenSubspace.find(sent, rank(node)).basis()
            : none;
    add(
        AttackName.MEMBERSHIP,
        node,
        "AUC",
        auc(SpanMembership.scores(sent, hidden, candidates)),
        0.5,
        auc(SpanMembership.scores(input(truth.pass(), node).centred(), none, candidates)));
  }

  private static double auc(double[] scores) {
    int half = scores.length / 2;
    return SpanScores.auc(
        Arrays.copyOf(scores, half), Arrays.copyOfRange(scores, half, scores.length));
  }
}
