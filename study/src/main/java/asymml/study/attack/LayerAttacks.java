package asymml.study.attack;

import asymml.analysis.Architecture;
import asymml.analysis.Architecture.Neighbours;
import asymml.analysis.GradientSolve;
import asymml.analysis.HiddenSubspace;
import asymml.analysis.ImageDecoder;
import asymml.analysis.Maps;
import asymml.analysis.MaskLeak;
import asymml.analysis.SpanMembership;
import asymml.analysis.WorkerView.Operation;
import asymml.analysis.WorkerView.Pass;
import asymml.analysis.score.ChanceDeviation;
import asymml.analysis.score.MapScores;
import asymml.analysis.score.SpanScores;
import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.trusted.passes.LayerPass;
import asymml.trusted.train.FirstStep;
import asymml.trusted.train.TrainConfig;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map.Entry;
import org.jspecify.annotations.Nullable;

/// Hands attacks what they may read, and their results with the truth to the scorers.
final class LayerAttacks {
  /// Examples whose own bases are looked for under a per-example decomposition.
  private static final int BASES = 8;

  /// Public images that the linear decoder is fitted to.
  private static final int LINEAR_IMAGES = 64;

  private final AttackContext context;
  private final FirstStep truth;
  private final TrainConfig config;
  private final int layers;
  private final int maxUnknowns;
  private final Architecture architecture;
  private final LearnedAttacks learned;
  private final ReleasedModelAttack releasedModel;

  /// @param context what is attacked, and where scores go
  /// @param learned the attacks on images that train or differentiate networks
  /// @param releasedModel the attack on the finished model
  /// @param maxUnknowns of gradient solves
  LayerAttacks(
      AttackContext context,
      LearnedAttacks learned,
      ReleasedModelAttack releasedModel,
      int maxUnknowns) {
    this.context = context;
    this.learned = learned;
    this.releasedModel = releasedModel;
    this.maxUnknowns = maxUnknowns;
    truth = context.truth();
    config = context.config();
    layers = context.layers();
    architecture = context.architecture();
  }

  /// Attacks.
  ///
  /// @throws IOException if a file that the attack needs cannot be read
  void attack(AttackName name) throws IOException {
    int before = context.scores().size() + context.notes().size();
    switch (name) {
      case GRADIENT_SOLVE -> gradientSolve();
      case MASK -> neighbours().forEach(this::mask);
      case IMAGE -> image();
      case SUBSPACE -> context.first().forEach(this::subspace);
      case MEMBERSHIP -> membership();
      case GRADIENT_INVERSION -> learned.gradientInversion();
      case RELEASED_MEMBERSHIP -> releasedModel.attack();
      case MODEL_INVERSION -> learned.modelInversion();
    }
    if (context.scores().size() + context.notes().size() == before) {
      context.note(name, "all layers", "nothing in this recording for it to work on");
    }
  }

  private List<Neighbours> neighbours() {
    return architecture.neighbours().stream().limit(layers).toList();
  }

  private void gradientSolve() {
    List<Integer> nodes = new ArrayList<>();
    for (Entry<Integer, Operation> e : architecture.operations().entrySet()) {
      ConvShape s = e.getValue().shape();
      long unknowns = (long) s.batch() * s.height() * s.width();
      if (unknowns <= maxUnknowns) {
        nodes.add(e.getKey());
      } else {
        context.note(
            AttackName.GRADIENT_SOLVE,
            e.getKey(),
            unknowns + " unknowns a channel are more than the limit");
      }
    }
    nodes.subList(Math.max(0, nodes.size() - layers), nodes.size()).forEach(this::gradientSolve);
  }

  private void gradientSolve(int node) {
    Operation op = context.operation(node);
    Pass pass = AttackContext.pass(op);
    if (pass == null || pass.dy() == null) {
      context.note(AttackName.GRADIENT_SOLVE, node, "no gradient was recorded");
      return;
    }
    solve(node, pass.dy(), "own dW", GradientSolve.ofWorker(pass));
    GradientSolve.Gradient whole = GradientSolve.ofUpdate(context.view(), op);
    if (whole != null) {
      solve(node, pass.dy(), "update", whole);
    }
    if (architecture.standardises(node)) {
      context.note(
          AttackName.GRADIENT_SOLVE, node, "standardised weights do not show the optimiser's step");
      return;
    }
    if (config.optimizer().algorithm() != TrainConfig.Algorithm.SGD) {
      context.note(AttackName.GRADIENT_SOLVE, node, AttackContext.NOT_SGD);
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
      context.note(AttackName.GRADIENT_SOLVE, node, "no " + from + " recorded");
      return;
    }
    Maps x = context.input(truth.pass(), node);
    Maps found = GradientSolve.solve(context.operation(node).shape(), dy, gradient).x();
    context.add(
        AttackName.GRADIENT_SOLVE,
        node,
        "cosine, " + from,
        MapScores.cosine(found, x),
        0,
        1,
        ChanceDeviation.cosine(found, x));
    context.add(
        AttackName.GRADIENT_SOLVE,
        node,
        "re-identified, " + from,
        MapScores.reidentified(found, x),
        1.0 / x.examples(),
        1);
  }

  private MaskLeak.@Nullable Result leak(AttackName name, Neighbours pair) {
    Pass from = AttackContext.pass(context.operation(pair.from()));
    Pass to = AttackContext.pass(context.operation(pair.to()));
    if (from == null || to == null || from.dy() == null || to.dx() == null) {
      context.note(name, pair.from(), "no gradients were recorded");
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
    context.add(AttackName.MASK, node, "mask accuracy", MapScores.maskAccuracy(z, active), 0.5, 1);
    if (found.scaled()) {
      Maps guess = z.relu();
      context.add(
          AttackName.MASK,
          node,
          "activation cosine",
          MapScores.cosine(guess, active),
          0,
          1,
          ChanceDeviation.cosine(guess, active));
      context.add(
          AttackName.MASK,
          node,
          "norm correlation",
          MapScores.normCorrelation(guess, active),
          0,
          1,
          ChanceDeviation.normCorrelation(active.examples()));
    }
  }

  private void image() {
    for (Neighbours pair : architecture.neighbours()) {
      ConvShape shape = context.operation(pair.from()).shape();
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
    Maps known = context.known(LINEAR_IMAGES);
    Maps features =
        ImageDecoder.features(
            known, shape, context.operation(pair.from()).weights().getFirst(), pair.norm());
    Maps clear = ImageDecoder.normalised(Maps.of(truth.pass().output(pair.from())), pair.norm());
    Maps z = found.preActivation();
    ImageDecoder ofMasks = ImageDecoder.fit(known, features.positive(), config.seed());
    context
        .imageScoring()
        .add(
            AttackName.IMAGE,
            pair.from(),
            "mask",
            ofMasks.decode(z.positive()),
            ofMasks.decode(clear.positive()));
    if (found.scaled()) {
      ImageDecoder ofValues = ImageDecoder.fit(known, features, config.seed());
      context
          .imageScoring()
          .add(
              AttackName.IMAGE,
              pair.from(),
              "norm leak",
              ofValues.decode(z),
              ofValues.decode(clear));
    }
  }

  private void subspace(int node) {
    int rank = context.rank(node);
    Maps sent = context.sent(node);
    int rows = context.shared() ? sent.positions() : sent.height() * sent.width();
    if (rank == 0 || rows <= sent.channels()) {
      context.note(
          AttackName.SUBSPACE,
          node,
          rank == 0 ? "nothing is withheld" : "fewer positions than channels");
      return;
    }
    Maps hidden = context.input(truth.pass(), node).minus(sent);
    double sum = 0;
    int count = context.shared() ? 1 : Math.min(BASES, sent.examples());
    for (int i = 0; i < count; i++) {
      Maps seen = context.shared() ? sent : sent.slice(i, 1);
      Maps kept = context.shared() ? hidden.centred() : hidden.slice(i, 1);
      sum +=
          SpanScores.agreement(
              HiddenSubspace.find(seen, rank).basis(), SpanScores.principal(kept, rank));
    }
    context.add(
        AttackName.SUBSPACE,
        node,
        "squared cosine of angles, r=" + rank,
        sum / count,
        (double) rank / sent.channels(),
        1,
        ChanceDeviation.agreement(sent.channels(), rank) / Math.sqrt(count));
  }

  private void membership() {
    try (LayerPass mixed = truth.candidates()) {
      context.first().forEach(node -> membership(node, mixed));
    } catch (IllegalArgumentException e) {
      context.note(AttackName.MEMBERSHIP, "all layers", String.valueOf(e.getMessage()));
    }
  }

  private void membership(int node, LayerPass mixed) {
    Maps sent = context.sent(node);
    Maps candidates = context.input(mixed, node);
    double[][] none = new double[sent.channels()][0];
    double[][] hidden =
        context.shared() && sent.positions() > sent.channels()
            ? HiddenSubspace.find(sent, context.rank(node)).basis()
            : none;
    context.add(
        AttackName.MEMBERSHIP,
        node,
        "AUC",
        auc(SpanMembership.scores(sent, hidden, candidates)),
        0.5,
        auc(SpanMembership.scores(context.input(truth.pass(), node).centred(), none, candidates)),
        ChanceDeviation.auc(candidates.examples() / 2, candidates.examples() / 2));
  }

  private static double auc(double[] scores) {
    int half = scores.length / 2;
    return SpanScores.auc(
        Arrays.copyOf(scores, half), Arrays.copyOfRange(scores, half, scores.length));
  }
}
