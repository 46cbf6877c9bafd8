package asymml.trusted.execute;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.privacy.Release;
import asymml.trusted.boundary.Mask;
import asymml.trusted.boundary.Masked;
import asymml.trusted.boundary.NoiseStrength;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.ReleaseDoor.NoisyRelease;
import asymml.trusted.boundary.ReleaseSource;
import asymml.trusted.boundary.Released;
import asymml.trusted.decompose.Decomposer;
import asymml.trusted.decompose.LowRankLayer;
import asymml.trusted.decompose.SharedDecomposer;
import asymml.trusted.execute.StepProfile.Phase;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import org.jspecify.annotations.Nullable;

/// One input that leaves for split layers: decomposed and released once a step, however many layers
/// read it. Two releases of one input under two noises would cost the budget of both.
final class SplitInput {
  private final SplitSite site;
  private final SplitContext context;
  private final ReleaseDoor door;
  private final StepProfile profile;
  private final Tensor x;
  private final Slot slot;
  private @Nullable Released released;
  private @Nullable Shares shares;

  /// An input that has left for two workers.
  ///
  /// @param masked for the one
  /// @param masks for the other
  record Shares(Masked masked, Released masks) {}

  /// Plans the release of an input.
  ///
  /// @param site the place's decomposition and bound
  /// @param context the door, and which places hold examples
  /// @param profile of the network
  /// @param x `[N, H, W, C]`
  /// @param slot where the worker reads it
  SplitInput(SplitSite site, SplitContext context, StepProfile profile, Tensor x, Slot slot) {
    this.site = site;
    this.context = context;
    this.profile = profile;
    this.door = context.workers().first().door();
    this.x = x;
    this.slot = slot;
  }

  /// Begins a forward pass: there is nothing released yet.
  void forget() {
    released = null;
    shares = null;
  }

  /// Decomposes and releases the input; a second call in a pass gives the same release.
  Released release(long step) throws ProtocolException {
    Released now = released;
    if (now == null) {
      now = releaseNow(step);
      released = now;
    }
    return now;
  }

  /// This pass's release, once made.
  Released current() {
    Released now = released;
    if (now == null) {
      throw new IllegalStateException("backward before forward");
    }
    return now;
  }

  private Released releaseNow(long step) throws ProtocolException {
    Decomposer decomposer = site.decomposer();
    if (decomposer == null && site.strength() instanceof NoiseStrength.None) {
      Released exact = door.exact(site.residual(), x, slot);
      profile.lap(Phase.DOOR);
      return exact;
    }
    ReleaseSource source = decompose(step);
    NoisyRelease release =
        door.noisy(site.residual(), slot, x.length(0), site.strength(), site.bound());
    long decomposing = door.sourceNanos();
    if (release.needsMeasuring()) {
      release.measure(0, x.length(0), source);
      release.measured();
    }
    release.write(0, x.length(0), source, context.occupancy());
    Released done = release.finish();
    profile.lap(Phase.DOOR, Phase.DECOMPOSE, door.sourceNanos() - decomposing);
    return done;
  }

  /// The same under masks, for two workers.
  Shares shares(long step) throws ProtocolException {
    Shares now = shares;
    if (now == null) {
      now = sharesNow(step);
      shares = now;
    }
    return now;
  }

  private Shares sharesNow(long step) throws ProtocolException {
    // First, so that the one worker makes masks while they are made here for the other.
    Mask mask = context.newMask(site.residual(), x.length(0));
    Released masks = context.workers().holder().door().masks(mask, slot);
    profile.lap(Phase.SEND);
    ReleaseSource source = decompose(step);
    long decomposing = door.sourceNanos();
    Masked masked = door.masked(site.residual(), slot, mask, source, context.occupancy());
    profile.lap(Phase.DOOR, Phase.DECOMPOSE, door.sourceNanos() - decomposing);
    return new Shares(masked, masks);
  }

  /// Splits the input, and says where to find what leaves.
  private ReleaseSource decompose(long step) {
    Decomposer decomposer = site.decomposer();
    if (site.basis() != null) {
      renewBasis(site.basis(), step);
    }
    if (decomposer == null) {
      return (i, _) -> x.examples(i, 1);
    }
    decomposer.fit(x, step);
    profile.lap(Phase.DECOMPOSE);
    return (i, scratch) -> {
      decomposer.residual(x, i, scratch);
      return scratch;
    };
  }

  /// Lets the basis out: as it is fitted to the batch, or by way of noised second moments.
  private void renewBasis(Release basis, long step) {
    if (!(basis.mechanism() instanceof Release.Gaussian(var clipNorm, var _))) {
      door.implied(basis);
    } else if (context.refreshes(step) && site.decomposer() instanceof SharedDecomposer shared) {
      shared.refit(
          x, clipNorm.value(), context.occupancy()::isNull, sums -> door.perturb(basis, sums));
    }
  }

  /// A bound on the squared norm of what stays here of one example's input.
  ///
  /// @param example its place in the batch
  double keptSquares(int example) {
    Decomposer decomposer = site.decomposer();
    return decomposer == null ? 0 : decomposer.keptSquares(example);
  }

  /// The trusted part of a layer that reads this input.
  ///
  /// @return null if nothing is kept
  @Nullable LowRankLayer lowRank(ConvShape shape) {
    Decomposer decomposer = site.decomposer();
    return decomposer == null ? null : decomposer.layer(shape);
  }
}
