package asymml.interop;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import asymml.model.Graph;
import asymml.model.Layer;
import asymml.model.ModelDescription;
import asymml.model.Parameter;
import asymml.model.Shape;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Reads the architecture of an ONNX file, which may be damaged or hostile: a network from one
/// image to logits, of the operators that [OnnxLayers] knows. Every other operator is refused by
/// its name. Layers are called as their weights, without `.weight`, where those have such names.
///
/// Constant steps in front of the first layer that normalise pixels are left out, as training
/// normalises pixels by itself.
public final class OnnxImport {
  private static final int OLDEST_OPERATORS = 7;
  private static final Set<String> DOMAINS = Set.of("", "ai.onnx");

  /// A network, and where a file has its parameters.
  ///
  /// @param description its layers
  /// @param tensors of the file by our names of parameters
  record Imported(ModelDescription description, Map<String, String> tensors) {}

  private final ModelProto model;
  private final OnnxLayers layers = new OnnxLayers();
  private final Set<String> given = new HashSet<>();

  private OnnxImport(ModelProto model) {
    this.model = model;
  }

  /// Reads a file.
  ///
  /// @param file its path
  /// @return the architecture
  /// @throws IOException one line that names the file, the node and what is wrong with it
  public static ModelDescription read(Path file) throws IOException {
    ModelProto proto = OnnxFile.parse(file);
    try {
      return of(proto, name(file)).description();
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new IOException("cannot use model file " + file + ": " + e.getMessage(), e);
    } catch (OutOfMemoryError e) {
      throw new IOException(
          "cannot use model file " + file + ": it does not fit into the memory of the JVM (-Xmx)",
          e);
    }
  }

  /// A model's name from its file's.
  private static String name(Path file) {
    String name =
        String.valueOf(file.getFileName())
            .replaceFirst("\\.[A-Za-z]+$", "")
            .replaceAll("[^A-Za-z0-9_.-]", "_");
    String safe = name.matches("[A-Za-z].*") ? name : "net_" + name;
    return safe.substring(0, Math.min(safe.length(), 64));
  }

  /// Reads a model.
  ///
  /// @throws IllegalArgumentException one line that names the node, and what is wrong with it
  static Imported of(ModelProto model, String name) {
    return new OnnxImport(model).result(name);
  }

  private Imported result(String name) {
    for (OperatorSetIdProto set : model.getOpsetImportList()) {
      if (DOMAINS.contains(set.getDomain()) && set.getVersion() < OLDEST_OPERATORS) {
        throw new IllegalArgumentException(
            "it uses operator set %s, older than %s".formatted(set.getVersion(), OLDEST_OPERATORS));
      }
    }
    GraphProto graph = model.getGraph();
    if (graph.getNodeCount() > 8 * ModelDescription.MOST_LAYERS) {
      throw new IllegalArgumentException(
          "it has %s nodes, more than any network that can be trained"
              .formatted(graph.getNodeCount()));
    }
    if (graph.getSparseInitializerCount() > 0) {
      throw new IllegalArgumentException("it has sparse initialisers, which are not supported");
    }
    for (TensorProto tensor : graph.getInitializerList()) {
      requireNew(tensor.getName());
      layers.constants().add(tensor.getName(), tensor);
    }
    ValueInfoProto input = input(graph);
    requireNew(input.getName());
    layers.image(input.getName());
    graph.getNodeList().forEach(layers::reads);
    for (NodeProto proto : graph.getNodeList()) {
      add(new OnnxNode(proto));
    }
    if (graph.getOutputCount() != 1) {
      throw new IllegalArgumentException(
          "it has %s outputs: a classifier has one, the logits".formatted(graph.getOutputCount()));
    }
    Imported imported = layers.result(name, graph.getOutput(0).getName());
    check(imported, input);
    return imported;
  }

  private void requireNew(String name) {
    if (!given.add(name)) {
      throw new IllegalArgumentException("'%s' is given twice".formatted(OnnxNode.printable(name)));
    }
  }

  private void add(OnnxNode node) {
    if (!DOMAINS.contains(node.domain())) {
      throw node.wrong("is of the domain " + OnnxNode.printable(node.domain()));
    }
    node.outputs().forEach(this::requireNew);
    if (node.outputs().isEmpty()) {
      throw node.wrong("has no output");
    }
    try {
      layers.add(node);
    } catch (ArithmeticException e) {
      throw node.wrong("is too large");
    } catch (IllegalArgumentException e) {
      String message = String.valueOf(e.getMessage());
      throw message.startsWith("node '") ? e : node.wrong("cannot be used: " + message);
    }
  }

  /// The one input that is no initialiser.
  private ValueInfoProto input(GraphProto graph) {
    List<ValueInfoProto> inputs =
        graph.getInputList().stream().filter(i -> !layers.constants().has(i.getName())).toList();
    if (inputs.size() != 1) {
      throw new IllegalArgumentException(
          "it has %s inputs: a classifier of images has one".formatted(inputs.size()));
    }
    return inputs.getFirst();
  }

  /// Compares what the layers need with what the file has, where the size of its images is known.
  private void check(Imported imported, ValueInfoProto input) {
    Shape shape = shape(input);
    List<asymml.model.Node> nodes = imported.description.nodes();
    if (shape == null || !(nodes.getLast().layer() instanceof Layer.Linear(int classes))) {
      return;
    }
    Graph graph = imported.description.graph(shape, classes);
    for (Parameter parameter : graph.parameters()) {
      String tensor = imported.tensors.get(parameter.name());
      if (tensor != null && layers.constants().size(tensor) != parameter.size()) {
        throw new IllegalArgumentException(
            "tensor %s has the shape %s, which does not fit images of %s: %s has %s values"
                .formatted(
                    OnnxNode.printable(tensor),
                    layers.constants().axes(tensor),
                    shape,
                    parameter.name(),
                    parameter.size()));
      }
    }
  }

  /// The shape of an image, `[N, C, H, W]`, or `[N, H, W, C]` where the file turns it.
  private @Nullable Shape shape(ValueInfoProto input) {
    TensorShapeProto axes = input.getType().getTensorType().getShape();
    if (axes.getDimCount() != 4) {
      throw new IllegalArgumentException(
          "its input '%s' has %s axes: a batch of images has 4"
              .formatted(OnnxNode.printable(input.getName()), axes.getDimCount()));
    }
    int[] lengths = new int[3];
    for (int i = 0; i < 3; i++) {
      long length = axes.getDim(i + 1).getDimValue();
      if (length < 1) {
        return null;
      }
      if (length > 1 << 16) {
        throw new IllegalArgumentException("its images are too large: an axis of " + length);
      }
      lengths[i] = (int) length;
    }
    return layers.channelsLast()
        ? new Shape(lengths[0], lengths[1], lengths[2])
        : new Shape(lengths[1], lengths[2], lengths[0]);
  }
}
