package asymml.study.attack;

import asymml.analysis.Architecture;
import asymml.analysis.Maps;
import asymml.analysis.WorkerView;
import asymml.analysis.WorkerView.Operation;
import asymml.analysis.WorkerView.Pass;
import asymml.analysis.score.Score;
import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.privacy.Ledger;
import asymml.trusted.data.DataSet;
import asymml.trusted.passes.LayerPass;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.rank.EnergyShares;
import asymml.trusted.train.FirstStep;
import asymml.trusted.train.TrainConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map.Entry;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// What attacks on a recording's first step need: the step beside its truth, and where scores go.
final class AttackContext {
  /// Why an attack on the weights of successive steps says nothing of a run.
  static final String NOT_SGD =
      "gradients are found from successive weights by the rule of SGD, and the run has another";

  private final WorkerView view;
  private final FirstStep truth;
  private final TrainConfig config;
  private final ReleasedNoise noise;
  private final DataSet data;
  private final int publicImages;
  private final int layers;
  private final Architecture architecture;
  private final AttackImages images;
  private final ImageScoring imageScoring;
  private final List<Score> scores = new ArrayList<>();
  private final List<AttackNote> notes = new ArrayList<>();

  /// @param view what is attacked
  /// @param truth for scoring
  /// @param config of the run
  /// @param ledger of the run, which states its noise if it is accounted for; null if there is none
  /// @param data of the run; the first images of its test split stand for public ones
  /// @param publicImages how many of those
  /// @param layers how many layers each attack is tried on
  /// @throws IllegalArgumentException if the view does not begin with that step, or the run is
  ///   accounted for and there is no ledger
  AttackContext(
      WorkerView view,
      FirstStep truth,
      TrainConfig config,
      @Nullable Ledger ledger,
      DataSet data,
      int publicImages,
      int layers) {
    this.view = view;
    this.truth = truth;
    this.config = config;
    this.data = data;
    this.publicImages = publicImages;
    this.noise = new ReleasedNoise(truth.graph(), truth.plan(), config, ledger);
    this.images = new AttackImages(truth.normalization());
    this.layers = layers;
    List<String> atWorker =
        truth.plan().layers().entrySet().stream()
            .filter(e -> !(e.getValue() instanceof Placement.Trusted))
            .map(Entry::getKey)
            .toList();
    architecture = Architecture.match(view, truth.graph(), atWorker);
    architecture.operations().forEach(this::requireInitialWeights);
    architecture.operations().values().forEach(this::requireWholeBatch);
    imageScoring = new ImageScoring(this, images);
  }

  private void requireWholeBatch(Operation op) {
    int batch = truth.images().length(0);
    if (op.shape().batch() != batch) {
      throw new IllegalArgumentException(
          ("it holds %s of the first batch's %s images: one of several workers kept it, or they"
                  + " went out in chunks")
              .formatted(op.shape().batch(), batch));
    }
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

  /// What is attacked.
  WorkerView view() {
    return view;
  }

  FirstStep truth() {
    return truth;
  }

  TrainConfig config() {
    return config;
  }

  Architecture architecture() {
    return architecture;
  }

  /// How many layers each attack is tried on.
  int layers() {
    return layers;
  }

  List<Score> scores() {
    return List.copyOf(scores);
  }

  /// Scores rebuilt images.
  ImageScoring imageScoring() {
    return imageScoring;
  }

  List<AttackNote> notes() {
    return List.copyOf(notes);
  }

  /// Adds a score of which it is not known how far guesses lie from chance.
  void add(AttackName name, int node, String measure, double value, double chance, double best) {
    add(name, node, measure, value, chance, best, 0);
  }

  void add(
      AttackName name,
      int node,
      String measure,
      double value,
      double chance,
      double best,
      double deviation) {
    scores.add(
        new Score(name.label(), architecture.name(node), measure, value, chance, best, deviation));
  }

  void add(Score score) {
    scores.add(score);
  }

  void note(AttackName name, int node, String why) {
    note(name, architecture.name(node), why);
  }

  void note(AttackName name, String layer, String why) {
    notes.add(new AttackNote(name, layer, why));
  }

  static @Nullable Pass pass(Operation op) {
    return op.passes().isEmpty() ? null : op.passes().getFirst();
  }

  /// The first layers at the worker whose pass was recorded.
  List<Integer> first() {
    return architecture.operations().entrySet().stream()
        .filter(e -> pass(e.getValue()) != null)
        .map(Entry::getKey)
        .limit(layers)
        .toList();
  }

  Operation operation(int node) {
    Operation op = architecture.operations().get(node);
    if (op == null) {
      throw new IllegalStateException("layer " + node + " is not at the worker");
    }
    return op;
  }

  /// What a layer was sent.
  Maps sent(int node) {
    Pass pass = pass(operation(node));
    if (pass == null) {
      throw new IllegalStateException("layer " + node + " has no pass");
    }
    return Maps.of(pass.x());
  }

  /// The true input of a layer.
  Maps input(LayerPass pass, int node) {
    Tensor x = pass.output(truth.graph().nodes().get(node).inputs().getFirst());
    ConvShape shape = operation(node).shape();
    return Maps.of(x).reshape(shape.height(), shape.width(), shape.inChannels());
  }

  /// How many directions of a layer's input were kept back. Where that depends on the data it is no
  /// secret either: the residuals' own rank shows it. Taken from the clean pass: noise of earlier
  /// layers may have moved it by a little.
  int rank(int node) {
    return truth.plan().placement(architecture.name(node)) instanceof Placement.Split split
        ? EnergyShares.rank(
            truth.pass().output(truth.graph().nodes().get(node).inputs().getFirst()),
            truth.graph().linearLayers().indexOf(node),
            split.rank(),
            config.decomposition())
        : 0;
  }

  /// The noise on a layer's input, over the size of one at the clip bound: what the run resolved
  /// its settings to.
  double noiseRatio(int node) {
    return noise.ratio(node, sent(node).exampleSize());
  }

  boolean shared() {
    return config.decomposition() == Decomposition.SHARED;
  }

  /// The run's training images, then as many of the test split that are not public: candidates for
  /// membership.
  ///
  /// @param members how many of each
  Maps candidates(int members) {
    Maps in = images.of(data.train(), 0, members);
    Maps out = images.of(data.test(), publicImages, members);
    float[] values = Arrays.copyOf(in.values(), 2 * in.values().length);
    System.arraycopy(out.values(), 0, values, in.values().length, out.values().length);
    return new Maps(2 * members, in.height(), in.width(), in.channels(), values);
  }

  /// The classes of [#candidates].
  int[] candidateLabels(int members) {
    return IntStream.range(0, 2 * members)
        .map(i ->
            i < members ? data.train().label(i) : data.test().label(publicImages + i - members))
        .toArray();
  }

  DataSet data() {
    return data;
  }

  int publicImages() {
    return publicImages;
  }

  /// Public images, normalised as the run's.
  ///
  /// @param most of them
  Maps known(int most) {
    return images.of(data.test(), 0, Math.min(most, publicImages));
  }
}
