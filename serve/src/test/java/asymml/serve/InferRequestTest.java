package asymml.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Shape;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InferRequestTest {
  private static final Shape SHAPE = new Shape(1, 2, 3);

  private static InferRequest parse(String json) throws Refusal {
    return InferRequest.parse(json.getBytes(StandardCharsets.UTF_8), SHAPE);
  }

  private static String tensor(String shape, String data) {
    return "{\"inputs\":[{\"name\":\"pixels\",\"datatype\":\"UINT8\",\"shape\":%s,\"data\":%s}]}"
        .formatted(shape, data);
  }

  @Test
  void flat_and_nested_data_are_the_same_images() throws Exception {
    InferRequest flat = parse(tensor("[2,1,2,3]", "[1,2,3,4,5,6,7,8,9,10,11,255]"));
    InferRequest nested =
        parse(tensor("[2,1,2,3]", "[[[[1,2,3],[4,5,6]]],[[[7,8,9],[10,11,255]]]]"));
    for (InferRequest request : new InferRequest[] {flat, nested}) {
      assertThat(request.pixels()).hasSize(2);
      assertThat(request.pixels().get(0)).containsExactly(1, 2, 3, 4, 5, 6);
      assertThat(request.pixels().get(1)).containsExactly(7, 8, 9, 10, 11, 255);
      assertThat(request.id()).isNull();
      assertThat(request.outputs()).isEmpty();
    }
  }

  @Test
  void the_order_of_properties_does_not_matter() throws Exception {
    InferRequest request =
        parse(
            """
            {"outputs": [{"name": "class", "parameters": {}}], "parameters": {}, "id": "ü",
             "inputs": [{"data": [0,0,0,0,0,1], "shape": [1,1,2,3], "parameters": {},
               "datatype": "UINT8", "name": "pixels"}]}
            """);
    assertThat(request.id()).isEqualTo("ü");
    assertThat(request.outputs()).containsExactly("class");
    assertThat(request.pixels().getFirst()).containsExactly(0, 0, 0, 0, 0, 1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          [1,1,2,3] | [1,2,3,4,5]             | not, flat or nested, of the given 'shape'
          [1,1,2,3] | [1,2,3,4,5,6,7]         | not, flat or nested, of the given 'shape'
          [1,1,2,3] | []                      | not, flat or nested, of the given 'shape'
          [1,1,2,3] | [[1,2,3],[4,5,6]]       | not, flat or nested, of the given 'shape'
          [1,1,2,3] | [[[[1,2],[3,4],[5,6]]]] | not, flat or nested, of the given 'shape'
          [1,1,2,3] | [[[[1,2,3],[4,5]]]]     | not all of one shape
          [1,1,2,3] | [[[[1,2,3],4]]]         | not all of one shape
          [1,1,2,3] | [1,[2,3,4,5,6]]         | not all of one shape
          [1,1,2,3] | [[[[1,2,3]],[4,5,6]]]   | not all of one shape
          [1,1,2,3] | [1,2,3,4,5,256]         | whole numbers from 0 to 255
          [1,1,2,3] | [1,2,3,4,5,-1]          | whole numbers from 0 to 255
          [1,1,2,3] | [1,2,3,4,5,6.0]         | whole numbers from 0 to 255
          [1,1,2,3] | [1,2,3,4,5,99999999999] | whole numbers from 0 to 255
          [1,1,2,3] | [1,2,3,4,5,"6"]         | whole numbers from 0 to 255
          [1,1,2,3] | [1,2,3,4,5,null]        | whole numbers from 0 to 255
          [1,1,2,3] | [1,2,3,4,5,{}]          | whole numbers from 0 to 255
          [1,1,2,3] | 7                       | 'data' is an array
          [0,1,2,3] | []                      | n at least 1
          [1,1,3,2] | [1,2,3,4,5,6]           | has the shape [n, 1, 2, 3]
          [1,6]     | [1,2,3,4,5,6]           | has the shape [n, 1, 2, 3]
          [1,1,2.5] | [1,2,3,4,5,6]           | 'shape' has whole numbers
          [9223372036854775807,1,2,3] | [1]   | not, flat or nested, of the given 'shape'
          [99999999999999999999,1,2,3] | [1]  | is not the JSON of a request
          """)
  void data_that_do_not_fit_are_refused(String shape, String data, String message) {
    assertThatThrownBy(() -> parse(tensor(shape, data)))
        .isInstanceOfSatisfying(Refusal.class, r -> assertThat(r.status()).isEqualTo(400))
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          []                                   | a request is a JSON object
          {}                                   | 'inputs' is missing
          {"inputs":[]}                        | 'inputs' is missing
          {"inputs":[1]}                       | 'inputs' has one tensor, an object
          {"inputs":{}}                        | 'inputs' is an array
          {"inputs":[{"name":"x"}]}            | the model's one input is 'pixels', not 'x'
          {"inputs":[{"name":"pixels","datatype":"FP32"}]} | has the datatype UINT8, not 'FP32'
          {"inputs":[{"name":"pixels","datatype":"UINT8"}]} | has no 'shape' or no 'data'
          {"inputs":[{},{}]}                   | 'inputs' has one tensor
          {"inputs":[{"name":1}]}              | 'name' is a string
          {"inputs":[{"weights":1}]}           | an input has no 'weights'
          {"input":1}                          | a request has no 'input'
          {"id":1}                             | 'id' is a string
          {"outputs":[{"name":"logits"}]}      | there is no output 'logits', but probabilities and class
          {"outputs":[{"parameters":{"classification":3}}]} | the parameter 'classification' is not known
          {"parameters":{"binary_data_output":true}} | the parameter 'binary_data_output' is not known
          {"id":"a","id":"b"}                  | is not the JSON of a request
          {"id":"a"                            | is not the JSON of a request
          {"id":"a"} {}                        | 'inputs' is missing
          nothing                              | is not the JSON of a request
          """)
  void what_is_no_request_is_refused(String json, String message) {
    assertThatThrownBy(() -> parse(json))
        .isInstanceOfSatisfying(Refusal.class, r -> assertThat(r.status()).isEqualTo(400))
        .hasMessageContaining(message);
  }

  @Test
  void what_stands_behind_a_request_is_refused() {
    assertThatThrownBy(() -> parse(tensor("[1,1,2,3]", "[1,2,3,4,5,6]") + "{}"))
        .hasMessageContaining("more behind the JSON object");
  }

  @Test
  void deep_nesting_and_long_texts_are_refused() {
    assertThatThrownBy(() -> parse("{\"inputs\":" + "[".repeat(100_000)))
        .isInstanceOf(Refusal.class);
    assertThatThrownBy(() -> parse(tensor("[1,1,2,3]", "[".repeat(100_000))))
        .isInstanceOf(Refusal.class);
    assertThatThrownBy(() -> parse("{\"id\":\"" + "x".repeat(100_000) + "\"}"))
        .isInstanceOf(Refusal.class);
    assertThatThrownBy(() -> parse(tensor("[1,1,2,3]", "[" + "1".repeat(100_000) + "]")))
        .isInstanceOf(Refusal.class);
  }

  /// Seed 1: whatever is done to a request, it is parsed or refused.
  @Test
  void a_damaged_request_is_refused_or_still_one() {
    byte[] whole = tensor("[1,1,2,3]", "[1,2,3,4,5,6]").getBytes(StandardCharsets.UTF_8);
    Random random = new Random(1);
    int refused = 0;
    for (int i = 0; i < 5000; i++) {
      byte[] damaged = whole.clone();
      for (int n = random.nextInt(4); n >= 0; n--) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt(256);
      }
      try {
        assertThat(InferRequest.parse(damaged, SHAPE).pixels()).hasSize(1);
      } catch (Refusal refusal) {
        assertThat(refusal.status()).isEqualTo(400);
        assertThat(refusal.reason()).doesNotContain("\n");
        refused++;
      }
    }
    assertThat(refused).isBetween(3500, 4999);
  }
}
