package asymml.trusted.data;

import asymml.model.Shape;
import asymml.trusted.draw.SplitMix64;
import java.lang.ref.SoftReference;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// The built-in data set: 32x32 colour images of ten kinds of shapes, drawn from a seed by plain
/// arithmetic, the same on every machine. Position, size, rotation and colours are random and carry
/// no class, specks and a line distract, noise covers all; so a linear classifier on the pixels
/// finds next to nothing, while a small convolutional network learns the shapes.
final class GeneratedImages {
  private static final int SIDE = 32;
  private static final Shape SHAPE = new Shape(SIDE, SIDE, 3);
  private static final int TRAIN = 6000;
  private static final int TEST = 1000;

  /// All shapes equal some rotation of their mirror image.
  private static final boolean FLIP = true;

  private static final int CROP_PADDING = 2;

  /// Where the test images' streams begin: beyond any training image's.
  private static final long TEST_STREAM = 1L << 32;

  /// Radii in pixels: every shape spans more than half of the image.
  private static final double SMALLEST = 10;

  private static final double LARGEST = 13;

  /// Least sum over the channels of the difference between shape and background, each 0 to 1.
  private static final double CONTRAST = 1.0;

  private static final double GRADIENT = 0.15;

  /// Half the range of the noise, whose distribution is a triangle: standard deviation 0.04.
  private static final double NOISE = 0.1;

  private static final int SPECKS = 2;
  private static final int PROGRESS_STEP = 500;

  private static final AtomicReference<@Nullable Drawn> LAST = new AtomicReference<>();

  /// Images that stay while there is memory.
  private record Drawn(long seed, SoftReference<DataSet> images) {}

  private final SplitMix64 random;
  private final double[] canvas = new double[SHAPE.size()];

  private GeneratedImages(SplitMix64 random) {
    this.random = random;
  }

  /// Both splits of a seed, drawn unless they are the last that were: studies open the same images
  /// many times.
  static DataSet of(long seed, Progress progress) {
    @Nullable Drawn last = LAST.get();
    @Nullable DataSet images = last != null && last.seed == seed ? last.images.get() : null;
    if (images == null) {
      images = draw(seed, progress);
      LAST.set(new Drawn(seed, new SoftReference<>(images)));
    }
    return images;
  }

  private static DataSet draw(long seed, Progress progress) {
    ImageSet train = draw(seed, 0, TRAIN, "drawing training images", progress);
    ImageSet test = draw(seed, TEST_STREAM, TEST, "drawing test images", progress);
    return new DataSet(
        "generated:" + seed, train, test, Normalization.of(train), FLIP, CROP_PADDING);
  }

  private static ImageSet draw(long seed, long stream, int count, String what, Progress progress) {
    List<String> classNames =
        Figure.CLASSES.stream().map(figure -> figure.name().toLowerCase(Locale.ROOT)).toList();
    Pixels pixels = new Pixels(count, SHAPE);
    int[] labels = new int[count];
    for (int i = 0; i < count; i++) {
      labels[i] = i % classNames.size();
      SplitMix64 random = SplitMix64.of(seed, stream + i);
      pixels.put(i, new GeneratedImages(random).image(Figure.CLASSES.get(labels[i])));
      if ((i + 1) % PROGRESS_STEP == 0) {
        progress.update(what, i + 1, count);
      }
    }
    return new ImageSet(SHAPE, classNames, labels, pixels);
  }

  private byte[] image(Figure figure) {
    double[] background = colour();
    double[] foreground = colour();
    while (difference(background, foreground) < CONTRAST) {
      foreground = colour();
    }
    paintBackground(background);
    for (int s = 0; s < SPECKS; s++) {
      paint(Figure.DISC, position(0), position(0), random.between(1, 1.8), colour());
    }
    paint(Figure.LINE, position(0), position(0), random.between(4, 8), colour());
    double radius = random.between(SMALLEST, LARGEST);
    paint(figure, position(radius), position(radius), radius, foreground);
    return noisyBytes();
  }

  private double[] colour() {
    return new double[] {random.nextDouble(), random.nextDouble(), random.nextDouble()};
  }

  private double position(double margin) {
    return random.between(margin, SIDE - margin);
  }

  private static double difference(double[] a, double[] b) {
    return Math.abs(a[0] - b[0]) + Math.abs(a[1] - b[1]) + Math.abs(a[2] - b[2]);
  }

  /// A colour with a slight gradient in a random direction.
  private void paintBackground(double[] colour) {
    double right = random.between(-GRADIENT, GRADIENT);
    double down = random.between(-GRADIENT, GRADIENT);
    for (int p = 0; p < SIDE * SIDE; p++) {
      int x = p % SIDE;
      int y = p / SIDE;
      double shade = right * (2.0 * x / SIDE - 1) + down * (2.0 * y / SIDE - 1);
      for (int c = 0; c < 3; c++) {
        canvas[p * 3 + c] = colour[c] + shade;
      }
    }
  }

  /// Draws a figure, turned at random, its edge softened over one pixel.
  private void paint(Figure figure, double x, double y, double radius, double[] colour) {
    double angle = random.between(0, 2 * StrictMath.PI);
    double cos = StrictMath.cos(angle) / radius;
    double sin = StrictMath.sin(angle) / radius;
    double reach = Figure.REACH * radius + 1;
    int right = (int) Math.min(SIDE, Math.ceil(x + reach));
    int bottom = (int) Math.min(SIDE, Math.ceil(y + reach));
    for (int row = (int) Math.max(0, y - reach); row < bottom; row++) {
      for (int column = (int) Math.max(0, x - reach); column < right; column++) {
        double dx = column + 0.5 - x;
        double dy = row + 0.5 - y;
        double distance = figure.distance(cos * dx + sin * dy, cos * dy - sin * dx);
        double cover = Math.clamp(0.5 - distance * radius, 0, 1);
        int p = row * SIDE + column;
        for (int c = 0; c < 3; c++) {
          canvas[p * 3 + c] += cover * (colour[c] - canvas[p * 3 + c]);
        }
      }
    }
  }

  private byte[] noisyBytes() {
    byte[] bytes = new byte[canvas.length];
    for (int i = 0; i < bytes.length; i++) {
      double noise = NOISE * (random.nextDouble() + random.nextDouble() - 1);
      bytes[i] = (byte) (int) Math.clamp((canvas[i] + noise) * 255 + 0.5, 0, 255);
    }
    return bytes;
  }
}
