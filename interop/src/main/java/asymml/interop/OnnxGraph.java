package asymml.interop;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;

/// An ONNX graph under construction: nodes with one output each, and constants.
final class OnnxGraph {
  private final GraphProto.Builder graph = GraphProto.newBuilder();

  /// Appends a node.
  ///
  /// @param op the operator
  /// @param name of the node and of its output
  /// @param inputs names of outputs, constants or the graph's inputs
  /// @param attributes of the operator
  /// @return the name
  String add(String op, String name, List<String> inputs, AttributeProto... attributes) {
    graph.addNode(
        NodeProto.newBuilder()
            .setOpType(op)
            .setName(name)
            .addAllInput(inputs)
            .addOutput(name)
            .addAllAttribute(Arrays.asList(attributes)));
    return name;
  }

  /// Appends a node with one input.
  String add(String op, String name, String input, AttributeProto... attributes) {
    return add(op, name, List.of(input), attributes);
  }

  /// Adds a float32 constant.
  ///
  /// @return its name
  String constant(String name, int[] axes, float... values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(Math.multiplyExact(values.length, Float.BYTES))
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    TensorProto.Builder tensor =
        TensorProto.newBuilder()
            .setName(name)
            .setDataType(TensorProto.DataType.FLOAT_VALUE)
            .setRawData(ByteString.copyFrom(bytes));
    for (int length : axes) {
      tensor.addDims(length);
    }
    graph.addInitializer(tensor);
    return name;
  }

  /// Adds a list of int64.
  ///
  /// @return its name
  String integers(String name, long... values) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder()
            .setName(name)
            .setDataType(TensorProto.DataType.INT64_VALUE)
            .addDims(values.length);
    for (long value : values) {
      tensor.addInt64Data(value);
    }
    graph.addInitializer(tensor);
    return name;
  }

  static AttributeProto integer(String name, long value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  static AttributeProto number(String name, float value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.FLOAT)
        .setF(value)
        .build();
  }

  static AttributeProto list(String name, long... values) {
    AttributeProto.Builder attribute =
        AttributeProto.newBuilder().setName(name).setType(AttributeProto.AttributeType.INTS);
    for (long value : values) {
      attribute.addInts(value);
    }
    return attribute.build();
  }

  /// What is built, for what it lacks: a name, inputs and outputs.
  GraphProto.Builder proto() {
    return graph;
  }
}
