package asymml.trusted.boundary;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.trusted.plan.NoiseStrength;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.util.Arrays;
import java.util.stream.IntStream;

/// A release in progress: its examples come in any order, each once, since a second noise on the
/// same values would reveal more of them than was planned. A call that throws ends the release: its
/// remainder can no longer be finished.
public final class NoisyRelease {
  private final RegionWriter region;
  private final NoiseLanes lanes;
  private final Slot slot;
  private final Tensor out;
  private final NoiseStrength strength;
  private final ClipBound bound;
  private final double[] norms;
  private final boolean[] written;
  private final boolean[] published;
  private final int dim;
  private ReleaseWitness witness = ReleaseWitness.NONE;
  private boolean open = true;

  /// Opens a release.
  ///
  /// @param region where it is written
  /// @param lanes threads and their noise
  /// @param slot where the worker reads it
  /// @param examples of the slot, at least 1
  /// @param strength of the noise
  /// @param bound the clip bound
  NoisyRelease(
      RegionWriter region,
      NoiseLanes lanes,
      Slot slot,
      int examples,
      NoiseStrength strength,
      ClipBound bound) {
    if (examples < 1 || slot.floats() % examples != 0) {
      throw new IllegalArgumentException(
          "a slot of " + slot.floats() + " values does not hold " + examples + " examples");
    }
    this.region = region;
    this.lanes = lanes;
    this.slot = slot;
    this.dim = Math.toIntExact(slot.floats() / examples);
    this.out = region.writable(slot).reshape(examples, dim);
    this.strength = strength;
    this.bound = bound;
    this.norms = new double[examples];
    Arrays.fill(norms, Double.NaN);
    this.written = new boolean[examples];
    this.published = new boolean[examples];
  }

  /// Shows what is written to a witness.
  ///
  /// @param next sees each example once, before the worker can
  /// @return this
  /// @throws IllegalStateException if an example was written already
  public NoisyRelease seenBy(ReleaseWitness next) {
    if (count(written) > 0) {
      throw new IllegalStateException("a witness sees all of a release or nothing");
    }
    witness = next;
    return this;
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
    write(from, values, NullExamples.NONE);
  }

  /// The same where some examples are null examples: zeros are released in their place, with noise.
  ///
  /// @param from first example
  /// @param values `[count, ...]`, private; read only
  /// @param nullExamples which places hold null examples
  public void write(int from, Tensor values, NullExamples nullExamples) {
    write(from, checkedCount(from, values), examplesOf(values, from), nullExamples);
  }

  /// The same of values that a source gives.
  ///
  /// @param from first example
  /// @param count how many
  /// @param source of the examples' values
  /// @param nullExamples which places hold null examples
  /// @throws NonFiniteException if noise is on and a value is NaN or infinite
  /// @throws IllegalStateException if an example was written before
  public void write(int from, int count, ReleaseSource source, NullExamples nullExamples) {
    begin();
    checkRange(from, count);
    for (int i = from; i < from + count; i++) {
      if (written[i]) {
        throw new IllegalStateException("example " + i + " of this release was written already");
      }
      written[i] = true;
    }
    if (strength instanceof NoiseStrength.None) {
      writeExact(from, count, source, nullExamples);
    } else {
      writeNoisy(from, count, source, nullExamples);
    }
    open = true;
  }

  private void writeExact(int from, int count, ReleaseSource source, NullExamples nullExamples) {
    lanes.each(
        from,
        count,
        (lane, i) -> {
          Tensor place = out.examples(i, 1);
          // The worker may be watching: what stands for a null example is never there, not for a
          // moment.
          if (nullExamples.isNull(i)) {
            place.fill(0);
          } else {
            Tensor values = lane.values(source, i, dim);
            witness.saw(lane.number(), i, values, 1);
            place.copyFrom(values);
          }
        });
  }

  private void writeNoisy(int from, int count, ReleaseSource source, NullExamples nullExamples) {
    double clip = bound.norm();
    double sigma = NoiseLattice.requireUsable(strength.sigma(clip, dim), clip);
    lanes.each(
        from,
        count,
        (lane, i) -> {
          Tensor values = lane.values(source, i, dim);
          double norm = norm(values);
          norms[i] = norm;
          // A task that threw would leave the others running on memory the caller may free.
          if (Double.isFinite(norm)) {
            double scale =
                nullExamples.isNull(i) ? 0 : Math.min(1, clip * NoiseLattice.BELOW / norm);
            addNoise(lane, i, values, scale, sigma);
          }
        });
    requireFinite(from, count);
  }

  private void addNoise(NoiseLanes.Lane lane, int i, Tensor values, double scale, double sigma) {
    Tensor place = out.examples(i, 1);
    if (!witness.watches()) {
      lane.noise().add(values, scale, sigma, NoiseLattice.BITS, place);
    } else {
      Tensor released = lane.released(dim);
      lane.noise().add(values, scale, sigma, NoiseLattice.BITS, released);
      witness.saw(lane.number(), i, released, 1);
      place.copyFrom(released);
    }
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
    Released some = region.publish(part);
    open = true;
    return some;
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
      return region.publish(slot);
    }
    requireAll(before);
    return region.published(slot);
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
          "a release of %s examples of %s values cannot take %s from example %s on"
              .formatted(norms.length, dim, values, from));
    }
    return count;
  }

  private void checkRange(int from, int count) {
    if (from < 0 || count < 0 || count > norms.length - from) {
      throw new IllegalArgumentException(
          "a release of %s examples cannot take %s from example %s on"
              .formatted(norms.length, count, from));
    }
  }

  /// How many values an example has.
  int dim() {
    return dim;
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
