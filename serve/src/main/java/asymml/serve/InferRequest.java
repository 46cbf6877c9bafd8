package asymml.serve;

import asymml.model.Shape;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;

/// An inference request of the Open Inference Protocol v2: one input tensor of pixels.
///
/// @param id the client's own, returned as it is
/// @param pixels of each image `[H, W, C]`, 0 to 255 each
/// @param outputs the names of those that are asked for; empty for all
record InferRequest(@Nullable String id, List<byte[]> pixels, Set<String> outputs) {
  /// The name of the input tensor.
  static final String INPUT = "pixels";

  /// The type of its values.
  static final String TYPE = "UINT8";

  private static final int DEPTH = 12;
  private static final int NUMBER_LENGTH = 32;
  private static final int STRING_LENGTH = 1024;
  private static final int MOST_OUTPUTS = 16;
  private static final int WHITE = 255;

  /// Strict JSON, with little of everything but numbers.
  static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(DEPTH)
                  .maxNumberLength(NUMBER_LENGTH)
                  .maxStringLength(STRING_LENGTH)
                  .maxNameLength(STRING_LENGTH)
                  .build())
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .build();

  /// Reads a request.
  ///
  /// @param body UTF-8
  /// @param shape of the model's images
  /// @throws Refusal 400, with what is wrong
  static InferRequest parse(byte[] body, Shape shape) throws Refusal {
    try (JsonParser json = JSON.createParser(ObjectReadContext.empty(), body)) {
      Reader reader = new Reader(json);
      InferRequest request = reader.request(shape);
      if (json.nextToken() != null) {
        throw Refusal.badRequest("there is more behind the JSON object");
      }
      return request;
    } catch (JacksonException e) {
      throw Refusal.badRequest("the body is not the JSON of a request: " + e.getOriginalMessage());
    }
  }

  private static final class Reader {
    private final JsonParser json;
    private @Nullable Tensor input;
    private @Nullable String id;
    private final Set<String> outputs = new java.util.LinkedHashSet<>();

    Reader(JsonParser json) {
      this.json = json;
    }

    InferRequest request(Shape shape) throws Refusal {
      require(json.nextToken(), JsonToken.START_OBJECT, "a request is a JSON object");
      while (json.nextToken() == JsonToken.PROPERTY_NAME) {
        String name = json.currentName();
        JsonToken value = json.nextToken();
        switch (name) {
          case "id" -> {
            require(value, JsonToken.VALUE_STRING, "'id' is a string");
            id = json.getString();
          }
          case "inputs" -> {
            require(value, JsonToken.START_ARRAY, "'inputs' is an array");
            inputs();
          }
          case "outputs" -> {
            require(value, JsonToken.START_ARRAY, "'outputs' is an array");
            outputs();
          }
          case "parameters" -> parameters(value);
          default -> throw unknown(name, "a request");
        }
      }
      if (input == null) {
        throw Refusal.badRequest("'inputs' is missing");
      }
      return new InferRequest(id, input.images(shape), outputs);
    }

    private void inputs() throws Refusal {
      while (json.nextToken() == JsonToken.START_OBJECT) {
        if (input != null) {
          throw Refusal.badRequest("'inputs' has one tensor, '" + INPUT + "'");
        }
        input = tensor();
      }
      require(json.currentToken(), JsonToken.END_ARRAY, "'inputs' has one tensor, an object");
    }

    private Tensor tensor() throws Refusal {
      Tensor tensor = new Tensor();
      while (json.nextToken() == JsonToken.PROPERTY_NAME) {
        String name = json.currentName();
        JsonToken value = json.nextToken();
        switch (name) {
          case "name" -> tensor.name = text(value, name);
          case "datatype" -> tensor.type = text(value, name);
          case "shape" -> {
            require(value, JsonToken.START_ARRAY, "'shape' is an array");
            tensor.shape = lengths();
          }
          case "data" -> {
            require(value, JsonToken.START_ARRAY, "'data' is an array");
            tensor.data = new Values(json);
            tensor.data.read(0);
          }
          case "parameters" -> parameters(value);
          default -> throw unknown(name, "an input");
        }
      }
      return tensor;
    }

    private String text(JsonToken value, String name) throws Refusal {
      require(value, JsonToken.VALUE_STRING, "'" + name + "' is a string");
      return json.getString();
    }

    private long[] lengths() throws Refusal {
      List<Long> lengths = new ArrayList<>();
      while (json.nextToken() == JsonToken.VALUE_NUMBER_INT && lengths.size() < DEPTH) {
        lengths.add(json.getLongValue());
      }
      require(json.currentToken(), JsonToken.END_ARRAY, "'shape' has whole numbers");
      return lengths.stream().mapToLong(Long::longValue).toArray();
    }

    private void outputs() throws Refusal {
      while (json.nextToken() == JsonToken.START_OBJECT && outputs.size() < MOST_OUTPUTS) {
        String asked = "";
        while (json.nextToken() == JsonToken.PROPERTY_NAME) {
          String name = json.currentName();
          JsonToken value = json.nextToken();
          switch (name) {
            case "name" -> asked = text(value, name);
            case "parameters" -> parameters(value);
            default -> throw unknown(name, "an output");
          }
        }
        if (!InferAnswer.OUTPUTS.contains(asked)) {
          throw Refusal.badRequest(
              "there is no output '%s', but %s"
                  .formatted(asked, String.join(" and ", InferAnswer.OUTPUTS)));
        }
        outputs.add(asked);
      }
      require(json.currentToken(), JsonToken.END_ARRAY, "'outputs' has objects");
    }

    /// None is known, and one that is not known must not be ignored.
    private void parameters(JsonToken value) throws Refusal {
      require(value, JsonToken.START_OBJECT, "'parameters' is an object");
      if (json.nextToken() == JsonToken.PROPERTY_NAME) {
        throw Refusal.badRequest(
            "the parameter '%s' is not known here: there are none".formatted(json.currentName()));
      }
    }

    private static void require(@Nullable JsonToken found, JsonToken expected, String rule)
        throws Refusal {
      if (found != expected) {
        throw Refusal.badRequest(rule);
      }
    }

    private static Refusal unknown(String name, String where) {
      return Refusal.badRequest("%s has no '%s'".formatted(where, name));
    }
  }

  /// The tensor as it is given.
  private static final class Tensor {
    String name = "";
    String type = "";
    long @Nullable [] shape;
    @Nullable Values data;

    List<byte[]> images(Shape expected) throws Refusal {
      if (!name.equals(INPUT)) {
        throw Refusal.badRequest("the model's one input is '%s', not '%s'".formatted(INPUT, name));
      }
      if (!type.equals(TYPE)) {
        throw Refusal.badRequest("'%s' has the datatype %s, not '%s'".formatted(INPUT, TYPE, type));
      }
      if (shape == null || data == null) {
        throw Refusal.badRequest("'%s' has no 'shape' or no 'data'".formatted(INPUT));
      }
      long[] rest = {expected.height(), expected.width(), expected.channels()};
      if (shape.length != 4 || shape[0] < 1 || !Arrays.equals(shape, 1, 4, rest, 0, 3)) {
        throw Refusal.badRequest(
            "'%s' has the shape [n, %s, %s, %s] with n at least 1: height, width, channels"
                .formatted(INPUT, rest[0], rest[1], rest[2]));
      }
      if (!data.fits(shape)) {
        throw Refusal.badRequest("'data' is not, flat or nested, of the given 'shape'");
      }
      byte[] all = data.values.toByteArray();
      int size = expected.size();
      List<byte[]> images = new ArrayList<>();
      for (int i = 0; i < all.length; i += size) {
        images.add(Arrays.copyOfRange(all, i, i + size));
      }
      return images;
    }
  }

  /// Numbers from 0 to 255 in arrays that may be nested.
  private static final class Values {
    private final JsonParser json;
    private final ByteArrayOutputStream values = new ByteArrayOutputStream();

    /// Of the arrays at each depth; all at one depth have the same.
    private final List<Integer> lengths = new ArrayList<>();

    private int leaves = -1; // the depth that has numbers

    Values(JsonParser json) {
      this.json = json;
    }

    /// Reads an array whose start has been read.
    void read(int depth) throws Refusal {
      if (depth == lengths.size()) {
        lengths.add(-1);
      }
      int count = 0;
      for (JsonToken token = json.nextToken();
          token != JsonToken.END_ARRAY;
          token = json.nextToken()) {
        if (token == JsonToken.START_ARRAY) {
          if (leaves >= 0 && leaves <= depth) {
            throw ragged();
          }
          read(depth + 1);
        } else {
          number(token, depth);
        }
        count++;
      }
      int known = lengths.get(depth);
      if (known >= 0 && known != count) {
        throw ragged();
      }
      lengths.set(depth, count);
    }

    private void number(@Nullable JsonToken token, int depth) throws Refusal {
      if ((leaves >= 0 && leaves != depth) || lengths.size() > depth + 1) {
        throw ragged();
      }
      leaves = depth;
      if (token != JsonToken.VALUE_NUMBER_INT
          || json.getNumberType() != JsonParser.NumberType.INT
          || json.getIntValue() < 0
          || json.getIntValue() > WHITE) {
        throw Refusal.badRequest("'data' has whole numbers from 0 to 255");
      }
      values.write(json.getIntValue());
    }

    private static Refusal ragged() {
      return Refusal.badRequest("the arrays of 'data' are not all of one shape");
    }

    /// Whether there are as many as a shape has, flat or nested like it.
    boolean fits(long[] shape) {
      long product = 1;
      for (long length : shape) {
        if (length < 1 || product > values.size()) {
          return false;
        }
        product *= length;
      }
      if (product != values.size()) {
        return false;
      }
      return lengths.size() == 1
          || Arrays.equals(lengths.stream().mapToLong(Integer::longValue).toArray(), shape);
    }
  }
}
