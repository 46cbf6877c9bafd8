package asymml.trusted.boundary;

import asymml.kernels.Elementwise;
import asymml.kernels.GaussianMasks;
import asymml.kernels.Tensor;
import asymml.privacy.ClipNorm;
import asymml.privacy.Release;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Shield;
import asymml.wire.MaskKey;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.stream.IntStream;

/// The one way out of the trusted side. Only it writes the memory that a worker reads, and only it
/// makes a [Released], which every request to a worker asks for.
///
/// A release is exact (weights, and where noise is off the rest), or clipped and noised per example
/// ([#noisy]), or under masks that another worker holds ([#masked]). Private values are noised in
/// private memory: the shared region only ever sees the sum.
///
/// *Lattice.* Mironov (2012) showed that the low bits of a floating-point noise sample betray what
/// it was added to. The sum `x + sigma g` is formed in float64, where g has a grain of about 2^-53,
/// and rounded to a multiple of `2^(exponent(sigma) - 10)`: each multiple gathers some 2^40 sums,
/// so that the holes between representable samples no longer show, while the rounding itself adds
/// at most `sigma / 1000` to the error. What happens afterwards (the cast to float32) depends on
/// the multiple alone and reveals nothing more.
public final class ReleaseDoor implements AutoCloseable {
  private static final int LATTICE_BITS = 10;

  /// Below this share of the clip bound, values would exceed 2^51 lattice steps.
  private static final double SMALLEST_SIGMA = 0x1p-36;

  /// The same for masks, whose lattice is finer.
  private static final double SMALLEST_MASK = 0x1p-20;

  /// A clipped example ends this much below its bound, so that no rounding of norm, quotient and
  /// product (each some 2^-52) puts it above.
  private static final double BELOW = 1 - 0x1p-40;

  /// Above this, a sample might not fit float32.
  private static final double LARGEST_SIGMA = 0x1p120;

  private final RemoteWorker worker;
  private final SecureRandom random;
  private final boolean unpredictable;
  private final NoiseLanes lanes;
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
  }

  /// Whether the noise comes from the platform's own cryptographic generator.
  ///
  /// @return false if it could have been seeded; then nothing is guaranteed
  public boolean isUnpredictable() {
    return unpredictable;
  }

  /// Counts releases from now on. Before, nothing at all may leave.
  ///
  /// @param planned what may leave in each step
  public void log(ReleaseLog planned) {
    log = planned;
  }

  /// Releases a tensor as it is: the worker learns it exactly.
  ///
  /// @param what leaves; without noise, so that no mechanism with noise may stand for it
  /// @param tensor float32 values
  /// @param slot where the worker reads them; of the tensor's size
  /// @return the token for requests
  /// @throws IllegalStateException if it is not planned for this step
  /// @throws ProtocolException if the worker went away
  public Released exact(Release what, Tensor tensor, Slot slot) throws ProtocolException {
    if (what.mechanism() instanceof Release.Gaussian) {
      throw new IllegalArgumentException("an exact release has no noise to account for: " + what);
    }
    Tensor out = writable(slot);
    log.strike(what);
    lanes.timed(() -> out.copyFrom(tensor));
    worker.publish(slot);
    return new Released(slot);
  }

  /// Notes what is not sent, but can be read from what is: the basis whose span is missing in
  /// residuals.
  ///
  /// @param what is told without a mechanism
  /// @throws IllegalStateException if it is not planned for this step
  public void implied(Release what) {
    if (!(what.mechanism() instanceof Release.Uncovered)) {
      throw new IllegalArgumentException(
          "a release with a mechanism is never just implied: " + what);
    }
    log.strike(what);
  }

  /// Opens a release of a batch example by example.
  ///
  /// @param what leaves; if noise is accounted for, with the very bound and multiplier given here
  /// @param slot where the worker reads it; float32 `[n, ...]`
  /// @param examples n, at least 1
  /// @param strength of the noise; without noise nothing is clipped either
  /// @param bound the clip bound, moved on when the release is finished
  /// @return the open release
  /// @throws IllegalStateException if it is not planned for this step
  /// @throws IllegalArgumentException if what is accounted for is not what would leave
  public NoisyRelease noisy(
      Release what, Slot slot, int examples, NoiseStrength strength, ClipBound bound) {
    NoisyRelease release = new NoisyRelease(slot, examples, strength, bound);
    if (what.mechanism() instanceof Release.Gaussian(var clipNorm, var noise)) {
      requireValues(what, release.dim);
      requireFixed(bound, clipNorm);
      if (strength.sigma(clipNorm.value(), release.dim) < clipNorm.noiseDeviation(noise)) {
        throw new IllegalArgumentException("less noise than is accounted for: " + what);
      }
    }
    log.strike(what);
    return release;
  }

  /// Makes fresh masks for a release to this door's worker. Nothing follows from them.
  ///
  /// @param examples n, at least 1
  /// @param values of one example, at least 1
  /// @param deviation their standard deviation, where examples have the norm [Shield.Shares#NORM]
  /// @return the masks, to be used once here and once at another worker's door
  public Mask newMask(int examples, int values, double deviation) {
    if (!(deviation >= Shield.Shares.NORM * SMALLEST_MASK)) {
      throw new IllegalArgumentException(
          "masks below a millionth of what they hide hide nothing: " + deviation);
    }
    return new Mask(random, worker, examples, values, requireUsable(deviation, Shield.Shares.NORM));
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
    worker.expandMask(mask.forWorker(worker), mask.examples(), mask.deviation(), slot);
    return new Released(slot);
  }

  /// Has the worker write masks whose key this side keeps, for a computation whose result is known:
  /// nothing but the key leaves, and no data are ever hidden under them.
  ///
  /// @param key 32 bytes, drawn for this purpose
  /// @param examples of the slot
  /// @param slot where the worker writes them
  /// @return the token for requests
  /// @throws ProtocolException if the worker went away
  Released probe(byte[] key, int examples, Slot slot) throws ProtocolException {
    worker.expandMask(MaskKey.of(key), examples, 1, slot);
    return new Released(slot);
  }

  /// Releases a batch under masks: every example is scaled to the norm [Shield.Shares#NORM], so
  /// that nothing is clipped away, and to this worker the masks are the noise of a Gaussian
  /// mechanism whose bound that norm is.
  ///
  /// @param what leaves; noise for that norm, of at most the masks' deviation
  /// @param slot where the worker reads it; float32 `[n, ...]`
  /// @param mask fresh masks of this door, of the slot's size
  /// @param source of the examples' values
  /// @param occupancy which examples of the batch there are; of the others the masks leave
  /// @return the token for requests, and how to scale results back
  /// @throws IllegalStateException if it is not planned for this step, or the masks were used
  /// @throws IllegalArgumentException if what is accounted for is not what would leave
  /// @throws NonFiniteException if a value is NaN or infinite
  /// @throws ProtocolException if the worker went away
  public Masked masked(
      Release what, Slot slot, Mask mask, ReleaseSource source, Occupancy occupancy)
      throws ProtocolException {
    if (!(what.mechanism() instanceof Release.Gaussian(var clipNorm, var noise))) {
      throw new IllegalArgumentException("a masked release is accounted for: " + what);
    }
    int dim = mask.values();
    requireValues(what, dim);
    if (clipNorm.value() != Shield.Shares.NORM
        || mask.deviation() < clipNorm.noiseDeviation(noise)
        || slot.floats() != (long) mask.examples() * dim) {
      throw new IllegalArgumentException("the masks are not those that are accounted for: " + what);
    }
    Tensor out = writable(slot).reshape(mask.examples(), dim);
    byte[] key = mask.forData(worker);
    log.strike(what);
    double[] norms = new double[mask.examples()];
    lanes.share(
        0,
        mask.examples(),
        (lane, from, to) -> {
          GaussianMasks.start(lane.masks(), key, from, dim);
          for (int i = from; i < to; i++) {
            Tensor values = lane.values(source, i, dim);
            double norm = Math.sqrt(Elementwise.sumOfSquares(values));
            boolean nothing = norm == 0 || occupancy.isNull(i);
            norms[i] = nothing && Double.isFinite(norm) ? 0 : norm;
            // A task that threw would leave the others running on memory the caller may free.
            if (Double.isFinite(norm)) {
              double scale = nothing ? 0 : Shield.Shares.NORM * BELOW / norm;
              lane.masks()
                  .add(
                      values,
                      scale,
                      mask.deviation(),
                      GaussianMasks.LATTICE_BITS,
                      out.examples(i, 1));
            }
          }
        });
    Arrays.fill(key, (byte) 0);
    for (double norm : norms) {
      if (!Double.isFinite(norm)) {
        throw new NonFiniteException();
      }
    }
    worker.publish(slot);
    return new Masked(new Released(slot), norms, BELOW);
  }

  /// Noise is accounted for on what one example can change: all of it, and nothing else.
  private static void requireValues(Release what, long values) {
    if (what.values() != values) {
      throw new IllegalArgumentException(
          "%d values would leave for an example, not those accounted for: %s"
              .formatted(values, what));
    }
  }

  private static void requireFixed(ClipBound bound, ClipNorm clipNorm) {
    if (bound.isDataDependent() || bound.norm() != clipNorm.value()) {
      throw new IllegalArgumentException(
          "the clip bound accounted for is fixed, the one that would be used is not it");
    }
  }

  /// Adds noise in place to a sum over examples that stays here; what later leaves is a function of
  /// it. The sum of all values given is one vector, whose noise is `z C` for each value.
  ///
  /// @param what the Gaussian mechanism that is accounted for
  /// @param rounding by how much one example can change the sums beyond C, the clip norm, since
  ///   they are rounded; as a share of C, at least 0 and below 1
  /// @param sums float32 values of which one example can change at most C and that share, in L2
  /// @throws IllegalStateException if it is not planned for this step
  /// @throws IllegalArgumentException if the mechanism has no noise, or is for another number of
  ///   values
  /// @throws NonFiniteException if a value is NaN or infinite
  public void perturb(Release what, double rounding, Tensor... sums) {
    if (!(what.mechanism() instanceof Release.Gaussian(var clipNorm, var noise))) {
      throw new IllegalArgumentException("only noise that is accounted for perturbs: " + what);
    }
    if (!(rounding >= 0 && rounding < 1)) {
      throw new IllegalArgumentException("no bound on one example's part: " + rounding);
    }
    requireValues(what, Arrays.stream(sums).mapToLong(Tensor::size).sum());
    log.strike(what);
    double sigma = requireUsable(clipNorm.noiseDeviation(noise) * (1 + rounding), clipNorm.value());
    lanes.timed(() -> {
      for (Tensor sum : sums) {
        if (!Elementwise.allFinite(sum)) {
          throw new NonFiniteException();
        }
        lanes.perturb(sum, sigma, LATTICE_BITS);
      }
    });
  }

  private static double requireUsable(double sigma, double clip) {
    if (sigma < clip * SMALLEST_SIGMA) {
      throw new IllegalArgumentException(
          "noise below 2^-36 of the clip bound is lost in rounding; turn it off instead");
    }
    if (!(sigma <= LARGEST_SIGMA)) {
      throw new IllegalArgumentException("the noise does not fit float32; lower its strength");
    }
    return sigma;
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

  private Tensor writable(Slot slot) {
    return Tensor.of(worker.writable(slot), Math.toIntExact(slot.floats()));
  }

  /// A release in progress: its examples come in any order, each once, since a second noise on the
  /// same values would betray more of them than was planned. A call that throws ends the release:
  /// what it left behind can no longer be finished.
  public final class NoisyRelease {
    private final Slot slot;
    private final Tensor out;
    private final NoiseStrength strength;
    private final ClipBound bound;
    private final double[] norms;
    private final boolean[] written;
    private final boolean[] published;
    private final int dim;
    private boolean open = true;

    private NoisyRelease(Slot slot, int examples, NoiseStrength strength, ClipBound bound) {
      if (examples < 1 || slot.floats() % examples != 0) {
        throw new IllegalArgumentException(
            "a slot of " + slot.floats() + " values does not hold " + examples + " examples");
      }
      this.slot = slot;
      this.dim = Math.toIntExact(slot.floats() / examples);
      this.out = writable(slot).reshape(examples, dim);
      this.strength = strength;
      this.bound = bound;
      this.norms = new double[examples];
      Arrays.fill(norms, Double.NaN);
      this.written = new boolean[examples];
      this.published = new boolean[examples];
    }

    /// Whether the examples have to be shown to [#measure] before they are written: noise is on and
    /// no bound is known yet.
    ///
    /// @return true for the first noisy batch at a place
    public boolean needsMeasuring() {
      return !(strength instanceof NoiseStrength.None) && !bound.known();
    }

    /// Takes the norms of some examples; after all of them, [#measured] sets the first bound.
    ///
    /// @param from first example
    /// @param values `[count, ...]`
    /// @throws NonFiniteException if a value is NaN or infinite
    public void measure(int from, Tensor values) {
      measure(from, checkedCount(from, values), examplesOf(values, from));
    }

    /// The same of values that a source gives.
    ///
    /// @param from first example
    /// @param count how many
    /// @param source of the examples' values
    /// @throws NonFiniteException if a value is NaN or infinite
    public void measure(int from, int count, ReleaseSource source) {
      begin();
      checkRange(from, count);
      lanes.each(from, count, (lane, i) -> norms[i] = norm(lane.values(source, i, dim)));
      requireFinite(from, count);
      open = true;
    }

    /// Sets the first bound from the norms taken.
    ///
    /// @throws IllegalStateException if examples are missing
    public void measured() {
      begin();
      requireAll(Arrays.stream(norms).filter(norm -> !Double.isNaN(norm)).count());
      bound.observe(norms);
      open = true;
    }

    /// Clips, noises and writes some examples.
    ///
    /// @param from first example
    /// @param values `[count, ...]`, private; read only
    /// @throws NonFiniteException if noise is on and a value is NaN or infinite
    /// @throws IllegalStateException if an example was written before
    public void write(int from, Tensor values) {
      write(from, values, Occupancy.FULL);
    }

    /// The same where some examples are null examples: zeros leave in their place, with noise.
    ///
    /// @param from first example
    /// @param values `[count, ...]`, private; read only
    /// @param occupancy which examples of the batch there are
    public void write(int from, Tensor values, Occupancy occupancy) {
      write(from, checkedCount(from, values), examplesOf(values, from), occupancy);
    }

    /// The same of values that a source gives.
    ///
    /// @param from first example
    /// @param count how many
    /// @param source of the examples' values
    /// @param occupancy which examples of the batch there are
    /// @throws NonFiniteException if noise is on and a value is NaN or infinite
    /// @throws IllegalStateException if an example was written before
    public void write(int from, int count, ReleaseSource source, Occupancy occupancy) {
      begin();
      checkRange(from, count);
      for (int i = from; i < from + count; i++) {
        if (written[i]) {
          throw new IllegalStateException("example " + i + " of this release was written already");
        }
        written[i] = true;
      }
      if (strength instanceof NoiseStrength.None) {
        writeExact(from, count, source, occupancy);
      } else {
        writeNoisy(from, count, source, occupancy);
      }
      open = true;
    }

    private void writeExact(int from, int count, ReleaseSource source, Occupancy occupancy) {
      lanes.each(
          from,
          count,
          (lane, i) -> {
            Tensor place = out.examples(i, 1);
            // The worker may be watching: what stands for a null example is never there, not for a
            // moment.
            if (occupancy.isNull(i)) {
              place.fill(0);
            } else {
              place.copyFrom(lane.values(source, i, dim));
            }
          });
    }

    private void writeNoisy(int from, int count, ReleaseSource source, Occupancy occupancy) {
      double clip = bound.norm();
      double sigma = requireUsable(strength.sigma(clip, dim), clip);
      lanes.each(
          from,
          count,
          (lane, i) -> {
            Tensor values = lane.values(source, i, dim);
            double norm = norm(values);
            norms[i] = norm;
            // A task that threw would leave the others running on memory the caller may free.
            if (Double.isFinite(norm)) {
              double scale = occupancy.isNull(i) ? 0 : Math.min(1, clip * BELOW / norm);
              lane.noise().add(values, scale, sigma, LATTICE_BITS, out.examples(i, 1));
            }
          });
      requireFinite(from, count);
    }

    private ReleaseSource examplesOf(Tensor values, int from) {
      return (i, _) -> values.examples(i - from, 1);
    }

    /// Lets the worker read some examples that were written, before the others are.
    ///
    /// @param from first example, which begins on a slot's alignment
    /// @param count how many, at least 1
    /// @return the token for requests on them
    /// @throws IllegalStateException if one of them is missing, or may be read already
    /// @throws ProtocolException if the worker went away
    public Released publish(int from, int count) throws ProtocolException {
      begin();
      checkRange(from, count);
      for (int i = from; i < from + count; i++) {
        if (!written[i] || published[i]) {
          throw new IllegalStateException(
              "example " + i + (written[i] ? " was published already" : " is missing"));
        }
        published[i] = true;
      }
      Slot part = new Slot(slot.offset() + (long) from * dim * Float.BYTES, (long) count * dim);
      worker.publish(part);
      open = true;
      return new Released(part);
    }

    /// Ends the release: the worker may read all of it.
    ///
    /// @return the token for requests
    /// @throws IllegalStateException if examples are missing, or were published while others were
    ///   not, or the release failed or is finished
    /// @throws ProtocolException if the worker went away
    public Released finish() throws ProtocolException {
      begin();
      requireAll(count(written));
      long before = count(published);
      if (!(strength instanceof NoiseStrength.None)) {
        bound.observe(norms);
      }
      if (before == 0) {
        worker.publish(slot);
      } else {
        requireAll(before);
      }
      return new Released(slot);
    }

    private static long count(boolean[] set) {
      return IntStream.range(0, set.length).filter(i -> set[i]).count();
    }

    /// Closes the release until the call that is beginning has succeeded.
    private void begin() {
      if (!open) {
        throw new IllegalStateException("this release has failed or is finished");
      }
      open = false;
    }

    private void requireAll(long examples) {
      if (examples != norms.length) {
        throw new IllegalStateException(
            "a release of " + norms.length + " examples was given " + examples);
      }
    }

    private int checkedCount(int from, Tensor values) {
      int count = values.length(0);
      if (from < 0 || from + count > norms.length || values.size() != (long) count * dim) {
        throw new IllegalArgumentException(
            "a release of %d examples of %d values cannot take %s from example %d on"
                .formatted(norms.length, dim, values, from));
      }
      return count;
    }

    private void checkRange(int from, int count) {
      if (from < 0 || count < 0 || count > norms.length - from) {
        throw new IllegalArgumentException(
            "a release of %d examples cannot take %d from example %d on"
                .formatted(norms.length, count, from));
      }
    }

    private static double norm(Tensor values) {
      return Math.sqrt(Elementwise.sumOfSquares(values));
    }

    private void requireFinite(int from, int count) {
      for (int i = from; i < from + count; i++) {
        if (!Double.isFinite(norms[i])) {
          throw new NonFiniteException();
        }
      }
    }
  }

  /// Forgets the noise.
  @Override
  public void close() {
    lanes.close();
  }
}
