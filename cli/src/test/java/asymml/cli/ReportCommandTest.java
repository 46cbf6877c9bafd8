package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyStatement;
import asymml.report.Figures;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.MetricsLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jsoup.Jsoup;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Facts of the page, not its bytes.
class ReportCommandTest {
  @TempDir static Path folder;

  private static Path split = Path.of("");
  private static Path trusted = Path.of("");
  private static Outcome outcome = Outcome.of();
  private static Document page = Document.createShell("");

  /// Two runs, one of them with a worker, and a benchmark.
  @BeforeAll
  static void report_on_real_runs() throws IOException {
    split = folder.resolve("split");
    trusted = folder.resolve("trusted");
    train(split, "--analyze-every", "2");
    train(trusted, "--mode", "trusted-only");
    Path bench = folder.resolve("bench.json");
    String options = "--model cnn --steps 1 --warm-up 0 --rounds 1 --modes trusted-only --json";
    List<String> arguments = new ArrayList<>(List.of("bench"));
    arguments.addAll(List.of(options.split(" ")));
    arguments.add(bench.toString());
    assertThat(Outcome.of(arguments.toArray(String[]::new)).code()).isZero();
    outcome =
        report(
            folder.resolve("report.html"),
            "--run",
            split.toString(),
            "--run",
            trusted.toString(),
            "--bench",
            bench.toString());
    page = page(folder.resolve("report.html"));
  }

  private static void train(Path out, String... options) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "train",
                "--limit-train",
                "48",
                "--limit-test",
                "10",
                "--batch-size",
                "16",
                "--epochs",
                "2",
                "--progress",
                "plain",
                "--out",
                out.toString()));
    arguments.addAll(List.of(options));
    assertThat(Outcome.of(arguments.toArray(String[]::new)).err()).isEmpty();
  }

  private static Outcome report(Path file, String... options) {
    List<String> arguments = new ArrayList<>(List.of("report", "--out", file.toString()));
    arguments.addAll(List.of(options));
    return Outcome.of(arguments.toArray(String[]::new));
  }

  private static Document page(Path file) throws IOException {
    return Jsoup.parse(Files.readString(file));
  }

  private static String text(String id) {
    return page.expectFirst("#" + id).text();
  }

  /// Values of a list of names and values, by name.
  private static Map<String, String> facts(Element part) {
    Map<String, String> facts = new LinkedHashMap<>();
    part.select("dl > div")
        .forEach(row -> facts.put(row.expectFirst("dt").text(), row.expectFirst("dd").text()));
    return facts;
  }

  /// Texts of the cells of the row of a name.
  private static List<String> row(String id, String name) {
    return page.select("#" + id + " tbody tr").stream()
        .filter(row -> row.expectFirst("th").ownText().equals(name))
        .map(row -> row.children().eachText())
        .findFirst()
        .orElseThrow();
  }

  @Test
  void the_terminal_says_where_the_page_is_how_large_and_that_it_is_private() throws Exception {
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
    Path file = folder.resolve("report.html");
    assertThat(outcome.out())
        .isEqualTo(
            "written: %s, %s; PRIVATE: statistics of private images, no pictures%n",
            file, Figures.bytes(Files.size(file)));
  }

  @Test
  void it_says_what_was_trained_and_that_nothing_protects_it() {
    assertThat(facts(page.expectFirst("#run-1-trained")))
        .containsEntry("Data", "generated:1: 48 training and 10 test images of 32x32x3, 10 classes")
        .containsEntry("Trusted process", "not running in a TEE (simulation, not protected)")
        .containsEntry("Worker", "UNTRUSTED: local")
        .containsEntry("Epochs", "2 of 2 done")
        .containsEntry("Outcome", "finished")
        .containsEntry("batch-size", "16")
        .containsEntry("trusted-layers", "first, last")
        .hasEntrySatisfying("Model", model -> assertThat(model).startsWith("cnn, batch norm, "))
        .hasEntrySatisfying(
            "Plan", plan -> assertThat(plan).contains("2 split", "2 trusted conv1 fc"));
    assertThat(page.expectFirst(".lead").text())
        .startsWith("A trusted process, not running in a TEE (simulation, not protected), holds");
    assertThat(facts(page.expectFirst("#run-2-trained")))
        .containsEntry("Worker", "none: nothing is released");
  }

  @Test
  void its_figures_are_those_of_the_run() throws Exception {
    List<EpochMetrics> epochs = MetricsLog.readAll(split.resolve("metrics.jsonl"));
    assertThat(page.select(".card").getFirst().expectFirst(".figure").text())
        .isEqualTo(Figures.percent(epochs.getLast().testAccuracy()));
    for (EpochMetrics epoch : epochs) {
      assertThat(row("run-1-costs", Integer.toString(epoch.epoch())))
          .contains(Figures.loss(epoch.trainLoss()), Figures.loss(epoch.testLoss()))
          .contains(Figures.bytes(epoch.bytesToWorker()));
    }
    assertThat(page.select("#accuracy svg, #loss svg")).hasSize(2);
    assertThat(page.select("#accuracy .legend li").eachText())
        .containsExactly("split, test", "split, training", "trusted, test", "trusted, training");
  }

  @Test
  void bytes_counted_from_the_ledger_are_those_measured() throws Exception {
    long sent =
        MetricsLog.readAll(split.resolve("metrics.jsonl")).stream()
            .mapToLong(EpochMetrics::bytesToWorker)
            .sum();
    // 48 images an epoch, 3 steps: residuals and gradients of conv2 and conv3, their weights.
    long images = 2 * 48;
    long residuals = Long.parseLong(row("run-1-costs", "residuals").get(1).replace("\u2009", ""));
    long gradients = Long.parseLong(row("run-1-costs", "gradients").get(1).replace("\u2009", ""));
    long weights = Long.parseLong(row("run-1-costs", "weights").get(2).replace("\u2009", ""));
    assertThat(4 * (images * (residuals + gradients) + 6 * weights)).isEqualTo(sent);
  }

  @Test
  void the_privacy_statement_is_the_ledgers_own() throws Exception {
    PrivacyStatement statement =
        PrivacyStatement.of(LedgerFile.read(split.resolve("ledger.json")), new PldAccountant());
    assertThat(page.select("#run-1-privacy .statement li").eachText()).isEqualTo(statement.lines());
    assertThat(page.select("#run-1-privacy li").eachText())
        .containsAll(statement.assumptions())
        .contains("this run is not accounted for; no (epsilon, delta) is claimed");
    assertThat(row("run-1-privacy", "weights")).contains("infinite", "sent unprotected");
    assertThat(text("run-2-privacy")).contains("nothing is released by the trusted process");
    assertThat(facts(page.select(".card").getFirst()))
        .containsEntry("worker's whole view", "epsilon infinite");
  }

  @Test
  void ranks_are_drawn_where_there_are_any_and_asked_for_where_there_are_none() {
    assertThat(page.select("#run-1-ranks svg")).hasSize(2);
    assertThat(text("run-1-ranks"))
        .contains("PRIVATE: computed from private images", "holds at 4 nodes", "After epoch 2");
    assertThat(page.expectFirst("#run-2-ranks .missing").text())
        .isEqualTo(
            "No rank analysis in this run: asymml analyze rank --run " + trusted + " makes one.");
  }

  @Test
  void commands_to_reproduce_are_those_that_were_given() {
    assertThat(page.select("#reproduce pre").eachText())
        .hasSize(3)
        .anyMatch(command ->
            command.endsWith("--out " + trusted + " --mode trusted-only")
                && command.startsWith("asymml train --limit-train 48"))
        .anyMatch(command -> command.startsWith("asymml report --out "));
  }

  @Test
  void the_benchmark_is_told_by_mode_and_layer() {
    assertThat(text("bench-1")).contains("not protected", "trusted CPU ms", "trusted kernels ms");
    assertThat(row("bench-1", "conv2").get(1)).isEqualTo("trusted");
  }

  @Test
  void bad_input_is_one_line() throws Exception {
    Path empty = Files.createDirectory(folder.resolve("empty"));
    Path none = folder.resolve("none.html");
    assertFails(
        "holds neither a run (config.yaml, run.json) nor attacks", "--run", empty.toString());
    assertFails("is no directory", "--run", folder.resolve("missing").toString());
    assertFails(
        "is no benchmark",
        "--run",
        trusted.toString(),
        "--bench",
        trusted.resolve("run.json").toString());
    assertThat(report(none, "--run", trusted.toString(), "--run", trusted + "/.").code())
        .isEqualTo(2);
    assertThat(Outcome.of("report").code()).isEqualTo(2);
    assertThat(none).doesNotExist();
    Outcome unwritable = report(folder.resolve("missing/report.html"), "--run", trusted.toString());
    assertThat(unwritable.err()).contains("cannot write").hasLineCount(1);
    assertThat(unwritable.code()).isEqualTo(1);
  }

  private static void assertFails(String said, String... options) {
    Outcome failed = report(folder.resolve("none.html"), options);
    assertThat(failed.err()).startsWith("asymml: ").contains(said).hasLineCount(1);
    assertThat(failed.code()).isEqualTo(1);
  }
}
