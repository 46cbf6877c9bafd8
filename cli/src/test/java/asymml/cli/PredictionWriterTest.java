package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.session.TrainedRun.Prediction;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Files of predictions, as other programs read them.
class PredictionWriterTest {
  private static final List<String> CLASSES = List.of("cat", "a \"big\" dog", "x, y");
  private static final List<Prediction> LIKELIEST_FIRST =
      List.of(
          new Prediction("x, y", 0.5),
          new Prediction("cat", 0.375),
          new Prediction("a \"big\" dog", 0.125));

  private final StringWriter out = new StringWriter();

  private String written(boolean csv, Path... images) throws IOException {
    PredictionWriter writer = new PredictionWriter(out, CLASSES, csv);
    for (Path image : images) {
      writer.write(image, LIKELIEST_FIRST);
    }
    return out.toString();
  }

  @Test
  void csv_has_a_column_for_each_class_in_their_order_and_quotes_what_needs_it() throws Exception {
    assertThat(written(true, Path.of("a.png"), Path.of("b, c.png")))
        .isEqualTo(
            "path,class,probability,cat,\"a \"\"big\"\" dog\",\"x, y\"\r\n"
                + "a.png,\"x, y\",0.5,0.375,0.125,0.5\r\n"
                + "\"b, c.png\",\"x, y\",0.5,0.375,0.125,0.5\r\n");
  }

  @Test
  void without_images_csv_still_has_its_headings_and_json_lines_nothing() throws Exception {
    assertThat(written(true)).hasLineCount(1).startsWith("path,class,probability,cat");
    out.getBuffer().setLength(0);
    assertThat(written(false)).isEmpty();
  }

  @Test
  void json_lines_are_one_object_for_each_image() throws Exception {
    List<String> lines =
        written(false, Path.of("a\nb.png"), Path.of("\u00e4.png")).lines().toList();
    assertThat(lines).hasSize(2);
    JsonNode first = JsonMapper.shared().readTree(lines.getFirst());
    assertThat(first.get("path").asString()).isEqualTo("a\nb.png");
    assertThat(first.get("class").asString()).isEqualTo("x, y");
    assertThat(first.get("probability").asDouble()).isEqualTo(0.5);
    assertThat(first.get("probabilities").propertyNames()).containsExactlyElementsOf(CLASSES);
    assertThat(first.get("probabilities").get("cat").asDouble()).isEqualTo(0.375);
    assertThat(JsonMapper.shared().readTree(lines.getLast()).get("path").asString())
        .isEqualTo("\u00e4.png");
  }

  @ParameterizedTest
  @CsvSource({"p.csv, true", "P.CSV, true", "p.jsonl, false", "a.csv/p.ndjson, false"})
  void the_ending_of_a_name_says_the_format(Path file, boolean csv) {
    assertThat(PredictionWriter.isCsv(file)).isEqualTo(csv);
  }

  @ParameterizedTest
  @ValueSource(strings = {"p", "p.json", "p.csv.gz", "csv"})
  void other_endings_are_refused_with_those_that_there_are(Path file) {
    assertThatThrownBy(() -> PredictionWriter.isCsv(file))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(file + " ends in none of .csv, .jsonl and .ndjson, which say the format");
  }
}
