package asymml.interop;

import static asymml.interop.OnnxGraph.integer;
import static asymml.interop.OnnxGraph.list;
import static asymml.interop.OnnxGraph.number;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import ai.onnx.proto.OnnxMl.Version;
import asymml.model.ClearStore;
import asymml.model.Graph;
import asymml.model.Layer;
import asymml.model.Node;
import asymml.model.Parameter;
import asymml.model.PrivateStore;
import asymml.model.Shape;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.databind.json.JsonMapper;

/// Writes models in the ONNX format, operator set 17.
///
/// The input `image` is `[batch, H, W, C]`, unsigned bytes as decoded; normalisation of pixels is
/// part of the graph. The output `logits` is `[batch, classes]`, float32. Maps are `[batch, C, H,
/// W]` in between. Parameters have the names and layouts of [TorchNames] and [TorchLayout],
/// standardised weights as they are used. Group normalisation, which operator set 17 lacks, is an
/// instance normalisation of the groups. Metadata: `classes` (a JSON list), `input` and the model's
/// notes.
///
/// Source: https://onnx.ai/onnx/operators.
public final class OnnxExport {
  static final String INPUT = "image";
  static final String OUTPUT = "logits";
  static final int OPERATOR_SET = 17;
  private static final String BATCH = "batch";
  private static final JsonMapper JSON = new JsonMapper();

  private final ExportedModel model;
  private final Graph graph;
  private final TorchLayout layout;
  private final Map<String, String> names;
  private final OnnxGraph onnx = new OnnxGraph();
  private final List<String> outputs = new ArrayList<>();
  private final List<Boolean> flat = new ArrayList<>();
  private String pixels = "";

  private OnnxExport(ExportedModel model) {
    this.model = model;
    this.graph = model.graph();
    this.layout = new TorchLayout(graph);
    this.names = TorchNames.of(graph);
  }

  /// Writes a file atomically, mode 0600.
  ///
  /// @param model what to write
  /// @param producer name and version of this program
  /// @param file its path; the directory must exist
  /// @throws IOException one line, if it cannot be written
  /// @throws IllegalArgumentException one line, if a layer cannot be expressed
  public static void write(ExportedModel model, String producer, Path file) throws IOException {
    write(model, producer, ClearStore.CLEAR, file);
  }

  /// The same in a store.
  ///
  /// @param model what to write
  /// @param producer name and version of this program
  /// @param store how it is stored
  /// @param file its path; the directory must exist
  /// @throws IOException one line, if it cannot be written
  /// @throws IllegalArgumentException one line, if a layer cannot be expressed
  public static void write(ExportedModel model, String producer, PrivateStore store, Path file)
      throws IOException {
    ModelProto proto = new OnnxExport(model).proto(producer);
    store.replace(
        file,
        proto.getSerializedSize(),
        channel -> {
          OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 16);
          proto.writeTo(out);
          out.flush();
        });
  }

  private ModelProto proto(String producer) {
    addPixels();
    for (int i = 0; i < graph.nodes().size(); i++) {
      flat.add(false);
      outputs.add(add(i));
    }
    onnx.add("Identity", OUTPUT, flat(graph.nodes().size() - 1));
    Shape image = graph.input();
    onnx.proto()
        .setName(graph.name())
        .addInput(
            value(
                INPUT,
                TensorProto.DataType.UINT8_VALUE,
                image.height(),
                image.width(),
                image.channels()))
        .addOutput(value(OUTPUT, TensorProto.DataType.FLOAT_VALUE, graph.classes()));
    ModelProto.Builder proto =
        ModelProto.newBuilder()
            .setIrVersion(Version.IR_VERSION_2021_7_30_VALUE)
            .setProducerName(producer)
            .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(OPERATOR_SET))
            .setGraph(onnx.proto());
    Map<String, String> notes = new LinkedHashMap<>(model.notes());
    notes.put("classes", JSON.writeValueAsString(model.classNames()));
    notes.put("input", model.inputText());
    notes.forEach((key, text) ->
        proto.addMetadataProps(StringStringEntryProto.newBuilder().setKey(key).setValue(text)));
    return proto.build();
  }

  private static ValueInfoProto value(String name, int type, int... axes) {
    TensorShapeProto.Builder shape =
        TensorShapeProto.newBuilder()
            .addDim(TensorShapeProto.Dimension.newBuilder().setDimParam(BATCH));
    Arrays.stream(axes)
        .forEach(
            length -> shape.addDim(TensorShapeProto.Dimension.newBuilder().setDimValue(length)));
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            TypeProto.newBuilder()
                .setTensorType(TypeProto.Tensor.newBuilder().setElemType(type).setShape(shape)))
        .build();
  }

  /// The same float32 operations as training does them.
  private void addPixels() {
    int[] perChannel = {graph.input().channels(), 1, 1};
    onnx.add("Cast", "pixels.float", INPUT, integer("to", TensorProto.DataType.FLOAT_VALUE));
    onnx.add("Transpose", "pixels.channels", "pixels.float", list("perm", 0, 3, 1, 2));
    onnx.constant("pixels.levels", new int[0], 255);
    onnx.add("Div", "pixels.scaled", List.of("pixels.channels", "pixels.levels"));
    onnx.constant("pixels.mean", perChannel, model.mean());
    onnx.add("Sub", "pixels.centred", List.of("pixels.scaled", "pixels.mean"));
    onnx.constant("pixels.deviation", perChannel, model.standardDeviation());
    pixels = onnx.add("Div", "pixels", List.of("pixels.centred", "pixels.deviation"));
  }

  private String add(int index) {
    Node node = graph.nodes().get(index);
    int source = node.inputs().getFirst();
    String name = node.name();
    return switch (node.layer()) {
      case Layer.Conv2d(int _, int kernel, int stride, int padding, boolean _, boolean _) ->
          onnx.add("Conv", name, inputs(map(source), index), window(kernel, stride, padding));
      case Layer.GroupedConv2d conv ->
          onnx.add(
              "Conv",
              name,
              inputs(map(source), index),
              Stream.concat(
                      Stream.of(window(conv.kernel(), conv.stride(), conv.padding())),
                      Stream.of(integer("group", conv.groups())))
                  .toArray(AttributeProto[]::new));
      case Layer.Linear _ -> {
        flat.set(index, true);
        yield onnx.add("Gemm", name, inputs(flat(source), index), integer("transB", 1));
      }
      case Layer.BatchNorm(float epsilon, float _) ->
          onnx.add(
              "BatchNormalization", name, inputs(same(index), index), number("epsilon", epsilon));
      case Layer.GroupNorm(int groups, float epsilon, boolean affine) ->
          groupNorm(index, groups, epsilon, affine);
      case Layer.Relu _ -> onnx.add("Relu", name, same(index));
      case Layer.Tanh _ -> onnx.add("Tanh", name, same(index));
      case Layer.Clip(float low, float high) -> {
        String input = same(index);
        onnx.constant(name + ".min", new int[0], low);
        onnx.constant(name + ".max", new int[0], high);
        yield onnx.add("Clip", name, List.of(input, name + ".min", name + ".max"));
      }
      case Layer.LeakyRelu(float slope) ->
          onnx.add("LeakyRelu", name, same(index), number("alpha", slope));
      case Layer.Sigmoid _ -> onnx.add("Sigmoid", name, same(index));
      case Layer.HardSwish _ -> onnx.add("HardSwish", name, same(index));
      case Layer.Concat _ ->
          onnx.add(
              "Concat", name, node.inputs().stream().map(this::map).toList(), integer("axis", 1));
      case Layer.MaxPool(int kernel, int stride, int padding) ->
          onnx.add("MaxPool", name, map(source), window(kernel, stride, padding));
      case Layer.AvgPool(int kernel, int stride, int padding) ->
          onnx.add("AveragePool", name, map(source), window(kernel, stride, padding));
      case Layer.GlobalAvgPool _ -> onnx.add("GlobalAveragePool", name, map(source));
      case Layer.Add _ -> {
        int other = node.inputs().getLast();
        if (isFlat(source) == isFlat(other)) {
          flat.set(index, isFlat(source));
          yield onnx.add("Add", name, List.of(output(source), output(other)));
        }
        flat.set(index, true);
        yield onnx.add("Add", name, List.of(flat(source), flat(other)));
      }
      case Layer.Flatten _ -> {
        flat.set(index, true);
        yield onnx.add("Flatten", name, output(source));
      }
      case Layer.Dropout(float rate) -> {
        String input = same(index);
        onnx.constant(name + ".ratio", new int[0], rate);
        yield onnx.add("Dropout", name, List.of(input, name + ".ratio"));
      }
      case Layer.Scattering _ ->
          throw new IllegalArgumentException(
              "layer %s, a scattering transform, has no ONNX operator: export another model, or use"
                      .formatted(name)
                  + " the safetensors format for its trained parameters");
    };
  }

  /// Groups become channels of an instance normalisation.
  private String groupNorm(int index, int groups, float epsilon, boolean affine) {
    String name = graph.nodes().get(index).name();
    Shape shape = graph.shape(index);
    String input = same(index);
    float[] ones = new float[groups];
    Arrays.fill(ones, 1);
    onnx.integers(name + ".groups", 0, groups, -1);
    onnx.add("Reshape", name + ".grouped", List.of(input, name + ".groups"));
    onnx.constant(name + ".ones", new int[] {groups}, ones);
    onnx.constant(name + ".zeros", new int[] {groups}, new float[groups]);
    onnx.add(
        "InstanceNormalization",
        name + ".normalised",
        List.of(name + ".grouped", name + ".ones", name + ".zeros"),
        number("epsilon", epsilon));
    boolean vectors = flat.get(index);
    onnx.integers(
        name + ".shape",
        vectors
            ? new long[] {0, shape.channels()}
            : new long[] {0, shape.channels(), shape.height(), shape.width()});
    String restored = affine ? name + ".restored" : name;
    onnx.add("Reshape", restored, List.of(name + ".normalised", name + ".shape"));
    if (affine) {
      int[] axes = vectors ? new int[] {shape.channels()} : new int[] {shape.channels(), 1, 1};
      List<Parameter> own = graph.parameters(index);
      String scale = parameter(own.getFirst(), axes);
      onnx.add("Mul", name + ".scaled", List.of(restored, scale));
      onnx.add("Add", name, List.of(name + ".scaled", parameter(own.getLast(), axes)));
    }
    return name;
  }

  private static AttributeProto[] window(int kernel, int stride, int padding) {
    return new AttributeProto[] {
      list("kernel_shape", kernel, kernel),
      list("strides", stride, stride),
      list("pads", padding, padding, padding, padding)
    };
  }

  /// A node's input, with its parameters behind it.
  private List<String> inputs(String input, int index) {
    return Stream.concat(
            Stream.of(input),
            graph.parameters(index).stream().map(p -> parameter(p, layout.axes(p))))
        .collect(Collectors.toList());
  }

  private String parameter(Parameter parameter, int[] axes) {
    float[] values = layout.toTorch(parameter, model.values().apply(parameter));
    return onnx.constant(Objects.requireNonNull(names.get(parameter.name())), axes, values);
  }

  private boolean isFlat(int index) {
    return index != Graph.INPUT && flat.get(index);
  }

  private String output(int index) {
    return index == Graph.INPUT ? pixels : outputs.get(index);
  }

  /// The first input of a node that gives the same shape, a map or vectors.
  private String same(int index) {
    int source = graph.nodes().get(index).inputs().getFirst();
    flat.set(index, isFlat(source));
    return output(source);
  }

  /// An output as vectors `[batch, C]`.
  private String flat(int index) {
    return isFlat(index)
        ? output(index)
        : onnx.add("Flatten", output(index) + ".flat", output(index));
  }

  /// An output as a map `[batch, C, H, W]`.
  private String map(int index) {
    if (!isFlat(index)) {
      return output(index);
    }
    String name = output(index);
    onnx.integers(name + ".axes", 2, 3);
    return onnx.add("Unsqueeze", name + ".map", List.of(name, name + ".axes"));
  }
}
