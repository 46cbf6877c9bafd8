package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Delta;
import asymml.privacy.Ledger;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PrivacyStatement;
import asymml.privacy.Release;
import asymml.privacy.Sampling;
import asymml.report.Figures;
import asymml.report.ReportPage;
import asymml.report.ReportedAttacks;
import asymml.report.ReportedRun;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jsoup.Jsoup;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Facts of the page, not its bytes.
class ReportCommandTest {
  /// A name that no page may take for markup.
  private static final String HOSTILE = "a <img src=x onerror=alert(1)> & \"b\" 'c'";

  @TempDir static Path folder;

  private static Path split = Path.of("");
  private static Path trusted = Path.of("");
  private static Path attacks = Path.of("");
  private static Outcome outcome = Outcome.of();
  private static Document page = Document.createShell("");

  /// Two runs, one of them with a worker, a suite of attacks, a benchmark.
  @BeforeAll
  static void report_on_real_runs() throws IOException {
    split = folder.resolve(HOSTILE);
    trusted = folder.resolve("trusted");
    attacks = folder.resolve("attacks");
    train(split, "--analyze-every", "2");
    train(trusted, "--mode", "trusted-only");
    ReportedSuite.write(attacks);
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
            "--run",
            attacks.toString(),
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
            "written: %s, %s; PRIVATE: it shows images of the training data (pictures: 1)%n",
            file, Figures.bytes(Files.size(file)));
    assertThat(page.select(".warning").text())
        .contains("Private: this page shows images of the training data (pictures: 1)");
  }

  @Test
  void nothing_is_loaded_or_run() throws Exception {
    assertThat(page.select("script, iframe, object, embed, base, form")).isEmpty();
    assertThat(page.select("link").eachAttr("href")).containsExactly("data:,");
    assertThat(page.select("[src]").eachAttr("src"))
        .isNotEmpty()
        .allMatch(source -> source.startsWith("data:image/png;base64,"));
    assertThat(page.select("a").eachAttr("href"))
        .isNotEmpty()
        .allSatisfy(link -> {
          assertThat(link).startsWith("#");
          assertThat(page.getElementById(link.substring(1))).isNotNull();
        });
    assertThat(page.select("[srcset], [xlink:href], [background], [action]")).isEmpty();
    assertThat(page.getAllElements())
        .allSatisfy(element ->
            assertThat(element.attributes().asList())
                .noneMatch(attribute -> attribute.getKey().startsWith("on")));
    assertThat(page.expectFirst("style").data()).doesNotContain("url(", "@import");
    assertThat(Files.readString(folder.resolve("report.html"))).doesNotContain("http:", "https:");
  }

  @Test
  void what_comes_from_files_is_text() throws Exception {
    assertThat(page.select("img[src=x], b")).isEmpty();
    assertThat(page.expectFirst("#run-1 h2").text()).isEqualTo("Run " + HOSTILE);
    assertThat(text("run-1-ranks")).isNotEmpty();
    assertThat(text("attacks-1")).contains(ReportedSuite.HOSTILE);
    assertThat(page.select("svg").eachAttr("aria-label")).isNotEmpty();
    // A shell reads the path as one word.
    assertThat(text("reproduce"))
        .contains("--out '" + split.toString().replace("'", "'\\''") + "'");
  }

  @Test
  void ids_are_unique_and_charts_use_their_own() {
    assertThat(page.select("[id]").eachAttr("id")).doesNotHaveDuplicates();
    assertThat(page.select("svg [clip-path]"))
        .isNotEmpty()
        .allSatisfy(clipped -> {
          String id = clipped.attr("clip-path").replaceFirst("url\\(#(.*)\\)", "$1");
          assertThat(page.getElementById(id)).isNotNull();
        });
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
        .containsEntry("Worker", "none: nothing leaves");
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
        .containsExactly(
            HOSTILE + ", test", HOSTILE + ", training", "trusted, test", "trusted, training");
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
        PrivacyLedgerCommand.statement(LedgerFile.read(split.resolve("ledger.json")));
    assertThat(page.select("#run-1-privacy .statement li").eachText()).isEqualTo(statement.lines());
    assertThat(page.select("#run-1-privacy li").eachText())
        .containsAll(statement.assumptions())
        .contains(
            "this run is not accounted for (--protect does that); no (epsilon, delta) is claimed");
    assertThat(row("run-1-privacy", "weights")).contains("infinite", "sent unprotected");
    assertThat(text("run-2-privacy")).contains("nothing is released by the trusted process");
    assertThat(facts(page.select(".card").getFirst()))
        .containsEntry("worker's whole view", "epsilon infinite");
  }

  @Test
  void a_finite_epsilon_never_stands_without_that_of_the_whole_view() throws Exception {
    Path run = copy("partly");
    Ledger ledger =
        new Ledger(
            new Sampling.Shuffled(48, 16),
            new Delta(1e-5),
            List.of(
                new Ledger.Entry(
                    List.of(
                        new Release(
                            Channel.RESIDUALS,
                            "conv2",
                            100,
                            new Release.Gaussian(new ClipNorm(3), new NoiseMultiplier(5))),
                        new Release(
                            Channel.WEIGHTS,
                            "conv2",
                            10,
                            new Release.Uncovered("<b>as it is</b>"))),
                    6)));
    LedgerFile.write(run.resolve("ledger.json"), ledger);
    Path file = folder.resolve("partly.html");
    assertThat(report(file, "--run", run.toString()).err()).isEmpty();
    Document found = page(file);
    List<String> lines = found.select("#run-1-privacy .statement li").eachText();
    assertThat(lines).isEqualTo(PrivacyLedgerCommand.statement(ledger).lines());
    assertThat(lines.getFirst()).contains("epsilon ", "leakage about weights");
    assertThat(lines.getLast()).contains("epsilon infinite", "<b>as it is</b>");
    assertThat(facts(found.expectFirst(".card")))
        .containsEntry("worker's whole view", "epsilon infinite");
  }

  /// A copy of the split run, files only.
  private static Path copy(String name) throws IOException {
    Path copy = Files.createDirectory(folder.resolve(name));
    try (var files = Files.list(split)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Files.copy(file, copy.resolve(file.getFileName()));
      }
    }
    return copy;
  }

  @Test
  void the_plan_names_each_layer_with_rank_shapes_and_energy() {
    assertThat(row("run-1-plan", "conv1")).startsWith("conv1", "trusted", "32x32x3");
    List<String> layer = row("run-1-plan", "conv2");
    assertThat(layer).startsWith("conv2", "split, shared").hasSize(8);
    assertThat(layer.get(4)).isEqualTo("2");
    assertThat(layer.get(5)).matches("\\d+\\.\\d %");
    assertThat(layer.get(6)).matches("[\\d\u2009]+");
    assertThat(row("run-2-plan", "conv2")).hasSize(4);
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
  void pictures_are_the_files_and_scores_stand_in_their_places() throws Exception {
    byte[] picture = Files.readAllBytes(attacks.resolve(ReportedSuite.PICTURE));
    assertThat(page.select("#attacks-1-pictures img").eachAttr("src"))
        .containsExactly("data:image/png;base64," + Base64.getEncoder().encodeToString(picture));
    assertThat(page.select(".strip .rows span").eachText())
        .containsExactly("original", "worker saw", "rebuilt");
    assertThat(text("attacks-1-pictures")).contains("pictures/gone.png is gone", "Private images");
    assertThat(text("attacks-1")).contains("This suite is not complete");
    assertThat(page.select("#attacks-1 thead").getFirst().select("th").eachText())
        .containsExactly("plan", "Gradient solve", "Image");
    Element base = page.select("#attacks-1 tbody tr").getFirst();
    assertThat(base.children().eachText())
        .containsExactly("base " + ReportedSuite.HOSTILE, "0.75 0.50 to 1.00", "–");
    assertThat(base.select(".tinted").attr("style")).isEqualTo("--share:50%");
    assertThat(text("attacks-1")).contains("base, Image: not applied: no layer");
    assertThat(text("attacks-1"))
        .contains("base: training accuracy 50.0 %", "noise-1: training diverged");
  }

  @Test
  void what_is_no_better_than_a_guess_is_not_tinted() {
    assertThat(score(0.02, 0.19, 0.04).share()).isZero();
    assertThat(score(0.3, 0.3, 0.3).share()).isZero();
    assertThat(score(0.2, 0.19, 0.04).share()).isEqualTo(1);
    assertThat(score(1, 0.5, 1).share()).isEqualTo(1);
    assertThat(score(0.75, 0.5, 1).share()).isEqualTo(0.5);
  }

  private static ReportedAttacks.Score score(double value, double chance, double best) {
    return new ReportedAttacks.Score("p", "a", "l", "m", value, chance, best, "");
  }

  @Test
  void commands_to_reproduce_are_those_that_were_given() {
    assertThat(page.select("#reproduce pre").eachText())
        .hasSize(4)
        .anyMatch(command ->
            command.endsWith("--out " + trusted + " --mode trusted-only")
                && command.startsWith("asymml train --limit-train 48"))
        .contains("asymml attack --suite --out runs/attacks")
        .anyMatch(command -> command.startsWith("asymml report --out "));
  }

  @Test
  void the_benchmark_is_told_by_mode_and_layer() {
    assertThat(text("bench-1")).contains("not protected", "trusted CPU ms", "trusted kernels ms");
    assertThat(row("bench-1", "conv2").get(1)).isEqualTo("trusted");
  }

  @Test
  void what_a_run_lacks_is_said() throws Exception {
    Path run = copy("torso");
    for (String name :
        List.of("checkpoint.safetensors", "metrics.jsonl", "ledger.json", "rank.json")) {
      Files.delete(run.resolve(name));
    }
    Map<String, Object> facts = new LinkedHashMap<>(RunFile.read(run.resolve("run.json")));
    facts.put("outcome", "failed: <script>alert(1)</script>");
    facts.remove("provenance");
    RunFile.write(run.resolve("run.json"), facts);
    Path file = folder.resolve("torso.html");
    assertThat(report(file, "--run", run.toString()).out())
        .contains("PRIVATE: statistics of private images, no pictures");
    Document found = page(file);
    assertThat(found.select(".missing").eachText())
        .anyMatch(said -> said.contains("there are no curves"))
        .anyMatch(said -> said.contains("nobody knows what this run has released"))
        .anyMatch(said -> said.contains("No checkpoint in this run"))
        .anyMatch(said -> said.contains("No epoch is done"))
        .anyMatch(said -> said.contains("No rank analysis in this run"))
        .anyMatch(said -> said.contains("by which command it was made"));
    assertThat(facts(found.expectFirst(".card")))
        .containsEntry("worker's whole view", "unknown: no ledger")
        .containsEntry("outcome", "failed: <script>alert(1)</script>");
    assertThat(found.select("script")).isEmpty();
    assertThat(facts(found.expectFirst("#run-1-trained"))).containsEntry("Machine", "not recorded");
  }

  @Test
  void without_fonts_the_charts_are_missing_and_the_rest_is_there() throws Exception {
    Path file = folder.resolve("fontless.html");
    ReportedRun run = ReportedRun.read(split, ReportCommand::settings);
    long size =
        new ReportPage(List.of(run), List.of(), List.of(), "1", "asymml", List.of("report"))
            .write(file, false);
    assertThat(size).isEqualTo(Files.size(file));
    Document found = page(file);
    assertThat(found.select("svg")).isEmpty();
    assertThat(found.select(".missing").text()).contains("Java finds no fonts here");
    assertThat(found.select("#run-1-ranks tbody tr")).hasSize(4);
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

  @Test
  void a_suite_that_does_not_fit_together_is_refused() throws Exception {
    Map<String, Object> facts = RunFile.read(attacks.resolve("attacks.json"));
    Path other = Files.createDirectory(folder.resolve("other"));
    for (var change :
        Map.of(
                "format", "asymml-attack-suite-9",
                "plans", "none",
                "pictures",
                    List.of(ReportedSuite.picture("../" + trusted.getFileName() + "/run.json")))
            .entrySet()) {
      Map<String, Object> changed = new LinkedHashMap<>(facts);
      changed.put(change.getKey(), change.getValue());
      RunFile.write(other.resolve("attacks.json"), changed);
      assertFails("is no attack suite of this program", "--run", other.toString());
    }
    Files.createDirectories(other.resolve("pictures"));
    Files.writeString(other.resolve(ReportedSuite.PICTURE), "no picture");
    RunFile.write(other.resolve("attacks.json"), facts);
    assertFails("is no PNG picture", "--run", other.toString());
  }

  @Test
  void a_browser_shows_it_without_errors_on_a_phone_and_on_a_desktop_light_and_dark()
      throws Exception {
    Browser browser = browser();
    for (boolean dark : List.of(false, true)) {
      Browser.Look look = browser.open(folder.resolve("report.html"), dark);
      assertThat(look.console()).isEmpty();
      assertThat(look.frames()).extracting(f -> f.get("width").asInt()).containsExactly(390, 1280);
      assertThat(look.frames())
          .allSatisfy(frame -> {
            assertThat(frame.get("contentWidth").asInt()).isEqualTo(frame.get("width").asInt());
            assertThat(frame.get("tooWide")).isEmpty();
            assertThat(frame.get("faint")).isEmpty();
            assertThat(frame.get("broken")).isEmpty();
            assertThat(frame.get("charts").asInt()).isEqualTo(4);
            assertThat(frame.get("paper").asDouble() < 0.1).isEqualTo(dark);
          });
    }
  }

  @Test
  void the_browser_would_notice() throws Exception {
    Path bad = folder.resolve("bad.html");
    Files.writeString(
        bad,
        """
        <!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
        <body style="background:#ffffff"><p style="color:#999999">faint</p>
        <div style="width:2000px">wide</div><img alt="gone" src="data:image/png;base64,AAAA">
        <script>console.error('said')</script>
        """);
    Browser.Look look = browser().open(bad, false);
    assertThat(look.console()).hasSize(2).allMatch(line -> line.contains("said"));
    assertThat(look.frames())
        .allSatisfy(frame -> {
          assertThat(frame.get("contentWidth").asInt()).isGreaterThanOrEqualTo(2000);
          assertThat(frame.get("tooWide").toString()).contains("wide");
          assertThat(frame.get("faint").toString()).contains("faint");
          assertThat(frame.get("broken").toString()).contains("gone");
          assertThat(frame.get("charts").asInt()).isZero();
        });
  }

  private static Browser browser() {
    Optional<Browser> browser = Browser.find();
    assumeTrue(
        browser.isPresent(),
        "absent: chromium (Debian's package chromium); the page is not looked at");
    return browser.orElseThrow();
  }
}
