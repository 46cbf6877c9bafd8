package asymml.study.attack;

import asymml.analysis.Maps;
import asymml.analysis.WorkerView;
import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Shape;
import asymml.privacy.Ledger;
import asymml.session.Limit;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.plan.Placement;
import asymml.trusted.train.FirstStep;
import asymml.trusted.train.TrainConfig;
import asymml.wire.OpDescriptor;
import asymml.wire.RecordedEvent;
import asymml.wire.RecordingWriter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/// The first step of a run as a worker would have recorded it, without a worker: what it was sent
/// is up to the test, so that the right answer is known. Gradients are computed as their
/// definitions say, in double precision.
final class PlantedStep implements AutoCloseable {
  static final int SIDE = 16;
  static final int CLASSES = 4;

  /// What a worker gets of a layer's input.
  interface Sent {
    /// The tensor that is sent.
    ///
    /// @param input the true one
    Maps of(Maps input);
  }

  /// What a recording holds beside the forward pass.
  ///
  /// @param gradients whether there is a backward pass
  /// @param nextWeights whether the weights of the next step came
  /// @param gradientNoise added to output gradients, over their root mean square
  record Extent(boolean gradients, boolean nextWeights, double gradientNoise) {
    static final Extent WHOLE = new Extent(true, true, 0);
  }

  private final TrainingSpec spec;
  private final DataSet data;
  private final Path file;
  private final FirstStep truth;
  private final List<WorkerView> views = new ArrayList<>();

  PlantedStep(TrainingSpec spec, DataSet data, Path file) {
    this.spec = spec;
    this.data = data;
    this.file = file;
    truth = new FirstStep(spec.training(), data);
  }

  /// A short run of the smallest network, in batches.
  static TrainingSpec spec(int batch) {
    return TrainingSpec.defaults()
        .withData(TrainingSpec.defaults().data().withLimits(Limit.NONE, Limit.NONE))
        .withBatchSize(batch)
        .withEpochs(1);
  }

  /// Smooth images of 16 by 16 pixels, with labels that say nothing of them.
  static DataSet images(int train, int test) {
    SplittableRandom random = new SplittableRandom(31);
    ImageSet own = waves(random, train);
    return new DataSet("waves", own, waves(random, test), Normalization.of(own), false, 0);
  }

  private static ImageSet waves(SplittableRandom random, int count) {
    byte[] pixels = new byte[count * SIDE * SIDE * 3];
    for (int i = 0; i < count * 3; i++) {
      double fx = random.nextDouble(-0.7, 0.7);
      double fy = random.nextDouble(-0.7, 0.7);
      double phase = random.nextDouble(2 * Math.PI);
      for (int p = 0; p < SIDE * SIDE; p++) {
        int row = p / SIDE;
        double value = Math.sin(fx * (p % SIDE) + fy * row + phase);
        pixels[(i / 3 * SIDE * SIDE + p) * 3 + i % 3] = (byte) Math.round(127.5 + 100 * value);
      }
    }
    return ImageSet.of(
        new Shape(SIDE, SIDE, 3),
        List.of("a", "b", "c", "d"),
        random.ints(count, 0, CLASSES).toArray(),
        pixels);
  }

  /// Noise in place of all that an input is, of the same size.
  static Sent noise(long seed) {
    return input -> {
      Maps sent = input.zeros();
      SplittableRandom random = new SplittableRandom(seed);
      for (int i = 0; i < sent.values().length; i++) {
        sent.values()[i] = (float) random.nextGaussian();
      }
      return sent;
    };
  }

  FirstStep truth() {
    return truth;
  }

  TrainConfig config() {
    return spec.training();
  }

  /// Writes the recording.
  PlantedStep record(Sent sent, Extent extent) throws IOException {
    try (RecordingWriter writer = RecordingWriter.create(file, 1L << 28, "planted", "float32");
        Arena arena = Arena.ofConfined()) {
      int id = 0;
      for (int node : truth.graph().linearLayers()) {
        String name = truth.graph().nodes().get(node).name();
        if (!(truth.plan().placement(name) instanceof Placement.Trusted)) {
          append(new Writing(writer, arena, ++id, node), sent, extent);
        }
      }
    }
    return this;
  }

  private record Writing(RecordingWriter writer, Arena arena, int id, int node) {
    private Tensor tensor(int[] axes, double[] values) {
      Tensor tensor = Tensor.allocate(arena, axes);
      for (int i = 0; i < values.length; i++) {
        tensor.set(i, (float) values[i]);
      }
      return tensor;
    }

    private void append(RecordedEvent event) throws IOException {
      writer.append(event);
    }
  }

  private void append(Writing to, Sent sent, Extent extent) throws IOException {
    int node = to.node;
    int source = truth.graph().nodes().get(node).inputs().getFirst();
    ConvShape s = truth.pass().shape(node).withBatch(truth.pass().batch());
    Tensor weights = truth.pass().weight(node);
    Maps input =
        Maps.of(truth.pass().output(source)).reshape(s.height(), s.width(), s.inChannels());
    Tensor x = Tensor.allocate(to.arena, s.inputAxes()).copyFrom(sent.of(input).values());
    to.append(new RecordedEvent.DefineOp(0, to.id, descriptor(s)));
    to.append(new RecordedEvent.LoadWeights(1, to.id, weights.segment()));
    Tensor y = Tensor.allocate(to.arena, s.outputAxes());
    to.append(new RecordedEvent.Forward(2, to.id, x.segment(), y.segment()));
    double[] own = values(truth.pass().gradient(node));
    if (extent.gradients()) {
      Tensor dy = to.tensor(s.outputAxes(), noised(own, extent.gradientNoise(), node));
      double[] seen = values(dy);
      if (source != Graph.INPUT) {
        Tensor dx = to.tensor(s.inputAxes(), inputGradient(s, values(weights), seen));
        to.append(new RecordedEvent.BackwardData(3, to.id, dy.segment(), dx.segment()));
      }
      Tensor dw = to.tensor(s.weightAxes(), weightGradient(s, values(x), seen));
      to.append(
          new RecordedEvent.BackwardWeights(4, to.id, x.segment(), dy.segment(), dw.segment()));
    }
    if (extent.nextWeights()) {
      double[] next = values(weights);
      double[] gradient = weightGradient(s, doubles(input.values()), own);
      TrainConfig.Optimizer optimizer = config().optimizer();
      double rate = truth.learningRates(1)[0];
      for (int i = 0; i < next.length; i++) {
        next[i] -= rate * (gradient[i] + optimizer.weightDecay() * next[i]);
      }
      to.append(new RecordedEvent.LoadWeights(5, to.id, to.tensor(s.weightAxes(), next).segment()));
    }
  }

  private static OpDescriptor descriptor(ConvShape s) {
    return new OpDescriptor(
        s.batch(),
        s.height(),
        s.width(),
        s.inChannels(),
        s.outChannels(),
        s.kernelHeight(),
        s.kernelWidth(),
        s.stride(),
        s.padding());
  }

  private static double[] values(Tensor tensor) {
    return doubles(tensor.toArray());
  }

  private static double[] doubles(float[] values) {
    double[] result = new double[values.length];
    for (int i = 0; i < result.length; i++) {
      result[i] = values[i];
    }
    return result;
  }

  private static double[] noised(double[] values, double ratio, long seed) {
    double squares = 0;
    for (double value : values) {
      squares += value * value;
    }
    double sigma = ratio * Math.sqrt(squares / values.length);
    SplittableRandom random = new SplittableRandom(seed);
    double[] result = values.clone();
    for (int i = 0; i < result.length; i++) {
      result[i] += sigma == 0 ? 0 : sigma * random.nextGaussian();
    }
    return result;
  }

  /// What one product of a convolution adds to.
  private interface Product {
    void at(int x, int y, int w);
  }

  private static void products(ConvShape s, Product product) {
    for (int n = 0; n < s.batch(); n++) {
      for (int oy = 0; oy < s.outHeight(); oy++) {
        for (int ox = 0; ox < s.outWidth(); ox++) {
          int y = ((n * s.outHeight() + oy) * s.outWidth() + ox) * s.outChannels();
          window(s, n, oy, ox, y, product);
        }
      }
    }
  }

  private static void window(ConvShape s, int n, int oy, int ox, int y, Product product) {
    for (int ky = 0; ky < s.kernelHeight(); ky++) {
      for (int kx = 0; kx < s.kernelWidth(); kx++) {
        int iy = oy * s.stride() + ky - s.padding();
        int ix = ox * s.stride() + kx - s.padding();
        if (iy < 0 || iy >= s.height() || ix < 0 || ix >= s.width()) {
          continue;
        }
        int x = ((n * s.height() + iy) * s.width() + ix) * s.inChannels();
        for (int o = 0; o < s.outChannels(); o++) {
          int w = ((o * s.kernelHeight() + ky) * s.kernelWidth() + kx) * s.inChannels();
          for (int c = 0; c < s.inChannels(); c++) {
            product.at(x + c, y + o, w + c);
          }
        }
      }
    }
  }

  private static double[] inputGradient(ConvShape s, double[] weights, double[] dy) {
    double[] dx = new double[s.batch() * s.height() * s.width() * s.inChannels()];
    products(s, (x, y, w) -> dx[x] += dy[y] * weights[w]);
    return dx;
  }

  private static double[] weightGradient(ConvShape s, double[] input, double[] dy) {
    double[] dw = new double[s.outChannels() * s.kernelHeight() * s.kernelWidth() * s.inChannels()];
    products(s, (x, y, w) -> dw[w] += dy[y] * input[x]);
    return dw;
  }

  /// The recording beside its truth.
  ///
  /// @param publicImages how many the attacker knows
  /// @param layers how many an attack is tried on
  AttackContext context(int publicImages, int layers) throws IOException {
    return context(null, publicImages, layers);
  }

  AttackContext context(@Nullable Ledger ledger, int publicImages, int layers) throws IOException {
    WorkerView view = WorkerView.open(file);
    views.add(view);
    return new AttackContext(view, truth, config(), ledger, data, publicImages, layers);
  }

  @Override
  public void close() {
    views.forEach(WorkerView::close);
    truth.close();
  }
}
