package asymml.serve;

import asymml.model.Shape;
import asymml.session.TrainedRun.Prediction;
import java.io.ByteArrayOutputStream;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;

/// The answers' JSON.
final class InferAnswer {
  private static final String PROBABILITIES = "probabilities";
  private static final String CLASS = "class";
  private static final String PLATFORM = "asymml";

  /// The names of the output tensors.
  static final List<String> OUTPUTS = List.of(PROBABILITIES, CLASS);

  private InferAnswer() {}

  /// Writes a JSON object.
  ///
  /// @param properties writes what is in it
  /// @return UTF-8
  static byte[] json(Consumer<JsonGenerator> properties) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JsonGenerator json =
        InferRequest.JSON.createGenerator(ObjectWriteContext.empty(), bytes)) {
      json.writeStartObject();
      properties.accept(json);
      json.writeEndObject();
    }
    return bytes.toByteArray();
  }

  /// One line that says what is wrong.
  static byte[] error(String message) {
    return json(json -> json.writeStringProperty("error", message));
  }

  /// What the server is.
  static byte[] server(String version) {
    return json(json -> {
      json.writeStringProperty("name", PLATFORM);
      json.writeStringProperty("version", version);
      json.writeArrayPropertyStart("extensions");
      json.writeEndArray();
    });
  }

  /// What the model is.
  static byte[] model(ServedModel model) {
    Shape input = model.input();
    return json(json -> {
      json.writeStringProperty("name", model.name());
      json.writeStringProperty("platform", PLATFORM);
      json.writeArrayPropertyStart("inputs");
      tensor(
          json,
          InferRequest.INPUT,
          InferRequest.TYPE,
          -1,
          input.height(),
          input.width(),
          input.channels());
      json.writeEndArray();
      json.writeArrayPropertyStart("outputs");
      tensor(json, PROBABILITIES, "FP64", -1, model.classNames().size());
      tensor(json, CLASS, "BYTES", -1);
      json.writeEndArray();
      json.writeObjectPropertyStart("parameters");
      json.writeArrayPropertyStart("classes");
      model.classNames().forEach(json::writeString);
      json.writeEndArray();
      json.writeEndObject();
    });
  }

  private static void tensor(JsonGenerator json, String name, String type, int... shape) {
    json.writeStartObject();
    head(json, name, type, shape);
    json.writeEndObject();
  }

  private static void head(JsonGenerator json, String name, String type, int... shape) {
    json.writeStringProperty("name", name);
    json.writeStringProperty("datatype", type);
    json.writeArrayPropertyStart("shape");
    for (int length : shape) {
      json.writeNumber(length);
    }
    json.writeEndArray();
  }

  /// The outputs of an inference request.
  ///
  /// @param model which has classified
  /// @param id the client's
  /// @param asked names of outputs; empty for all
  /// @param all of each image every class
  static byte[] outputs(
      ServedModel model, @Nullable String id, Set<String> asked, List<List<Prediction>> all) {
    return json(json -> {
      json.writeStringProperty("model_name", model.name());
      if (id != null) {
        json.writeStringProperty("id", id);
      }
      json.writeArrayPropertyStart("outputs");
      if (asked.isEmpty() || asked.contains(PROBABILITIES)) {
        json.writeStartObject();
        head(json, PROBABILITIES, "FP64", all.size(), model.classNames().size());
        json.writeArrayPropertyStart("data");
        for (List<Prediction> predictions : all) {
          Map<String, Double> of = new HashMap<>();
          predictions.forEach(p -> of.put(p.className(), p.probability()));
          for (String name : model.classNames()) {
            json.writeNumber(of.getOrDefault(name, 0.0));
          }
        }
        json.writeEndArray();
        json.writeEndObject();
      }
      if (asked.isEmpty() || asked.contains(CLASS)) {
        json.writeStartObject();
        head(json, CLASS, "BYTES", all.size());
        json.writeArrayPropertyStart("data");
        all.forEach(predictions -> json.writeString(predictions.getFirst().className()));
        json.writeEndArray();
        json.writeEndObject();
      }
      json.writeEndArray();
    });
  }

  /// What one image shows.
  static byte[] classes(ServedModel model, List<Prediction> predictions) {
    return json(json -> {
      json.writeStringProperty("model", model.name());
      json.writeStringProperty(CLASS, predictions.getFirst().className());
      json.writeObjectPropertyStart(PROBABILITIES);
      predictions.forEach(p -> json.writeNumberProperty(p.className(), p.probability()));
      json.writeEndObject();
    });
  }
}
