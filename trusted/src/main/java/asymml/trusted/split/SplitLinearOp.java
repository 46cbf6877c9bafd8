package asymml.trusted.split;

import asymml.kernels.ConvShape;
import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.privacy.Release;
import asymml.trusted.boundary.ClipBound;
import asymml.trusted.boundary.NoisyRelease;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.ReleaseWitness;
import asymml.trusted.boundary.Released;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.Ticket;
import asymml.trusted.check.LayerCheck;
import asymml.trusted.check.Projection;
import asymml.trusted.decompose.LowRankLayer;
import asymml.trusted.decompose.SharedLowRankLayer;
import asymml.trusted.memory.GradientTarget;
import asymml.trusted.memory.SplitRegion;
import asymml.trusted.ops.GradientBlocks;
import asymml.trusted.ops.GradientGuard;
import asymml.trusted.ops.Gradients;
import asymml.trusted.ops.LinearParameters;
import asymml.trusted.ops.StepProfile;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.trusted.plan.NoiseStrength;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A linear layer whose input is split: `Y = W * X_T + W * X_U`, the first term here, the second on
/// the worker, at the same time. Several workers share the examples, and their weight gradients add
/// up.
public final class SplitLinearOp implements RemoteOp {
  /// What one worker does of the layer: the gradient of the weights on all of its examples, the
  /// rest chunk by chunk.
  ///
  /// @param shard its examples
  /// @param shape the layer's shape on them
  /// @param opId the operation on all of them
  /// @param pieces one for each chunk
  /// @param check of what the worker returns; null if nothing is checked
  private record Part(
      Shard shard, ConvShape shape, int opId, List<Piece> pieces, @Nullable LayerCheck check) {
    /// The check, if this step's results are checked.
    @Nullable LayerCheck checkNow() {
      return check != null && check.active() ? check : null;
    }

    /// The operations that need weights.
    List<Integer> weighted() {
      return pieces.stream().map(Piece::opId).distinct().toList();
    }

    RemoteWorker worker() {
      return shard.party().worker();
    }

    ReleaseDoor door() {
      return shard.party().door();
    }
  }

  /// What one worker does of the layer on one chunk.
  ///
  /// @param chunk its examples
  /// @param shape the layer's shape on them
  /// @param opId the operation on them
  /// @param y where its part of the output goes
  /// @param dx where its part of the input's gradient goes; null if none flows on
  private record Piece(Shard.Chunk chunk, ConvShape shape, int opId, Slot y, @Nullable Slot dx) {}

  /// What is sent of the output's gradient.
  private record OutputGradient(Tensor dy, Release release, NoiseStrength noise, ClipBound bound) {}

  /// A request for a piece.
  private record Asked(Part part, Piece piece, Ticket ticket) {}

  /// Weights that the worker updates.
  private record HeldWeights(
      HeldLayer layer, SplitRegion.HeldPlaces places, SharedLowRankLayer lowRank) {}

  private final String name;
  private final int node;
  private final ConvShape shape;
  private final SplitContext context;
  private final StepProfile profile;
  private final List<Part> parts;
  private final Release weightRelease;
  private final @Nullable OutputGradient gradient; // in training
  private final @Nullable GradientGuard guard;
  private final SplitInput input;
  private final LinearParameters own;
  private final SplitRegion.Places slots;
  private final SplitRegion region;
  private final Tensor y;
  private final @Nullable GradientTarget dx;
  private final @Nullable LowRankLayer lowRank;
  private final @Nullable GradientBlocks blocks; // with both a guard and a low-rank part
  private final @Nullable HeldWeights held; // where the worker updates them
  private final List<Ticket> weightGradients = new ArrayList<>();
  private boolean newWeights = true;

  /// Plans it, and defines it at the workers.
  ///
  /// @param layer the layer
  /// @param input what is released of its input
  /// @param context workers and doors
  /// @param shards which worker computes on which examples
  /// @param region shared with the workers
  /// @param profile of the network
  /// @throws ProtocolException if a worker refuses the operation
  public SplitLinearOp(
      SplitLayer layer,
      SplitInput input,
      SplitContext context,
      List<Shard> shards,
      SplitRegion region,
      StepProfile profile)
      throws ProtocolException {
    this.name = layer.name();
    this.node = layer.node();
    this.shape = layer.shape();
    this.context = context;
    this.profile = profile;
    this.weightRelease = layer.weights();
    @Nullable Release sent = layer.outputGradient();
    this.gradient =
        sent == null
            ? null
            : new OutputGradient(
                layer.tensors().outputGradient(),
                sent,
                context.gradientNoise(sent),
                context.gradientBound(sent));
    this.guard = layer.guard();
    this.input = input;
    this.own = layer.own();
    this.slots = layer.slots();
    this.region = region;
    this.y = layer.tensors().y();
    this.dx = layer.tensors().dx();
    this.parts = parts(shards);
    this.lowRank = input.lowRank(shape);
    this.held = layer.held() == null ? null : held(layer, layer.held());
    this.blocks =
        guard == null || lowRank == null ? null : new GradientBlocks(shape, lowRank.largestRank());
  }

  private HeldWeights held(SplitLayer layer, SplitLayer.Held releases) {
    SplitRegion.HeldPlaces places = layer.slots().held();
    if (places == null
        || !(lowRank instanceof SharedLowRankLayer shared)
        || parts.size() != 1
        || context.verifier().enabled()) {
      throw new IllegalArgumentException(
          "one worker updates the weights of layers with a shared basis, and is not checked: "
              + name);
    }
    Part part = parts.getFirst();
    return new HeldWeights(
        context.held(
            node, () -> new HeldLayer(layer, releases, part.shard.party(), part.opId, places)),
        places,
        shared);
  }

  private List<Part> parts(List<Shard> shards) throws ProtocolException {
    int in = shape.height() * shape.width() * shape.inChannels();
    int out = shape.outHeight() * shape.outWidth() * shape.outChannels();
    // An operation for each number of examples, the same at all workers.
    Map<Integer, Integer> opIds = new HashMap<>();
    List<Part> all = new ArrayList<>();
    for (Shard shard : shards) {
      Set<Integer> defined = new HashSet<>();
      List<Piece> pieces = new ArrayList<>();
      for (Shard.Chunk chunk : shard.chunks()) {
        pieces.add(
            new Piece(
                chunk,
                shape.withBatch(chunk.count()),
                define(shard, chunk.count(), opIds, defined),
                chunk.place(slots.y(), out),
                dx == null ? null : chunk.place(slots.dx(), in)));
      }
      int opId = define(shard, shard.count(), opIds, defined);
      all.add(new Part(shard, shard.of(shape), opId, pieces, check(shard)));
    }
    return all;
  }

  private @Nullable LayerCheck check(Shard shard) {
    return context.verifier().enabled()
        ? LayerCheck.of(context.verifier(), shard.party().worker(), name, shard.of(shape))
        : null;
  }

  private int define(Shard shard, int count, Map<Integer, Integer> opIds, Set<Integer> defined)
      throws ProtocolException {
    int opId = opIds.computeIfAbsent(count, _ -> context.takeOpId());
    if (defined.add(count)) {
      shard.party().worker().define(opId, shape.withBatch(count));
    }
    return opId;
  }

  @Override
  public boolean isHeld() {
    return held != null;
  }

  @Override
  public void sendWeights() throws ProtocolException {
    profile.at(node);
    newWeights = true;
    if (held != null) {
      held.layer.begin(parts.getFirst().weighted(), held.places, !context.renewing());
      profile.lap(Phase.SEND);
      return;
    }
    for (Part part : parts) {
      Released weights = part.door().exact(weightRelease, own.weight(), slots.weights());
      profile.lap(Phase.WEIGHTS);
      for (int opId : part.weighted()) {
        part.worker().loadWeights(opId, weights);
      }
      profile.lap(Phase.SEND);
      LayerCheck check = part.checkNow();
      if (check != null) {
        check.weights(own.weight());
        profile.lap(Phase.VERIFY);
      }
    }
  }

  @Override
  public void forward(long step) throws ProtocolException {
    List<Asked> asked = new ArrayList<>();
    // Each worker begins when it has its first examples.
    input.release(
        step,
        (i, c, x) -> {
          Part part = parts.get(i);
          Piece piece = part.pieces.get(c);
          asked.add(new Asked(part, piece, part.worker().forward(piece.opId, x, piece.y)));
        });
    if (held != null) {
      RemoteWorker worker = parts.getFirst().worker();
      requireFinite(worker, held.layer.takeFolded(held.lowRank, input, held.places));
      profile.lap(Phase.WAIT);
      held.lowRank.forwardFolded(y);
    } else if (lowRank != null) {
      lowRank.forward(own.weight(), newWeights, y);
      newWeights = false;
    }
    profile.lap(Phase.KERNELS);
    List<@Nullable Projection> outputs = new ArrayList<>();
    for (int i = 0; i < parts.size(); i++) {
      LayerCheck check = parts.get(i).checkNow();
      if (check != null) {
        check.weights(own.weight()); // where they stay at the worker
      }
      outputs.add(check == null ? null : check.output(input.watched(i)));
    }
    for (Asked each : asked) {
      RemoteWorker worker = each.part.worker();
      worker.await(each.ticket);
      profile.lap(Phase.WAIT);
      Piece piece = each.piece;
      Tensor result = worker.result(piece.y, piece.shape.outputAxes());
      Tensor target = piece.chunk.of(each.part.shard.of(y));
      Projection checked = outputs.get(parts.indexOf(each.part));
      if (checked == null && lowRank != null && own.bias() != null) {
        requireFinite(worker, own.addFiniteAndBias(result, target));
      } else {
        take(worker, result, target, lowRank != null, checked, piece);
        own.addBias(target);
      }
      profile.lap(Phase.MERGE);
    }
    for (int i = 0; i < parts.size(); i++) {
      LayerCheck check = parts.get(i).checkNow();
      if (check != null) {
        check.requireOutput(input.watched(i), 1);
        profile.lap(Phase.VERIFY);
      }
    }
  }

  /// Takes a worker's result for a chunk, each value of it read once.
  private void take(
      RemoteWorker worker,
      Tensor result,
      Tensor target,
      boolean add,
      @Nullable Projection check,
      Piece piece)
      throws ProtocolException {
    requireFinite(
        worker,
        check == null
            ? take(result, target, add)
            : check.take(result, add, target, piece.chunk.from()));
  }

  private static boolean take(Tensor result, Tensor target, boolean add) {
    return add ? Elementwise.addFinite(result, target) : Elementwise.copyFinite(result, target);
  }

  private void requireFinite(RemoteWorker worker, boolean finite) throws ProtocolException {
    if (!finite) {
      throw new ProtocolException(
          worker.name()
              + " returned values that are not finite for layer "
              + name
              + (gradient == null
                  ? ": it is faulty or hostile, or training of this model diverged"
                  : ": it is faulty or hostile, or training diverged; the last checkpoint is"
                      + " intact"));
    }
  }

  @Override
  public void backward() throws ProtocolException {
    OutputGradient sent = Gradients.require(gradient);
    Tensor dy = sent.dy;
    region.awaitEarlier();
    List<Asked> asked = new ArrayList<>();
    for (int i = 0; i < parts.size(); i++) {
      Part part = parts.get(i);
      LayerCheck check = part.checkNow();
      Released released =
          releaseGradient(
              sent,
              part,
              check == null ? ReleaseWitness.NONE : check.watchGradient(input.watched(i)),
              asked);
      Ticket weights =
          held != null
              ? held.layer.keepGradient(part.opId, input.current(i), released)
              : part.worker()
                  .backwardWeights(part.opId, input.current(i), released, slots.weights());
      region.readUntil(part.worker(), weights);
      weightGradients.add(weights);
      profile.lap(Phase.SEND);
    }
    if (guard != null) {
      // The gradient goes nowhere else any more.
      guard.limit(dy, own.gain(shape, input::keptSquares));
    }
    @Nullable LowRankLayer kept = lowRank;
    if (held != null) {
      Tensor factor = held.lowRank.factor(dy);
      profile.lap(Phase.KERNELS);
      held.layer.update(factor, held.places, context.sgd());
      profile.lap(Phase.SEND);
    } else if (kept != null) {
      Tensor dw = Gradients.require(own.weightGradient());
      if (blocks == null) {
        kept.backwardWeights(dy, dw);
      } else {
        blocks.compute((from, count, some) -> kept.backwardWeights(dy, from, count, some), dw);
      }
    }
    own.biasBackward(dy);
    profile.lap(Phase.KERNELS);
    if (guard != null) {
      guard.perturb(
          blocks == null ? GradientBlocks.overAll(shape.batch()) : blocks.rounding(), addedHere());
      profile.lap(Phase.DOOR);
    }
    if (dx != null) {
      mergeGradient(asked, dx);
    }
  }

  private void mergeGradient(List<Asked> asked, GradientTarget target) throws ProtocolException {
    List<@Nullable Projection> gradients = new ArrayList<>();
    for (Part part : parts) {
      LayerCheck check = part.checkNow();
      gradients.add(check == null ? null : check.inputGradient());
    }
    for (Asked each : asked) {
      RemoteWorker worker = each.part.worker();
      worker.await(each.ticket);
      profile.lap(Phase.WAIT);
      Piece piece = each.piece;
      Tensor result = worker.result(Objects.requireNonNull(piece.dx), piece.shape.inputAxes());
      Tensor total = piece.chunk.of(each.part.shard.of(target.total()));
      take(worker, result, total, target.adds(), gradients.get(parts.indexOf(each.part)), piece);
      profile.lap(Phase.MERGE);
    }
    for (Part part : parts) {
      LayerCheck check = part.checkNow();
      if (check != null) {
        check.requireInputGradient(1);
        profile.lap(Phase.VERIFY);
      }
    }
    clearNullExamples(target.total());
    profile.lap(Phase.MERGE);
  }

  /// Releases a worker's part of the output's gradient chunk by chunk, and asks for that of the
  /// input on each, if one flows on.
  ///
  /// @param witness sees what is released
  /// @param asked gets the requests
  /// @return the whole part
  private Released releaseGradient(
      OutputGradient sent, Part part, ReleaseWitness witness, List<Asked> asked)
      throws ProtocolException {
    Shard shard = part.shard;
    Tensor dy = shard.of(sent.dy);
    int values = Math.toIntExact(dy.size() / shard.count());
    NoisyRelease release =
        part.door()
            .noisy(
                sent.release,
                shard.place(slots.dy(), values),
                shard.count(),
                sent.noise,
                sent.bound)
            .seenBy(witness);
    if (release.needsMeasuring()) {
      release.measure(0, dy);
      release.measured();
    }
    for (Piece piece : part.pieces) {
      Shard.Chunk chunk = piece.chunk;
      release.write(chunk.from(), chunk.of(dy), shard.of(context.nullExamples()));
      Released some = release.publish(chunk.from(), chunk.count());
      profile.lap(Phase.DOOR);
      if (piece.dx != null) {
        asked.add(new Asked(part, piece, part.worker().backwardData(piece.opId, some, piece.dx)));
      }
      // The last one goes together with the request for the weights' gradient.
      if (!piece.equals(part.pieces.getLast())) {
        part.worker().flush();
      }
      profile.lap(Phase.SEND);
    }
    return release.finish();
  }

  /// Nothing is learned from a null example: what the worker made of the noise in its place ends
  /// here.
  private void clearNullExamples(Tensor gradient) {
    for (int i = 0; i < gradient.length(0); i++) {
      if (context.nullExamples().isNull(i)) {
        gradient.examples(i, 1).fill(0);
      }
    }
  }

  @Override
  public void mergeWeightGradient() throws ProtocolException {
    profile.at(node);
    if (held != null) {
      weightGradients.clear();
      return;
    }
    Tensor dw = Gradients.require(own.weightGradient());
    for (int i = 0; i < parts.size(); i++) {
      Part part = parts.get(i);
      RemoteWorker worker = part.worker();
      worker.await(weightGradients.get(i));
      profile.lap(Phase.WAIT);
      Tensor result = worker.result(slots.weights(), shape.weightAxes());
      boolean add = lowRank != null || i > 0;
      LayerCheck check = part.checkNow();
      requireFinite(
          worker,
          check == null
              ? take(result, dw, add)
              : check.takeWeightGradient(input.watched(i), result, add, dw));
      profile.lap(Phase.MERGE);
    }
    weightGradients.clear();
  }

  @Override
  public List<Tensor> addedHere() {
    return own.gradients(lowRank != null);
  }

  @Override
  public StepProfile.Phase phase() {
    return StepProfile.Phase.KERNELS;
  }

  @Override
  public void close() {
    for (Part part : parts) {
      if (part.check != null) {
        part.check.close();
      }
    }
    if (lowRank != null) {
      lowRank.close();
    }
    if (blocks != null) {
      blocks.close();
    }
  }
}
