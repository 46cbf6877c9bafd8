package asymml.report;

import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// What `asymml eval --json` found of a run's model, where its file is in the run directory.
final class ScoreTable {
  private static final String NONE = "–";

  /// A matrix of more classes is for programs.
  private static final int CLASSES_SHOWN = 20;

  private final Path file;
  private final List<String> names = new ArrayList<>();

  private ScoreTable(Path file) {
    this.file = file;
  }

  /// Appends a section, where the run was evaluated.
  ///
  /// @param page about the run
  /// @param id of the section
  /// @param run its directory
  /// @throws IOException if the file is damaged
  static void appendTo(PageSection page, String id, Path run) throws IOException {
    Path file = new RunLayout(run).scores();
    if (Files.exists(file)) {
      new ScoreTable(file).append(page.section(id, "Evaluation"), RunFile.read(file));
    }
  }

  private void append(PageSection section, Map<String, Object> scores) throws IOException {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("Data", String.valueOf(scores.get("data")));
    facts.put("Images", text(scores.get("images")));
    facts.put("Accuracy", share(scores, "accuracy"));
    facts.put("Balanced accuracy", share(scores, "balancedAccuracy"));
    facts.put("Macro F1", share(scores, "macroF1"));
    facts.put("ROC AUC (mean over classes, each against the rest)", area(scores, "macroRocAuc"));
    facts.put(
        "Loss", scores.get("loss") instanceof Number n ? Figures.loss(n.doubleValue()) : NONE);
    section.facts(facts);
    PageTable classes =
        new PageTable("Each class")
            .words("class")
            .numbers("images", "recall", "precision", "F1", "ROC AUC");
    for (Object entry : list(scores.get("classes"))) {
      if (!(entry instanceof Map<?, ?> own && own.get("name") instanceof String name)) {
        throw damaged();
      }
      names.add(name);
      classes.row(
          name,
          text(own.get("images")),
          share(own, "recall"),
          share(own, "precision"),
          share(own, "f1"),
          area(own, "rocAuc"));
    }
    section.table(classes);
    confusion(section, list(scores.get("confusion")));
  }

  private void confusion(PageSection section, List<?> counts) throws IOException {
    if (counts.size() != names.size()) {
      throw damaged();
    }
    if (names.size() > CLASSES_SHOWN) {
      section.text(
          "The confusion matrix of %s classes is in %s."
              .formatted(names.size(), file.getFileName()));
      return;
    }
    PageTable table =
        new PageTable(
                "Confusion matrix: images of the class in a row that were taken for the class"
                    + " of a column")
            .words("class")
            .numbers(names.toArray(String[]::new));
    for (int c = 0; c < names.size(); c++) {
      List<?> row = list(counts.get(c));
      if (row.size() != names.size()) {
        throw damaged();
      }
      table.row(
          Stream.concat(Stream.of(names.get(c)), row.stream().map(ScoreTable::text))
              .toArray(String[]::new));
    }
    section.table(table);
  }

  private List<?> list(@Nullable Object value) throws IOException {
    if (value instanceof List<?> list) {
      return list;
    }
    throw damaged();
  }

  private static String text(@Nullable Object value) {
    return value instanceof Number number ? Figures.grouped(number.longValue()) : NONE;
  }

  private static String share(Map<?, ?> facts, String key) {
    return facts.get(key) instanceof Number n ? Figures.percent(n.doubleValue()) : NONE;
  }

  private static String area(Map<?, ?> facts, String key) {
    return facts.get(key) instanceof Number n
        ? String.format(Locale.ROOT, "%.4f", n.doubleValue())
        : NONE;
  }

  private IOException damaged() {
    return new IOException(
        file + " is no evaluation: delete it, or write it again by 'asymml eval --json'");
  }
}
