package asymml.interop;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A node of an ONNX graph from elsewhere: attributes are read one by one, and what was not read is
/// refused.
final class OnnxNode {
  private final NodeProto proto;
  private final Map<String, AttributeProto> attributes = new HashMap<>();
  private final Set<String> read = new HashSet<>();

  OnnxNode(NodeProto proto) {
    this.proto = proto;
    proto.getAttributeList().forEach(a -> attributes.put(a.getName(), a));
  }

  /// A node at fault.
  ///
  /// @param how in words, behind operator and name
  IllegalArgumentException wrong(String how) {
    return new IllegalArgumentException("node '%s' (%s) %s".formatted(name(), operator(), how));
  }

  String operator() {
    return printable(proto.getOpType());
  }

  /// Its name, or that of its first output.
  String name() {
    String name = proto.getName().isEmpty() ? output() : proto.getName();
    return printable(name);
  }

  /// Text of a file in a message: a line, and no control characters.
  static String printable(String text) {
    String clean = text.replaceAll("[^\\x20-\\x7e]", "?");
    return clean.length() > 120 ? clean.substring(0, 120) + "..." : clean;
  }

  String domain() {
    return proto.getDomain();
  }

  String output() {
    return proto.getOutputCount() == 0 ? "" : proto.getOutput(0);
  }

  List<String> outputs() {
    return proto.getOutputList().stream().filter(name -> !name.isEmpty()).toList();
  }

  int inputs() {
    return proto.getInputCount();
  }

  /// The name of an input.
  ///
  /// @return null if it is left out
  @Nullable String input(int index) {
    return index < proto.getInputCount() && !proto.getInput(index).isEmpty()
        ? proto.getInput(index)
        : null;
  }

  private @Nullable AttributeProto attribute(String name, AttributeProto.AttributeType type) {
    read.add(name);
    AttributeProto attribute = attributes.get(name);
    if (attribute != null && attribute.getType() != type) {
      throw wrong("has the attribute %s with another type than %s".formatted(name, type));
    }
    return attribute;
  }

  boolean has(String name) {
    return attributes.containsKey(name);
  }

  long integer(String name, long absent) {
    AttributeProto attribute = attribute(name, AttributeProto.AttributeType.INT);
    return attribute == null ? absent : attribute.getI();
  }

  float number(String name, float absent) {
    AttributeProto attribute = attribute(name, AttributeProto.AttributeType.FLOAT);
    return attribute == null ? absent : attribute.getF();
  }

  String text(String name, String absent) {
    AttributeProto attribute = attribute(name, AttributeProto.AttributeType.STRING);
    return attribute == null ? absent : attribute.getS().toStringUtf8();
  }

  /// An attribute that is a list of whole numbers.
  ///
  /// @return null if it is absent
  @Nullable List<Long> integers(String name) {
    AttributeProto attribute = attribute(name, AttributeProto.AttributeType.INTS);
    return attribute == null ? null : attribute.getIntsList();
  }

  /// An attribute of whatever type.
  ///
  /// @return null if it is absent
  @Nullable AttributeProto any(String name) {
    read.add(name);
    return attributes.get(name);
  }

  /// Attributes whose only supported value is the usual one.
  void require(String name, long supported) {
    long value = integer(name, supported);
    if (value != supported) {
      throw wrong("has %s = %s: only %s is supported".formatted(name, value, supported));
    }
  }

  /// Refuses attributes that were not read.
  void requireNothingElse() {
    for (String name : attributes.keySet()) {
      if (!read.contains(name)) {
        throw wrong("has the attribute %s, which is not supported".formatted(printable(name)));
      }
    }
  }

  /// A window of equal sides: kernel, stride and padding.
  ///
  /// @param kernel of a weight's axes; null where the attribute says it
  OnnxWindow window(@Nullable List<Long> kernel) {
    List<Long> own = integers("kernel_shape");
    if (kernel == null && own == null) {
      throw wrong("has no kernel_shape");
    }
    if (kernel != null && own != null && !kernel.equals(own)) {
      throw wrong("has the kernel_shape %s, and weights for %s".formatted(own, kernel));
    }
    int side = square("kernel_shape", Objects.requireNonNull(own == null ? kernel : own));
    int stride = square("strides", orElse(integers("strides"), List.of(1L, 1L)));
    if (square("dilations", orElse(integers("dilations"), List.of(1L, 1L))) != 1) {
      throw wrong("is dilated, which is not supported");
    }
    List<Long> pads = orElse(integers("pads"), List.of(0L, 0L, 0L, 0L));
    if (pads.size() != 4 || pads.stream().distinct().count() != 1) {
      throw wrong("has pads %s: only equal ones on all four sides are supported".formatted(pads));
    }
    int padding = Math.toIntExact(Math.clamp(pads.getFirst(), -1, 1 << 20));
    switch (text("auto_pad", "NOTSET")) {
      case "NOTSET" -> {}
      case "VALID" -> padding = 0;
      case "SAME_UPPER", "SAME_LOWER" -> {
        if (stride != 1 || side % 2 == 0) {
          throw wrong("is padded unequally by auto_pad, which is not supported");
        }
        padding = side / 2;
      }
      default -> throw wrong("has an unknown auto_pad");
    }
    return new OnnxWindow(side, stride, padding);
  }

  private static List<Long> orElse(@Nullable List<Long> given, List<Long> absent) {
    return given == null ? absent : given;
  }

  private int square(String what, List<Long> values) {
    if (values.size() != 2 || !values.getFirst().equals(values.getLast())) {
      throw wrong("has %s %s: only equal ones for both axes are supported".formatted(what, values));
    }
    return Math.toIntExact(Math.clamp(values.getFirst(), 0, 1 << 20));
  }
}
