package asymml.interop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Layer;
import asymml.model.ModelDescription;
import asymml.model.Node;
import asymml.model.Shape;
import asymml.model.Zoo;
import com.google.protobuf.ByteString;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OnnxImportTest {
  @TempDir Path folder;

  private Path export(Graph graph) throws IOException {
    Path file = folder.resolve(graph.name() + ".onnx");
    Initializer initial = new Initializer(1);
    float[] ones = new float[graph.input().channels()];
    java.util.Arrays.fill(ones, 1);
    List<String> classes = IntStream.range(0, graph.classes()).mapToObj(i -> "c" + i).toList();
    OnnxExport.write(
        new ExportedModel(graph, initial::values, ones, ones, classes, Map.of()), "test", file);
    return file;
  }

  private static List<Layer> layers(List<Node> nodes) {
    // The classifier's input is flattened in ONNX, where the pixels of a pooled map are one anyway.
    return nodes.stream()
        .map(Node::layer)
        .filter(l -> !(l instanceof Layer.Flatten))
        .map(OnnxImportTest::unstandardised)
        .toList();
  }

  /// Weights are exported as they are used.
  private static Layer unstandardised(Layer layer) {
    return switch (layer) {
      case Layer.Conv2d c ->
          new Layer.Conv2d(c.outChannels(), c.kernel(), c.stride(), c.padding(), false, c.bias());
      case Layer.GroupedConv2d c ->
          new Layer.GroupedConv2d(
              c.outChannels(), c.kernel(), c.stride(), c.padding(), c.groups(), false, c.bias());
      default -> layer;
    };
  }

  @ParameterizedTest
  @CsvSource({
    "cnn, BATCH, 32",
    "resnet20, GROUP, 16",
    "resnet18, BATCH, 64",
    "vgg11, BATCH, 32",
    "wrn16-4, BATCH, 16",
    "mobilenetv2, BATCH, 32",
    "mobilenetv2, GROUP, 64"
  })
  void what_export_writes_is_the_same_network(String name, Zoo.Norm norm, int side)
      throws Exception {
    Graph graph = Zoo.build(name, new Shape(side, side, 3), 7, norm);
    Path file = export(graph);
    ModelDescription read = OnnxImport.read(file);
    assertThat(read.name()).isEqualTo(name);
    assertThat(layers(read.nodes())).isEqualTo(layers(graph.nodes()));
    InitialWeights weights = InitialWeights.read(file, read.graph(graph.input(), 7));
    assertThat(weights.missing()).isEmpty();
    assertThat(weights.unused()).noneMatch(text -> text.contains("weight"));
  }

  /// An ONNX graph, node by node, as other programs write it.
  private static final class File {
    private final OnnxGraph onnx = new OnnxGraph();
    private final SplittableRandom random = new SplittableRandom(6);

    File() {
      onnx.proto().setName("main_graph").addInput(input(4, 3, 32, 32));
    }

    static ValueInfoProto input(int axes, long... lengths) {
      TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
      shape.addDim(TensorShapeProto.Dimension.newBuilder().setDimParam("batch_size"));
      for (int i = 1; i < axes; i++) {
        shape.addDim(TensorShapeProto.Dimension.newBuilder().setDimValue(lengths[i - 1]));
      }
      return ValueInfoProto.newBuilder()
          .setName("input")
          .setType(
              TypeProto.newBuilder()
                  .setTensorType(
                      TypeProto.Tensor.newBuilder()
                          .setElemType(TensorProto.DataType.FLOAT_VALUE)
                          .setShape(shape)))
          .build();
    }

    String weight(String name, int... axes) {
      float[] values = new float[IntStream.of(axes).reduce(1, (a, b) -> a * b)];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextDouble(0.1, 1);
      }
      return onnx.constant(name, axes, values);
    }

    void constant(String name, float value) {
      TensorProto tensor =
          TensorProto.newBuilder()
              .setDataType(TensorProto.DataType.FLOAT_VALUE)
              .addFloatData(value)
              .build();
      AttributeProto attribute =
          AttributeProto.newBuilder()
              .setName("value")
              .setType(AttributeProto.AttributeType.TENSOR)
              .setT(tensor)
              .build();
      onnx.add("Constant", name, List.of(), attribute);
    }

    void convolution(String name, String input, int out, int in, int kernel, int groups) {
      weight(name + ".w", out, in / groups, kernel, kernel);
      weight(name + ".b", out);
      int pad = kernel / 2;
      onnx.add(
          "Conv",
          name,
          List.of(input, name + ".w", name + ".b"),
          OnnxGraph.integer("group", groups),
          OnnxGraph.list("dilations", 1, 1),
          OnnxGraph.list("kernel_shape", kernel, kernel),
          OnnxGraph.list("pads", pad, pad, pad, pad),
          OnnxGraph.list("strides", 1, 1));
    }

    Path write(Path folder, String output) throws IOException {
      onnx.proto().addOutput(ValueInfoProto.newBuilder().setName(output));
      return write(folder, onnx.proto().build());
    }

    static Path write(Path folder, GraphProto graph) throws IOException {
      Path file = folder.resolve("net.onnx");
      Files.write(
          file,
          ModelProto.newBuilder()
              .setIrVersion(8)
              .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(17))
              .setGraph(graph)
              .build()
              .toByteArray());
      return file;
    }
  }

  /// Batch normalisation folded into biases, names of no meaning, clips whose ends are nodes, means
  /// for pooling, a Reshape for Flatten, and a part that no output needs.
  private static File exported() {
    File file = new File();
    file.convolution("onnx::Conv_1", "input", 8, 3, 3, 1);
    file.constant("/Constant_output_0", 0);
    file.constant("/Constant_1_output_0", 6);
    List<String> ends = List.of("/Constant_output_0", "/Constant_1_output_0");
    file.onnx.add("Clip", "/act/Clip", List.of("onnx::Conv_1", ends.get(0), ends.get(1)));
    file.convolution("onnx::Conv_2", "/act/Clip", 8, 8, 3, 8);
    file.onnx.add("Identity", "/same", "onnx::Conv_2");
    file.onnx.add("Add", "/Add", List.of("/same", "/act/Clip"));
    file.onnx.add("HardSwish", "/unused", "/Add");
    file.onnx.add(
        "ReduceMean",
        "/mean",
        List.of("/Add"),
        OnnxGraph.list("axes", 2, 3),
        OnnxGraph.integer("keepdims", 1));
    file.onnx.integers("shape", -1, 8);
    file.onnx.add("Reshape", "/Reshape", List.of("/mean", "shape"));
    file.weight("fc.weight", 10, 8);
    file.weight("fc.bias", 10);
    file.onnx.add(
        "Gemm",
        "logits",
        List.of("/Reshape", "fc.weight", "fc.bias"),
        OnnxGraph.number("alpha", 1),
        OnnxGraph.number("beta", 1),
        OnnxGraph.integer("transB", 1));
    return file;
  }

  @Test
  void what_other_programs_write_is_read_with_its_parameters() throws Exception {
    Path file = exported().write(folder, "logits");
    ModelDescription read = OnnxImport.read(file);
    assertThat(read.nodes())
        .extracting(Node::layer)
        .containsExactly(
            new Layer.Conv2d(8, 3, 1, 1, false, true),
            new Layer.Clip(0, 6),
            new Layer.GroupedConv2d(8, 3, 1, 1, 8, false, true),
            new Layer.Add(),
            new Layer.GlobalAvgPool(),
            new Layer.Flatten(),
            new Layer.Linear(10));
    assertThat(read.nodes().get(3).inputs()).containsExactly(2, 1);
    Graph graph = ModelDescription.parse(read.yaml()).graph(new Shape(16, 16, 3), 10);
    InitialWeights weights = InitialWeights.read(file, graph);
    assertThat(weights.missing()).isEmpty();
    assertThat(weights.values()).hasSize(6);
    assertThat(weights.unused()).containsExactly("shape [2]");
    // Another number of classes: all but the classifier.
    assertThat(InitialWeights.read(file, read.graph(new Shape(16, 16, 3), 4)).missing())
        .containsExactlyInAnyOrder("fc.weight", "fc.bias");
  }

  @Test
  void an_operator_that_is_not_supported_is_named_with_its_node() throws Exception {
    File file = exported();
    file.onnx.add("Softmax", "/probs", "logits");
    assertThatThrownBy(() -> OnnxImport.read(file.write(folder, "/probs")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(
            "net.onnx: node '/probs' (Softmax) is of an operator that is not supported");
  }

  private void refused(GraphProto.Builder graph, String message) throws IOException {
    Path file = File.write(folder, graph.build());
    assertThatThrownBy(() -> OnnxImport.read(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(message)
        .message()
        .hasLineCount(1);
  }

  private static GraphProto.Builder whole() {
    File file = exported();
    file.onnx.proto().addOutput(ValueInfoProto.newBuilder().setName("logits"));
    return file.onnx.proto();
  }

  private static int node(GraphProto.Builder graph, String name) {
    return IntStream.range(0, graph.getNodeCount())
        .filter(i -> graph.getNode(i).getName().equals(name))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void damaged_and_hostile_files_end_in_a_line() throws Exception {
    GraphProto.Builder cycle = whole();
    cycle.getNodeBuilder(node(cycle, "onnx::Conv_2")).setInput(0, "/Add");
    refused(cycle, "node 'onnx::Conv_2' (Conv) reads '/Add', which neither a node before it");

    GraphProto.Builder missing = whole();
    missing.getNodeBuilder(node(missing, "logits")).setInput(1, "nowhere");
    refused(missing, "node 'logits' (Gemm) needs its weights as a constant: 'nowhere'");

    GraphProto.Builder external = whole();
    external.getInitializerBuilder(0).setDataLocation(TensorProto.DataLocation.EXTERNAL);
    refused(external, "is kept in another file");

    GraphProto.Builder huge = whole();
    huge.getInitializerBuilder(0).clearDims().addAllDims(List.of(2_000_000_000L, 3L, 3L, 3L));
    refused(huge, "32x32x2000000000, which differ");

    GraphProto.Builder negative = whole();
    negative.getInitializerBuilder(0).clearDims().addAllDims(List.of(-8L, 3L, 3L, 3L));
    refused(negative, "has an impossible shape");

    GraphProto.Builder types = whole();
    types
        .getNodeBuilder(node(types, "onnx::Conv_1"))
        .getAttributeBuilder(0)
        .setType(AttributeProto.AttributeType.STRING)
        .setS(ByteString.copyFromUtf8("1"));
    refused(types, "has the attribute group with another type than INT");

    GraphProto.Builder twice = whole();
    twice.getNodeBuilder(node(twice, "/Add")).setOutput(0, "/same");
    refused(twice, "'/same' is given twice");

    GraphProto.Builder dilated = whole();
    dilated
        .getNodeBuilder(node(dilated, "onnx::Conv_1"))
        .getAttributeBuilder(1)
        .clearInts()
        .addInts(2)
        .addInts(2);
    refused(dilated, "is dilated, which is not supported");

    GraphProto.Builder unequal = whole();
    unequal.getNodeBuilder(node(unequal, "onnx::Conv_1")).getAttributeBuilder(3).setInts(0, 5);
    refused(unequal, "only equal ones on all four sides are supported");

    GraphProto.Builder unknown = whole();
    unknown.getNodeBuilder(node(unknown, "/mean")).addAttribute(OnnxGraph.integer("secret", 1));
    refused(unknown, "has the attribute secret, which is not supported");

    GraphProto.Builder domain = whole();
    domain.getNodeBuilder(node(domain, "/Add")).setDomain("com.microsoft");
    refused(domain, "is of the domain com.microsoft");

    GraphProto.Builder outputs = whole();
    outputs.addOutput(ValueInfoProto.newBuilder().setName("/Add"));
    refused(outputs, "it has 2 outputs");

    GraphProto.Builder nothing = whole().clearOutput();
    nothing.addOutput(ValueInfoProto.newBuilder().setName("input"));
    refused(nothing, "its output 'input' is that of no layer");

    GraphProto.Builder inputs = whole();
    inputs.addInput(File.input(2, 7).toBuilder().setName("other"));
    refused(inputs, "it has 2 inputs");

    GraphProto.Builder axes = whole().clearInput();
    axes.addInput(File.input(2, 7));
    refused(axes, "has 2 axes: a batch of images has 4");

    GraphProto.Builder channels = whole().clearInput();
    channels.addInput(File.input(4, 5, 32, 32));
    refused(channels, "does not fit images of 32x32x5");

    GraphProto.Builder control = whole();
    control.getNodeBuilder(node(control, "/Add")).setOpType("Bad\n\u001b[31mOp");
    refused(control, "(Bad??[31mOp) is of an operator that is not supported");
  }

  @Test
  void a_file_that_is_no_model_ends_in_a_line() throws Exception {
    Path file = folder.resolve("net.onnx");
    Files.write(file, new byte[] {1, 2, 3});
    assertThatThrownBy(() -> OnnxImport.read(file)).hasMessageContaining("net.onnx");
    assertThatThrownBy(() -> OnnxImport.read(folder.resolve("none.onnx")))
        .hasMessageContaining("no such file");
    assertThatThrownBy(() -> OnnxImport.read(folder)).hasMessageContaining("not a regular file");
    byte[] whole = Files.readAllBytes(exported().write(folder, "logits"));
    SplittableRandom random = new SplittableRandom(77);
    for (int i = 0; i < 200; i++) {
      byte[] damaged = whole.clone();
      for (int k = 0; k < 3; k++) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt(256);
      }
      Files.write(file, damaged);
      try {
        assertThat(OnnxImport.read(file).nodes()).isNotEmpty();
      } catch (IOException e) {
        assertThat(e.getMessage()).startsWith("cannot use model file").hasLineCount(1);
      }
    }
  }
}
