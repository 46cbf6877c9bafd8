package asymml.interop;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The constants of an ONNX graph: initialisers, `Constant` nodes, and what follows from them.
/// Values are looked at where they are few; of larger ones only the axes matter.
final class OnnxConstants {
  private static final int FEW = 16;

  private final Map<String, TensorProto> tensors = new HashMap<>();

  /// Each is looked through once, however many nodes and names it has.
  private final IdentityHashMap<TensorProto, Optional<Float>> uniform = new IdentityHashMap<>();

  void add(String name, TensorProto tensor) {
    tensors.put(name, tensor);
  }

  /// Another name for a constant.
  void alias(String name, String other) {
    tensors.put(name, tensor(other));
  }

  boolean has(@Nullable String name) {
    return name != null && tensors.containsKey(name);
  }

  private TensorProto tensor(String name) {
    TensorProto tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("no constant is called " + OnnxNode.printable(name));
    }
    return tensor;
  }

  /// The name of the tensor behind a constant, as the file has it.
  String origin(String name) {
    String own = tensor(name).getName();
    return own.isEmpty() ? name : own;
  }

  /// The axis lengths of a constant.
  ///
  /// @throws IllegalArgumentException if one is no length, or the values are in another file
  List<Long> axes(String name) {
    TensorProto tensor = tensor(name);
    if (tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL) {
      throw new IllegalArgumentException(
          "tensor %s is kept in another file: save the model with its data in one file"
              .formatted(OnnxNode.printable(name)));
    }
    for (long length : tensor.getDimsList()) {
      if (length < 1 || length > Integer.MAX_VALUE) {
        throw new IllegalArgumentException(
            "tensor %s has an impossible shape: %s"
                .formatted(OnnxNode.printable(name), shortened(tensor.getDimsList())));
      }
    }
    return tensor.getDimsList();
  }

  private static String shortened(List<Long> axes) {
    return axes.size() > FEW ? axes.subList(0, FEW) + "..." : axes.toString();
  }

  /// The number of values of a constant.
  long size(String name) {
    long size = 1;
    for (long length : axes(name)) {
      size = Math.multiplyExact(size, length);
    }
    return size;
  }

  /// The values of a constant of few whole numbers.
  ///
  /// @return null if it is no such constant
  @Nullable List<Long> integers(@Nullable String name) {
    if (!has(name) || name == null) {
      return null;
    }
    TensorProto tensor = tensor(name);
    if (tensor.getDataType() != TensorProto.DataType.INT64_VALUE || !few(tensor)) {
      return null;
    }
    List<Long> values = new ArrayList<>(tensor.getInt64DataList());
    if (tensor.hasRawData()) {
      ByteBuffer raw = tensor.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
      while (raw.remaining() >= Long.BYTES && values.size() <= FEW) {
        values.add(raw.getLong());
      }
    }
    return values.size() > FEW ? null : values;
  }

  private static boolean few(TensorProto tensor) {
    return tensor.getInt64DataCount() <= FEW && tensor.getRawData().size() <= FEW * Long.BYTES;
  }

  /// Whether all values of a constant are one number.
  boolean all(String name, float value) {
    return uniform
        .computeIfAbsent(tensor(name), OnnxConstants::uniform)
        .filter(all -> all == value)
        .isPresent();
  }

  /// The number that all values of a tensor are, if there is one.
  private static Optional<Float> uniform(TensorProto tensor) {
    if (tensor.getDataType() != TensorProto.DataType.FLOAT_VALUE) {
      return Optional.empty();
    }
    FloatBuffer raw =
        tensor.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    List<Float> listed = tensor.getFloatDataList();
    if (!raw.hasRemaining() && listed.isEmpty()) {
      return Optional.empty();
    }
    float first = raw.hasRemaining() ? raw.get(0) : listed.getFirst();
    while (raw.hasRemaining()) {
      if (raw.get() != first) {
        return Optional.empty();
      }
    }
    return listed.stream().allMatch(own -> own == first) ? Optional.of(first) : Optional.empty();
  }

  /// The value of a constant that is one floating-point number.
  ///
  /// @return null if it is no such constant
  @Nullable Float number(@Nullable String name) {
    if (!has(name) || name == null) {
      return null;
    }
    TensorProto tensor = tensor(name);
    return switch (tensor.getDataType()) {
      case TensorProto.DataType.FLOAT_VALUE -> {
        if (tensor.getRawData().size() == Float.BYTES) {
          yield tensor
              .getRawData()
              .asReadOnlyByteBuffer()
              .order(ByteOrder.LITTLE_ENDIAN)
              .getFloat();
        }
        yield tensor.getFloatDataCount() == 1 ? tensor.getFloatData(0) : null;
      }
      default -> null;
    };
  }

  /// Takes up a `Constant` node.
  void constant(OnnxNode node) {
    TensorProto.Builder tensor = TensorProto.newBuilder();
    AttributeProto value = node.any("value");
    AttributeProto number = node.any("value_float");
    AttributeProto integer = node.any("value_int");
    AttributeProto integers = node.any("value_ints");
    if (value != null && value.hasT()) {
      tensor.mergeFrom(value.getT());
    } else if (number != null) {
      tensor.setDataType(TensorProto.DataType.FLOAT_VALUE).addFloatData(number.getF());
    } else if (integer != null) {
      tensor.setDataType(TensorProto.DataType.INT64_VALUE).addInt64Data(integer.getI());
    } else if (integers != null && integers.getIntsCount() <= FEW) {
      tensor
          .setDataType(TensorProto.DataType.INT64_VALUE)
          .addDims(integers.getIntsCount())
          .addAllInt64Data(integers.getIntsList());
    } else {
      throw node.wrong("holds a constant of a kind that is not supported");
    }
    node.requireNothingElse();
    add(node.output(), tensor.setName(node.output()).build());
  }
}
