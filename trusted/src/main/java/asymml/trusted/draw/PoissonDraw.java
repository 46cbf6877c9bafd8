package asymml.trusted.draw;

import java.nio.ByteBuffer;
import java.nio.LongBuffer;
import java.security.SecureRandom;
import java.util.Arrays;

/// Draws the batches of Poisson sampling: each example takes part in a step with the same
/// probability, by itself, and takes a random slot.
///
/// The draw is PRIVATE and cannot be repeated: amplification by sampling holds only as long as only
/// the trusted side knows which examples were sampled, so it comes from a cryptographic generator
/// and not from a run's seed.
public final class PoissonDraw {
  /// Stands for a null example, which fills a slot that is left empty.
  public static final int NULL_EXAMPLE = -1;

  private static final int BLOCK = 4096;
  private static final double SCALE = 0x1p53;

  private final SecureRandom random;
  private final byte[] bytes = new byte[BLOCK * Long.BYTES];
  private final LongBuffer bits = ByteBuffer.wrap(bytes).asLongBuffer();

  /// Creates a source of draws.
  ///
  /// @param random a cryptographic generator
  public PoissonDraw(SecureRandom random) {
    this.random = random;
    bits.position(bits.limit());
  }

  /// Draws some steps.
  ///
  /// @param examples N, at least 1
  /// @param rate q, the probability of each, above 0 and at most 1; rounded down to a multiple of
  ///   2^-53
  /// @param slots of a step, at least 1; where more are drawn, a random choice of them is left out
  /// @param steps how many, at least 0
  /// @return `[steps * slots]` indices of examples or [#NULL_EXAMPLE]
  public int[] order(int examples, double rate, int slots, int steps) {
    require(examples, rate, slots, steps);
    int[] order = new int[Math.multiplyExact(steps, slots)];
    for (int step = 0; step < steps; step++) {
      // With more slots than examples drawn, some stay empty.
      System.arraycopy(spread(draw(examples, rate), slots), 0, order, step * slots, slots);
    }
    return order;
  }

  /// Draws a step of which no example is left out.
  ///
  /// @param examples N, at least 1
  /// @param rate q, the probability of each, as above
  /// @param slots of the step, at least 1
  /// @param more how many slots are added at a time where more are drawn, at least 1
  /// @return indices of examples or [#NULL_EXAMPLE], at random places: where an example is follows
  ///   from no other one, unless there are more slots than `slots`
  public int[] whole(int examples, double rate, int slots, int more) {
    require(examples, rate, slots, 1);
    int[] drawn = draw(examples, rate);
    int missing = Math.max(0, drawn.length - slots);
    return spread(drawn, slots + Math.multiplyExact(Math.ceilDiv(missing, more), more));
  }

  private static void require(int examples, double rate, int slots, int steps) {
    if (examples < 1 || !(rate > 0 && rate <= 1) || slots < 1 || steps < 0) {
      throw new IllegalArgumentException(
          "no draw of %s examples at rate %s into %s slots, %s steps"
              .formatted(examples, rate, slots, steps));
    }
  }

  private int[] draw(int examples, double rate) {
    long below = (long) Math.floor(rate * SCALE);
    int[] drawn = new int[examples];
    int count = 0;
    for (int i = 0; i < examples; i++) {
      if (next() >>> 11 < below) {
        drawn[count++] = i;
      }
    }
    return Arrays.copyOf(drawn, count);
  }

  /// The first slots of a random order of what was drawn and null examples.
  private int[] spread(int[] drawn, int slots) {
    int places = Math.max(drawn.length, slots);
    int[] shuffled = Arrays.copyOf(drawn, places);
    Arrays.fill(shuffled, drawn.length, places, NULL_EXAMPLE);
    for (int i = 0; i < slots; i++) {
      int j = i + below(places - i);
      int chosen = shuffled[j];
      shuffled[j] = shuffled[i];
      shuffled[i] = chosen;
    }
    return Arrays.copyOf(shuffled, slots);
  }

  /// Uniform in `[0, bound)`, without modulo bias.
  private int below(int bound) {
    long value = next() >>> 1;
    long result = value % bound;
    while (value - result + (bound - 1) < 0) {
      value = next() >>> 1;
      result = value % bound;
    }
    return (int) result;
  }

  private long next() {
    if (!bits.hasRemaining()) {
      random.nextBytes(bytes);
      bits.rewind();
    }
    return bits.get();
  }
}
