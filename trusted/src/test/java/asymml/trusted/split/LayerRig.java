package asymml.trusted.split;

import asymml.kernels.Closer;
import asymml.kernels.ConvShape;
import asymml.kernels.SampledGradient;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer.Linear;
import asymml.model.Shape;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.trusted.boundary.ClipBound;
import asymml.trusted.boundary.ReleaseLog;
import asymml.trusted.check.Verification;
import asymml.trusted.decompose.Decomposer;
import asymml.trusted.decompose.PerExampleDecomposer;
import asymml.trusted.decompose.Refresh;
import asymml.trusted.decompose.SharedDecomposer;
import asymml.trusted.memory.GradientTarget;
import asymml.trusted.memory.SplitRegion;
import asymml.trusted.ops.GradientGuard;
import asymml.trusted.ops.LinearParameters;
import asymml.trusted.ops.OpTensors;
import asymml.trusted.ops.StepProfile;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.Rank;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.plan.ReleaseTerms;
import asymml.trusted.plan.Shield;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// One layer of any shape on workers that compute exactly, without a network around it: its tensors
/// are random, and all memory that it is to overwrite is NaN before.
final class LayerRig implements AutoCloseable {
  /// What the layer is like.
  ///
  /// @param shape on the whole batch
  /// @param decomposition how its input is split
  /// @param rank how many directions stay
  /// @param workers how many share the batch
  /// @param chunks in which each gets its examples
  /// @param bias whether there is one
  /// @param flow where the gradient of the input goes
  /// @param guard the clip norm of one example's part in the gradients; 0 if they are not protected
  record Setting(
      ConvShape shape,
      Decomposition decomposition,
      int rank,
      int workers,
      int chunks,
      boolean bias,
      Flow flow,
      double guard) {
    static Setting of(ConvShape shape, int rank) {
      return new Setting(shape, Decomposition.SHARED, rank, 1, 1, true, Flow.FIRST, 0);
    }

    Setting on(int workers, int chunks) {
      return new Setting(shape, decomposition, rank, workers, chunks, bias, flow, guard);
    }

    Setting with(Decomposition other) {
      return new Setting(shape, other, rank, workers, chunks, bias, flow, guard);
    }

    Setting with(Flow other) {
      return new Setting(shape, decomposition, rank, workers, chunks, bias, other, guard);
    }

    Setting with(boolean anyBias, double clip) {
      return new Setting(shape, decomposition, rank, workers, chunks, anyBias, flow, clip);
    }
  }

  /// Where the gradient of the input goes.
  enum Flow {
    /// Nowhere.
    NONE,
    /// To where nothing is yet.
    FIRST,
    /// To where another operation has put its own.
    ADDED
  }

  /// Noise on gradients that no tolerance here sees.
  private static final double LITTLE = 1e-9;

  static final double MASKS = 2;

  final Setting setting;
  final ConvShape shape;
  final List<OracleWorker> workers = new ArrayList<>();
  final Tensor x;
  final Tensor w;
  final Tensor b;
  final Tensor y;
  final Tensor dy;
  final Tensor dx;
  final Tensor dw;
  final Tensor v;
  final Tensor db;
  final SplitContext context;
  final SplitInput input;
  final RemoteOp op;
  final StepProfile profile = new StepProfile(1);
  private final Arena arena = Arena.ofShared(); // used by worker threads of the kernels
  private final Closer opened = new Closer();
  private final boolean masks;
  private final Release residual;
  private final Release gradient;
  private final Release weights;
  private final @Nullable Release noised;
  private final @Nullable Release momentum;
  private final @Nullable Release factor;
  private final @Nullable Release basis;
  private final List<ReleaseLog> logs = new ArrayList<>();

  /// A layer that is split.
  static LayerRig split(Path folder, Setting setting) throws Exception {
    return split(folder, setting, Verification.OFF);
  }

  /// A layer that is split, whose workers' results are checked.
  static LayerRig split(Path folder, Setting setting, Verification verification) throws Exception {
    return new LayerRig(folder, setting, false, 1, verification, false);
  }

  /// A layer that is split, whose weights its worker updates.
  static LayerRig updatedAtWorker(Path folder, Setting setting) throws Exception {
    return updatedAtWorker(folder, setting, Verification.OFF);
  }

  /// The same, with checks.
  static LayerRig updatedAtWorker(Path folder, Setting setting, Verification verification)
      throws Exception {
    return new LayerRig(folder, setting, false, 1, verification, true);
  }

  /// A layer under masks.
  ///
  /// @param share of the positions that its weight gradient comes from
  static LayerRig masked(Path folder, Setting setting, double share) throws Exception {
    return masked(folder, setting, share, Verification.OFF);
  }

  /// A layer under masks, whose workers' results are checked.
  static LayerRig masked(Path folder, Setting setting, double share, Verification verification)
      throws Exception {
    return new LayerRig(folder, setting.on(2, 1), true, share, verification, false);
  }

  private LayerRig(
      Path folder,
      Setting setting,
      boolean masks,
      double share,
      Verification verification,
      boolean heldThere)
      throws Exception {
    this.setting = setting;
    this.shape = setting.shape;
    this.masks = masks;
    int in = shape.height() * shape.width() * shape.inChannels();
    int out = shape.outHeight() * shape.outWidth() * shape.outChannels();
    residual = release(Channel.RESIDUALS, in);
    gradient = release(Channel.GRADIENTS, out);
    int values = Math.toIntExact(Tensor.sizeOf(shape.weightAxes()));
    weights =
        new Release(Channel.WEIGHTS, "layer", values, new Release.Uncovered("sent unprotected"));
    int directions = setting.rank + 1;
    int rows = values / shape.inChannels();
    momentum = heldThere ? uncovered(Channel.WEIGHTS, "momentum", values) : null;
    factor = heldThere ? uncovered(Channel.WEIGHTS, "factor", (long) rows * directions) : null;
    basis =
        heldThere ? uncovered(Channel.BASIS, "sent", (long) shape.inChannels() * directions) : null;
    boolean addsWeight = masks || setting.rank > 0;
    int added = (addsWeight ? values : 0) + (setting.bias ? shape.outChannels() : 0);
    noised =
        setting.guard == 0
            ? null
            : new Release(
                Channel.WEIGHTS,
                "layer",
                added,
                new Release.Gaussian(new ClipNorm(setting.guard), new NoiseMultiplier(LITTLE)));
    boolean built = false;
    try {
      opened.own(arena);
      x = Tensor.allocate(arena, shape.inputAxes());
      w = Tensor.allocate(arena, shape.weightAxes());
      b = Tensor.allocate(arena, shape.outChannels());
      y = Tensor.allocate(arena, shape.outputAxes());
      dy = Tensor.allocate(arena, shape.outputAxes());
      dx = Tensor.allocate(arena, shape.inputAxes());
      dw = Tensor.allocate(arena, shape.weightAxes());
      v = Tensor.allocate(arena, shape.weightAxes());
      db = Tensor.allocate(arena, shape.outChannels());
      for (int i = 0; i < setting.workers; i++) {
        workers.add(opened.own(new OracleWorker(folder.resolve("worker-" + i), 40 + i)));
      }
      Workers parties =
          new Workers(
              workers.stream().map(OracleWorker::party).toList(), setting.chunks, verification);
      context = opened.own(new SplitContext(onlyTrusted(), 1, releases(), parties));
      for (Workers.Party party : parties.all()) {
        ReleaseLog log = new ReleaseLog();
        party.door().log(log);
        logs.add(log);
      }
      List<Shard> shards =
          masks
              ? List.of(Shard.whole(parties.first(), shape.batch()))
              : Shard.of(parties, shape.batch(), Shard.step(IntStream.of(in, out)));
      int largest = Shard.largest(shards);
      SplitRegion region =
          new SplitRegion(
              List.of(
                  new SplitRegion.Tensors(
                      "x",
                      values,
                      (long) largest * in,
                      (long) largest * out,
                      factor == null || basis == null
                          ? null
                          : new SplitRegion.HeldTensors(factor.values(), basis.values()))),
              !masks);
      input =
          new SplitInput(
              new SplitSite(
                  decomposer(),
                  residual,
                  new NoiseStrength.None(),
                  new ClipBound(),
                  basis,
                  heldThere),
              context,
              shards,
              profile,
              x,
              region.places(0).x());
      opened.own(input);
      SplitLayer layer =
          new SplitLayer(
              "layer",
              0,
              shape,
              weights,
              gradient,
              noised == null ? null : new GradientGuard(noised, parties.first().door()),
              new LinearParameters(
                  w, heldThere ? null : dw, setting.bias ? b : null, setting.bias ? db : null),
              region.places(0),
              new OpTensors(
                  x,
                  y,
                  dy,
                  setting.flow == Flow.NONE
                      ? null
                      : new GradientTarget(dx, setting.flow == Flow.ADDED, null)),
              momentum == null || factor == null
                  ? null
                  : new SplitLayer.Held(values(), momentum, factor));
      op =
          opened.own(
              masks
                  ? new MaskedLinearOp(layer, input, context, weightGradient(share), profile)
                  : new SplitLinearOp(layer, input, context, shards, region, profile));
      parties.mapRegion(region.sizeBytes());
      built = true;
    } finally {
      if (!built) {
        opened.close();
      }
    }
  }

  private SplitLayer.Values values() {
    return new SplitLayer.Values() {
      @Override
      public Tensor weights() {
        return w;
      }

      @Override
      public Tensor velocity() {
        return v;
      }

      @Override
      public void renew() {}
    };
  }

  private static Release uncovered(Channel channel, String reason, long values) {
    return new Release(channel, "layer", values, new Release.Uncovered(reason));
  }

  private Release release(Channel channel, int values) {
    return new Release(
        channel,
        "layer",
        values,
        masks
            ? new Release.Gaussian(new ClipNorm(Shield.Shares.NORM), new NoiseMultiplier(MASKS))
            : new Release.Uncovered("a test"));
  }

  /// Releases of a network that has none: the layer's own are planned here.
  private ReleasePlan releases() {
    Graph graph = onlyTrusted();
    return new ReleasePlan(
        graph,
        Plan.trusted(graph),
        masks
            ? new ReleaseTerms.Accounted(
                new NoiseStrength.Multiplier(MASKS),
                Set.of(Channel.RESIDUALS, Channel.GRADIENTS),
                Basis.PUBLIC,
                new ReleaseTerms.Bounds(Map.of()),
                new Shield.Shares(1))
            : new ReleaseTerms.Unaccounted(new NoiseStrength.None(), "a test"));
  }

  private static Graph onlyTrusted() {
    GraphBuilder b = new GraphBuilder(new Shape(1, 1, 2));
    b.add("other", new Linear(2));
    return b.build("other");
  }

  private @Nullable Decomposer decomposer() {
    if (setting.rank == 0) {
      return null;
    }
    Shape one = new Shape(shape.height(), shape.width(), shape.inChannels());
    Rank rank = new Rank.Fixed(setting.rank);
    return opened.own(
        switch (setting.decomposition) {
          case SHARED -> new SharedDecomposer(shape.batch(), one, 0, rank, Refresh.DEFAULT);
          case PER_EXAMPLE ->
              new PerExampleDecomposer(
                  shape.batch(), one, rank, Refresh.DEFAULT, PerExampleDecomposer.USUAL_ROUNDS);
        });
  }

  private WeightGradient weightGradient(double share) {
    if (share < 1) {
      int samples = WeightGradient.samples(shape, share);
      Tensor memory = Tensor.allocate(arena, SampledGradient.floats(shape, samples));
      return new WeightGradient.Sampled(new SampledGradient(shape, samples, memory), 3);
    }
    return setting.guard > 0 ? new WeightGradient.Bounded(shape) : new WeightGradient.Exact(shape);
  }

  /// Draws all that the layer reads.
  void fill(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    for (Tensor tensor : List.of(x, w, b, dy, dx)) {
      for (long i = 0; i < tensor.size(); i++) {
        tensor.set(i, (float) random.nextDouble(-1, 1));
      }
    }
    for (Tensor tensor : List.of(y, dw, db)) {
      tensor.fill(Float.NaN);
    }
    if (setting.flow == Flow.FIRST) {
      dx.fill(Float.NaN);
    }
  }

  /// Plans the releases of one step, and runs it forward.
  void forward(long step) throws Exception {
    context.begin(step);
    for (int i = 0; i < logs.size(); i++) {
      logs.get(i).begin(masks && i > 0 ? List.of(weights) : planned());
    }
    input.forget();
    op.sendWeights();
    op.forward(step);
  }

  private List<Release> planned() {
    List<Release> planned = new ArrayList<>(List.of(residual, weights));
    if (!masks || setting.flow != Flow.NONE) {
      planned.add(gradient);
    }
    for (Release more : new Release[] {noised, momentum, factor, basis}) {
      if (more != null) {
        planned.add(more);
      }
    }
    return planned;
  }

  /// Runs it backward.
  void backward() throws Exception {
    op.backward();
    op.mergeWeightGradient();
  }

  OracleWorker worker() {
    return workers.getFirst();
  }

  static Path folder(Path parent) throws Exception {
    return Files.createTempDirectory(parent, "rig");
  }

  @Override
  public void close() {
    opened.close();
  }
}
