package asymml.trusted.split;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.privacy.Release;
import asymml.trusted.boundary.Mask;
import asymml.trusted.boundary.Masked;
import asymml.trusted.boundary.NoisyRelease;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.ReleaseSource;
import asymml.trusted.boundary.ReleaseWitness;
import asymml.trusted.boundary.Released;
import asymml.trusted.check.Combination;
import asymml.trusted.check.Verifier;
import asymml.trusted.decompose.Decomposer;
import asymml.trusted.decompose.LowRankLayer;
import asymml.trusted.ops.GradientBlocks;
import asymml.trusted.ops.StepProfile;
import asymml.trusted.ops.StepProfile.Phase;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// One input that is released for split layers: decomposed and released once a step, however many
/// layers read it. Two releases of one input under two noises would cost the budget of both.
public final class SplitInput implements AutoCloseable {
  private final SplitSite site;
  private final SplitContext context;
  private final List<Shard> shards;
  private final StepProfile profile;
  private final Tensor x;
  private final Slot slot;
  private final List<Combination> watched; // one for each shard; empty if nothing is checked
  private @Nullable List<Sent> released;
  private @Nullable Shares shares;
  private @Nullable Released directions;

  /// An input that has been released to two workers.
  ///
  /// @param masked for the one
  /// @param masks for the other
  record Shares(Masked masked, Released masks) {}

  /// Plans the release of an input.
  ///
  /// @param site the place's decomposition and bound
  /// @param context the doors, and which places hold examples
  /// @param shards which worker gets which examples; if under masks, not used
  /// @param profile of the network
  /// @param x `[N, H, W, C]`
  /// @param slot where workers read it
  public SplitInput(
      SplitSite site,
      SplitContext context,
      List<Shard> shards,
      StepProfile profile,
      Tensor x,
      Slot slot) {
    this.site = site;
    this.context = context;
    this.profile = profile;
    this.shards = shards;
    Shard.requireEachOnce(shards, x.length(0));
    this.x = x;
    this.slot = slot;
    this.watched = watched();
  }

  private List<Combination> watched() {
    Verifier verifier = context.verifier();
    if (!verifier.enabled()) {
      return List.of();
    }
    int positions = x.length(1) * x.length(2);
    int channels = x.length(3);
    return context.releases().shield().masks()
        ? List.of(new Combination.Plain(verifier, x.length(0), positions * channels))
        : shards.stream()
            .<Combination>map(
                shard -> new Combination.OfInput(verifier, shard.count(), positions, channels))
            .toList();
  }

  /// What checks know of the values that worker `shard` got in this pass.
  ///
  /// @throws IllegalStateException if nothing is checked
  Combination watched(int shard) {
    if (watched.isEmpty()) {
      throw new IllegalStateException("no results are checked");
    }
    return watched.get(shard);
  }

  /// By how much masks make the sum of squares of the input larger.
  double masking() {
    return context.masking(site.residual());
  }

  private ReleaseWitness witness(int shard) {
    return watched.isEmpty() ? ReleaseWitness.NONE : watched.get(shard).watch();
  }

  /// Begins a forward pass: there is nothing released yet.
  public void forget() {
    released = null;
    shares = null;
    directions = null;
  }

  /// What a worker has got.
  ///
  /// @param whole all of its examples
  /// @param chunks the parts in which they were released
  private record Sent(Released whole, List<Released> chunks) {}

  /// What is asked of a worker once it has some of its examples.
  interface Request {
    /// Sends it.
    ///
    /// @param shard which worker, from 0
    /// @param chunk which of its chunks, from 0
    /// @param x the examples
    void send(int shard, int chunk, Released x) throws ProtocolException;
  }

  /// Decomposes and releases the input, chunk by chunk, and sends each worker a request for each of
  /// its chunks; a second call in a pass sends requests for the same releases.
  void release(long step, Request request) throws ProtocolException {
    List<Sent> before = released;
    if (before == null) {
      released = releaseNow(step, request);
      return;
    }
    for (int i = 0; i < before.size(); i++) {
      List<Released> chunks = before.get(i).chunks;
      for (int c = 0; c < chunks.size(); c++) {
        request.send(i, c, chunks.get(c));
      }
    }
    profile.lap(Phase.SEND);
  }

  /// All that worker `shard` got of this pass's input, once it has.
  Released current(int shard) {
    List<Sent> now = released;
    if (now == null) {
      throw new IllegalStateException("backward before forward");
    }
    return now.get(shard).whole;
  }

  private List<Sent> releaseNow(long step, Request request) throws ProtocolException {
    ReleaseSource source = decompose(step);
    List<NoisyRelease> open = new ArrayList<>();
    List<List<Released>> chunks = new ArrayList<>();
    for (int i = 0; i < shards.size(); i++) {
      Shard shard = shards.get(i);
      open.add(open(shard, shard.of(source)).seenBy(witness(i)));
      chunks.add(new ArrayList<>());
    }
    int rounds = shards.stream().mapToInt(shard -> shard.chunks().size()).max().orElse(0);
    // The first chunks of all workers before the second of any: all begin early.
    for (int c = 0; c < rounds; c++) {
      for (int i = 0; i < shards.size(); i++) {
        Shard shard = shards.get(i);
        if (c < shard.chunks().size()) {
          long decomposing = shard.party().door().sourceNanos();
          Released part = write(shard, c, open.get(i), shard.of(source));
          profile.lap(
              Phase.DOOR, Phase.DECOMPOSE, shard.party().door().sourceNanos() - decomposing);
          request.send(i, c, part);
          profile.lap(Phase.SEND);
          chunks.get(i).add(part);
        }
      }
    }
    List<Sent> sent = new ArrayList<>();
    for (int i = 0; i < shards.size(); i++) {
      sent.add(new Sent(open.get(i).finish(), chunks.get(i)));
    }
    return sent;
  }

  private NoisyRelease open(Shard shard, ReleaseSource source) {
    ReleaseDoor door = shard.party().door();
    long decomposing = door.sourceNanos();
    int values = Math.toIntExact(x.size() / x.length(0));
    NoisyRelease release =
        door.noisy(
            site.residual(),
            shard.place(slot, values),
            shard.count(),
            site.strength(),
            site.bound());
    if (release.needsMeasuring()) {
      release.measure(0, shard.count(), source);
      release.measured();
    }
    profile.lap(Phase.DOOR, Phase.DECOMPOSE, door.sourceNanos() - decomposing);
    return release;
  }

  private Released write(Shard shard, int chunk, NoisyRelease release, ReleaseSource source)
      throws ProtocolException {
    Shard.Chunk part = shard.chunks().get(chunk);
    release.write(part.from(), part.count(), source, shard.of(context.nullExamples()));
    return release.publish(part.from(), part.count());
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
    ReleaseDoor door = first();
    long decomposing = door.sourceNanos();
    Masked masked =
        door.masked(site.residual(), slot, mask, source, context.nullExamples(), witness(0));
    profile.lap(Phase.DOOR, Phase.DECOMPOSE, door.sourceNanos() - decomposing);
    return new Shares(masked, masks);
  }

  /// Splits the input, and says where to find the released part.
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

  /// Releases the directions to a worker that updates weights, once a step.
  ///
  /// @param values D `[m, C]`
  /// @param place where the worker reads them, of the most directions
  Released directions(Tensor values, Slot place) throws ProtocolException {
    Released now = directions;
    if (now == null) {
      Release basis = Objects.requireNonNull(site.basis());
      now = first().exact(basis, values, new Slot(place.offset(), values.size()));
      directions = now;
    }
    return now;
  }

  /// Lets the basis out: as it is fitted to the batch, or by way of noised second moments.
  private void renewBasis(Release basis, long step) {
    if (site.basisSent()) {
      return; // by those layers that need it
    }
    if (!(basis.mechanism() instanceof Release.Gaussian(var clipNorm, var _))) {
      first().implied(basis);
    } else if (context.refreshes(step) && site.decomposer() != null) {
      double rounding = GradientBlocks.singly(x.length(0), (long) x.length(1) * x.length(2));
      site.decomposer()
          .refit(
              x,
              clipNorm.value(),
              context.nullExamples()::isNull,
              sums -> first().perturb(basis, rounding, sums));
    }
  }

  private ReleaseDoor first() {
    return context.workers().first().door();
  }

  /// A bound on the squared norm of one example's trusted low-rank part.
  ///
  /// @param example its place in the batch
  double keptSquares(int example) {
    Decomposer decomposer = site.decomposer();
    return decomposer == null ? 0 : decomposer.keptSquares(example);
  }

  /// The trusted part of a layer that reads this input.
  ///
  /// @return null if there is no low-rank part
  @Nullable LowRankLayer lowRank(ConvShape shape) {
    Decomposer decomposer = site.decomposer();
    return decomposer == null ? null : decomposer.layer(shape);
  }

  /// Frees what checks know.
  @Override
  public void close() {
    watched.forEach(Combination::close);
  }
}
