package asymml.trusted.boundary;

import asymml.kernels.Tensor;
import asymml.privacy.ClipNorm;
import asymml.privacy.Release;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Shield;
import asymml.wire.MaskKey;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.security.SecureRandom;

/// The only path from the trusted side to a worker. Only it writes the memory that a worker reads,
/// and only it makes a [Released], which every request to a worker asks for.
///
/// A release is exact (weights, and where noise is off the rest), or clipped and noised per example
/// ([#noisy]), or under masks that another worker holds ([#masked]). Private values are noised in
/// private memory: the shared region only ever sees the sum.
///
/// Behind the door: [ReleaseLog] says what is expected of a step, [NoisyRelease] clips and noises
/// the examples of one release, [MaskedRelease] masks those of one, and [RegionWriter] alone writes
/// and publishes the worker's memory.
public final class ReleaseDoor implements AutoCloseable {
  private final RemoteWorker worker;
  private final SecureRandom random;
  private final boolean unpredictable;
  private final NoiseLanes lanes;
  private final RegionWriter region;
  private final MaskedRelease maskedRelease;
  private final SumNoise sums;
  private ReleaseLog log = new ReleaseLog();

  /// Opens a door to one worker.
  ///
  /// @param worker who receives what is released
  /// @param random seeds the noise streams; [SecureRandom] in production
  /// @param threads how many examples to noise at a time, at least 1
  public ReleaseDoor(RemoteWorker worker, SecureRandom random, int threads) {
    this.worker = worker;
    this.random = random;
    // A subclass could be seeded, as the one of the tests is.
    this.unpredictable = random.getClass() == SecureRandom.class;
    this.lanes = new NoiseLanes(random, threads);
    this.sums = new SumNoise(lanes);
    this.region = new RegionWriter(worker);
    this.maskedRelease = new MaskedRelease(lanes);
  }

  /// Whether the noise comes from the platform's own cryptographic generator.
  ///
  /// @return false if it could have been seeded; then nothing is guaranteed
  public boolean isUnpredictable() {
    return unpredictable;
  }

  /// The number of threads that make releases.
  ///
  /// @return at least 1
  public int threads() {
    return lanes.count();
  }

  /// Counts releases from now on. Before, nothing may be released.
  ///
  /// @param planned what may be released in each step
  public void log(ReleaseLog planned) {
    log = planned;
    sums.log(planned);
  }

  /// Releases a tensor as it is: the worker learns it exactly.
  ///
  /// @param what is released; without noise, so that it must not be accounted for as a mechanism
  ///   with noise
  /// @param tensor float32 values
  /// @param slot where the worker reads them; of the tensor's size
  /// @return the token for requests
  /// @throws IllegalStateException if it is not planned for this step
  /// @throws ProtocolException if the worker went away
  public Released exact(Release what, Tensor tensor, Slot slot) throws ProtocolException {
    if (what.mechanism() instanceof Release.Gaussian) {
      throw new IllegalArgumentException("an exact release has no noise to account for: " + what);
    }
    Tensor out = region.writable(slot);
    log.consume(what);
    lanes.timed(() -> out.copyFrom(tensor));
    return region.publish(slot);
  }

  /// Notes what is not sent, but can be read from what is: the basis whose span is missing in
  /// residuals.
  ///
  /// @param what is revealed without a mechanism
  /// @throws IllegalStateException if it is not planned for this step
  public void implied(Release what) {
    if (!(what.mechanism() instanceof Release.Uncovered)) {
      throw new IllegalArgumentException(
          "a release with a mechanism is never just implied: " + what);
    }
    log.consume(what);
  }

  /// Opens a release of a batch example by example.
  ///
  /// @param what is released; if noise is accounted for, with the very bound and multiplier given
  ///   here
  /// @param slot where the worker reads it; float32 `[n, ...]`
  /// @param examples n, at least 1
  /// @param strength of the noise; without noise nothing is clipped either
  /// @param bound the clip bound, moved on when the release is finished
  /// @return the open release
  /// @throws IllegalStateException if it is not planned for this step
  /// @throws IllegalArgumentException if what is accounted for is not what would be released
  public NoisyRelease noisy(
      Release what, Slot slot, int examples, NoiseStrength strength, ClipBound bound) {
    NoisyRelease release = new NoisyRelease(region, lanes, slot, examples, strength, bound);
    if (what.mechanism() instanceof Release.Gaussian(var clipNorm, var noise)) {
      requireValues(what, release.dim());
      requireFixed(bound, clipNorm);
      if (strength.sigma(clipNorm.value(), release.dim()) < clipNorm.noiseDeviation(noise)) {
        throw new IllegalArgumentException("less noise than is accounted for: " + what);
      }
    }
    log.consume(what);
    return release;
  }

  /// Makes fresh masks for a release to this door's worker. Nothing follows from them.
  ///
  /// @param examples n, at least 1
  /// @param values of one example, at least 1
  /// @param deviation their standard deviation, where examples have the norm [Shield.Shares#NORM]
  /// @return the masks, to be used once here and once at another worker's door
  public Mask newMask(int examples, int values, double deviation) {
    return new Mask(random, worker, examples, values, MaskedRelease.requireUsable(deviation));
  }

  /// Has this door's worker write masks that another door's worker gets added to what it receives.
  /// It learns nothing from them: they are the same whatever the data.
  ///
  /// @param mask fresh masks of another worker's door
  /// @param slot where the worker writes them; of their size
  /// @return the token for requests
  /// @throws IllegalStateException if they were written before, or this is the worker whose data
  ///   they hide
  /// @throws ProtocolException if the worker went away
  public Released masks(Mask mask, Slot slot) throws ProtocolException {
    if (slot.floats() != (long) mask.examples() * mask.values()) {
      throw new IllegalArgumentException("the place is not that of the masks: " + slot);
    }
    return region.expandMask(mask.forWorker(worker), mask.examples(), mask.deviation(), slot);
  }

  /// Has the worker write masks whose key this side keeps, for a computation whose result is known:
  /// only the key is sent, and no data are ever added to them.
  ///
  /// @param key 32 bytes, drawn for this purpose
  /// @param examples of the slot
  /// @param slot where the worker writes them
  /// @return the token for requests
  /// @throws ProtocolException if the worker went away
  Released probe(byte[] key, int examples, Slot slot) throws ProtocolException {
    return region.expandMask(MaskKey.of(key), examples, 1, slot);
  }

  /// Releases a batch under masks: every example is scaled to the norm [Shield.Shares#NORM], so
  /// that nothing is clipped away, and to this worker the masks are the noise of a Gaussian
  /// mechanism whose bound that norm is.
  ///
  /// @param what is released; noise for that norm, of at most the masks' deviation. An example may
  ///   have several places: then it is of the values of all of them, and for their joint norm
  /// @param slot where the worker reads it; float32 `[n, ...]`
  /// @param mask fresh masks of this door, of the slot's size
  /// @param source of the examples' values
  /// @param nullExamples which places hold null examples; of these the masks are sent
  /// @param witness sees the examples that there are, without masks
  /// @return the token for requests, and how to scale results back
  /// @throws IllegalStateException if it is not planned for this step, or the masks were used
  /// @throws IllegalArgumentException if what is accounted for is not what would be released
  /// @throws NonFiniteException if a value is NaN or infinite
  /// @throws ProtocolException if the worker went away
  public Masked masked(
      Release what,
      Slot slot,
      Mask mask,
      ReleaseSource source,
      NullExamples nullExamples,
      ReleaseWitness witness)
      throws ProtocolException {
    if (!(what.mechanism() instanceof Release.Gaussian(var clipNorm, var noise))) {
      throw new IllegalArgumentException("a masked release is accounted for: " + what);
    }
    int dim = mask.values();
    long views = Math.max(1, what.values() / dim);
    requireValues(what, views * dim);
    if (clipNorm.value() != Shield.Shares.norm(views)
        || mask.deviation() < clipNorm.noiseDeviation(noise)
        || slot.floats() != (long) mask.examples() * dim) {
      throw new IllegalArgumentException("the masks are not those that are accounted for: " + what);
    }
    Tensor out = region.writable(slot).reshape(mask.examples(), dim);
    byte[] key = mask.forData(worker);
    log.consume(what);
    double[] norms = maskedRelease.write(mask, key, source, nullExamples, witness, out);
    return new Masked(region.publish(slot), norms, NoiseLattice.BELOW);
  }

  /// Noise is accounted for on what one example can change: all of it, and nothing else.
  static void requireValues(Release what, long values) {
    if (what.values() != values) {
      throw new IllegalArgumentException(
          "%s values would be released for an example, not those accounted for: %s"
              .formatted(values, what));
    }
  }

  private static void requireFixed(ClipBound bound, ClipNorm clipNorm) {
    if (bound.isDataDependent() || bound.norm() != clipNorm.value()) {
      throw new IllegalArgumentException(
          "the clip bound in use differs from the fixed one that is accounted for");
    }
  }

  /// Adds noise in place to a sum over examples that stays trusted, by [#sums].
  ///
  /// @param what the Gaussian mechanism that is accounted for
  /// @param rounding by how much one example can change the sums beyond the clip norm, as a share
  ///   of it
  /// @param values of the sum
  /// @throws IllegalStateException if it is not planned for this step
  /// @throws IllegalArgumentException if the mechanism has no noise, or is for another number of
  ///   values
  /// @throws NonFiniteException if a value is NaN or infinite
  public void perturb(Release what, double rounding, Tensor... values) {
    sums.add(what, rounding, values);
  }

  /// Noise on sums over examples that stay trusted; what is later released is a function of them.
  ///
  /// @return counts what it noises among this door's releases; closed with it
  public SumNoise sums() {
    return sums;
  }

  /// The time that measuring, clipping, noise and writing have taken since the door was opened, as
  /// the thread that releases saw it pass, without what [#sourceNanos] counts.
  ///
  /// @return nanoseconds
  public long busyNanos() {
    return lanes.busyNanos();
  }

  /// The time that the sources of releases have taken since the door was opened: the mean of the
  /// threads that shared the examples.
  ///
  /// @return nanoseconds
  public long sourceNanos() {
    return lanes.sourceNanos();
  }

  /// Forgets the noise.
  @Override
  public void close() {
    lanes.close();
  }
}
