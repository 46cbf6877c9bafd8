package asymml.trusted.train;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.NamedTensor;
import asymml.model.Parameter;
import asymml.model.SafeTensors;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.execute.Parameters;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import tools.jackson.core.JacksonException;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.json.JsonMapper;

/// A network with its parameters and all that is needed to use it on new images.
public final class TrainedModel implements AutoCloseable {
  private static final JsonMapper JSON = new JsonMapper();

  private final Description description;
  private final Graph graph;
  private final Parameters parameters;

  /// What a model file says of its model besides the parameters.
  ///
  /// @param model name in the zoo
  /// @param norm its normalisation layers
  /// @param input shape of an image
  /// @param classNames in the order of the logits
  /// @param normalization of pixels
  public record Description(
      String model,
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
    /// @param model name in the zoo
    /// @param norm its normalisation layers
    /// @param images give shape and classes
    /// @param normalization of pixels
    /// @return a new description
    public static Description of(
        String model, Zoo.Norm norm, ImageSet images, Normalization normalization) {
      return new Description(model, norm, images.shape(), images.classNames(), normalization);
    }

    /// The model's graph.
    ///
    /// @return a new graph
    public Graph graph() {
      return Zoo.build(model, input, classNames.size(), norm);
    }

    void save(Map<String, String> metadata) {
      metadata.put("format", FORMAT);
      metadata.put("model", model);
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
      if (!FORMAT.equals(metadata.text("format"))) {
        throw metadata.broken("has another format than " + FORMAT);
      }
      try {
        List<Integer> axes =
            JSON.readValue(metadata.text("input"), new TypeReference<List<Integer>>() {});
        return new Description(
            metadata.text("model"),
            Zoo.Norm.valueOf(metadata.text("norm").toUpperCase(Locale.ROOT)),
            new Shape(axes.get(0), axes.get(1), axes.get(2)),
            JSON.readValue(metadata.text("classes"), new TypeReference<List<String>>() {}),
            new Normalization(
                JSON.readValue(metadata.text("mean"), float[].class),
                JSON.readValue(metadata.text("standardDeviation"), float[].class)));
      } catch (JacksonException | IllegalArgumentException | IndexOutOfBoundsException e) {
        throw metadata.broken("describes its model in a way that cannot be read");
      }
    }
  }

  private static final String FORMAT = "asymml-1";

  private TrainedModel(Description description, Graph graph, Parameters parameters) {
    this.description = description;
    this.graph = graph;
    this.parameters = parameters;
  }

  /// Reads a model from a checkpoint.
  ///
  /// @param checkpoint a file that training wrote
  /// @return the model, ready for inference
  /// @throws IOException if the file is missing, damaged or not a model of this program
  public static TrainedModel read(Path checkpoint) throws IOException {
    SafeTensors.Contents contents = SafeTensors.read(checkpoint);
    try {
      Description description = Description.read(new Metadata(checkpoint, contents.metadata()));
      Graph graph = description.graph();
      Parameters parameters = new Parameters(graph, new Initializer(0), false);
      restore(parameters, byName(contents), checkpoint);
      return new TrainedModel(description, graph, parameters);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  static Map<String, NamedTensor> byName(SafeTensors.Contents contents) {
    return contents.tensors().stream().collect(Collectors.toMap(NamedTensor::name, t -> t));
  }

  /// Copies saved values into parameters.
  static void restore(Parameters parameters, Map<String, NamedTensor> saved, Path file) {
    for (Parameter parameter : parameters.all()) {
      copy(saved, parameter.name(), parameters.value(parameter.name()), file);
    }
    parameters.changed();
  }

  static void copy(Map<String, NamedTensor> saved, String name, Tensor target, Path file) {
    NamedTensor tensor = saved.get(name);
    if (tensor == null || tensor.size() != target.size()) {
      throw new Metadata(file, Map.of()).broken("has no '" + name + "' of the right size");
    }
    target.segment().copyFrom(tensor.values());
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

  @Override
  public void close() {
    parameters.close();
  }
}
