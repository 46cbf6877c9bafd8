package asymml.interop;

import asymml.model.FileReason;
import asymml.model.Graph;
import asymml.model.Layer;
import asymml.model.Node;
import asymml.model.Parameter;
import asymml.model.SafeTensorsReader;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Parameters from a model file of this or another program, for a network to begin with.
///
/// @param sha256 of the whole file, lower-case hex
/// @param values by our names, in our layout
/// @param unused tensors of the file that the network has no place for, each with the reason;
///   without the state of optimisers and counters
/// @param missing names of trained and tracked parameters that the file does not have
/// @param metadata what the file says of itself
public record InitialWeights(
    String sha256,
    Map<String, float[]> values,
    List<String> unused,
    List<String> missing,
    Map<String, String> metadata) {
  /// What our checkpoints hold besides the model, and PyTorch's counters of batches.
  private static final List<String> STATE =
      List.of("trained/", "velocity/", "second-moment/", "split/");

  private static final String COUNTER = ".num_batches_tracked";

  /// Copies the collections.
  public InitialWeights {
    values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
    unused = List.copyOf(unused);
    missing = List.copyOf(missing);
    metadata = Map.copyOf(metadata);
  }

  /// Reads a file, which may be damaged or hostile.
  ///
  /// Names are torchvision's or ours. Layouts are PyTorch's, and in our checkpoints, which say so,
  /// ours. A bias of a convolution in front of a batch normalisation becomes part of the running
  /// mean. Tensors of another shape than the network's are left out: those of a classifier with
  /// other classes, for example.
  ///
  /// @param file `.onnx`, or else safetensors
  /// @param graph the network
  /// @return its parameters, as far as the file has them
  /// @throws IOException one line that names the file and what is wrong with it: it is damaged, has
  ///   none of the parameters, or values that are not finite
  public static InitialWeights read(Path file, Graph graph) throws IOException {
    String sha256 = digest(file);
    try (TensorFile tensors = open(file)) {
      return new Matching(file, tensors, graph).result(sha256);
    }
  }

  private static TensorFile open(Path file) throws IOException {
    return file.toString().toLowerCase(Locale.ROOT).endsWith(".onnx")
        ? OnnxFile.open(file)
        : new SafeTensorsFile(SafeTensorsReader.open(file));
  }

  private static String digest(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new IOException(
          "cannot read model file "
              + file
              + (Files.exists(file) ? ": it is not a regular file" : ": there is no such file"));
    }
    try (DigestInputStream in =
        new DigestInputStream(
            new BufferedInputStream(Files.newInputStream(file), 1 << 16),
            MessageDigest.getInstance("SHA-256"))) {
      in.transferTo(OutputStream.nullOutputStream());
      return HexFormat.of().formatHex(in.getMessageDigest().digest());
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    } catch (IOException e) {
      throw new IOException("cannot read model file " + file + ": " + FileReason.of(e), e);
    }
  }

  /// A safetensors file.
  private record SafeTensorsFile(SafeTensorsReader reader) implements TensorFile {
    @Override
    public Set<String> names() {
      return reader.names();
    }

    @Override
    public int[] shape(String name) {
      return reader.shape(name);
    }

    @Override
    public float[] read(String name) throws IOException {
      return reader.read(name);
    }

    @Override
    public Map<String, String> metadata() {
      return reader.metadata();
    }

    @Override
    public void close() throws IOException {
      reader.close();
    }
  }

  /// Finds each parameter's tensor.
  private static final class Matching {
    private final Path file;
    private final TensorFile tensors;
    private final Graph graph;
    private final boolean ours;
    private final TorchLayout layout;
    private final Map<String, String> names;
    private final Map<String, float[]> values = new LinkedHashMap<>();
    private final Map<String, String> unused = new LinkedHashMap<>();
    private final Set<String> missing = new LinkedHashSet<>();
    private final Set<String> taken = new HashSet<>();

    Matching(Path file, TensorFile tensors, Graph graph) {
      this.file = file;
      this.tensors = tensors;
      this.graph = graph;
      this.ours = "OHWI".equals(tensors.metadata().get("weightLayout"));
      this.layout = new TorchLayout(graph);
      this.names = TorchNames.of(graph);
    }

    InitialWeights result(String sha256) throws IOException {
      for (int i = 0; i < graph.nodes().size(); i++) {
        for (Parameter p : graph.parameters(i)) {
          take(p);
        }
      }
      for (int i = 0; i < graph.nodes().size(); i++) {
        Layer layer = graph.nodes().get(i).layer();
        if (layer instanceof Layer.WeightedLayer && graph.parameters(i).size() == 1) {
          foldBias(i);
        }
      }
      if (values.isEmpty()) {
        throw broken(
            "it has none of the parameters of %s: names are torchvision's or those that 'asymml"
                    .formatted(graph.name())
                + " export' writes");
      }
      for (String name : tensors.names()) {
        if (!taken.contains(name)
            && STATE.stream().noneMatch(name::startsWith)
            && !name.endsWith(COUNTER)) {
          unused.putIfAbsent(name, "%s %s".formatted(name, Arrays.toString(tensors.shape(name))));
        }
      }
      return new InitialWeights(
          sha256, values, List.copyOf(unused.values()), List.copyOf(missing), tensors.metadata());
    }

    private void take(Parameter parameter) throws IOException {
      @Nullable String name = nameOf(parameter);
      if (name == null) {
        missing.add(parameter.name());
        return;
      }
      int[] found = tensors.shape(name);
      int[] expected = ours ? parameter.shape() : layout.axes(parameter);
      if (!fits(found, expected)) {
        unused.put(
            name,
            "%s %s, where the network has %s"
                .formatted(name, Arrays.toString(found), Arrays.toString(expected)));
        missing.add(parameter.name());
        return;
      }
      float[] read = finite(name, tensors.read(name));
      if (parameter.kind() == Parameter.Kind.RUNNING_VARIANCE) {
        for (float value : read) {
          if (value < 0) {
            throw broken("tensor %s holds a negative variance".formatted(name));
          }
        }
      }
      taken.add(name);
      values.put(parameter.name(), ours ? read : layout.fromTorch(parameter, read));
    }

    private @Nullable String nameOf(Parameter parameter) {
      String theirs = Objects.requireNonNull(names.get(parameter.name()));
      if (!ours && tensors.names().contains(theirs)) {
        return theirs;
      }
      return tensors.names().contains(parameter.name())
          ? parameter.name()
          : tensors.place(parameter.name());
    }

    /// Vectors may have axes of length 1 behind or before their own.
    private static boolean fits(int[] found, int[] expected) {
      return Arrays.equals(found, expected)
          || (expected.length == 1
              && Arrays.equals(
                  Arrays.stream(found).filter(length -> length != 1).toArray(),
                  Arrays.stream(expected).filter(length -> length != 1).toArray()));
    }

    private float[] finite(String name, float[] read) throws IOException {
      for (float value : read) {
        if (!Float.isFinite(value)) {
          throw broken("tensor %s holds a value that is not finite".formatted(name));
        }
      }
      return read;
    }

    /// What follows subtracts its mean, so that a bias before it is a smaller mean.
    private void foldBias(int index) throws IOException {
      Parameter weight = graph.parameters(index).getFirst();
      @Nullable String name = nameOf(weight);
      if (name == null || !values.containsKey(weight.name())) {
        return;
      }
      String own = tensors.place(TorchSafeTensors.bias(weight.name()));
      String bias = own == null && name.contains(".") ? TorchSafeTensors.bias(name) : own;
      if (bias == null
          || !tensors.names().contains(bias)
          || !fits(tensors.shape(bias), new int[] {graph.shape(index).channels()})) {
        return;
      }
      float[] read = finite(bias, tensors.read(bias));
      if (allZero(read)) {
        taken.add(bias);
        return;
      }
      List<Integer> readers = graph.consumers(index);
      @Nullable Node next = readers.size() == 1 ? graph.nodes().get(readers.getFirst()) : null;
      float @Nullable [] mean =
          next != null && next.layer() instanceof Layer.BatchNorm
              ? values.get(next.name() + ".running_mean")
              : null;
      if (mean == null) {
        unused.put(bias, bias + ", a bias in front of what has no place for it");
        return;
      }
      for (int i = 0; i < mean.length; i++) {
        mean[i] -= read[i];
      }
      taken.add(bias);
    }

    private static boolean allZero(float[] values) {
      for (float value : values) {
        if (value != 0) {
          return false;
        }
      }
      return true;
    }

    private IOException broken(String what) {
      return new IOException("cannot use model file " + file + ": " + what);
    }
  }

  /// What was taken, for the user.
  ///
  /// @param most names to list of each kind
  /// @return a line each: what is used, what the file has besides, what it lacks
  public List<String> lines(int most) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "%s of %s parameters from the file"
            .formatted(values.size(), values.size() + missing.size()));
    if (!missing.isEmpty()) {
      lines.add("not in the file, drawn by the seed: " + some(missing, most));
    }
    if (!unused.isEmpty()) {
      lines.add("not used of the file: " + some(unused, most));
    }
    return List.copyOf(lines);
  }

  private static String some(List<String> names, int most) {
    String shown = String.join("; ", names.subList(0, Math.min(most, names.size())));
    return names.size() > most ? "%s and %s more".formatted(shown, names.size() - most) : shown;
  }
}
