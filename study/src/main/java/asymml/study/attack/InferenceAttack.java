package asymml.study.attack;

import asymml.analysis.Architecture;
import asymml.analysis.HiddenSubspace;
import asymml.analysis.Maps;
import asymml.analysis.ModelInversion;
import asymml.analysis.SpanMembership;
import asymml.analysis.Withheld;
import asymml.analysis.WorkerView;
import asymml.analysis.WorkerView.Operation;
import asymml.analysis.score.ChanceDeviation;
import asymml.analysis.score.ImageScores;
import asymml.analysis.score.MapScores;
import asymml.analysis.score.Score;
import asymml.analysis.score.SpanScores;
import asymml.kernels.ConvShape;
import asymml.kernels.TemporaryFolder;
import asymml.model.Graph;
import asymml.model.Node;
import asymml.session.InferenceSession;
import asymml.session.InferenceSpec;
import asymml.session.TrainedRun;
import asymml.study.StudyException;
import asymml.trusted.data.DataException;
import asymml.trusted.data.ImageSet;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.Rank;
import asymml.trusted.train.TrainConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Attacks what one worker receives of images that a trained model classifies together with it: one
/// batch of test images, recorded by the worker. There are no gradients, so that residuals are all
/// there is: the hidden subspace, membership in the batch, and a decoder that is trained on public
/// images. The adversary is one that also has the model, which one who holds a part of its weights
/// may come to have.
public final class InferenceAttack {
  /// Of one batch of a large network.
  private static final long LIMIT_BYTES = 400_000_000;

  /// Images that a decoder needs for anything to be learned.
  private static final int FEWEST_PUBLIC = 64;

  private static final int DECODER_EPOCHS = 8;

  private final TrainedRun run;
  private final TrainConfig config;
  private final Graph graph;
  private final Plan plan;
  private final Architecture architecture;
  private final AttackImages images;
  private final List<Score> scores = new ArrayList<>();
  private final List<AttackNote> notes = new ArrayList<>();

  private InferenceAttack(
      TrainedRun run, TrainConfig config, Plan plan, Architecture architecture) {
    this.run = run;
    this.config = config;
    this.graph = run.model().graph();
    this.plan = plan;
    this.architecture = architecture;
    this.images = new AttackImages(run.model().description().normalization());
  }

  /// Has the first images classified by a worker that records, and attacks the recording.
  ///
  /// @param run of the trained model
  /// @param split who computes, and on what terms; its batch size is the number of images attacked
  /// @param test images: the first are classified, the next are public, the last as many as the
  ///   first are candidates that were not classified
  /// @param settings how hard the attacks try
  /// @return scores and notes
  /// @throws IOException if a file cannot be read or a worker fails
  /// @throws DataException if something is wrong with public images of an account
  /// @throws StudyException if there are too few images, or ranks follow the images
  public static AttackReport run(
      TrainedRun run, InferenceSpec split, ImageSet test, AttackSettings settings)
      throws IOException, DataException, StudyException {
    long began = System.nanoTime();
    int batch = split.batchSize();
    int known = Math.min(settings.publicImages(), test.size() - 2 * batch) / batch * batch;
    if (known < Math.max(FEWEST_PUBLIC, batch)) {
      throw new StudyException(
          "%s test images are too few for %s to attack, as many beside them, and %s public ones"
              .formatted(test.size(), batch, FEWEST_PUBLIC));
    }
    try (TemporaryFolder folder = TemporaryFolder.create()) {
      Path recording = folder.path().resolve("inference.rec");
      Plan plan = record(run, split, test, recording);
      if (plan.layers().values().stream()
          .anyMatch(p -> p instanceof Placement.Split s && s.rank() instanceof Rank.Energy)) {
        throw new StudyException("ranks by energy are not attacked at inference: give a number");
      }
      List<String> atWorker =
          run.model().graph().linearLayers().stream()
              .map(i -> run.model().graph().nodes().get(i).name())
              .filter(name -> plan.placement(name).needsWorker())
              .toList();
      try (WorkerView view = WorkerView.open(recording)) {
        InferenceAttack attack =
            new InferenceAttack(
                run,
                split.settings().training(),
                plan,
                Architecture.match(view, run.model().graph(), atWorker));
        attack.attack(test, batch, known, settings.layers());
        return new AttackReport(attack.scores, attack.notes, (System.nanoTime() - began) / 1e9);
      }
    }
  }

  private static Plan record(TrainedRun run, InferenceSpec split, ImageSet test, Path recording)
      throws IOException, DataException {
    List<String> arguments =
        List.of("--record", recording.toString(), "--record-limit", Long.toString(LIMIT_BYTES));
    InferenceSpec recorded =
        InferenceSpec.of(
            split
                .settings()
                .withWorkers(split.settings().workers().withLocalArguments(List.of(arguments))));
    List<byte[]> pixels = new ArrayList<>();
    for (int i = 0; i < split.batchSize(); i++) {
      byte[] image = new byte[test.shape().size()];
      test.pixels(i, image);
      pixels.add(image);
    }
    try (InferenceSession session = run.split(recorded)) {
      session.predict(pixels);
      return session.plan();
    }
  }

  private void attack(ImageSet test, int batch, int known, int layers) {
    Maps classified = images.of(test, 0, batch);
    Maps publicImages = images.of(test, batch, known);
    Maps others = images.of(test, batch + known, batch);
    List<Integer> nodes = architecture.operations().keySet().stream().limit(layers).toList();
    Map<Integer, Maps> truth = inputs(classified, nodes, batch);
    Map<Integer, Maps> beside = inputs(others, nodes, batch);
    for (int node : nodes) {
      subspace(node, of(truth, node));
      membership(node, of(truth, node), of(beside, node));
    }
    int first = nodes.getFirst();
    Maps activations = of(inputs(publicImages, List.of(first), batch), first);
    decoder(first, classified, of(truth, first), publicImages, activations, batch);
  }

  private static Maps of(Map<Integer, Maps> maps, int node) {
    Maps found = maps.get(node);
    if (found == null) {
      throw new IllegalStateException("layer " + node + " did not run");
    }
    return found;
  }

  /// What layers read of images, in the trusted process: the truth, or what one who has the model
  /// computes of their own images.
  private Map<Integer, Maps> inputs(Maps of, List<Integer> nodes, int batch) {
    Map<Integer, Maps> all = new LinkedHashMap<>();
    try (TrustedNetwork network =
        TrustedNetwork.forInference(graph, batch, run.model().parameters())) {
      for (int from = 0; from < of.examples(); from += batch) {
        int start = from;
        network.input().copyFrom(of.slice(from, batch).values());
        network.forward(
            0,
            (node, x) -> {
              if (nodes.contains(node)) {
                ConvShape shape = operation(node).shape();
                Maps whole =
                    all.computeIfAbsent(
                        node,
                        _ ->
                            new Maps(
                                of.examples(),
                                shape.height(),
                                shape.width(),
                                shape.inChannels(),
                                new float[Math.toIntExact(x.size()) / batch * of.examples()]));
                System.arraycopy(
                    x.toArray(),
                    0,
                    whole.values(),
                    start * whole.exampleSize(),
                    batch * whole.exampleSize());
              }
            });
      }
    }
    return all;
  }

  private Operation operation(int node) {
    Operation found = architecture.operations().get(node);
    if (found == null) {
      throw new IllegalStateException("layer " + node + " is not at the worker");
    }
    return found;
  }

  private Maps sent(int node) {
    return Maps.of(operation(node).passes().getFirst().x());
  }

  private Withheld withheld(int node) {
    Node layer = graph.nodes().get(node);
    if (!(plan.placement(layer.name()) instanceof Placement.Split split)) {
      return Withheld.NOTHING;
    }
    int values = sent(node).exampleSize();
    return new Withheld(
        Math.min(split.rank().most(), sent(node).channels()),
        split.decomposition() == Placement.Decomposition.SHARED,
        config.noise().sigma(1, values) * Math.sqrt(values),
        config.shield().masks());
  }

  private void subspace(int node, Maps truth) {
    Maps sent = sent(node);
    Withheld withheld = withheld(node);
    int rank = withheld.rank();
    int rows = withheld.shared() ? sent.positions() : sent.height() * sent.width();
    if (rank == 0 || rows <= sent.channels()) {
      notes.add(
          new AttackNote(
              AttackName.SUBSPACE,
              architecture.name(node),
              rank == 0 ? "nothing is withheld" : "fewer positions than channels"));
      return;
    }
    Maps seen = withheld.shared() ? sent : sent.slice(0, 1);
    Maps hidden = truth.minus(sent);
    Maps kept = withheld.shared() ? hidden.centred() : hidden.slice(0, 1);
    add(
        AttackName.SUBSPACE,
        node,
        "squared cosine of angles, r=" + rank,
        SpanScores.agreement(
            HiddenSubspace.find(seen, rank).basis(), SpanScores.principal(kept, rank)),
        (double) rank / sent.channels(),
        1,
        ChanceDeviation.agreement(sent.channels(), rank));
  }

  private void membership(int node, Maps truth, Maps others) {
    Maps sent = sent(node);
    Withheld withheld = withheld(node);
    float[] values = Arrays.copyOf(truth.values(), 2 * truth.values().length);
    System.arraycopy(others.values(), 0, values, truth.values().length, others.values().length);
    Maps candidates =
        new Maps(2 * truth.examples(), truth.height(), truth.width(), truth.channels(), values);
    double[][] none = new double[sent.channels()][0];
    double[][] hidden =
        withheld.shared() && sent.positions() > sent.channels()
            ? HiddenSubspace.find(sent, withheld.rank()).basis()
            : none;
    add(
        AttackName.MEMBERSHIP,
        node,
        "AUC",
        auc(SpanMembership.scores(sent, hidden, candidates)),
        0.5,
        auc(SpanMembership.scores(truth.centred(), none, candidates)),
        ChanceDeviation.auc(truth.examples(), others.examples()));
  }

  private static double auc(double[] scores) {
    int half = scores.length / 2;
    return SpanScores.auc(
        Arrays.copyOf(scores, half), Arrays.copyOfRange(scores, half, scores.length));
  }

  private void decoder(
      int node, Maps classified, Maps truth, Maps known, Maps activations, int batch) {
    Maps found = decode(activations, known, withheld(node), batch, sent(node));
    Maps best = decode(activations, known, Withheld.NOTHING, batch, truth);
    Maps mean = AttackImages.mean(known, batch);
    Maps pixels = images.pixels(classified);
    AttackName name = AttackName.MODEL_INVERSION;
    add(
        name,
        node,
        "PSNR, dB",
        ImageScores.psnr(images.pixels(found), pixels),
        ImageScores.psnr(images.pixels(mean), pixels),
        ImageScores.psnr(images.pixels(best), pixels),
        0);
    add(
        name,
        node,
        "cosine",
        MapScores.cosine(found, classified),
        0,
        MapScores.cosine(best, classified),
        ChanceDeviation.cosine(found, classified));
    add(
        name,
        node,
        "re-identified",
        MapScores.reidentified(found, classified),
        1.0 / batch,
        MapScores.reidentified(best, classified),
        0);
  }

  private Maps decode(Maps activations, Maps known, Withheld withheld, int batch, Maps sent) {
    try (ModelInversion decoder =
        ModelInversion.train(
            new AttackerEngine(),
            activations,
            known,
            withheld,
            batch,
            DECODER_EPOCHS,
            config.seed())) {
      return decoder.decode(sent);
    }
  }

  private void add(
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
}
