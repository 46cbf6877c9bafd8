package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Ledger;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyStatement;
import asymml.privacy.Release;
import asymml.trusted.plan.Mode;
import asymml.trusted.rank.RankFile;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
class ReportPageTest {
  /// A name that no page may take for markup.
  private static final String HOSTILE = "a <img src=x onerror=alert(1)> & \"b\" 'c'";

  @TempDir static Path folder;

  private static PlantedRun split = new PlantedRun(Path.of(""), Mode.ASYMML, 2);
  private static PlantedRun trusted = new PlantedRun(Path.of(""), Mode.TRUSTED_ONLY, 2);
  private static Path attacks = Path.of("");
  private static Document page = Document.createShell("");
  private static long size;

  /// Two runs, one of them with a worker, a suite of attacks, a benchmark.
  @BeforeAll
  static void report_on_planted_runs() throws IOException {
    Path directory = folder.resolve(HOSTILE);
    split = new PlantedRun(directory, Mode.ASYMML, 2).write("train", "--out", directory.toString());
    trusted =
        new PlantedRun(folder.resolve("trusted"), Mode.TRUSTED_ONLY, 2)
            .write("train", "--mode", "trusted-only");
    attacks = folder.resolve("attacks");
    ReportedSuite.write(attacks);
    ReportPage whole =
        new ReportPage(
            List.of(split.read(), trusted.read()),
            List.of(ReportedAttacks.read(attacks)),
            List.of(ReportedBench.read(PlantedBench.write(folder.resolve("bench.json")))),
            "1.2.3",
            "asymml",
            List.of("report", "--out", "report.html"));
    assertThat(whole.contents()).isEqualTo("it shows images of the training data (pictures: 1)");
    size = whole.write(folder.resolve("report.html"), true);
    page = parse(folder.resolve("report.html"));
  }

  private static Document parse(Path file) throws IOException {
    return Jsoup.parse(Files.readString(file));
  }

  private static Document report(String name, boolean fonts, ReportedRun... runs)
      throws IOException {
    Path file = folder.resolve(name);
    new ReportPage(List.of(runs), List.of(), List.of(), "1", "asymml", List.of("report"))
        .write(file, fonts);
    return parse(file);
  }

  @Test
  void a_page_without_attacks_shows_no_pictures() throws Exception {
    assertThat(
            new ReportPage(List.of(trusted.read()), List.of(), List.of(), "1", "asymml", List.of())
                .contents())
        .isEqualTo("statistics of private images, no pictures");
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
    return row(page, id, name);
  }

  private static List<String> row(Document document, String id, String name) {
    return document.select("#" + id + " tbody tr").stream()
        .filter(row -> row.expectFirst("th").ownText().equals(name))
        .map(row -> row.children().eachText())
        .findFirst()
        .orElseThrow();
  }

  @Test
  void its_size_is_that_of_the_file_and_its_warning_counts_the_pictures() throws Exception {
    assertThat(size).isEqualTo(Files.size(folder.resolve("report.html")));
    assertThat(page.select(".warning").text())
        .contains("Private: this page shows images of the training data (pictures: 1)");
    assertThat(page.select(".foot").text()).contains("AsymML 1.2.3");
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
  void what_comes_from_files_is_text() {
    assertThat(page.select("img[src=x], b")).isEmpty();
    assertThat(page.expectFirst("#run-1 h2").text()).isEqualTo("Run " + HOSTILE);
    assertThat(text("run-1-ranks")).isNotEmpty();
    assertThat(text("attacks-1")).contains(ReportedSuite.HOSTILE);
    assertThat(page.select("svg").eachAttr("aria-label")).isNotEmpty();
    // A shell reads the path as one word.
    assertThat(text("reproduce"))
        .contains("--out '" + split.directory().toString().replace("'", "'\\''") + "'");
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
        .containsEntry("Data", "planted: 48 training and 10 test images of 32x32x3, 10 classes")
        .containsEntry("Trusted process", "not running in a TEE (simulation, not protected)")
        .containsEntry("Worker", "UNTRUSTED: local")
        .containsEntry("Epochs", "2 of 2 done")
        .containsEntry("Outcome", "finished")
        .containsEntry("Machine", "Linux")
        .containsEntry("Java", "not recorded")
        .containsEntry("batch-size", "16")
        .containsEntry("trusted-layers", "first, last")
        .containsEntry("milestones", "none")
        .hasEntrySatisfying("Model", model -> assertThat(model).startsWith("cnn, batch norm, "))
        .hasEntrySatisfying(
            "Plan", plan -> assertThat(plan).contains("2 split", "2 trusted conv1 fc"));
    assertThat(page.expectFirst(".lead").text())
        .startsWith("A trusted process, not running in a TEE (simulation, not protected), holds");
    assertThat(facts(page.expectFirst("#run-2-trained")))
        .containsEntry("Worker", "none: nothing is released");
  }

  @Test
  void its_figures_are_those_of_the_run() {
    Element card = page.select(".card").getFirst();
    assertThat(card.expectFirst(".figure").text()).isEqualTo("40.0 %");
    assertThat(card.expectFirst(".unit").text()).isEqualTo("test accuracy after 2 epochs");
    assertThat(facts(card))
        .containsEntry("test loss", "1.3750")
        .containsEntry("training time", "0:04")
        .containsEntry("trusted CPU", "7.0 s")
        .containsEntry("to the worker", "2.47 MB");
    assertThat(row("run-1-costs", "1"))
        .containsExactly(
            "1", "2.5000", "25.0 %", "2.7500", "20.0 %", "24", "3.5 s", "1.5 s", "1.23 MB",
            "7.65 MB");
    assertThat(page.select("#accuracy svg, #loss svg")).hasSize(2);
    assertThat(page.select("#accuracy .legend li").eachText())
        .containsExactly(
            HOSTILE + ", test", HOSTILE + ", training", "trusted, test", "trusted, training");
  }

  @Test
  void bytes_by_channel_are_counted_from_the_ledger() {
    // Residuals and gradients for each of 2 x 48 images, weights in each of 6 steps.
    assertThat(row("run-1-costs", "residuals"))
        .containsExactly(
            "residuals", "4\u2009096", "–", Figures.bytes(4L * 96 * PlantedRun.RESIDUAL_VALUES));
    assertThat(row("run-1-costs", "gradients"))
        .containsExactly(
            "gradients", "2\u2009048", "–", Figures.bytes(4L * 96 * PlantedRun.GRADIENT_VALUES));
    assertThat(row("run-1-costs", "weights"))
        .containsExactly("weights", "–", "640", Figures.bytes(4L * 6 * PlantedRun.WEIGHT_VALUES));
  }

  @Test
  void the_privacy_statement_is_the_ledgers_own() {
    PrivacyStatement statement = PrivacyStatement.of(PlantedRun.unaccounted(), new PldAccountant());
    assertThat(page.select("#run-1-privacy .statement li").eachText()).isEqualTo(statement.lines());
    assertThat(page.select("#run-1-privacy li").eachText()).containsAll(statement.assumptions());
    assertThat(row("run-1-privacy", "weights")).contains("infinite", "sent unprotected");
    assertThat(text("run-2-privacy")).contains("nothing is released by the trusted process");
    assertThat(facts(page.select(".card").getFirst()))
        .containsEntry("worker's whole view", "epsilon infinite");
    assertThat(facts(page.select(".card").get(1)))
        .containsEntry("worker's whole view", "nothing is released");
  }

  @Test
  void a_finite_epsilon_never_stands_without_that_of_the_whole_view() throws Exception {
    PlantedRun run = new PlantedRun(folder.resolve("partly"), Mode.ASYMML, 2).write();
    Ledger ledger =
        PlantedRun.ledger(
            new Release(
                Channel.RESIDUALS,
                "conv2",
                100,
                new Release.Gaussian(new ClipNorm(3), new NoiseMultiplier(5))),
            new Release(Channel.WEIGHTS, "conv2", 10, new Release.Uncovered("<b>as it is</b>")));
    LedgerFile.write(new RunLayout(run.directory()).ledger(), ledger);
    Document found = report("partly.html", true, run.read());
    List<String> lines = found.select("#run-1-privacy .statement li").eachText();
    assertThat(lines).isEqualTo(PrivacyStatement.of(ledger, new PldAccountant()).lines());
    assertThat(lines.getFirst()).contains("epsilon ", "leakage about weights");
    assertThat(lines.getLast()).contains("epsilon infinite", "<b>as it is</b>");
    assertThat(facts(found.expectFirst(".card")))
        .containsEntry("worker's whole view", "epsilon infinite");
  }

  @Test
  void the_plan_names_each_layer_with_rank_shapes_and_energy() {
    assertThat(row("run-1-plan", "conv1")).startsWith("conv1", "trusted", "32x32x3");
    assertThat(row("run-1-plan", "conv2"))
        .startsWith("conv2", "split, shared")
        .endsWith("2", "12.5 %", "4\u2009096", "2\u2009048");
    // Neither analysed nor in the ledger.
    assertThat(row("run-1-plan", "conv3")).endsWith("2", "–", "–", "–");
    assertThat(row("run-2-plan", "conv2")).hasSize(4);
  }

  @Test
  void ranks_are_drawn_where_there_are_any_and_asked_for_where_there_are_none() {
    assertThat(page.select("#run-1-ranks svg")).hasSize(2);
    assertThat(text("run-1-ranks"))
        .contains(RankFile.NOTICE, "After epoch 2: 16 images ran through the network, 8 of them")
        .contains("holds at 2 nodes, 8 images each");
    assertThat(row("run-1-ranks", "conv2"))
        .containsExactly(
            "conv2", "2.8", "2", "3", "12", "2", "25.0 %", "20.0 %", "12.5 %", "10.0 %", "2.8",
            "2");
    assertThat(page.expectFirst("#run-2-ranks .missing").text())
        .isEqualTo(
            "No rank analysis in this run: asymml analyze rank --run "
                + trusted.directory()
                + " makes one.");
  }

  @Test
  void several_analyses_are_drawn_as_a_course() throws Exception {
    PlantedRun run = new PlantedRun(folder.resolve("course"), Mode.ASYMML, 2).write();
    new RankFile(List.of(PlantedRun.ranks(1, 0), PlantedRun.ranks(2, -1)))
        .write(new RunLayout(run.directory()).rank());
    Document found = report("course.html", true, run.read());
    assertThat(found.select("#run-1-ranks svg")).hasSize(3);
    assertThat(found.expectFirst("#run-1-ranks").text())
        .contains("BROKEN at 1 of the nodes, at 2 nodes");
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
  void commands_to_reproduce_are_those_that_were_given() {
    assertThat(page.select("#reproduce pre").eachText())
        .hasSize(4)
        .contains(
            "asymml train --mode trusted-only",
            "asymml attack --suite --out runs/attacks",
            "asymml report --out report.html");
    assertThat(text("run-1-command")).contains("The same seed gives the same result");
  }

  @Test
  void a_resumed_run_is_reproduced_from_its_settings() throws Exception {
    PlantedRun run =
        new PlantedRun(folder.resolve("resumed"), Mode.ASYMML, 2)
            .write("train", "--resume", "runs/mine");
    assertThat(report("resumed.html", true, run.read()).select("#reproduce pre").eachText())
        .containsExactly(
            "asymml train --resume runs/mine",
            "asymml train -c " + run.directory().resolve("config.yaml"),
            "asymml report");
  }

  @Test
  void the_benchmark_is_told_by_mode_and_layer() {
    assertThat(text("bench-1"))
        .contains("not running in a TEE", "Trusted-cost ratio 2.50", "batch 32 of 32x32x3");
    assertThat(row("bench-1", "trusted CPU ms")).containsExactly("trusted CPU ms", "10.00", "4.00");
    assertThat(row("bench-1", "to the worker")).containsExactly("to the worker", "0 B", "1.50 MB");
    assertThat(row("bench-1", "conv2").get(1)).isEqualTo("trusted");
  }

  @Test
  void runs_of_the_same_name_are_told_apart_by_their_paths() throws Exception {
    PlantedRun one = new PlantedRun(folder.resolve("a/same"), Mode.TRUSTED_ONLY, 1).write();
    PlantedRun other = new PlantedRun(folder.resolve("b/same"), Mode.TRUSTED_ONLY, 1).write();
    assertThat(
            report("same.html", true, one.read(), other.read()).select("section > h2").eachText())
        .contains("Run " + one.directory(), "Run " + other.directory());
  }

  @Test
  void what_a_run_lacks_is_said() throws Exception {
    PlantedRun run = new PlantedRun(folder.resolve("torso"), Mode.ASYMML, 2).write();
    for (String name :
        List.of("checkpoint.safetensors", "metrics.jsonl", "ledger.json", "rank.json")) {
      Files.delete(run.directory().resolve(name));
    }
    Map<String, Object> facts =
        new LinkedHashMap<>(RunFile.read(run.directory().resolve("run.json")));
    facts.put("outcome", "failed: <script>alert(1)</script>");
    facts.remove("provenance");
    RunFile.write(run.directory().resolve("run.json"), facts);
    Document found = report("torso.html", true, run.read());
    assertThat(found.select(".missing").eachText())
        .anyMatch(said -> said.contains("there are no curves"))
        .anyMatch(said -> said.contains("what this run has released is not known"))
        .anyMatch(said -> said.contains("No checkpoint in this run"))
        .anyMatch(said -> said.contains("No epoch is complete"))
        .anyMatch(said -> said.contains("No rank analysis in this run"))
        .anyMatch(said -> said.contains("by which command it was made"));
    assertThat(facts(found.expectFirst(".card")))
        .containsEntry("worker's whole view", "unknown: no ledger")
        .containsEntry("outcome", "failed: <script>alert(1)</script>");
    assertThat(found.select("script")).isEmpty();
    assertThat(found.select(".warning").text()).contains("no guarantee covers them");
    assertThat(facts(found.expectFirst("#run-1-trained"))).containsEntry("Machine", "not recorded");
  }

  @Test
  void without_fonts_the_charts_are_missing_and_the_rest_is_there() throws Exception {
    Document found = report("fontless.html", false, split.read());
    assertThat(found.select("svg")).isEmpty();
    assertThat(found.select(".missing").text()).contains("Java finds no fonts here");
    assertThat(found.select("#run-1-ranks tbody tr")).hasSize(2);
  }

  @Test
  void a_browser_shows_it_without_errors_on_a_phone_and_on_a_desktop_light_and_dark()
      throws Exception {
    Browser browser = browser();
    for (boolean dark : List.of(false, true)) {
      Browser.Rendering rendering = browser.open(folder.resolve("report.html"), dark);
      assertThat(rendering.console()).isEmpty();
      assertThat(rendering.frames())
          .extracting(f -> f.get("width").asInt())
          .containsExactly(390, 1280);
      assertThat(rendering.frames())
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
    Browser.Rendering rendering = browser().open(bad, false);
    assertThat(rendering.console()).hasSize(2).allMatch(line -> line.contains("said"));
    assertThat(rendering.frames())
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
        "absent: chromium (Debian's package chromium); the page is not tested in a browser");
    return browser.orElseThrow();
  }
}
