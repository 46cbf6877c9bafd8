package asymml.cli;

import asymml.session.TrainedRun.Prediction;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.databind.json.JsonMapper;

/// Predictions as CSV (RFC 4180) with a column for each class, or as JSON Lines.
final class PredictionWriter {
  private static final String LINE_END = "\r\n";
  private static final JsonMapper JSON = new JsonMapper();

  private final Writer out;
  private final List<String> classes;
  private final boolean csv;

  /// Begins a file; CSV gets a line of headings.
  ///
  /// @param out where it goes
  /// @param classes in the order of the columns
  /// @param csv or else JSON Lines
  PredictionWriter(Writer out, List<String> classes, boolean csv) throws IOException {
    this.out = out;
    this.classes = List.copyOf(classes);
    this.csv = csv;
    if (csv) {
      row(Stream.concat(Stream.of("path", "class", "probability"), classes.stream()).toList());
    }
  }

  /// Whether a name ends in `.csv`, or else in `.jsonl` or `.ndjson`.
  ///
  /// @throws IllegalArgumentException if it ends in neither
  static boolean isCsv(Path file) {
    String name = file.toString().toLowerCase(Locale.ROOT);
    if (!name.endsWith(".csv") && !name.endsWith(".jsonl") && !name.endsWith(".ndjson")) {
      throw new IllegalArgumentException(
          file + " ends in none of .csv, .jsonl and .ndjson, which say the format");
    }
    return name.endsWith(".csv");
  }

  /// Writes the prediction of an image.
  ///
  /// @param image its path
  /// @param predictions of every class, the likeliest first
  void write(Path image, List<Prediction> predictions) throws IOException {
    Prediction best = predictions.getFirst();
    Map<String, Double> byClass =
        predictions.stream()
            .collect(Collectors.toMap(Prediction::className, Prediction::probability));
    if (csv) {
      row(
          Stream.concat(
                  Stream.of(image.toString(), best.className(), text(best.probability())),
                  classes.stream().map(name -> text(byClass.getOrDefault(name, 0.0))))
              .toList());
      return;
    }
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("path", image.toString());
    line.put("class", best.className());
    line.put("probability", best.probability());
    Map<String, Object> all = new LinkedHashMap<>();
    classes.forEach(name -> all.put(name, byClass.getOrDefault(name, 0.0)));
    line.put("probabilities", all);
    out.write(JSON.writeValueAsString(line) + "\n");
  }

  private static String text(double probability) {
    return Double.toString(probability);
  }

  private void row(List<String> cells) throws IOException {
    out.write(
        cells.stream().map(PredictionWriter::quoted).collect(Collectors.joining(",")) + LINE_END);
  }

  private static String quoted(String cell) {
    return cell.chars().anyMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r')
        ? "\"" + cell.replace("\"", "\"\"") + "\""
        : cell;
  }
}
