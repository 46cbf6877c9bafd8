package asymml.trusted.execute;

import asymml.kernels.ConvShape;
import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.privacy.Release;
import asymml.trusted.boundary.ClipBound;
import asymml.trusted.boundary.NoiseStrength;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.ReleaseDoor.NoisyRelease;
import asymml.trusted.boundary.Released;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.boundary.Ticket;
import asymml.trusted.decompose.LowRankLayer;
import asymml.trusted.execute.StepProfile.Phase;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A linear layer whose input is split: `Y = W * X_T + W * X_U`, the first term here, the second on
/// the worker, at the same time. Several workers share the examples, and their weight gradients add
/// up.
final class SplitLinearOp implements RemoteOp {
  /// The layer's places in the regions shared with workers, N of which is the largest shard.
  ///
  /// @param weights `[O, kH, kW, C]`; once the worker has its copy, the place of their gradient
  /// @param y `[N, OH, OW, O]`, shared with the results of other layers
  /// @param dx `[N, H, W, C]`, shared too; or null if no gradient flows on
  /// @param turns places that layers use in turn, those of output gradients among them
  record Slots(Slot weights, Slot y, @Nullable Slot dx, TurnSlots turns) {}

  /// What one worker does of the layer.
  ///
  /// @param shard its examples
  /// @param shape the layer's shape on them
  /// @param y where its part of the output goes
  /// @param dx where its part of the input's gradient goes; null if none flows on
  private record Part(Shard shard, ConvShape shape, Slot y, @Nullable Slot dx) {
    RemoteWorker worker() {
      return shard.party().worker();
    }

    ReleaseDoor door() {
      return shard.party().door();
    }
  }

  private final String name;
  private final int node;
  private final int opId;
  private final ConvShape shape;
  private final SplitContext context;
  private final StepProfile profile;
  private final List<Part> parts;
  private final Release weightRelease;
  private final Release gradientRelease;
  private final NoiseStrength gradientNoise;
  private final ClipBound gradientBound;
  private final @Nullable GradientGuard guard;
  private final SplitInput input;
  private final LinearParameters own;
  private final Slots slots;
  private final Tensor y;
  private final Tensor dy;
  private final @Nullable GradientTarget dx;
  private final @Nullable LowRankLayer lowRank;
  private final List<Ticket> weightGradients = new ArrayList<>();

  SplitLinearOp(
      String name,
      int node,
      int opId,
      ConvShape shape,
      SplitContext context,
      List<Shard> shards,
      StepProfile profile,
      Release weightRelease,
      Release gradientRelease,
      @Nullable GradientGuard guard,
      SplitInput input,
      LinearParameters own,
      Slots slots,
      Tensor y,
      Tensor dy,
      @Nullable GradientTarget dx)
      throws ProtocolException {
    this.name = name;
    this.node = node;
    this.opId = opId;
    this.shape = shape;
    this.context = context;
    this.profile = profile;
    this.parts = shards.stream().map(shard -> part(shard, shape, slots)).toList();
    this.weightRelease = weightRelease;
    this.gradientRelease = gradientRelease;
    this.gradientNoise = context.gradientNoise(gradientRelease);
    this.gradientBound = context.gradientBound(gradientRelease);
    this.guard = guard;
    this.input = input;
    this.own = own;
    this.slots = slots;
    this.y = y;
    this.dy = dy;
    this.dx = dx;
    for (Part part : parts) {
      part.worker().define(opId, part.shape);
    }
    this.lowRank = input.lowRank(shape);
  }

  private static Part part(Shard shard, ConvShape shape, Slots slots) {
    ConvShape own = shard.of(shape);
    int in = own.height() * own.width() * own.inChannels();
    int out = own.outHeight() * own.outWidth() * own.outChannels();
    return new Part(
        shard,
        own,
        shard.place(slots.y(), out),
        slots.dx() == null ? null : shard.place(slots.dx(), in));
  }

  @Override
  public void sendWeights() throws ProtocolException {
    profile.at(node);
    for (Part part : parts) {
      Released weights = part.door().exact(weightRelease, own.weight(), slots.weights());
      profile.lap(Phase.WEIGHTS);
      part.worker().loadWeights(opId, weights);
      profile.lap(Phase.SEND);
    }
  }

  @Override
  public void forward(long step) throws ProtocolException {
    List<Ticket> remote = new ArrayList<>();
    // Each worker begins when it has its examples.
    input.release(
        step, (i, x) -> remote.add(parts.get(i).worker().forward(opId, x, parts.get(i).y)));
    if (lowRank != null) {
      lowRank.forward(own.weight(), y);
    }
    profile.lap(Phase.KERNELS);
    for (int i = 0; i < parts.size(); i++) {
      Part part = parts.get(i);
      part.worker().await(remote.get(i));
      profile.lap(Phase.WAIT);
      take(part.worker(), part.y, part.shape.outputAxes(), part.shard.of(y), lowRank != null);
      profile.lap(Phase.MERGE);
    }
    own.addBias(y);
    profile.lap(Phase.MERGE);
  }

  /// Takes a worker's result, each value of it read once.
  private void take(RemoteWorker worker, Slot slot, int[] axes, Tensor target, boolean add)
      throws ProtocolException {
    Tensor result = worker.result(slot, axes);
    boolean finite =
        add ? Elementwise.addFinite(result, target) : Elementwise.copyFinite(result, target);
    if (!finite) {
      throw new ProtocolException(
          worker.name()
              + " returned values that are not finite for layer "
              + name
              + ": it is faulty or hostile, or training diverged; the last checkpoint stands");
    }
  }

  @Override
  public void backward() throws ProtocolException {
    TurnSlots turns = slots.turns();
    Slot place = turns.gradient(parts.getFirst().shape.outputAxes());
    List<@Nullable Ticket> data = new ArrayList<>();
    for (int i = 0; i < parts.size(); i++) {
      Part part = parts.get(i);
      Released gradient = releaseGradient(part, place);
      profile.lap(Phase.DOOR);
      data.add(part.dx == null ? null : part.worker().backwardData(opId, gradient, part.dx));
      Ticket weights =
          part.worker().backwardWeights(opId, input.current().get(i), gradient, slots.weights());
      turns.readUntil(part.worker(), weights);
      weightGradients.add(weights);
      profile.lap(Phase.SEND);
    }
    if (guard != null) {
      // The gradient goes nowhere else any more.
      guard.limit(dy, own.gain(shape, input::keptSquares));
    }
    if (lowRank != null) {
      lowRank.backwardWeights(dy, Gradients.require(own.weightGradient()));
    }
    own.biasBackward(dy);
    profile.lap(Phase.KERNELS);
    if (guard != null) {
      guard.perturb(own.gradients(lowRank != null));
      profile.lap(Phase.DOOR);
    }
    if (dx != null) {
      mergeGradient(data, dx);
    }
  }

  private void mergeGradient(List<@Nullable Ticket> data, GradientTarget target)
      throws ProtocolException {
    for (int i = 0; i < parts.size(); i++) {
      Part part = parts.get(i);
      Ticket ticket = data.get(i);
      if (ticket != null && part.dx != null) {
        part.worker().await(ticket);
        profile.lap(Phase.WAIT);
        take(
            part.worker(),
            part.dx,
            part.shape.inputAxes(),
            part.shard.of(target.total()),
            target.adds());
        profile.lap(Phase.MERGE);
      }
    }
    clearNullExamples(target.total());
    profile.lap(Phase.MERGE);
  }

  private Released releaseGradient(Part part, Slot place) throws ProtocolException {
    Tensor gradient = part.shard.of(dy);
    Slot slot = part.shard.place(place, Math.toIntExact(gradient.size() / part.shard.count()));
    if (gradientNoise instanceof NoiseStrength.None) {
      return part.door().exact(gradientRelease, gradient, slot);
    }
    NoisyRelease release =
        part.door().noisy(gradientRelease, slot, part.shard.count(), gradientNoise, gradientBound);
    if (release.needsMeasuring()) {
      release.measure(0, gradient);
      release.measured();
    }
    release.write(0, gradient, part.shard.of(context.occupancy()));
    return release.finish();
  }

  /// Nothing is learned from a null example: what the worker made of the noise in its place ends
  /// here.
  private void clearNullExamples(Tensor gradient) {
    for (int i = 0; i < gradient.length(0); i++) {
      if (context.occupancy().isNull(i)) {
        gradient.examples(i, 1).fill(0);
      }
    }
  }

  @Override
  public void mergeWeightGradient() throws ProtocolException {
    profile.at(node);
    Tensor dw = Gradients.require(own.weightGradient());
    for (int i = 0; i < parts.size(); i++) {
      RemoteWorker worker = parts.get(i).worker();
      worker.await(weightGradients.get(i));
      profile.lap(Phase.WAIT);
      take(worker, slots.weights(), shape.weightAxes(), dw, lowRank != null || i > 0);
      profile.lap(Phase.MERGE);
    }
    weightGradients.clear();
  }

  @Override
  public StepProfile.Phase phase() {
    return StepProfile.Phase.KERNELS;
  }

  @Override
  public void close() {
    if (lowRank != null) {
      lowRank.close();
    }
  }
}
