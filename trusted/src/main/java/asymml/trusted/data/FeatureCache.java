package asymml.trusted.data;

import asymml.kernels.Scattering;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Shape;
import asymml.trusted.draw.PoissonDraw;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The scattering features of the images of one set: PRIVATE. Each image is transformed when its
/// features are first asked for; those of the mirrored image are the mirrored features. They are
/// kept as float32 where all of them take at most [#FLOAT_LIMIT_BYTES], as IEEE half precision (a
/// relative error of at most 2^-11) where that takes at most [#LIMIT_BYTES], and else not at all:
/// then the network transforms each batch.
///
/// The memory is outside the Java heap and is taken up as images are transformed. [#close] zeroes
/// it. Used by one thread at a time.
public final class FeatureCache implements AutoCloseable {
  /// The most that features of a set may take as float32: 1 GiB.
  public static final long FLOAT_LIMIT_BYTES = 1L << 30;

  /// The most that features of a set may take at all: 8 GiB.
  public static final long LIMIT_BYTES = 8L << 30;

  /// Images whose features lie in one piece of memory, and are transformed together.
  private static final int BLOCK = 64;

  private static final int LEVELS = 256;

  private final ImageSet images;
  private final Normalization normalization;
  private final float[] table;
  private final Shape shape;
  private final boolean half;
  private final Scattering transform;
  private final Arena arena = Arena.ofShared(); // filled and read by the threads of batch loaders
  private final @Nullable MemorySegment[] blocks;
  private final BitSet present;
  private final Tensor pixels;
  private final Tensor features;
  private final byte[] bytes;
  private final float[] values;
  private final float[] mirrored;
  private final short[] halves;

  /// Plans a cache.
  ///
  /// @param images whose features are wanted
  /// @param normalization of their pixels, before the transform
  /// @param half whether they are kept in half precision
  FeatureCache(ImageSet images, Normalization normalization, boolean half) {
    this.images = images;
    this.normalization = normalization;
    this.half = half;
    Shape in = images.shape();
    table = normalization.table();
    transform = new Scattering(in.height(), in.width(), in.channels());
    shape =
        new Shape(
            in.height() / Scattering.REDUCTION,
            in.width() / Scattering.REDUCTION,
            in.channels() * Scattering.PATHS);
    blocks = new MemorySegment[Math.ceilDiv(images.size(), BLOCK)];
    present = new BitSet(images.size());
    pixels = Tensor.allocate(arena, BLOCK, in.height(), in.width(), in.channels());
    features = Tensor.allocate(arena, BLOCK, shape.height(), shape.width(), shape.channels());
    bytes = new byte[in.size()];
    values = new float[shape.size()];
    mirrored = new float[shape.size()];
    halves = new short[half ? shape.size() : 0];
  }

  /// A cache for a network's input.
  ///
  /// @param graph the network
  /// @param images whose features are wanted
  /// @param normalization of their pixels, before the transform
  /// @return empty if the network does not begin with a scattering transform, or features of so
  ///   many images take too much memory
  public static Optional<FeatureCache> of(
      Graph graph, ImageSet images, Normalization normalization) {
    if (!graph.beginsWithScattering()) {
      return Optional.empty();
    }
    long count = (long) images.size() * graph.shape(0).size();
    return count * Short.BYTES > LIMIT_BYTES
        ? Optional.empty()
        : Optional.of(
            new FeatureCache(images, normalization, count * Float.BYTES > FLOAT_LIMIT_BYTES));
  }

  /// The shape of an image's features.
  ///
  /// @return `[H / 4, W / 4, 81 C]`
  public Shape shape() {
    return shape;
  }

  /// Whether these are features of an image set.
  ///
  /// @param set an image set
  /// @param pixelNormalization of its pixels
  /// @return true for the very set and the normalization it was made for
  public boolean isOf(ImageSet set, Normalization pixelNormalization) {
    return images == set && normalization.equals(pixelNormalization);
  }

  /// Transforms those of some images that were not asked for before, on all threads of the kernels;
  /// returns early on interruption, when they will not be read.
  ///
  /// @param indices of images, null examples among them
  void prepare(int[] indices) {
    int[] missing =
        Arrays.stream(indices)
            .filter(i -> i != PoissonDraw.NULL_EXAMPLE && !present.get(i))
            .distinct()
            .toArray();
    for (int from = 0; from < missing.length; from += BLOCK) {
      if (Thread.currentThread().isInterrupted()) {
        return;
      }
      transform(Arrays.copyOfRange(missing, from, Math.min(missing.length, from + BLOCK)));
    }
  }

  private void transform(int[] indices) {
    int channels = images.shape().channels();
    for (int n = 0; n < indices.length; n++) {
      try {
        images.pixels(indices[n], bytes);
      } catch (ImageLostException e) {
        images.lose(indices[n], e);
        // Its features are those of anything: nobody asks for them.
        Arrays.fill(bytes, (byte) 0);
      }
      long at = (long) n * bytes.length;
      for (int i = 0; i < bytes.length; i++) {
        pixels.set(at + i, table[i % channels * LEVELS + (bytes[i] & 0xFF)]);
      }
    }
    Tensor out = features.examples(0, indices.length);
    transform.forward(pixels.examples(0, indices.length), out);
    for (int n = 0; n < indices.length; n++) {
      store(indices[n], out.examples(n, 1).segment());
      present.set(indices[n]);
    }
  }

  private void store(int index, MemorySegment from) {
    MemorySegment place = place(index);
    if (!half) {
      place.copyFrom(from);
      return;
    }
    MemorySegment.copy(from, ValueLayout.JAVA_FLOAT, 0, values, 0, values.length);
    for (int i = 0; i < values.length; i++) {
      halves[i] = Float.floatToFloat16(values[i]);
    }
    MemorySegment.copy(halves, 0, place, ValueLayout.JAVA_SHORT, 0, halves.length);
  }

  private MemorySegment place(int index) {
    long size = (long) shape.size() * (half ? Short.BYTES : Float.BYTES);
    MemorySegment block = blocks[index / BLOCK];
    if (block == null) {
      block = arena.allocate(BLOCK * size, Tensor.ALIGNMENT_BYTES);
      blocks[index / BLOCK] = block;
    }
    return block.asSlice(index % BLOCK * size, size);
  }

  /// Copies an image's features.
  ///
  /// @param index of the image
  /// @param flip whether those of the mirrored image are wanted
  /// @param target `[1, H / 4, W / 4, 81 C]`, overwritten
  /// @throws IllegalStateException if the image was not prepared
  void copy(int index, boolean flip, Tensor target) {
    if (!present.get(index)) {
      throw new IllegalStateException("the features of image " + index + " are not prepared");
    }
    MemorySegment place = place(index);
    if (half) {
      MemorySegment.copy(place, ValueLayout.JAVA_SHORT, 0, halves, 0, halves.length);
      for (int i = 0; i < halves.length; i++) {
        values[i] = Float.float16ToFloat(halves[i]);
      }
    } else {
      MemorySegment.copy(place, ValueLayout.JAVA_FLOAT, 0, values, 0, values.length);
    }
    if (flip) {
      Scattering.mirror(values, shape.width(), images.shape().channels(), mirrored);
    }
    target.copyFrom(flip ? mirrored : values);
  }

  /// Zeroes and frees everything. Idempotent.
  @Override
  public void close() {
    if (!arena.scope().isAlive()) {
      return;
    }
    for (MemorySegment block : blocks) {
      if (block != null) {
        block.fill((byte) 0);
      }
    }
    pixels.fill(0);
    features.fill(0);
    Arrays.fill(bytes, (byte) 0);
    Arrays.fill(values, 0);
    Arrays.fill(mirrored, 0);
    Arrays.fill(halves, (short) 0);
    transform.close();
    arena.close();
  }
}
