package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import asymml.interop.ExportedModel;
import asymml.interop.InitialWeights;
import asymml.interop.OnnxImport;
import asymml.kernels.Tensor;
import asymml.model.ClearStore;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.ModelDescription;
import asymml.model.Parameter;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.data.Normalization;
import asymml.trusted.ops.Parameters;
import asymml.trusted.train.Evaluator;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Exported models give in ONNX Runtime what they give here.
class OnnxAgreementTest {
  private static final int IMAGES = 5;
  private static final Normalization NORMALIZATION =
      new Normalization(new float[] {0.49f, 0.48f, 0.45f}, new float[] {0.25f, 0.24f, 0.26f});

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "cnn, BATCH, 32, 32",
    "cnn, GROUP, 20, 37",
    "resnet20, GROUP, 32, 32",
    "resnet18, BATCH, 32, 32",
    "resnet18, GROUP, 64, 80",
    "resnet34, BATCH, 32, 32",
    "vgg11, GROUP, 32, 32",
    "vgg13, BATCH, 32, 32",
    "vgg16, GROUP, 32, 32",
    "vgg19, BATCH, 32, 32",
    "resnet50, BATCH, 16, 16",
    "wrn16-4, BATCH, 16, 16",
    "wrn16-4, GROUP, 16, 20",
    "mobilenetv2, BATCH, 32, 32",
    "mobilenetv2, GROUP, 64, 64"
  })
  void a_model_gives_the_logits_of_this_program(String name, Zoo.Norm norm, int height, int width)
      throws Exception {
    compare(Zoo.build(name, new Shape(height, width, 3), 7, norm));
  }

  /// All kinds of layers that no model of the zoo has.
  @Test
  void a_described_network_gives_the_logits_of_this_program() throws Exception {
    compare(
        ModelDescription.parse(
                """
                name: own
                layers:
                  - {name: conv, type: conv, out: 8, kernel: 3, stride: 2, padding: 1, bias: true}
                  - {name: a, type: leaky-relu, slope: 0.2}
                  - {name: b, type: hard-swish, inputs: [conv]}
                  - {name: c, type: sigmoid, inputs: [conv]}
                  - {name: join, type: concat, inputs: [a, b, c]}
                  - {name: groups, type: conv, out: 12, kernel: 3, padding: 1, groups: 4, bias: true}
                  - {name: t, type: tanh}
                  - {name: pool, type: avg-pool, kernel: 3, stride: 2, padding: 1}
                  - {name: clip, type: clip, low: -0.3, high: 0.4}
                  - {name: drop, type: dropout}
                  - {name: flat, type: flatten}
                  - {name: fc, type: linear}
                """)
            .graph(new Shape(12, 16, 3), 7));
  }

  private void compare(Graph graph) throws Exception {
    try (Parameters parameters = new Parameters(graph, new Initializer(3), false)) {
      randomise(parameters);
      Path file = folder.resolve("model.onnx");
      List<String> classes = IntStream.range(0, graph.classes()).mapToObj(i -> "c" + i).toList();
      ModelFormat.ONNX.write(
          new ExportedModel(
              graph,
              p -> parameters.used(p.name()).toArray(),
              NORMALIZATION.mean(),
              NORMALIZATION.standardDeviation(),
              classes,
              Map.of()),
          ClearStore.CLEAR,
          file);
      byte[] pixels = new byte[IMAGES * graph.input().size()];
      new SplittableRandom(8).nextBytes(pixels);
      float[] here = logits(graph, parameters, pixels);
      float[] there = logits(file, graph.input(), pixels);
      float largest = 1;
      for (float logit : here) {
        largest = Math.max(largest, Math.abs(logit));
      }
      float[] back = imported(file, graph.input(), pixels);
      for (int i = 0; i < here.length; i++) {
        assertThat(there[i]).isCloseTo(here[i], within(1e-5f * largest));
        assertThat(back[i]).isCloseTo(here[i], within(1e-5f * largest));
      }
    }
  }

  /// The logits of the network that the file describes, with its parameters.
  private static float[] imported(Path file, Shape shape, byte[] pixels) throws Exception {
    Graph graph = OnnxImport.read(file).graph(shape, 7);
    InitialWeights weights = InitialWeights.read(file, graph);
    assertThat(weights.missing()).isEmpty();
    try (Parameters parameters =
        new Parameters(graph, new Initializer(9, weights.values()), false)) {
      return logits(graph, parameters, pixels);
    }
  }

  /// Values that training could have left in every parameter.
  private static void randomise(Parameters parameters) {
    SplittableRandom random = new SplittableRandom(5);
    for (Parameter p : parameters.all()) {
      float[] values = parameters.value(p.name()).toArray();
      for (int i = 0; i < values.length; i++) {
        values[i] =
            switch (p.kind()) {
              case WEIGHT, STANDARDIZED_WEIGHT -> values[i];
              case BIAS, SHIFT, RUNNING_MEAN -> (float) random.nextDouble(-0.3, 0.3);
              case SCALE, RUNNING_VARIANCE -> (float) random.nextDouble(0.6, 1.4);
            };
      }
      parameters.value(p.name()).copyFrom(values);
    }
    parameters.changed();
  }

  private static float[] logits(Graph graph, Parameters parameters, byte[] pixels) {
    Shape shape = graph.input();
    List<Float> all = new ArrayList<>();
    try (Evaluator evaluator = new Evaluator(graph, parameters, 1);
        Arena arena = Arena.ofConfined()) {
      Tensor input = Tensor.allocate(arena, 1, shape.height(), shape.width(), shape.channels());
      for (int i = 0; i < IMAGES; i++) {
        byte[] image = Arrays.copyOfRange(pixels, i * shape.size(), (i + 1) * shape.size());
        NORMALIZATION.apply(image, input);
        for (float logit : evaluator.logits(input).toArray()) {
          all.add(logit);
        }
      }
    }
    float[] values = new float[all.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = all.get(i);
    }
    return values;
  }

  private static float[] logits(Path file, Shape shape, byte[] pixels) throws OrtException {
    long[] axes = {IMAGES, shape.height(), shape.width(), shape.channels()};
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (OrtSession session = environment.createSession(file.toString());
        OnnxTensor images =
            OnnxTensor.createTensor(
                environment, ByteBuffer.wrap(pixels), axes, OnnxJavaType.UINT8);
        OrtSession.Result result = session.run(Map.of("image", images))) {
      float[][] logits = (float[][]) result.get(0).getValue();
      float[] values = new float[logits.length * logits[0].length];
      for (int i = 0; i < logits.length; i++) {
        System.arraycopy(logits[i], 0, values, i * logits[i].length, logits[i].length);
      }
      return values;
    }
  }
}
