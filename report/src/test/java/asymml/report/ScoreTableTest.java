package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.plan.Mode;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jsoup.Jsoup;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ScoreTableTest {
  private static final String SCORES =
      """
      {"data": "pets.zip", "images": 120, "loss": 0.5, "accuracy": 0.875,
       "balancedAccuracy": 0.8, "macroF1": 0.75, "macroRocAuc": 0.987654,
       "classes": [{"name": "cat", "images": 100, "recall": 0.9, "precision": 0.95, "f1": 0.92,
                    "rocAuc": 0.99},
                   {"name": "dog", "images": 20}],
       "confusion": [[90, 10], [5, 15]]}
      """;

  @TempDir Path folder;

  private Path scores() {
    return new RunLayout(folder.resolve("run")).scores();
  }

  private Document page(PlantedRun run) throws IOException {
    Path file = folder.resolve("report.html");
    new ReportPage(List.of(run.read()), List.of(), List.of(), "1", "asymml", List.of("report"))
        .write(file, true);
    return Jsoup.parse(Files.readString(file));
  }

  private PlantedRun run() throws IOException {
    return new PlantedRun(folder.resolve("run"), Mode.ASYMML, 2).write("train");
  }

  @Test
  void an_evaluation_in_the_run_is_shown_with_each_class_and_the_confusion_matrix()
      throws IOException {
    PlantedRun run = run();
    Files.writeString(scores(), SCORES);
    Document page = page(run);
    assertThat(page.text()).contains("Balanced accuracy 80", "Macro F1 75", "0.9877", "pets.zip");
    assertThat(page.select("tr:contains(cat), tr:contains(dog)"))
        .extracting(Element::text)
        .contains("cat 100 90.0 % 95.0 % 92.0 % 0.9900", "dog 20 – – – –")
        .contains("class cat dog", "cat 90 10", "dog 5 15");
  }

  @Test
  void a_run_that_was_not_evaluated_has_no_such_section() throws IOException {
    assertThat(page(run()).text()).doesNotContain("Evaluation", "Confusion matrix");
  }

  @Test
  void the_matrix_of_many_classes_stays_in_the_file() throws IOException {
    PlantedRun run = run();
    String classes =
        IntStream.range(0, 21)
            .mapToObj(i -> "{\"name\": \"c%s\", \"images\": 1}".formatted(i))
            .collect(Collectors.joining(","));
    String rows = IntStream.range(0, 21).mapToObj(_ -> "[]").collect(Collectors.joining(","));
    Files.writeString(
        scores(), "{\"classes\": [%s], \"confusion\": [%s]}".formatted(classes, rows));
    assertThat(page(run).text())
        .contains("The confusion matrix of 21 classes is in eval.json.")
        .doesNotContain("Confusion matrix:");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "{\"classes\": [{}], \"confusion\": [[1]]}",
        "{\"classes\": [{\"name\": \"a\"}], \"confusion\": []}",
        "{\"classes\": [{\"name\": \"a\"}], \"confusion\": [[1, 2]]}",
        "{\"classes\": [{\"name\": \"a\"}], \"confusion\": [7]}"
      })
  void a_damaged_file_is_named(String text) throws IOException {
    PlantedRun run = run();
    Files.writeString(scores(), text);
    assertThatThrownBy(() -> page(run))
        .isInstanceOf(IOException.class)
        .hasMessage(
            scores() + " is no evaluation: delete it, or write it again by 'asymml eval --json'");
  }
}
