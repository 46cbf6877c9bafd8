package asymml.trusted.train;

import asymml.kernels.Tensor;
import asymml.model.Architecture;
import asymml.model.ClearStore;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.NamedTensor;
import asymml.model.Parameter;
import asymml.model.PrintableText;
import asymml.model.PrivateStore;
import asymml.model.SafeTensors;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.ops.Parameters;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/// A network with its parameters and all that is needed to use it on new images.
public final class TrainedModel implements AutoCloseable {
  private static final JsonMapper JSON = new JsonMapper();

  private final Description description;
  private final Graph graph;
  private final Parameters parameters;
  private final int epoch;
  private final long step;

  /// What a model file says of its model besides the parameters.
  ///
  /// @param model which network
  /// @param norm the normalisation of one of the zoo
  /// @param input shape of an image
  /// @param classNames in the order of the logits
  /// @param normalization of pixels
  public record Description(
      Architecture model,
      Zoo.Norm norm,
      Shape input,
      List<String> classNames,
      Normalization normalization) {
    /// Copies the names.
    public Description {
      classNames = List.copyOf(classNames);
    }

    /// Describes a model for a data set.
    ///
    /// @param model which network
    /// @param norm the normalisation of one of the zoo
    /// @param images give shape and classes
    /// @param normalization of pixels
    /// @return a new description
    public static Description of(
        Architecture model, Zoo.Norm norm, ImageSet images, Normalization normalization) {
      return new Description(model, norm, images.shape(), images.classNames(), normalization);
    }

    /// The model's graph.
    ///
    /// @return a new graph
    public Graph graph() {
      return model.graph(input, classNames.size(), norm);
    }

    void save(Map<String, String> metadata) {
      metadata.put("format", FORMAT);
      metadata.put("model", model.text());
      if (graph().beginsWithScattering()) {
        metadata.put("scattering", SCATTERING);
      }
      metadata.put("norm", norm.name().toLowerCase(Locale.ROOT));
      metadata.put("weightLayout", "OHWI");
      metadata.put(
          "input",
          JSON.writeValueAsString(List.of(input.height(), input.width(), input.channels())));
      metadata.put("classes", JSON.writeValueAsString(classNames));
      metadata.put("mean", JSON.writeValueAsString(normalization.mean()));
      metadata.put("standardDeviation", JSON.writeValueAsString(normalization.standardDeviation()));
    }

    static Description read(Metadata metadata) {
      checkFormat(metadata);
      try {
        int[] axes = parse(metadata, "input", int[].class);
        List<String> classNames =
            Stream.of(parse(metadata, "classes", String[].class)).map(String::valueOf).toList();
        if (!classNames.stream().allMatch(PrintableText::isPrintable)) {
          throw metadata.broken("names a class with a control character");
        }
        if (axes.length != 3) {
          throw metadata.broken("has no image shape in 'input'");
        }
        return new Description(
            architecture(metadata),
            Zoo.Norm.valueOf(metadata.text("norm").toUpperCase(Locale.ROOT)),
            new Shape(axes[0], axes[1], axes[2]),
            classNames,
            new Normalization(
                parse(metadata, "mean", float[].class),
                parse(metadata, "standardDeviation", float[].class)));
      } catch (JacksonException | IllegalArgumentException e) {
        throw metadata.broken("describes its model in a way that cannot be read");
      }
    }

    private static Architecture architecture(Metadata metadata) {
      try {
        return Architecture.of(metadata.text("model"));
      } catch (IllegalArgumentException e) {
        throw metadata.broken("describes a model that cannot be built: " + e.getMessage());
      }
    }

    private static <T> T parse(Metadata metadata, String key, Class<T> type) {
      T value = JSON.readValue(metadata.text(key), type);
      if (value == null) {
        throw metadata.broken("has nothing in '" + key + "'");
      }
      return value;
    }

    /// The graph of a description that came from a file.
    private Graph graph(Metadata metadata) {
      try {
        return graph();
      } catch (IllegalArgumentException | ArithmeticException e) {
        throw metadata.broken("describes a model that cannot be built: " + e.getMessage());
      }
    }
  }

  private static final String FORMAT = "asymml-2";

  /// How scattering features are normalised: weights trained on others are of no use.
  private static final String SCATTERING = "by-path";

  private TrainedModel(
      Description description, Graph graph, Parameters parameters, int epoch, long step) {
    this.description = description;
    this.graph = graph;
    this.parameters = parameters;
    this.epoch = epoch;
    this.step = step;
  }

  /// Reads a model from a checkpoint.
  ///
  /// @param checkpoint a file that training wrote
  /// @return the model, ready for inference
  /// @throws IOException if the file is missing, damaged or not a model of this program
  public static TrainedModel read(Path checkpoint) throws IOException {
    return read(ClearStore.CLEAR, checkpoint);
  }

  /// Reads the model of a run: that with the best validation accuracy if it has validation images
  /// and chooses by them, else that of its checkpoint.
  ///
  /// @param layout of the run
  /// @return the model, ready for inference
  /// @throws IOException if the file is missing, damaged or not a model of this program
  public static TrainedModel read(RunLayout layout) throws IOException {
    return read(layout.store(), layout.model());
  }

  private static TrainedModel read(PrivateStore store, Path checkpoint) throws IOException {
    SafeTensors.Contents contents = SafeTensors.read(store, checkpoint);
    try {
      Metadata metadata = new Metadata(checkpoint, contents.metadata());
      Description description = Description.read(metadata);
      Graph graph = description.graph(metadata);
      if (graph.beginsWithScattering()
          && !SCATTERING.equals(contents.metadata().get("scattering"))) {
        throw new IOException(
            checkpoint
                + " is of another version of the program, whose scattering features were others:"
                + " train the model anew");
      }
      int epoch = metadata.smallNumber("epoch");
      long step = metadata.number("step");
      Map<String, NamedTensor> saved = byName(contents);
      // Before memory is taken for what the description says.
      graph.parameters().forEach(p -> find(saved, p.name(), p, checkpoint));
      Parameters parameters = new Parameters(graph, new Initializer(0), false);
      restore(parameters, saved, checkpoint);
      return new TrainedModel(description, graph, parameters, epoch, step);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  static Map<String, NamedTensor> byName(SafeTensors.Contents contents) {
    return contents.tensors().stream().collect(Collectors.toMap(NamedTensor::name, t -> t));
  }

  /// Copies saved values into parameters.
  static void restore(Parameters parameters, Map<String, NamedTensor> saved, Path file) {
    for (Parameter p : parameters.all()) {
      copy(find(saved, p.name(), p, file), parameters.value(p.name()));
    }
    parameters.changed();
  }

  /// The saved tensor of a name, which must have a parameter's shape.
  static NamedTensor find(
      Map<String, NamedTensor> saved, String name, Parameter parameter, Path file) {
    NamedTensor tensor = saved.get(name);
    if (tensor == null || !Arrays.equals(tensor.shape(), parameter.shape())) {
      throw new Metadata(file, Map.of())
          .broken("has no '" + name + "' of shape " + Arrays.toString(parameter.shape()));
    }
    return tensor;
  }

  static void copy(NamedTensor saved, Tensor target) {
    target.segment().copyFrom(saved.values());
  }

  /// Refuses files that hold something else.
  static void checkFormat(Metadata metadata) {
    if (!FORMAT.equals(metadata.text("format"))) {
      throw metadata.broken("has another format than " + FORMAT);
    }
  }

  /// What the file said of the model.
  ///
  /// @return name, shape, classes, normalisation
  public Description description() {
    return description;
  }

  /// The model's graph.
  ///
  /// @return its layers
  public Graph graph() {
    return graph;
  }

  /// The model's parameters.
  ///
  /// @return without gradients
  public Parameters parameters() {
    return parameters;
  }

  /// How far training was.
  ///
  /// @return epochs done
  public int epoch() {
    return epoch;
  }

  /// How far training was.
  ///
  /// @return steps done
  public long step() {
    return step;
  }

  @Override
  public void close() {
    parameters.close();
  }
}
