package asymml.analysis;

import asymml.analysis.Engine.Net;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer.Add;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.Relu;
import asymml.model.Shape;
import java.util.SplittableRandom;

/// Attack 7: images from what one layer was sent, by a decoder network. The attacker runs its own
/// images through the network up to the layer, applies the plan's decomposition, clipping and noise
/// to their activations ([Withheld]), trains a small convolutional network to reconstruct the
/// images, and applies it to the received tensors.
///
/// The decoder has three 3x3 convolutions at the layer's resolution, with a straight way around the
/// first two; the last gives each position's pixels as channels, which are then put in their places
/// (Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
/// Convolutional Neural Network", CVPR 2016, arXiv 1609.05158). It learns the mean image if there
/// is nothing else to learn.
///
/// Source: Dosovitskiy and Brox, "Inverting Visual Representations with Convolutional Networks"
/// (CVPR 2016, arXiv 1506.02753); against split networks, He et al., "Model Inversion Attacks
/// Against Collaborative Inference" (ACSAC 2019).
///
/// Reads X of one layer as received, and W ([InitialNetwork]). Public knowledge: graph, plan, noise
/// strength, auxiliary images, none of them the victim's. Cost: one pass over the auxiliary images
/// up to the layer, one singular value decomposition C x C a batch, and training: about 150 million
/// multiply-adds an image and epoch at 16x16x64.
public final class ModelInversion implements AutoCloseable {
  private static final int WIDTH = 64;
  private static final int BATCH = 16;

  /// What the last layer gives is multiplied by this: it starts near 0, and its steps are small
  /// against those of the others, which lets them be large.
  private static final double GAIN = 0.1;

  /// An error, against that of the mean image, from which no training comes back.
  private static final double HOPELESS = 1e4;

  /// Tried in this order: a high rate trains best, but for some images diverges.
  private static final float[] RATES = {0.05f, 0.02f, 0.005f};

  private static final float MOMENTUM = 0.9f;

  private final Net decoder;
  private final Shape image;
  private final double scale;

  private ModelInversion(Net decoder, Shape image, double scale) {
    this.decoder = decoder;
    this.image = image;
    this.scale = scale;
  }

  /// The inputs that a layer gets of images.
  ///
  /// @param net what comes before the layer, with its weights
  /// @param images `[M, H, W, C]`; a last batch that is not full is left out
  /// @param input shape of the layer's input
  /// @param batch how many images pass together: batch norm mixes them as it does the victim's
  /// @return `[M', h, w, c]`, M' the largest multiple of the batch up to M
  public static Maps activations(Net net, Maps images, Shape input, int batch) {
    int count = images.examples() / batch * batch;
    if (count == 0) {
      throw new IllegalArgumentException(
          "%s auxiliary images are less than a batch of %s".formatted(images.examples(), batch));
    }
    float[] values = new float[count * input.size()];
    for (int n = 0; n < count; n += batch) {
      float[] part = net.forward(images.slice(n, batch)).values();
      System.arraycopy(part, 0, values, n * input.size(), part.length);
    }
    return new Maps(count, input.height(), input.width(), input.channels(), values);
  }

  /// Trains a decoder.
  ///
  /// @param engine who computes
  /// @param activations of auxiliary images at the layer `[M, h, w, c]`, in whole batches
  /// @param images of the same order `[M, H, W, C]`, H and W multiples of h and w
  /// @param withheld how the layer's input is protected before it is sent
  /// @param batch the victim's batch size, which divides M, at least 16
  /// @param epochs passes over the auxiliary images, at least 1
  /// @param seed of the decoder's initial weights, of order and noise
  /// @return the decoder; the caller closes it
  public static ModelInversion train(
      Engine engine,
      Maps activations,
      Maps images,
      Withheld withheld,
      int batch,
      int epochs,
      long seed) {
    int m = activations.examples();
    if (m < BATCH || m != images.examples() || m % batch != 0) {
      throw new IllegalArgumentException(
          "%s and %s are not one number of at least %s images in batches of %s"
              .formatted(activations, images, BATCH, batch));
    }
    Maps residuals = activations.zeros();
    for (int n = 0; n < m; n += batch) {
      float[] part = withheld.residual(activations.slice(n, batch)).values();
      System.arraycopy(part, 0, residuals.values(), n * residuals.exampleSize(), part.length);
    }
    SplittableRandom random = new SplittableRandom(seed);
    Shape image = new Shape(images.height(), images.width(), images.channels());
    double scale = 1 / Math.max(rms(withheld.noised(residuals.slice(0, batch), random)), 1e-30);
    double guess = squareOfDeviations(images);
    for (int i = 0; i < RATES.length; i++) {
      Net net = engine.build(graph(residuals, image), seed);
      ModelInversion tried = new ModelInversion(net, image, scale);
      double error =
          tried.fit(residuals, images, withheld, epochs, RATES[i], random, HOPELESS * guess);
      // A decoder that does worse than the mean image has not been trained: that is no protection.
      if (error < guess || (i == RATES.length - 1 && Double.isFinite(error))) {
        return tried;
      }
      tried.close();
    }
    throw new IllegalStateException("the decoder diverges at every learning rate");
  }

  /// Trains at a rate.
  ///
  /// @param limit an error, of the mean over an epoch so far, at which it is given up
  /// @return the mean squared error of a pixel over the last epoch; infinite where it was given up
  private double fit(
      Maps residuals,
      Maps images,
      Withheld withheld,
      int epochs,
      float rate,
      SplittableRandom random,
      double limit) {
    int epoch = residuals.examples() / BATCH;
    int steps = epochs * epoch;
    int[] order = new int[residuals.examples()];
    double squares = 0;
    for (int step = 0; step < steps; step++) {
      int at = step % epoch * BATCH;
      if (at == 0) {
        shuffle(order, random);
        squares = 0;
      }
      Maps x = scaled(withheld.noised(residuals.pick(order, at, BATCH), random), scale);
      Maps dy = scaled(decoder.forward(x), GAIN).minus(packed(images.pick(order, at, BATCH), x));
      squares += Math.pow(rms(dy), 2);
      if (!(squares / epoch < limit)) {
        return Double.POSITIVE_INFINITY;
      }
      float share = (float) (GAIN / (BATCH * x.height() * x.width()));
      for (int i = 0; i < dy.values().length; i++) {
        dy.values()[i] *= share;
      }
      decoder.backward(dy);
      decoder.step(rate(rate, step, steps), MOMENTUM, 0);
    }
    return squares / epoch;
  }

  /// The mean squared difference to the mean image.
  private static double squareOfDeviations(Maps images) {
    int size = images.exampleSize();
    double[] mean = new double[size];
    for (int i = 0; i < images.values().length; i++) {
      mean[i % size] += (double) images.values()[i] / images.examples();
    }
    double squares = 0;
    for (int i = 0; i < images.values().length; i++) {
      squares += Math.pow(images.values()[i] - mean[i % size], 2);
    }
    return squares / images.values().length;
  }

  /// Rises over a twentieth of the steps, then falls along half a cosine.
  private static float rate(float highest, int step, int steps) {
    double rising = Math.min(1, (step + 1.0) / Math.max(1, steps / 20));
    return (float) (highest * rising * (1 + Math.cos(Math.PI * step / steps)) / 2);
  }

  private static Graph graph(Maps x, Shape image) {
    int factor = image.height() / x.height();
    if (image.height() != x.height() * factor || image.width() != x.width() * factor) {
      throw new IllegalArgumentException(x + " is no even part of images " + image);
    }
    GraphBuilder graph = new GraphBuilder(new Shape(x.height(), x.width(), x.channels()));
    for (int i = 1; i <= 2; i++) {
      graph.add("conv" + i, new Conv2d(WIDTH, 3, 1, 1));
      graph.add("bn" + i, new BatchNorm(1e-5f, 0.1f));
      graph.add("relu" + i, new Relu());
    }
    int deep = graph.last();
    // Without biases a decoder whose ReLUs have all gone silent gives nothing, and strong noise
    // drives
    // it there; the straight way keeps it alive.
    graph.add("straight", new Conv2d(WIDTH, 3, 1, 1), Graph.INPUT);
    int straight = graph.add("straight.bn", new BatchNorm(1e-5f, 0.1f));
    graph.add("both", new Add(), deep, straight);
    graph.add("pixels", new Conv2d(image.channels() * factor * factor, 3, 1, 1));
    graph.add("flat", new Flatten());
    return graph.build("decoder");
  }

  private static void shuffle(int[] order, SplittableRandom random) {
    for (int i = 0; i < order.length; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
  }

  private static double rms(Maps maps) {
    double squares = 0;
    for (float value : maps.values()) {
      squares += (double) value * value;
    }
    return Math.sqrt(squares / maps.values().length);
  }

  private static Maps scaled(Maps maps, double scale) {
    Maps result = maps.zeros();
    for (int i = 0; i < result.values().length; i++) {
      result.values()[i] = (float) (scale * maps.values()[i]);
    }
    return result;
  }

  /// Images as the decoder gives them, each position's pixels as channels.
  private Maps packed(Maps images, Maps x) {
    Maps result =
        new Maps(images.examples(), 1, 1, image.size(), new float[images.values().length]);
    move(images.values(), result.values(), images.examples(), image.height() / x.height(), true);
    return result;
  }

  private void move(float[] from, float[] to, int count, int factor, boolean pack) {
    int narrow = image.width() / factor;
    int channels = image.channels();
    for (int i = 0; i < count * image.size(); i++) {
      int c = i % channels;
      int x = i / channels % image.width();
      int y = i / channels / image.width() % image.height();
      int n = i / image.size();
      int place = (y % factor * factor + x % factor) * channels + c;
      int packed =
          n * image.size()
              + (y / factor * narrow + x / factor) * factor * factor * channels
              + place;
      to[pack ? packed : i] = from[pack ? i : packed];
    }
  }

  /// Decodes.
  ///
  /// @param sent `[N, h, w, c]`, as the layer was sent it
  /// @return images `[N, H, W, C]`
  public Maps decode(Maps sent) {
    float[] packed = scaled(decoder.infer(scaled(sent, scale)), GAIN).values();
    Maps result =
        new Maps(
            sent.examples(),
            image.height(),
            image.width(),
            image.channels(),
            new float[packed.length]);
    move(packed, result.values(), sent.examples(), image.height() / sent.height(), false);
    return result;
  }

  @Override
  public void close() {
    decoder.close();
  }
}
