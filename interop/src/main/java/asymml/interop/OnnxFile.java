package asymml.interop;

import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import asymml.model.FileReason;
import com.google.protobuf.InvalidProtocolBufferException;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// The initialisers of an ONNX file. Values that it keeps in other files are refused: a path in a
/// file from elsewhere is not followed.
final class OnnxFile implements TensorFile {
  private final Path file;
  private final Map<String, TensorProto> tensors = new LinkedHashMap<>();
  private final Map<String, String> metadata = new TreeMap<>();

  /// Matrices `[C, O]` where PyTorch has `[O, C]`.
  private final Set<String> transposed = new HashSet<>();

  /// By our names of the parameters of the file's network, if that can be read.
  private final Map<String, String> places;

  private OnnxFile(Path file, ModelProto model) {
    this.file = file;
    this.places = places(model);
    model.getGraph().getInitializerList().forEach(tensor -> tensors.put(tensor.getName(), tensor));
    for (NodeProto node : model.getGraph().getNodeList()) {
      boolean plain =
          node.getOpType().equals("MatMul")
              || (node.getOpType().equals("Gemm")
                  && node.getAttributeList().stream()
                      .noneMatch(a -> a.getName().equals("transB") && a.getI() == 1));
      if (plain && node.getInputCount() > 1) {
        @Nullable TensorProto weight = tensors.get(node.getInput(1));
        if (weight != null && weight.getDimsCount() == 2) {
          transposed.add(weight.getName());
        }
      }
    }
    for (StringStringEntryProto entry : model.getMetadataPropsList()) {
      metadata.put(entry.getKey(), entry.getValue());
    }
  }

  /// None for a network that cannot be trained here: its tensors are found by their names alone.
  private static Map<String, String> places(ModelProto model) {
    try {
      return OnnxImport.of(model, "network").tensors();
    } catch (IllegalArgumentException | ArithmeticException e) {
      return Map.of();
    }
  }

  @Override
  public @Nullable String place(String parameter) {
    return places.get(parameter);
  }

  /// Reads a file, all of it.
  ///
  /// @throws IOException one line that names the file and what is wrong with it
  static OnnxFile open(Path file) throws IOException {
    return new OnnxFile(file, parse(file));
  }

  /// Reads a file, all of it.
  ///
  /// @throws IOException one line that names the file and what is wrong with it
  static ModelProto parse(Path file) throws IOException {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new IOException("cannot read model file " + file + ": it is not a regular file");
    }
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
      ModelProto model = ModelProto.parseFrom(in);
      if (!model.hasGraph()) {
        throw new IOException("cannot use model file " + file + ": it is no ONNX model");
      }
      return model;
    } catch (InvalidProtocolBufferException e) {
      throw new IOException(
          "cannot use model file " + file + ": it is damaged, or no ONNX model", e);
    } catch (FileSystemException e) {
      throw new IOException("cannot read model file " + file + ": " + FileReason.of(e), e);
    } catch (OutOfMemoryError e) {
      throw new IOException(
          "cannot use model file " + file + ": it does not fit into the memory of the JVM (-Xmx)",
          e);
    }
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  @Override
  public Map<String, String> metadata() {
    return Collections.unmodifiableMap(metadata);
  }

  @Override
  public int[] shape(String name) {
    int[] shape = stored(name);
    return transposed.contains(name) ? new int[] {shape[1], shape[0]} : shape;
  }

  private int[] stored(String name) {
    return tensor(name).getDimsList().stream().mapToInt(OnnxFile::length).toArray();
  }

  /// An axis that no tensor of ours has gives a shape that fits none.
  private static int length(long axis) {
    return axis < 0 || axis > Integer.MAX_VALUE ? -1 : (int) axis;
  }

  private TensorProto tensor(String name) {
    TensorProto tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("no such tensor: " + name);
    }
    return tensor;
  }

  @Override
  public float[] read(String name) throws IOException {
    float[] values = values(name);
    return transposed.contains(name)
        ? TorchLayout.swapped(values, 1, stored(name)[0], stored(name)[1])
        : values;
  }

  private float[] values(String name) throws IOException {
    TensorProto tensor = tensor(name);
    if (tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL) {
      throw broken(name, "is kept in another file: save the model with its data in one file");
    }
    long size = size(name);
    return switch (tensor.getDataType()) {
      case TensorProto.DataType.FLOAT_VALUE -> {
        if (tensor.hasRawData()) {
          FloatBuffer raw = raw(tensor, size, Float.BYTES).asFloatBuffer();
          float[] values = new float[(int) size];
          raw.get(values);
          yield values;
        }
        require(name, tensor.getFloatDataCount(), size);
        float[] values = new float[(int) size];
        for (int i = 0; i < values.length; i++) {
          values[i] = tensor.getFloatData(i);
        }
        yield values;
      }
      case TensorProto.DataType.DOUBLE_VALUE -> {
        if (tensor.hasRawData()) {
          ByteBuffer raw = raw(tensor, size, Double.BYTES);
          float[] values = new float[(int) size];
          for (int i = 0; i < values.length; i++) {
            values[i] = (float) raw.getDouble();
          }
          yield values;
        }
        require(name, tensor.getDoubleDataCount(), size);
        float[] values = new float[(int) size];
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) tensor.getDoubleData(i);
        }
        yield values;
      }
      case TensorProto.DataType.FLOAT16_VALUE, TensorProto.DataType.BFLOAT16_VALUE -> {
        if (!tensor.hasRawData()) {
          throw broken(name, "holds 16-bit values in a form that is not supported");
        }
        ByteBuffer raw = raw(tensor, size, Short.BYTES);
        boolean brain = tensor.getDataType() == TensorProto.DataType.BFLOAT16_VALUE;
        float[] values = new float[(int) size];
        for (int i = 0; i < values.length; i++) {
          short bits = raw.getShort();
          values[i] = brain ? Float.intBitsToFloat(bits << 16) : Float.float16ToFloat(bits);
        }
        yield values;
      }
      default -> throw broken(name, "holds no floating-point numbers");
    };
  }

  /// The number of values that the shape says; what the file holds is compared with it before
  /// memory is taken.
  private long size(String name) throws IOException {
    int[] shape = stored(name);
    long size = 1;
    for (int length : shape) {
      if (length < 1 || size > Integer.MAX_VALUE / length) {
        throw broken(name, "has an impossible shape: " + Arrays.toString(shape));
      }
      size *= length;
    }
    return size;
  }

  private ByteBuffer raw(TensorProto tensor, long size, int bytes) throws IOException {
    require(tensor.getName(), tensor.getRawData().size(), size * bytes);
    return tensor.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  private void require(String name, long found, long expected) throws IOException {
    if (found != expected) {
      throw broken(name, "holds %s where its shape needs %s".formatted(found, expected));
    }
  }

  private IOException broken(String name, String what) {
    return new IOException("cannot use model file %s: tensor %s %s".formatted(file, name, what));
  }

  @Override
  public void close() {}
}
