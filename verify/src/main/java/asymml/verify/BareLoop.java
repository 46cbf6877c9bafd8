package asymml.verify;

import asymml.kernels.BatchNorm;
import asymml.kernels.ConvShape;
import asymml.kernels.Convolution;
import asymml.kernels.Convolution.Pass;
import asymml.kernels.Elementwise;
import asymml.kernels.Kernels;
import asymml.kernels.Pooling;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/// The lower bound of `trusted-only`: a training step of VGG16 with batch norm at 32x32 as a bare
/// sequence of kernels on planned buffers. No graph, no data set, no decomposition, no checks
/// beyond those of the kernels.
///
/// Arguments: batch size (32), timed steps (10), threads (all). One line per result on standard
/// output.
public final class BareLoop {
  private static final int POOL = 0;
  private static final int[] VGG16 = {
    64, 64, POOL, 128, 128, POOL, 256, 256, 256, POOL, 512, 512, 512, POOL, 512, 512, 512, POOL
  };
  private static final int CLASSES = 10;
  private static final int WARM_UP_STEPS = 3;

  private BareLoop() {}

  /// Weights of one layer with their gradient and momentum.
  private record Parameter(Tensor value, Tensor velocity, Tensor gradient) {
    Parameter(Arena arena, float first, int... shape) {
      this(
          Tensor.allocate(arena, shape),
          Tensor.allocate(arena, shape),
          Tensor.allocate(arena, shape));
      value.fill(first);
    }

    void step() {
      Elementwise.sgd(value, velocity, gradient, 0.01f, 0.9f, 5e-4f);
    }
  }

  /// Convolution, batch norm with ReLU and, at the end of a stage, max pooling.
  private static final class Block implements AutoCloseable {
    private final Convolution convolution;
    private final BatchNorm norm;
    private final @Nullable Pooling pooling;
    private final Parameter weights;
    private final Parameter scale;
    private final Parameter shift;
    private final Tensor x;
    private final Tensor convolved;
    private final Tensor activated;
    private final Tensor y;
    private final Tensor mean;
    private final Tensor variance;

    Block(Arena arena, SplittableRandom random, Tensor x, int channels, boolean pooled) {
      int[] in = x.shape();
      ConvShape shape = new ConvShape(in[0], in[1], in[2], in[3], channels, 3, 3, 1, 1);
      // The gradient with respect to the images is nobody's.
      boolean first = in[3] == 3;
      this.x = x;
      convolution =
          new Convolution(
              shape,
              first ? EnumSet.of(Pass.FORWARD, Pass.BACKWARD_WEIGHTS) : EnumSet.allOf(Pass.class));
      norm = new BatchNorm(in[0], in[1], in[2], channels, 1e-5f, true);
      weights = new Parameter(arena, 0, shape.weightAxes());
      randomise(random, weights.value, Math.sqrt(2.0 / (9 * in[3])));
      scale = new Parameter(arena, 1, channels);
      shift = new Parameter(arena, 0, channels);
      convolved = Tensor.allocate(arena, shape.outputAxes());
      activated = Tensor.allocate(arena, shape.outputAxes());
      mean = Tensor.allocate(arena, channels);
      variance = Tensor.allocate(arena, channels);
      pooling =
          pooled
              ? new Pooling(Pooling.Kind.MAX, in[0], in[1], in[2], channels, 2, 2, 2, 0, true)
              : null;
      y = pooled ? Tensor.allocate(arena, in[0], in[1] / 2, in[2] / 2, channels) : activated;
    }

    void forward() {
      convolution.loadWeights(weights.value);
      convolution.forward(x, convolved);
      norm.forwardTraining(convolved, scale.value, shift.value, activated, mean, variance);
      if (pooling != null) {
        pooling.forward(activated, y);
      }
    }

    /// Takes the gradient with respect to y out of one buffer and leaves that with respect to x
    /// there.
    void backward(Tensor gradients, Tensor spare) {
      Tensor dActivated = view(gradients, activated);
      if (pooling != null) {
        pooling.backward(view(gradients, y), view(spare, activated));
        dActivated = view(spare, activated);
      }
      norm.backward(
          convolved,
          dActivated,
          mean,
          variance,
          scale.value,
          dActivated,
          scale.gradient,
          shift.gradient);
      convolution.backwardWeights(x, dActivated, weights.gradient);
      if (x.length(3) != 3) {
        Tensor target = pooling == null ? spare : gradients;
        convolution.backwardData(dActivated, view(target, x));
      }
    }

    /// Whether [#backward] leaves its result in the spare buffer.
    boolean swaps() {
      return pooling == null;
    }

    void step() {
      weights.step();
      scale.step();
      shift.step();
    }

    @Override
    public void close() {
      convolution.close();
      norm.close();
      if (pooling != null) {
        pooling.close();
      }
    }
  }

  private static Tensor view(Tensor buffer, Tensor like) {
    return Tensor.of(buffer.segment().asSlice(0, like.sizeBytes()), like.shape());
  }

  private static void randomise(SplittableRandom random, Tensor tensor, double deviation) {
    for (long i = 0; i < tensor.size(); i++) {
      tensor.set(i, (float) (deviation * random.nextGaussian()));
    }
  }

  /// Runs the loop and prints images/s (median step) and GFLOP/s of the linear layers.
  ///
  /// @param args batch size, timed steps, threads; each optional
  public static void main(String[] args) {
    int batch = args.length > 0 ? Integer.parseInt(args[0]) : 32;
    int steps = args.length > 1 ? Integer.parseInt(args[1]) : 10;
    if (args.length > 2) {
      Kernels.setThreads(Integer.parseInt(args[2]));
    }
    List<Block> blocks = new ArrayList<>();
    SplittableRandom random = new SplittableRandom(1);
    try (Arena arena = Arena.ofShared()) {
      Tensor images = Tensor.allocate(arena, batch, 32, 32, 3);
      randomise(random, images, 1);
      Tensor x = images;
      for (int i = 0; i < VGG16.length; i++) {
        if (VGG16[i] != POOL) {
          Block block = new Block(arena, random, x, VGG16[i], VGG16[i + 1] == POOL);
          blocks.add(block);
          x = block.y;
        }
      }
      try (Convolution classifier =
          new Convolution(ConvShape.linear(batch, 512, CLASSES), EnumSet.allOf(Pass.class))) {
        Loop loop = new Loop(arena, random, blocks, classifier, batch);
        loop.report(steps);
      }
    } finally {
      blocks.forEach(Block::close);
    }
  }

  /// All blocks, the classifier and the two gradient buffers that backward alternates between.
  private static final class Loop {
    private final List<Block> blocks;
    private final Convolution classifier;
    private final Parameter classifierWeights;
    private final Parameter bias;
    private final Tensor features;
    private final Tensor logits;
    private final int[] labels;
    private final Tensor front;
    private final Tensor back;

    Loop(
        Arena arena,
        SplittableRandom random,
        List<Block> blocks,
        Convolution classifier,
        int batch) {
      this.blocks = blocks;
      this.classifier = classifier;
      classifierWeights = new Parameter(arena, 0, classifier.shape().weightAxes());
      randomise(random, classifierWeights.value, 0.05);
      bias = new Parameter(arena, 0, CLASSES);
      features = blocks.getLast().y;
      logits = Tensor.allocate(arena, batch, CLASSES);
      labels = random.ints(batch, 0, CLASSES).toArray();
      int largest = Math.toIntExact(blocks.getFirst().activated.size());
      front = Tensor.allocate(arena, largest);
      back = Tensor.allocate(arena, largest);
    }

    double step() {
      blocks.forEach(Block::forward);
      classifier.loadWeights(classifierWeights.value);
      Tensor out = logits.reshape(classifier.shape().outputAxes());
      classifier.forward(features, out);
      Elementwise.addRow(bias.value, logits);
      double loss = SoftmaxCrossEntropy.evaluate(logits, labels, 0, logits).meanLoss();
      Elementwise.columnSums(logits, bias.gradient);
      classifier.backwardWeights(features, out, classifierWeights.gradient);
      classifier.backwardData(out, view(front, features));
      Tensor gradients = front;
      Tensor spare = back;
      for (Block block : blocks.reversed()) {
        block.backward(gradients, spare);
        if (block.swaps()) {
          Tensor swapped = gradients;
          gradients = spare;
          spare = swapped;
        }
      }
      blocks.forEach(Block::step);
      classifierWeights.step();
      bias.step();
      return loss;
    }

    void report(int steps) {
      double first = step();
      double loss = first;
      for (int i = 1; i < WARM_UP_STEPS; i++) {
        loss = step();
      }
      long[] nanos = new long[steps];
      for (int i = 0; i < steps; i++) {
        long start = System.nanoTime();
        loss = step();
        nanos[i] = System.nanoTime() - start;
      }
      Arrays.sort(nanos);
      double seconds = nanos[steps / 2] / 1e9;
      System.out.printf(
          Locale.ROOT,
          "vgg16 batch %d threads %d oneDNN %s: %.1f images/s, %.0f GFLOP/s (median of %d steps, %.0f"
              + " to %.0f ms), loss %.3f to %.3f%n",
          labels.length,
          Kernels.threads(),
          Kernels.version(),
          labels.length / seconds,
          flops() / seconds / 1e9,
          steps,
          nanos[0] / 1e6,
          nanos[steps - 1] / 1e6,
          first,
          loss);
    }

    /// Two per multiply-add, three passes per layer, two for the first.
    private double flops() {
      double sum = 6.0 * classifier.shape().multiplyAdds();
      for (Block block : blocks) {
        sum += (block.x.length(3) == 3 ? 4.0 : 6.0) * block.convolution.shape().multiplyAdds();
      }
      return sum;
    }
  }
}
