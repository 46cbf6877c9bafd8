package asymml.trusted.data;

import asymml.model.Shape;
import asymml.trusted.draw.SplitMix64;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;

/// The pixels of many equal images: unsigned bytes `[H, W, C]` each, on the Java heap in chunks,
/// because one array ends at 2 GB. On the heap and not in native memory because a set lives as long
/// as the process and then needs no owner; what it costs is bounded by -Xmx and checked beforehand.
/// Distinct images may be written by distinct threads; readers need a happens-before edge.
final class Pixels {
  private static final int CHUNK_BYTES = 16 << 20;

  /// The share of the maximal heap that pixels may take: the rest is left to decoders and weights.
  private static final double HEAP_SHARE = 0.8;

  /// Decodes an image that is not kept.
  interface Decoder {
    /// How to call it in errors.
    ///
    /// @param index of the image
    String describe(int index);

    /// Decodes it.
    ///
    /// @param index of the image
    byte[] decode(int index) throws DataException;

    /// Decodes it, and a random part of it as it is stored.
    ///
    /// @param index of the image
    /// @param random draws the part
    default Cut cut(int index, SplitMix64 random) throws DataException {
      throw new IllegalStateException(describe(index) + " is not to be cut at random");
    }

    /// Whether its images are to be cut at random.
    default boolean cuts() {
      return false;
    }
  }

  /// An image and a part of it, both scaled to the size of all.
  ///
  /// @param whole as without cutting
  /// @param part of it
  @SuppressWarnings("ArrayRecordComponent") // Handed on at once, never compared.
  record Cut(byte[] whole, byte[] part) {}

  private final int imageBytes;
  private final int channels;
  private final int imagesPerChunk;
  private final int kept;
  private final Decoder decoder;
  private final byte[][] chunks;
  private final boolean skips;
  private final ConcurrentNavigableMap<Integer, String> leftOut = new ConcurrentSkipListMap<>();

  /// What was computed so far. Threads that compute the same one at a time write the same.
  private final @Nullable Fingerprint[] fingerprints;

  /// Of images that are not kept, so that statistics need not decode them again.
  private final @Nullable Sums[] sums;

  Pixels(int count, Shape shape) {
    this(
        count,
        shape,
        count,
        false,
        new Decoder() {
          @Override
          public String describe(int index) {
            return "image " + index;
          }

          @Override
          public byte[] decode(int index) {
            throw new IllegalStateException("image " + index + " is in memory");
          }
        });
  }

  /// Pixels of which the first are kept.
  ///
  /// @param count of images
  /// @param shape of each
  /// @param kept how many are kept, 0 to `count`
  /// @param skips whether images that can no longer be decoded are left out
  /// @param decoder of the others; called by several threads
  Pixels(int count, Shape shape, int kept, boolean skips, Decoder decoder) {
    imageBytes = shape.size();
    channels = shape.channels();
    this.skips = skips;
    this.kept = kept;
    this.decoder = decoder;
    imagesPerChunk = Math.max(1, CHUNK_BYTES / imageBytes);
    fingerprints = new Fingerprint[count];
    sums = new Sums[count];
    chunks = new byte[Math.ceilDiv(kept, imagesPerChunk)][];
    for (int c = 0; c < chunks.length; c++) {
      int images = Math.min(imagesPerChunk, kept - c * imagesPerChunk);
      chunks[c] = new byte[Math.multiplyExact(images, imageBytes)];
    }
  }

  /// Refuses a data set that will not fit, before anything is decoded.
  static void requireMemory(String source, long images, Shape shape) throws DataException {
    requireMemory(source, images, shape, Runtime.getRuntime().maxMemory());
  }

  static void requireMemory(String source, long images, Shape shape, long heapBytes)
      throws DataException {
    double needed = (double) images * shape.height() * shape.width() * shape.channels();
    if (needed > heapBytes * HEAP_SHARE) {
      throw DataException.ofTooMuchMemory(
          source
              + ": "
              + images
              + " images of "
              + shape
              + " need "
              + mebibytes(needed)
              + " MiB of memory, more than "
              + mebibytes(heapBytes * HEAP_SHARE)
              + " MiB of the Java heap may hold; raise -Xmx to at least "
              + mebibytes(needed / HEAP_SHARE)
              + "m (environment variable JDK_JAVA_OPTIONS), use fewer or smaller images, or keep"
              + " fewer of them decoded");
    }
  }

  private static long mebibytes(double bytes) {
    return (long) Math.ceil(bytes / (1 << 20));
  }

  void put(int index, byte[] image) {
    put(index, image, 0);
  }

  void put(int index, byte[] source, int from) {
    System.arraycopy(source, from, chunks[index / imagesPerChunk], offset(index), imageBytes);
  }

  /// Takes up an image that was decoded: keeps it, or what identifies it.
  void take(int index, byte[] image) {
    if (index < kept) {
      put(index, image);
    } else {
      fingerprints[index] = Fingerprint.of(image);
      sums[index] = Sums.of(image, channels);
    }
  }

  /// Leaves an image out that cannot be decoded.
  void leaveOut(int index) {
    leftOut.put(index, decoder.describe(index));
  }

  /// Leaves an image out that cannot be decoded any more.
  ///
  /// @param failure what it failed with
  /// @throws ImageLostException that failure, if images are not left out; or if too many are
  void lose(int index, ImageLostException failure) {
    if (!skips) {
      throw failure;
    }
    leaveOut(index);
    if (ImageSet.areTooMany(leftOut.size(), fingerprints.length)) {
      throw failure.beyond(leftOut.size(), fingerprints.length);
    }
  }

  boolean isLeftOut(int index) {
    return !leftOut.isEmpty() && leftOut.containsKey(index);
  }

  /// How those are called that are left out, in their order.
  List<String> leftOut() {
    return List.copyOf(leftOut.values());
  }

  /// How many are kept; the others are decoded when they are read.
  int kept() {
    return kept;
  }

  /// Copies an image out.
  ///
  /// @throws ImageLostException if it is not kept, and its file cannot be decoded any more
  void get(int index, byte[] destination) {
    if (index >= kept) {
      try {
        byte[] image = decoder.decode(index);
        requireSame(index, image);
        System.arraycopy(image, 0, destination, 0, imageBytes);
      } catch (DataException e) {
        throw new ImageLostException(e);
      }
      return;
    }
    System.arraycopy(chunks[index / imagesPerChunk], offset(index), destination, 0, imageBytes);
  }

  private void requireSame(int index, byte[] image) throws DataException {
    Fingerprint before = fingerprints[index];
    if (before != null && !before.equals(Fingerprint.of(image))) {
      throw new DataException(decoder.describe(index) + " has other pixels than before");
    }
  }

  /// Whether images are to be cut at random.
  boolean cuts() {
    return decoder.cuts();
  }

  /// A random part of an image.
  ///
  /// @throws ImageLostException if its file cannot be decoded any more
  byte[] cut(int index, SplitMix64 random) {
    try {
      Cut cut = decoder.cut(index, random);
      requireSame(index, cut.whole);
      return cut.part;
    } catch (DataException e) {
      throw new ImageLostException(e);
    }
  }

  /// Sums over an image's pixels, exact.
  ///
  /// @param values of each channel
  /// @param squares of each channel
  @SuppressWarnings("ArrayRecordComponent") // Read only, never compared.
  record Sums(long[] values, long[] squares) {
    /// Those of an image.
    ///
    /// @param image unsigned bytes `[H, W, C]`
    /// @param channels C
    static Sums of(byte[] image, int channels) {
      long[] values = new long[channels];
      long[] squares = new long[channels];
      for (int p = 0; p < image.length; p += channels) {
        for (int c = 0; c < channels; c++) {
          int value = image[p + c] & 0xFF;
          values[c] += value;
          squares[c] += (long) value * value;
        }
      }
      return new Sums(values, squares);
    }
  }

  /// An image's sums: without decoding it, if it was decoded before.
  Sums sums(int index) {
    Sums known = sums[index];
    if (known != null) {
      return known;
    }
    byte[] image = new byte[imageBytes];
    get(index, image);
    return Sums.of(image, channels);
  }

  /// The first 128 bits of a SHA-256 over an image's pixels.
  record Fingerprint(long high, long low) {
    /// That of an image.
    ///
    /// @param image its pixels
    static Fingerprint of(byte[] image) {
      ByteBuffer digest = ByteBuffer.wrap(sha256().digest(image));
      return new Fingerprint(digest.getLong(), digest.getLong());
    }
  }

  /// An image's fingerprint, computed once: after it no pixels may be put.
  Fingerprint fingerprint(int index) {
    Fingerprint known = fingerprints[index];
    if (known == null) {
      byte[] image = new byte[imageBytes];
      get(index, image);
      known = Fingerprint.of(image);
      fingerprints[index] = known;
    }
    return known;
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  private int offset(int index) {
    return index % imagesPerChunk * imageBytes;
  }
}
