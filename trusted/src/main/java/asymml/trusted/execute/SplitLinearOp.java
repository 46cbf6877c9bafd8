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
import org.jspecify.annotations.Nullable;

/// A linear layer whose input is split: `Y = W * X_T + W * X_U`, the first term here, the second on
/// the worker, at the same time.
final class SplitLinearOp implements RemoteOp {
  /// The layer's places in the region shared with the worker.
  ///
  /// @param weights `[O, kH, kW, C]`; once the worker has its copy, the place of their gradient
  /// @param y `[N, OH, OW, O]`, shared with the results of other layers
  /// @param dx `[N, H, W, C]`, shared too; or null if no gradient flows on
  /// @param turns places that layers use in turn, those of output gradients among them
  record Slots(Slot weights, Slot y, @Nullable Slot dx, TurnSlots turns) {}

  private final String name;
  private final int node;
  private final int opId;
  private final ConvShape shape;
  private final SplitContext context;
  private final StepProfile profile;
  private final RemoteWorker worker;
  private final ReleaseDoor door;
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
  private @Nullable Ticket weightGradient;

  SplitLinearOp(
      String name,
      int node,
      int opId,
      ConvShape shape,
      SplitContext context,
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
    this.worker = context.workers().first().worker();
    this.door = context.workers().first().door();
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
    worker.define(opId, shape);
    this.lowRank = input.lowRank(shape);
  }

  @Override
  public void sendWeights() throws ProtocolException {
    profile.at(node);
    Released weights = door.exact(weightRelease, own.weight(), slots.weights());
    profile.lap(Phase.WEIGHTS);
    worker.loadWeights(opId, weights);
    profile.lap(Phase.SEND);
  }

  @Override
  public void forward(long step) throws ProtocolException {
    Released x = input.release(step);
    Ticket remote = worker.forward(opId, x, slots.y());
    profile.lap(Phase.SEND);
    if (lowRank != null) {
      lowRank.forward(own.weight(), y);
    }
    profile.lap(Phase.KERNELS);
    worker.await(remote);
    profile.lap(Phase.WAIT);
    Tensor result = worker.result(slots.y(), shape.outputAxes());
    check(lowRank != null ? Elementwise.addFinite(result, y) : Elementwise.copyFinite(result, y));
    own.addBias(y);
    profile.lap(Phase.MERGE);
  }

  @Override
  public void backward() throws ProtocolException {
    Released gradient = releaseGradient();
    profile.lap(Phase.DOOR);
    Ticket data = slots.dx() == null ? null : worker.backwardData(opId, gradient, slots.dx());
    weightGradient = worker.backwardWeights(opId, input.current(), gradient, slots.weights());
    slots.turns().readUntil(weightGradient);
    profile.lap(Phase.SEND);
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
    if (data != null && dx != null && slots.dx() != null) {
      worker.await(data);
      profile.lap(Phase.WAIT);
      Tensor result = worker.result(slots.dx(), shape.inputAxes());
      check(
          dx.scratch() == null
              ? Elementwise.copyFinite(result, dx.total())
              : Elementwise.addFinite(result, dx.total()));
      clearNullExamples(dx.total());
      profile.lap(Phase.MERGE);
    }
  }

  private Released releaseGradient() throws ProtocolException {
    Slot slot = slots.turns().gradient(shape.outputAxes());
    if (gradientNoise instanceof NoiseStrength.None) {
      return door.exact(gradientRelease, dy, slot);
    }
    NoisyRelease release =
        door.noisy(gradientRelease, slot, dy.length(0), gradientNoise, gradientBound);
    if (release.needsMeasuring()) {
      release.measure(0, dy);
      release.measured();
    }
    release.write(0, dy, context.occupancy());
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
    worker.await(Gradients.require(weightGradient));
    weightGradient = null;
    profile.lap(Phase.WAIT);
    Tensor result = worker.result(slots.weights(), shape.weightAxes());
    Tensor dw = Gradients.require(own.weightGradient());
    check(lowRank != null ? Elementwise.addFinite(result, dw) : Elementwise.copyFinite(result, dw));
    profile.lap(Phase.MERGE);
  }

  private void check(boolean finite) throws ProtocolException {
    if (!finite) {
      throw new ProtocolException(
          "the worker returned values that are not finite for layer "
              + name
              + ": it is faulty or hostile, or training diverged; the last checkpoint stands");
    }
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
