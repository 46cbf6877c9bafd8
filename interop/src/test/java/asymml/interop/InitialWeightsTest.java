package asymml.interop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import asymml.model.Graph;
import asymml.model.NamedTensor;
import asymml.model.Parameter;
import asymml.model.SafeTensors;
import asymml.model.Shape;
import asymml.model.Zoo;
import com.google.protobuf.ByteString;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class InitialWeightsTest {
  @TempDir Path folder;

  private static Graph graph(String name, int size, int classes) {
    return Zoo.build(name, new Shape(size, size, 3), classes, Zoo.Norm.BATCH);
  }

  private static Map<String, float[]> values(Graph graph) {
    SplittableRandom random = new SplittableRandom(4);
    Map<String, float[]> values = new HashMap<>();
    for (Parameter p : graph.parameters()) {
      float[] own = new float[(int) p.size()];
      for (int i = 0; i < own.length; i++) {
        own[i] = (float) random.nextDouble();
      }
      values.put(p.name(), own);
    }
    return values;
  }

  private static float[] of(Map<String, float[]> values, String name) {
    return Objects.requireNonNull(values.get(name));
  }

  private static ExportedModel model(Graph graph, Map<String, float[]> values) {
    return new ExportedModel(
        graph,
        p -> of(values, p.name()),
        new float[] {0.5f, 0.5f, 0.5f},
        new float[] {0.25f, 0.25f, 0.25f},
        IntStream.range(0, graph.classes()).mapToObj(i -> "class " + i).toList(),
        Map.of("privacy", "none claimed"));
  }

  private Path safeTensors(Graph graph, Map<String, float[]> values) throws IOException {
    Path file = folder.resolve("m.safetensors");
    TorchSafeTensors.write(model(graph, values), file);
    return file;
  }

  @ParameterizedTest
  @CsvSource({"cnn, 20", "resnet20, 32", "vgg11, 32", "resnet18, 64"})
  void what_is_exported_comes_back_to_the_bit(String name, int size) throws IOException {
    Graph graph = graph(name, size, 7);
    Map<String, float[]> values = values(graph);
    Path onnx = folder.resolve("m.onnx");
    OnnxExport.write(model(graph, values), "test", onnx);
    for (Path file : List.of(safeTensors(graph, values), onnx)) {
      InitialWeights read = InitialWeights.read(file, graph);
      assertThat(read.missing()).isEmpty();
      assertThat(read.values()).hasSize(values.size());
      values.forEach((p, own) -> assertThat(read.values().get(p)).as(p).isEqualTo(own));
      assertThat(read.metadata()).containsEntry("privacy", "none claimed");
    }
    assertThat(InitialWeights.read(safeTensors(graph, values), graph).unused()).isEmpty();
  }

  @Test
  void a_scattering_transform_is_refused_in_onnx_and_its_classifier_is_no_problem_elsewhere()
      throws IOException {
    Graph graph = graph("scatter-cnn", 16, 3);
    Map<String, float[]> values = values(graph);
    assertThatThrownBy(
            () -> OnnxExport.write(model(graph, values), "test", folder.resolve("m.onnx")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a scattering transform, has no ONNX operator")
        .message()
        .hasLineCount(1);
    assertThat(folder.resolve("m.onnx")).doesNotExist();
    assertThat(InitialWeights.read(safeTensors(graph, values), graph).missing()).isEmpty();
  }

  /// Names and shapes as `torchvision.models.resnet18().state_dict()` and `vgg11_bn` have them.
  @Test
  void names_and_layouts_are_those_of_torchvision() throws IOException {
    Graph resnet = graph("resnet18", 64, 1000);
    Map<String, int[]> shapes = shapes(safeTensors(resnet, values(resnet)));
    assertThat(shapes.get("conv1.weight")).containsExactly(64, 3, 7, 7);
    assertThat(shapes.get("bn1.running_var")).containsExactly(64);
    assertThat(shapes.get("layer2.0.downsample.0.weight")).containsExactly(128, 64, 1, 1);
    assertThat(shapes.get("layer2.0.downsample.1.running_mean")).containsExactly(128);
    assertThat(shapes.get("layer4.1.conv2.weight")).containsExactly(512, 512, 3, 3);
    assertThat(shapes.get("fc.weight")).containsExactly(1000, 512);
    // 122 entries of the state_dict without its 20 counters.
    assertThat(shapes).hasSize(102);

    Graph vgg = graph("vgg11", 64, 10);
    shapes = shapes(safeTensors(vgg, values(vgg)));
    assertThat(shapes.get("features.0.weight")).containsExactly(64, 3, 3, 3);
    assertThat(shapes.get("features.0.bias")).containsExactly(64);
    assertThat(shapes.get("features.1.running_mean")).containsExactly(64);
    assertThat(shapes.get("features.4.weight")).containsExactly(128, 64, 3, 3);
    assertThat(shapes.get("features.25.weight")).containsExactly(512, 512, 3, 3);
    assertThat(shapes.get("features.26.bias")).containsExactly(512);
    assertThat(shapes.get("classifier.0.weight")).containsExactly(4096, 512 * 2 * 2);
    assertThat(shapes.get("classifier.3.weight")).containsExactly(4096, 4096);
    assertThat(shapes.get("classifier.6.bias")).containsExactly(10);
    assertThat(shapes).hasSize(8 * 6 + 3 * 2);
  }

  private static Map<String, int[]> shapes(Path file) throws IOException {
    Map<String, int[]> shapes = new HashMap<>();
    SafeTensors.read(file).tensors().forEach(t -> shapes.put(t.name(), t.shape()));
    return shapes;
  }

  /// The first output of a linear layer behind a flattened map, in both orders.
  @Test
  void weights_behind_a_flattened_map_are_reordered() throws IOException {
    Graph graph = graph("cnn", 16, 2); // flattens 2x2x64
    Map<String, float[]> values = values(graph);
    float[] torch = tensor(safeTensors(graph, values), "fc.weight").toArray();
    for (int pixel = 0; pixel < 4; pixel++) {
      for (int channel = 0; channel < 64; channel++) {
        assertThat(torch[channel * 4 + pixel])
            .isEqualTo(of(values, "fc.weight")[pixel * 64 + channel]);
      }
    }
  }

  private static NamedTensor tensor(Path file, String name) throws IOException {
    return SafeTensors.read(file).tensors().stream()
        .filter(t -> t.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void a_classifier_of_other_classes_is_left_out_and_said() throws IOException {
    Graph graph = graph("resnet20", 32, 10);
    InitialWeights read =
        InitialWeights.read(safeTensors(graph, values(graph)), graph("resnet20", 32, 3));
    assertThat(read.missing()).containsExactly("fc.weight", "fc.bias");
    assertThat(read.unused())
        .containsExactly(
            "fc.weight [10, 64], where the network has [3, 64]",
            "fc.bias [10], where the network has [3]");
    assertThat(read.lines(1))
        .hasSize(3)
        .anyMatch(line -> line.endsWith("drawn by the seed: fc.weight and 1 more"));
  }

  /// `(x + b - mean) = (x - (mean - b))`.
  @Test
  void a_bias_in_front_of_a_batch_normalisation_goes_into_the_running_mean() throws IOException {
    Graph graph = graph("vgg11", 32, 10);
    Map<String, float[]> values = values(graph);
    List<NamedTensor> tensors = new ArrayList<>();
    for (NamedTensor tensor : SafeTensors.read(safeTensors(graph, values)).tensors()) {
      float[] own = tensor.toArray();
      if (tensor.name().equals("features.4.bias")) {
        own[2] = 0.125f;
      }
      tensors.add(NamedTensor.of(tensor.name(), tensor.shape(), own));
    }
    Path file = folder.resolve("biased.safetensors");
    SafeTensors.write(file, Map.of(), tensors);
    InitialWeights read = InitialWeights.read(file, graph);
    float[] before = of(values, "bn2_1.running_mean");
    float[] after = of(read.values(), "bn2_1.running_mean");
    assertThat(after[2]).isCloseTo(before[2] - 0.125f, within(1e-7f));
    assertThat(after[1]).isEqualTo(before[1]);
    assertThat(read.unused()).isEmpty();
  }

  @Test
  void a_checkpoint_of_ours_has_our_layout_and_the_state_of_its_optimiser_is_left()
      throws IOException {
    Graph graph = graph("cnn", 16, 2);
    Map<String, float[]> values = values(graph);
    List<NamedTensor> tensors = new ArrayList<>();
    for (Parameter p : graph.parameters()) {
      tensors.add(NamedTensor.of(p.name(), p.shape(), of(values, p.name())));
      tensors.add(NamedTensor.of("velocity/" + p.name(), p.shape(), of(values, p.name())));
    }
    Path file = folder.resolve("checkpoint.safetensors");
    SafeTensors.write(file, Map.of("weightLayout", "OHWI"), tensors);
    InitialWeights read = InitialWeights.read(file, graph);
    assertThat(read.unused()).isEmpty();
    assertThat(read.values().get("conv2.weight")).isEqualTo(of(values, "conv2.weight"));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
  void values_that_are_not_finite_are_refused(float value) throws IOException {
    Graph graph = graph("cnn", 16, 2);
    Map<String, float[]> values = values(graph);
    of(values, "conv2.weight")[5] = value;
    Path file = safeTensors(graph, values);
    assertRefused(file, graph, "tensor conv2.weight holds a value that is not finite");
  }

  @Test
  void a_negative_variance_is_refused() throws IOException {
    Graph graph = graph("cnn", 16, 2);
    Map<String, float[]> values = values(graph);
    of(values, "bn1.running_var")[0] = -1;
    assertRefused(safeTensors(graph, values), graph, "tensor bn1.running_var holds a negative");
  }

  @Test
  void a_file_of_another_network_is_refused() throws IOException {
    Path file = folder.resolve("other.safetensors");
    SafeTensors.write(file, Map.of(), List.of(NamedTensor.of("x", new int[] {1}, new float[] {1})));
    assertRefused(file, graph("cnn", 16, 2), "it has none of the parameters of cnn");
  }

  @Test
  void onnx_values_in_other_files_are_refused_and_not_looked_for() throws IOException {
    Graph graph = graph("cnn", 16, 2);
    TensorProto tensor =
        TensorProto.newBuilder()
            .setName("fc.bias")
            .addDims(2)
            .setDataType(TensorProto.DataType.FLOAT_VALUE)
            .setDataLocation(TensorProto.DataLocation.EXTERNAL)
            .build();
    assertRefused(onnx(tensor), graph, "tensor fc.bias is kept in another file");
  }

  @Test
  void an_onnx_tensor_whose_data_does_not_fit_its_shape_is_refused() throws IOException {
    Graph graph = graph("vgg11", 64, 2);
    TensorProto.Builder tensor =
        TensorProto.newBuilder()
            .setName("classifier.3.weight")
            .addDims(4096)
            .addDims(4096)
            .setDataType(TensorProto.DataType.FLOAT_VALUE);
    assertRefused(onnx(tensor.build()), graph, "holds 0 where its shape needs 16777216");
    tensor.setRawData(ByteString.copyFrom(new byte[12]));
    assertRefused(onnx(tensor.build()), graph, "holds 12 where its shape needs 67108864");
    tensor.setDataType(TensorProto.DataType.INT64_VALUE);
    assertRefused(onnx(tensor.build()), graph, "holds no floating-point numbers");
  }

  private Path onnx(TensorProto tensor) throws IOException {
    ModelProto model =
        ModelProto.newBuilder().setGraph(GraphProto.newBuilder().addInitializer(tensor)).build();
    return Files.write(folder.resolve("m.onnx"), model.toByteArray());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "not an ONNX file", "\u0008\u0007"})
  void what_is_no_onnx_file_is_refused_in_one_line(String content) throws IOException {
    Path file = Files.writeString(folder.resolve("m.onnx"), content);
    assertRefused(file, graph("cnn", 16, 2), "ONNX model");
  }

  private static void assertRefused(Path file, Graph graph, String why) {
    assertThatThrownBy(() -> InitialWeights.read(file, graph))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("cannot use model file " + file + ": ")
        .hasMessageContaining(why)
        .message()
        .hasLineCount(1);
  }
}
