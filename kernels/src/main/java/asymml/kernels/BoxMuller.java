package asymml.kernels;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// From random bits to standard normal samples, by the transform of Box and Muller (1958): with u
/// uniform in (0, 1] and a uniform angle, the point at distance `sqrt(-2 log u)` in the angle's
/// direction has two independent normal coordinates.
///
/// A pair of samples takes two words of 64 bits: the first gives u, a multiple of 2^-53; the second
/// an angle of 54 bits, which are the signs of both coordinates and 52 bits within the first
/// quadrant. Where u is small, neighbouring radii would lie further apart than what noise is
/// rounded to, and a pair that no radius reaches would reveal the value that noise was added to;
/// there the 21 bits that are left make u a multiple of 2^-74.
///
/// Logarithm, sine and cosine are Taylor series: on ranges this short they need but two or three
/// terms more than fitted polynomials do, and their coefficients explain themselves. Beside SVML's,
/// which [VectorOperators] would call, they halve the time, since the bits spare the range
/// reduction. Three rules of the compiler shape the code. A `ByteVector` loads the words, because a
/// `LongVector` loaded from a segment over a byte array is allocated. Exponent tricks stand where a
/// conversion between long and double would, which of x86 only AVX-512 has. And there are two
/// loops, because one would be too long to be inlined whole, and a vector that crosses a call is
/// allocated too.
final class BoxMuller {
  private static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Byte> BYTES = DOUBLES.withLanes(byte.class);

  private static final long ONE = Double.doubleToRawLongBits(1);
  private static final long TWO = Double.doubleToRawLongBits(2);
  private static final long ROOT_HALF = Double.doubleToRawLongBits(Math.sqrt(0.5));
  private static final int MANTISSA_BITS = 52;

  /// `2^52 + 2^51`: an integer k added to its bits adds k to its value, as long as `|k| < 2^51`.
  private static final double INTEGERS = 0x1.8p52;

  private static final long INTEGER_BITS = Double.doubleToRawLongBits(INTEGERS);

  /// `sqrt(-log u)` of `u = 2^-24`. Below, a step of 2^-53 moves a radius by 2^-31.6 and more, a
  /// ninetieth of the finest lattice that sums are rounded to.
  private static final double FAR = Math.sqrt(24 * Math.log(2));

  /// Named, because the compiler calls `Math.log` each time even on a constant.
  private static final double MINUS_LOG_2 = -Math.log(2);

  private BoxMuller() {}

  /// Fills an array with samples.
  ///
  /// @param bits random bytes, 8 a sample; the first half becomes radii, the second angles
  /// @param samples overwritten; a multiple of 16 of them. Sample i and the one half the array
  ///   further are a pair
  static void transform(byte[] bits, double[] samples) {
    radii(bits, samples);
    if (someAreFar(samples)) {
      refine(bits, samples);
    }
    directions(bits, samples);
  }

  /// The first half of the samples becomes `sqrt(-log u)`.
  private static void radii(byte[] bits, double[] samples) {
    for (int i = 0; i < samples.length / 2; i += DOUBLES.length()) {
      rootOfMinusLog(uniform(words(bits, i))).intoArray(samples, i);
    }
  }

  private static boolean someAreFar(double[] samples) {
    for (int i = 0; i < samples.length / 2; i += DOUBLES.length()) {
      if (DoubleVector.fromArray(DOUBLES, samples, i).compare(VectorOperators.GT, FAR).anyTrue()) {
        return true;
      }
    }
    return false;
  }

  /// One block in thirty thousand needs it. By `StrictMath`, so that all machines find the same.
  private static void refine(byte[] bits, double[] samples) {
    MemorySegment words = MemorySegment.ofArray(bits);
    int half = samples.length / 2;
    for (int i = 0; i < half; i++) {
      if (samples[i] > FAR) {
        long word = words.getAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, i);
        long angle = words.getAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, half + i);
        double coarse = ((word & 1) + 1) * 0.5 - (word >>> 12) * 0x1p-53;
        long fine = (word >>> 1 & 0x7ff) << 10 | (angle >>> 2 & 0x3ff);
        samples[i] = StrictMath.sqrt(-StrictMath.log(coarse - fine * 0x1p-74));
      }
    }
  }

  /// Turns the radii into both coordinates.
  ///
  /// For an angle `a + pi/4` in the first quadrant, `sqrt(2) cos` and `sqrt(2) sin` of it are
  /// `cos(a) - sin(a)` and `cos(a) + sin(a)`, with a from -pi/4 to pi/4: no case, and the root of 2
  /// is the one the radii lack. Both have an absolute error below 1e-15: the series up to `a^15`
  /// and `a^16` leave out at most `(pi/4)^17 / 17! = 4.6e-17`, and rounding adds 6e-16.
  private static void directions(byte[] bits, double[] samples) {
    int half = samples.length / 2;
    for (int i = 0; i < half; i += DOUBLES.length()) {
      LongVector word = words(bits, half + i);
      DoubleVector a = oneToTwo(word).sub(1.5).mul(Math.PI / 2);
      DoubleVector z = a.mul(a);
      DoubleVector sin = sine(a, z);
      DoubleVector cos = cosine(z);
      LongVector radius = DoubleVector.fromArray(DOUBLES, samples, i).reinterpretAsLongs();
      signed(radius, word.and(1), 63).mul(cos.sub(sin)).intoArray(samples, i);
      signed(radius, word.and(2), 62).mul(cos.add(sin)).intoArray(samples, half + i);
    }
  }

  private static LongVector words(byte[] bits, int index) {
    return ByteVector.fromArray(BYTES, bits, index * Long.BYTES).reinterpretAsLongs();
  }

  /// `[1, 2)` from the upper 52 bits.
  private static DoubleVector oneToTwo(LongVector word) {
    return word.lanewise(VectorOperators.LSHR, Long.SIZE - MANTISSA_BITS)
        .or(ONE)
        .reinterpretAsDoubles();
  }

  /// `(0, 1]` in steps of 2^-53: half of `(2 or 3) - [1, 2)`, where the lowest bit chooses. Exact,
  /// and never 0, of which there is no logarithm.
  private static DoubleVector uniform(LongVector word) {
    DoubleVector twoOrThree =
        word.and(1)
            .lanewise(VectorOperators.LSHL, MANTISSA_BITS - 1)
            .or(TWO)
            .reinterpretAsDoubles();
    return twoOrThree.sub(oneToTwo(word)).mul(0.5);
  }

  /// `sqrt(-log u)`, with a relative error below 1e-15 even where u is close to 1.
  ///
  /// `u = 2^k m` with m from sqrt(1/2) to sqrt(2). Then `-log m = 2 atanh(s)` with `s = (1 - m) /
  /// (1 + m)`, where `1 - m` is exact. `s^2 <= 0.0295`, so what the series `2 s (1 + s^2 / 3 + ...
  /// + s^18 / 19)` leaves out is below `s^20 / 20 = 2.5e-17` of it. Where k is not 0, `-log u >=
  ///   log(2) / 2 >= |log m|`: nothing cancels but by that half.
  private static DoubleVector rootOfMinusLog(DoubleVector u) {
    LongVector bits = u.reinterpretAsLongs();
    LongVector k = bits.sub(ROOT_HALF).lanewise(VectorOperators.ASHR, MANTISSA_BITS);
    DoubleVector m =
        bits.sub(k.lanewise(VectorOperators.LSHL, MANTISSA_BITS)).reinterpretAsDoubles();
    DoubleVector exponent = k.add(INTEGER_BITS).reinterpretAsDoubles().sub(INTEGERS);
    DoubleVector s = all(1).sub(m).div(m.add(1));
    DoubleVector z = s.mul(s);
    DoubleVector series =
        all(2 / 19.0)
            .fma(z, all(2 / 17.0))
            .fma(z, all(2 / 15.0))
            .fma(z, all(2 / 13.0))
            .fma(z, all(2 / 11.0))
            .fma(z, all(2 / 9.0))
            .fma(z, all(2 / 7.0))
            .fma(z, all(2 / 5.0))
            .fma(z, all(2 / 3.0))
            .fma(z, all(2));
    return exponent.fma(all(MINUS_LOG_2), s.mul(series)).sqrt();
  }

  /// The radius with a random bit, so many places below the sign, as its sign.
  private static DoubleVector signed(LongVector radius, LongVector bit, int places) {
    return radius
        .lanewise(VectorOperators.XOR, bit.lanewise(VectorOperators.LSHL, places))
        .reinterpretAsDoubles();
  }

  /// `a - a^3 / 3! + ... - a^15 / 15!`, where z is `a^2`.
  private static DoubleVector sine(DoubleVector a, DoubleVector z) {
    return all(-1 / 1_307_674_368_000.0)
        .fma(z, all(1 / 6_227_020_800.0))
        .fma(z, all(-1 / 39_916_800.0))
        .fma(z, all(1 / 362_880.0))
        .fma(z, all(-1 / 5040.0))
        .fma(z, all(1 / 120.0))
        .fma(z, all(-1 / 6.0))
        .fma(z, all(1))
        .mul(a);
  }

  /// `1 - a^2 / 2! + ... + a^16 / 16!`, where z is `a^2`.
  private static DoubleVector cosine(DoubleVector z) {
    return all(1 / 20_922_789_888_000.0)
        .fma(z, all(-1 / 87_178_291_200.0))
        .fma(z, all(1 / 479_001_600.0))
        .fma(z, all(-1 / 3_628_800.0))
        .fma(z, all(1 / 40_320.0))
        .fma(z, all(-1 / 720.0))
        .fma(z, all(1 / 24.0))
        .fma(z, all(-1 / 2.0))
        .fma(z, all(1));
  }

  private static DoubleVector all(double value) {
    return DoubleVector.broadcast(DOUBLES, value);
  }
}
