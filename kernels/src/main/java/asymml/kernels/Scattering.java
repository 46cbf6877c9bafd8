package asymml.kernels;

import java.lang.foreign.Arena;
import java.util.concurrent.ConcurrentLinkedQueue;

/// The scattering transform of images: moduli of wavelet transforms, once and twice, averaged over
/// small neighbourhoods (Bruna and Mallat 2013, arXiv 1203.1513), then normalised for each image
/// ([PathNorm]). It has no parameters.
///
/// With Morlet wavelets `psi` ([Morlet]) on two scales in eight orientations `t pi / 8`, and a
/// Gaussian `phi` of standard deviation 1.6 pixels and sum 1, the paths of a colour x are, in this
/// order:
///
/// | paths | value |
/// |---|---|
/// | 0 | `x * phi` |
/// | 1 + t | `abs(x * psi(0, t)) * phi` |
/// | 9 + t | `abs(x * psi(1, t)) * phi` |
/// | 17 + 8 t + u | `abs(abs(x * psi(0, t)) * psi(1, u)) * phi` |
///
/// The image is extended by its mirror image, edge pixels repeated, by at least four pixels on each
/// side, and then repeated periodically. Results are taken at pixels 1.5, 5.5, ... and moduli of
/// scale 1 at pixels 0.5, 2.5, ..., which is symmetric: the transform of a mirrored image is the
/// mirrored transform with orientation t in the place of `-t mod 8` ([#mirror]).
///
/// Each example is computed by itself, in float32, whatever the number of threads. Safe for use by
/// several threads. [#close] zeroes what it computed with.
public final class Scattering implements AutoCloseable {
  /// The number of orientations, L.
  public static final int ORIENTATIONS = 8;

  /// Channels of the output for each channel of the images.
  public static final int PATHS = 1 + 2 * ORIENTATIONS + ORIENTATIONS * ORIENTATIONS;

  /// Pixels of the images, along each axis, for each pixel of the output.
  public static final int REDUCTION = 4;

  private final ScatteringPlan plan;
  private final ConcurrentLinkedQueue<ScatteringWorkspace> idle = new ConcurrentLinkedQueue<>();
  private final Arena arena = Arena.ofShared(); // used by worker threads of the kernels

  /// Plans the transform.
  ///
  /// @param height H, a multiple of 4
  /// @param width W, a multiple of 4
  /// @param channels C, at least 1
  /// @throws IllegalArgumentException if a size is out of range
  public Scattering(int height, int width, int channels) {
    if (height < REDUCTION
        || width < REDUCTION
        || height % REDUCTION != 0
        || width % REDUCTION != 0) {
      throw new IllegalArgumentException(
          "height and width must be multiples of " + REDUCTION + ": " + height + " x " + width);
    }
    plan = new ScatteringPlan(height, width, Operands.atLeastOne("channels", channels));
  }

  /// Transforms a batch and normalises its features.
  ///
  /// @param images `[N, H, W, C]`
  /// @param features `[N, H / 4, W / 4, 81 C]`, the paths of a colour together; overwritten
  /// @throws IllegalArgumentException if a shape differs
  /// @throws IllegalStateException if closed
  public void forward(Tensor images, Tensor features) {
    transform(images, features, true);
  }

  /// Transforms a batch.
  void transform(Tensor images, Tensor features, boolean normalize) {
    Primitive.requireOpen(!arena.scope().isAlive(), "scattering transform");
    int batch = images.length(0);
    int height = plan.height;
    int width = plan.width;
    int channels = plan.channels;
    long in = Operands.address("images", images, batch, height, width, channels);
    long out =
        Operands.address(
            "features", features, batch, height / REDUCTION, width / REDUCTION, PATHS * channels);
    long imageBytes = images.sizeBytes() / batch;
    long featureBytes = features.sizeBytes() / batch;
    Parallel.run(
        batch,
        example -> {
          ScatteringWorkspace free = idle.poll();
          ScatteringWorkspace workspace =
              free == null ? new ScatteringWorkspace(plan, arena) : free;
          workspace.transform(in + example * imageBytes, out + example * featureBytes);
          idle.add(workspace);
          if (normalize) {
            PathNorm.normalize(
                out + example * featureBytes, features.length(1) * features.length(2), channels);
          }
        });
  }

  /// The features of the mirrored image, from those of the image. Exact.
  ///
  /// @param features of one image, `[H / 4, W / 4, 81 C]`
  /// @param width W / 4
  /// @param channels C
  /// @param mirrored of the same length, overwritten; not the same array
  public static void mirror(float[] features, int width, int channels, float[] mirrored) {
    int values = channels * PATHS;
    int pixels = features.length / values;
    for (int pixel = 0; pixel < pixels; pixel++) {
      int column = pixel % width;
      int from = pixel * values;
      int to = (pixel - column + width - 1 - column) * values;
      for (int c = 0; c < values; c++) {
        mirrored[to + c / PATHS * PATHS + mirrored(c % PATHS)] = features[from + c];
      }
    }
  }

  /// Where a path's value stands for the mirrored image.
  ///
  /// @param path from 0 to 80
  /// @return the path whose orientations are mirrored
  public static int mirrored(int path) {
    if (path == 0) {
      return 0;
    }
    boolean twice = path > 2 * ORIENTATIONS;
    int start = twice ? 1 + 2 * ORIENTATIONS : 1;
    int first = (path - start) / ORIENTATIONS;
    int last = (path - start) % ORIENTATIONS;
    return start + (twice ? opposite(first) : first) * ORIENTATIONS + opposite(last);
  }

  private static int opposite(int orientation) {
    return (ORIENTATIONS - orientation) % ORIENTATIONS;
  }

  /// Zeroes and frees the memory. Idempotent.
  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      idle.forEach(ScatteringWorkspace::clear);
      idle.clear();
      arena.close();
    }
  }
}
