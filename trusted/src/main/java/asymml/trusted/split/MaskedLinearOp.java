package asymml.trusted.split;

import asymml.kernels.ConvShape;
import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.privacy.Release;
import asymml.trusted.boundary.Mask;
import asymml.trusted.boundary.Masked;
import asymml.trusted.boundary.ReleaseWitness;
import asymml.trusted.boundary.Released;
import asymml.trusted.boundary.Ticket;
import asymml.trusted.check.LayerCheck;
import asymml.trusted.check.Projection;
import asymml.trusted.decompose.LowRankLayer;
import asymml.trusted.memory.GradientTarget;
import asymml.trusted.memory.SplitRegion;
import asymml.trusted.ops.GradientGuard;
import asymml.trusted.ops.Gradients;
import asymml.trusted.ops.LinearParameters;
import asymml.trusted.ops.StepProfile;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A linear layer on two workers that do not collude: one computes on the input under masks, the
/// other on the masks, and the difference is the layer's output. The gradient of the input likewise
/// from the output gradient. The weight gradient is computed here meanwhile.
public final class MaskedLinearOp implements RemoteOp {
  private final String name;
  private final int node;
  private final int opId;
  private final ConvShape shape;
  private final SplitContext context;
  private final StepProfile profile;
  private final Workers workers;
  private final Release weightRelease;
  private final @Nullable Release gradientRelease; // where it is sent
  private final @Nullable GradientGuard guard;
  private final SplitInput input;
  private final Tensor x;
  private final LinearParameters own;
  private final SplitRegion.Places slots;
  private final @Nullable WeightGradient weightGradient; // in training
  private final Tensor y;
  private final @Nullable Tensor outputGradient; // in training
  private final @Nullable GradientTarget dx;
  private final @Nullable LowRankLayer lowRank;
  private final @Nullable LayerCheck check;
  private final double inputMasking;
  private final double gradientMasking;
  private long step;
  private boolean newWeights = true;

  /// Plans it, and defines it at both workers.
  ///
  /// @param layer the layer
  /// @param input what is released of its input
  /// @param context workers and doors
  /// @param weightGradient computes the gradient of the weights here; closed with this operation;
  ///   null at inference
  /// @param profile of the network
  /// @throws ProtocolException if a worker refuses the operation
  public MaskedLinearOp(
      SplitLayer layer,
      SplitInput input,
      SplitContext context,
      @Nullable WeightGradient weightGradient,
      StepProfile profile)
      throws ProtocolException {
    this.name = layer.name();
    this.node = layer.node();
    this.opId = context.takeOpId();
    this.shape = layer.shape();
    this.context = context;
    this.profile = profile;
    this.workers = context.workers();
    this.weightRelease = layer.weights();
    this.gradientRelease = layer.outputGradient();
    this.guard = layer.guard();
    this.input = input;
    this.x = layer.tensors().x();
    this.own = layer.own();
    this.slots = layer.slots();
    this.weightGradient = weightGradient;
    this.y = layer.tensors().y();
    this.outputGradient = layer.tensors().dy();
    this.dx = layer.tensors().dx();
    for (Workers.Party party : workers.all()) {
      party.worker().define(opId, shape);
    }
    this.lowRank = input.lowRank(shape);
    this.check =
        context.verifier().enabled()
            ? LayerCheck.ofPair(context.verifier(), first().worker(), name, shape)
            : null;
    this.inputMasking = input.masking();
    this.gradientMasking = gradientRelease == null ? 1 : context.masking(gradientRelease);
  }

  private @Nullable LayerCheck checkNow() {
    return check != null && check.active() ? check : null;
  }

  @Override
  public boolean isHeld() {
    return false;
  }

  @Override
  public void sendWeights() throws ProtocolException {
    profile.at(node);
    newWeights = true;
    for (Workers.Party party : workers.all()) {
      Released weights = party.door().exact(weightRelease, own.weight(), slots.weights());
      profile.lap(Phase.WEIGHTS);
      party.worker().loadWeights(opId, weights);
      profile.lap(Phase.SEND);
    }
    LayerCheck now = checkNow();
    if (now != null) {
      now.weights(own.weight());
      profile.lap(Phase.VERIFY);
    }
  }

  @Override
  public void forward(long now) throws ProtocolException {
    step = now;
    SplitInput.Shares shares = input.shares(now);
    Ticket onMasked = first().worker().forward(opId, shares.masked().released(), slots.y());
    Ticket onMasks = holder().worker().forward(opId, shares.masks(), slots.y());
    profile.lap(Phase.SEND);
    if (lowRank != null) {
      lowRank.forward(own.weight(), newWeights, y);
      newWeights = false;
    }
    profile.lap(Phase.KERNELS);
    first().worker().await(onMasked);
    holder().worker().await(onMasks);
    profile.lap(Phase.WAIT);
    LayerCheck checked = checkNow();
    if (checked != null) {
      checked.weights(own.weight()); // where they stay at the workers
    }
    unmask(
        slots.y(),
        shape.outputAxes(),
        shares.masked(),
        lowRank != null,
        y,
        checked == null ? null : checked.output(input.watched(0)));
    profile.lap(Phase.MERGE);
    if (checked != null) {
      checked.requireOutput(input.watched(0), inputMasking);
      profile.lap(Phase.VERIFY);
    }
    own.addBias(y);
    profile.lap(Phase.MERGE);
  }

  @Override
  public void backward() throws ProtocolException {
    WeightGradient weights = Gradients.require(weightGradient);
    Tensor dy = Gradients.require(outputGradient);
    @Nullable Masked masked = null;
    @Nullable Ticket onMasked = null;
    @Nullable Ticket onMasks = null;
    @Nullable LayerCheck checked = checkNow();
    if (dx != null) {
      Slot slot = slots.dy();
      Release release = Gradients.require(gradientRelease);
      Mask mask = context.newMask(release, dy.length(0));
      Released masks = holder().door().masks(mask, slot);
      profile.lap(Phase.SEND);
      masked =
          first()
              .door()
              .masked(
                  release,
                  slot,
                  mask,
                  (i, _) -> dy.examples(i, 1),
                  context.nullExamples(),
                  checked == null ? ReleaseWitness.NONE : checked.watchGradient(input.watched(0)));
      profile.lap(Phase.DOOR);
      onMasked = first().worker().backwardData(opId, masked.released(), slots.dx());
      onMasks = holder().worker().backwardData(opId, masks, slots.dx());
      workers.flush();
      profile.lap(Phase.SEND);
    }
    if (guard != null) {
      // The gradient goes nowhere else any more.
      guard.limit(dy, own.gain(shape, i -> Elementwise.sumOfSquares(x.examples(i, 1))));
    }
    weights.compute(x, dy, step, Gradients.require(own.weightGradient()));
    if (!weights.withBias()) {
      own.biasBackward(dy);
    }
    profile.lap(Phase.KERNELS);
    if (guard != null) {
      guard.perturb(weights.rounding(), addedHere());
      profile.lap(Phase.DOOR);
    }
    if (masked != null && onMasked != null && onMasks != null && dx != null) {
      first().worker().await(onMasked);
      holder().worker().await(onMasks);
      profile.lap(Phase.WAIT);
      unmask(
          slots.dx(),
          shape.inputAxes(),
          masked,
          dx.adds(),
          dx.total(),
          checked == null ? null : checked.inputGradient());
      profile.lap(Phase.MERGE);
      if (checked != null) {
        checked.requireInputGradient(gradientMasking);
        profile.lap(Phase.VERIFY);
      }
    }
  }

  private void unmask(
      Slot slot,
      int[] axes,
      Masked masked,
      boolean add,
      Tensor target,
      @Nullable Projection projection)
      throws ProtocolException {
    Tensor sum = first().worker().result(slot, axes);
    Tensor mask = holder().worker().result(slot, axes);
    boolean finite =
        projection == null
            ? Elementwise.unmask(sum, mask, masked.scales(), add, target)
            : projection.unmask(sum, mask, masked.scales(), add, target);
    if (!finite) {
      throw new ProtocolException(
          "a worker returned values that are not finite for layer "
              + name
              + (weightGradient == null
                  ? ": it is faulty or hostile, or training of this model diverged"
                  : ": it is faulty or hostile, or training diverged; the last checkpoint is"
                      + " intact"));
    }
  }

  private Workers.Party first() {
    return workers.first();
  }

  private Workers.Party holder() {
    return workers.holder();
  }

  /// All of it is computed here, in [#backward].
  @Override
  public void mergeWeightGradient() {}

  @Override
  public List<Tensor> addedHere() {
    return own.gradients(true);
  }

  @Override
  public StepProfile.Phase phase() {
    return StepProfile.Phase.KERNELS;
  }

  @Override
  public void close() {
    if (check != null) {
      check.close();
    }
    if (weightGradient != null) {
      weightGradient.close();
    }
    if (lowRank != null) {
      lowRank.close();
    }
  }
}
