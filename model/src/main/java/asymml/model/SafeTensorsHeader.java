package asymml.model;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The JSON header of a safetensors file.
///
/// @param metadata the `__metadata__` map, sorted by key so that equal models give equal bytes
/// @param entries the tensors in the order of their data, without gaps or overlaps
record SafeTensorsHeader(Map<String, String> metadata, List<Entry> entries) {
  static final String METADATA = "__metadata__";
  // A header has some 100 bytes a tensor; 16 MiB is 100,000 tensors. More is an attack or rubbish.
  static final long LONGEST_BYTES = 16 << 20;

  // A key given twice could mean one tensor to us and another to the next reader.
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  /// What values a tensor has.
  enum Type {
    F64(8, true),
    F32(4, true),
    F16(2, true),
    BF16(2, true),
    I64(8, false),
    I32(4, false),
    I16(2, false),
    I8(1, false),
    U8(1, false),
    BOOL(1, false);

    private final int bytes;
    private final boolean floatingPoint;

    Type(int bytes, boolean floatingPoint) {
      this.bytes = bytes;
      this.floatingPoint = floatingPoint;
    }

    /// Bytes of a value.
    int bytes() {
      return bytes;
    }

    boolean isFloatingPoint() {
      return floatingPoint;
    }

    /// The type of a name; null if there is none.
    static @Nullable Type of(String name) {
      return Arrays.stream(values()).filter(t -> t.name().equals(name)).findFirst().orElse(null);
    }
  }

  /// Where one tensor's data lies.
  ///
  /// @param name a name that [NamedTensor#checkName] accepts
  /// @param type of its values
  /// @param shape axis lengths, each at least 1
  /// @param begin offset of its first byte from the start of the data
  /// @param end offset behind its last byte
  record Entry(String name, Type type, List<Integer> shape, long begin, long end) {
    Entry {
      NamedTensor.checkName(name);
      long size = Math.multiplyExact(NamedTensor.sizeOf(axes(shape)), (long) type.bytes());
      if (begin < 0 || end - begin != size) {
        throw new IllegalArgumentException(
            "shape "
                + shape
                + " needs "
                + size
                + " bytes, its data goes from "
                + begin
                + " to "
                + end);
      }
    }

    /// The axis lengths as an array.
    int[] axes() {
      return axes(shape);
    }

    private static int[] axes(List<Integer> shape) {
      return shape.stream().mapToInt(Integer::intValue).toArray();
    }
  }

  /// The header of tensors that are stored one after another in the order given.
  ///
  /// @throws IllegalArgumentException if two tensors have one name
  static SafeTensorsHeader of(Map<String, String> metadata, List<NamedTensor> tensors) {
    List<Entry> entries = new ArrayList<>();
    Map<String, Long> seen = new TreeMap<>();
    long offset = 0;
    for (NamedTensor tensor : tensors) {
      if (seen.put(tensor.name(), offset) != null) {
        throw new IllegalArgumentException("two tensors are called " + tensor.name());
      }
      long end = Math.addExact(offset, tensor.values().byteSize());
      List<Integer> shape = Arrays.stream(tensor.shape()).boxed().toList();
      entries.add(new Entry(tensor.name(), Type.F32, shape, offset, end));
      offset = end;
    }
    return new SafeTensorsHeader(new TreeMap<>(metadata), entries);
  }

  /// The length of the data behind the header.
  long dataBytes() {
    return entries.isEmpty() ? 0 : entries.getLast().end();
  }

  /// The header's bytes, padded with spaces to a multiple of 8 so that the data is aligned.
  ///
  /// @throws IllegalArgumentException if the metadata is not valid Unicode
  byte[] toBytes() {
    ObjectNode root = JSON.createObjectNode();
    ObjectNode map = root.putObject(METADATA);
    metadata.forEach((key, value) -> map.put(checkUnicode(key), checkUnicode(value)));
    for (Entry entry : entries) {
      ObjectNode node = root.putObject(entry.name).put("dtype", entry.type.name());
      ArrayNode shape = node.putArray("shape");
      entry.shape.forEach(shape::add);
      node.putArray("data_offsets").add(entry.begin).add(entry.end);
    }
    byte[] json = JSON.writeValueAsBytes(root);
    byte[] padded = Arrays.copyOf(json, (json.length + 7) & -8);
    Arrays.fill(padded, json.length, padded.length, (byte) ' ');
    return padded;
  }

  /// Half a surrogate pair has no UTF-8: it would come back as something else.
  private static String checkUnicode(String text) {
    if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
      throw new IllegalArgumentException("the metadata is not valid Unicode");
    }
    return text;
  }

  /// Reads the header of a file, whose data must follow it to the end.
  ///
  /// @param channel at the start of the file; then at the start of the data
  /// @throws IOException what is wrong with it, in one line
  static SafeTensorsHeader read(SeekableByteChannel channel) throws IOException {
    long fileBytes = channel.size();
    if (fileBytes < Long.BYTES) {
      throw new IOException("it is too short for a safetensors file: " + fileBytes + " bytes");
    }
    ByteBuffer prefix = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    SafeTensors.readFully(channel, prefix);
    long headerBytes = prefix.getLong(0);
    if (headerBytes < 2 || headerBytes > LONGEST_BYTES || headerBytes > fileBytes - Long.BYTES) {
      throw new IOException(
          "its header cannot be " + Long.toUnsignedString(headerBytes) + " bytes long");
    }
    byte[] json = new byte[(int) headerBytes];
    SafeTensors.readFully(channel, ByteBuffer.wrap(json));
    SafeTensorsHeader header = parse(json);
    long dataBytes = fileBytes - Long.BYTES - headerBytes;
    if (dataBytes != header.dataBytes()) {
      throw new IOException(
          "it holds "
              + dataBytes
              + " bytes of data where its header promises "
              + header.dataBytes());
    }
    return header;
  }

  /// Reads a header that may be hostile.
  ///
  /// @throws IOException what is wrong with it, in one line
  static SafeTensorsHeader parse(byte[] bytes) throws IOException {
    JsonNode root;
    try {
      root = JSON.readTree(bytes);
    } catch (JacksonException e) {
      throw new IOException("its header is not valid JSON", e);
    }
    if (!root.isObject()) {
      throw new IOException("its header is not a JSON object");
    }
    Map<String, String> metadata = new TreeMap<>();
    List<Entry> entries = new ArrayList<>();
    for (Map.Entry<String, JsonNode> property : root.properties()) {
      if (property.getKey().equals(METADATA)) {
        parseMetadata(property.getValue(), metadata);
      } else {
        entries.add(parseEntry(property.getKey(), property.getValue()));
      }
    }
    entries.sort(Comparator.comparingLong(Entry::begin));
    checkContiguous(entries);
    return new SafeTensorsHeader(metadata, entries);
  }

  private static void parseMetadata(JsonNode node, Map<String, String> metadata)
      throws IOException {
    if (!node.isObject()) {
      throw new IOException("its " + METADATA + " is not a JSON object");
    }
    for (Map.Entry<String, JsonNode> property : node.properties()) {
      if (!property.getValue().isString()) {
        throw new IOException("its " + METADATA + " holds something that is not a string");
      }
      metadata.put(property.getKey(), property.getValue().stringValue());
    }
  }

  private static Entry parseEntry(String name, JsonNode node) throws IOException {
    try {
      NamedTensor.checkName(name);
    } catch (IllegalArgumentException e) {
      throw new IOException(e.getMessage(), e);
    }
    JsonNode dtype = node.path("dtype");
    @Nullable Type type = dtype.isString() ? Type.of(dtype.stringValue()) : null;
    if (type == null) {
      throw new IOException(
          "tensor " + name + " is not of type F32, F16, BF16, F64 or a type of integers");
    }
    JsonNode axes = node.path("shape");
    JsonNode offsets = node.path("data_offsets");
    if (!axes.isArray() || !offsets.isArray() || offsets.size() != 2) {
      throw new IOException("tensor " + name + " lacks a shape or two data offsets");
    }
    List<Integer> shape = new ArrayList<>();
    for (JsonNode length : axes) {
      if (!length.isIntegralNumber() || !length.canConvertToInt()) {
        throw new IOException("tensor " + name + " has an axis length that is no 32-bit integer");
      }
      shape.add(length.intValue());
    }
    try {
      return new Entry(name, type, shape, offset(name, offsets, 0), offset(name, offsets, 1));
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new IOException("tensor " + name + ": " + e.getMessage(), e);
    }
  }

  private static long offset(String name, JsonNode offsets, int index) throws IOException {
    JsonNode offset = offsets.path(index);
    if (!offset.isIntegralNumber() || !offset.canConvertToLong()) {
      throw new IOException("tensor " + name + " has a data offset that is no 64-bit integer");
    }
    return offset.longValue();
  }

  private static void checkContiguous(List<Entry> entries) throws IOException {
    long expected = 0;
    for (Entry entry : entries) {
      if (entry.begin != expected) {
        throw new IOException(
            "the data of tensor "
                + entry.name
                + " starts at "
                + entry.begin
                + " where "
                + expected
                + " is the next free byte");
      }
      expected = entry.end;
    }
  }
}
