package asymml.report;

import asymml.model.AtomicFile;
import asymml.session.RunRecord;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.train.TrainConfig;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jsoup.nodes.DataNode;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.DocumentType;
import org.jsoup.nodes.Element;

/// A report as one HTML page that loads nothing and runs nothing.
///
/// PRIVATE: it holds statistics of private data and, with attacks, private images.
///
/// @param runs training runs, in the order given
/// @param attacks suites of attacks
/// @param benches benchmarks
/// @param version of this program
/// @param program as the user calls it, for commands to copy
/// @param arguments of the command that makes this page
public record ReportPage(
    List<ReportedRun> runs,
    List<ReportedAttacks> attacks,
    List<ReportedBench> benches,
    String version,
    String program,
    List<String> arguments) {
  private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_./:=,@%+-]+");

  /// Reads what directories and files hold.
  ///
  /// @param directories of training runs and suites of attacks
  /// @param benches files of benchmarks
  /// @param version of this program
  /// @param program as the user calls it
  /// @param arguments of the command that makes this page
  /// @return the page
  /// @throws IOException one line, if one of them cannot be read or is something else
  /// @throws IllegalArgumentException if a directory is given twice
  public static ReportPage read(
      List<Path> directories,
      List<Path> benches,
      String version,
      String program,
      List<String> arguments)
      throws IOException {
    List<ReportedRun> trained = new ArrayList<>();
    List<ReportedAttacks> attacked = new ArrayList<>();
    Set<Path> seen = new HashSet<>();
    for (Path directory : directories) {
      if (!seen.add(directory.toAbsolutePath().normalize())) {
        throw new IllegalArgumentException(directory + " is given twice");
      }
      if (ReportedRun.isOne(directory)) {
        trained.add(ReportedRun.read(directory));
      } else if (ReportedAttacks.isOne(directory)) {
        attacked.add(ReportedAttacks.read(directory));
      } else {
        throw new IOException(
            directory
                + (Files.isDirectory(directory)
                    ? " holds neither a run (config.yaml, run.json) nor attacks (attacks.json)"
                    : " is no directory")
                + ": give what 'asymml train' or 'asymml attack --suite' named");
      }
    }
    List<ReportedBench> measured = new ArrayList<>();
    for (Path bench : benches) {
      measured.add(ReportedBench.read(bench));
    }
    return new ReportPage(trained, attacked, measured, version, program, arguments);
  }

  /// A command line that a shell reads as these words.
  static String shell(List<String> words) {
    return String.join(
        " ",
        words.stream()
            .map(word ->
                PLAIN.matcher(word).matches() ? word : "'" + word.replace("'", "'\\''") + "'")
            .toList());
  }

  /// How many pictures with private images it holds.
  ///
  /// @return those whose files are there
  public int pictures() {
    return Math.toIntExact(
        attacks.stream()
            .flatMap(suite -> suite.pictures().stream())
            .filter(picture -> !picture.png().isEmpty())
            .count());
  }

  /// What in it is private.
  ///
  /// @return a phrase
  public String contents() {
    return pictures() == 0
        ? "statistics of private images, no pictures"
        : "it shows images of the training data (pictures: %s)".formatted(pictures());
  }

  /// Writes the page atomically, in place of an earlier one.
  ///
  /// @param file to write
  /// @param fonts whether charts can be drawn, as [Charts#hasFonts()] says
  /// @return its size in bytes
  /// @throws IOException one line, if it cannot be written
  public long write(Path file, boolean fonts) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(html(fonts).getBytes(StandardCharsets.UTF_8));
    long size = bytes.remaining();
    AtomicFile.write(
        file,
        channel -> {
          while (bytes.hasRemaining()) {
            channel.write(bytes);
          }
        });
    return size;
  }

  private String html(boolean fonts) throws IOException {
    Document document = Document.createShell("");
    document.outputSettings().prettyPrint(false);
    document.prependChild(new DocumentType("html", "", ""));
    document.expectFirst("html").attr("lang", "en");
    head(document.head());
    PageSection page = PageSection.of(document);
    List<RunSection> sections = sections();
    opening(page, sections, fonts);
    if (!runs.isEmpty()) {
      curves(page.section("curves", "Curves"), fonts);
    }
    for (RunSection section : sections) {
      section.appendTo(page, fonts);
    }
    suites().forEach(suite -> suite.appendTo(page));
    for (int i = 0; i < benches.size(); i++) {
      benches.get(i).appendTo(page, "bench-" + (i + 1));
    }
    reproduction(page.section("reproduce", "How to reproduce"));
    page.text("foot", "Made by AsymML " + version + ". Nothing is loaded or run by this page.");
    return document.outerHtml();
  }

  private static void head(Element head) {
    head.appendElement("meta").attr("charset", "utf-8");
    head.appendElement("meta")
        .attr("name", "viewport")
        .attr("content", "width=device-width, initial-scale=1");
    head.appendElement("meta").attr("name", "color-scheme").attr("content", "light dark");
    // Browsers ask for an icon where none is named.
    head.appendElement("link").attr("rel", "icon").attr("href", "data:,");
    head.appendElement("title").text("AsymML report");
    head.appendElement("style").appendChild(new DataNode(styleSheet()));
  }

  private static String styleSheet() {
    try (InputStream in = ReportPage.class.getResourceAsStream("report.css")) {
      if (in == null) {
        throw new IllegalStateException("the build left out report.css");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read report.css", e);
    }
  }

  /// A name for each run: that of its directory, or all of its path where two have the same.
  private List<RunSection> sections() {
    List<RunSection> sections = new ArrayList<>();
    for (int i = 0; i < runs.size(); i++) {
      ReportedRun run = runs.get(i);
      boolean alone = runs.stream().filter(r -> r.name().equals(run.name())).count() == 1;
      sections.add(
          new RunSection(
              run, "run-" + (i + 1), alone ? run.name() : run.directory().toString(), program));
    }
    return sections;
  }

  private List<AttackSection> suites() {
    List<AttackSection> sections = new ArrayList<>();
    for (int i = 0; i < attacks.size(); i++) {
      ReportedAttacks suite = attacks.get(i);
      sections.add(new AttackSection(suite, "attacks-" + (i + 1), suite.directory().toString()));
    }
    return sections;
  }

  private void opening(PageSection page, List<RunSection> sections, boolean fonts) {
    page.title("AsymML report");
    page.text(
        "lead",
        ("A trusted process, %s, holds the images and a small low-rank part of each split layer's"
                + " input; an untrusted worker computes on the rest. This page shows what was trained,"
                + " what the worker was sent, and what it reveals.")
            .formatted(
                !runs.isEmpty() && runs.stream().allMatch(ReportedRun::isProtected)
                    ? "in a TEE whose evidence the owner has accepted, as its record says"
                    : RunRecord.NOT_PROTECTED));
    PageSection warning = page.box("warning");
    warning.text(
        pictures() == 0
            ? "Private: losses, accuracies, ranks and scores are statistics of private images, and"
                + " no guarantee covers them. This page belongs to the trusted side, as the run"
                + " directories do."
            : ("Private: this page shows images of the training data (pictures: %s) and statistics"
                    + " of private images that no guarantee covers. It belongs to the trusted side:"
                    + " give it only to those who may see the data.")
                .formatted(pictures()));
    if (!fonts) {
      page.missing("No charts: " + Charts.NO_FONTS);
    }
    PageSection cards = page.box("cards");
    sections.forEach(section -> PageCards.add(cards.box("card"), section));
    suites().forEach(suite -> PageCards.add(cards.box("card"), suite));
    Map<String, String> links = new LinkedHashMap<>();
    if (!runs.isEmpty()) {
      links.put("curves", "Curves");
    }
    sections.forEach(section -> links.put(section.id(), "Run " + section.name()));
    suites().forEach(suite -> links.put(suite.id(), "Attacks " + suite.name()));
    for (int i = 0; i < benches.size(); i++) {
      links.put("bench-" + (i + 1), "Benchmark " + benches.get(i).model());
    }
    links.put("reproduce", "How to reproduce");
    page.links(links);
  }

  private void curves(PageSection section, boolean fonts) throws IOException {
    List<RunSection> drawn = sections().stream().filter(s -> !s.run().epochs().isEmpty()).toList();
    if (drawn.isEmpty()) {
      section.missing("No run has completed an epoch: there are no curves.");
      return;
    }
    if (!fonts) {
      section.missing("Not drawn: " + Charts.NO_FONTS);
      return;
    }
    ReportCurves curves =
        new ReportCurves(
            drawn.stream().map(RunSection::run).toList(),
            drawn.stream().map(RunSection::name).toList());
    PageSection pair = section.box("pair");
    pair.chart(
        curves.accuracy(),
        "accuracy",
        "Accuracy by epoch: solid on the test split, dashed on training images as they were trained"
            + " on");
    pair.chart(
        curves.loss(),
        "loss",
        "Loss by epoch: solid on the test split, dashed on training batches");
  }

  /// Noise comes from an unpredictable generator, whether it was set or a budget came to it.
  private static boolean isRepeatable(ReportedRun run) {
    TrainConfig config = run.config();
    boolean noiseless =
        config.noise() instanceof NoiseStrength.None
            && config.gradientNoise() instanceof NoiseStrength.None
            && !config.privacy().accounted();
    return noiseless || !run.needsWorker();
  }

  private void reproduction(PageSection section) {
    for (RunSection each : sections()) {
      List<String> given = each.run().arguments();
      PageSection part = section.section(each.id() + "-command", "Run " + each.name());
      if (given.isEmpty()) {
        part.missing("Its run.json does not say by which command it was made.");
      } else {
        part.command(command(given));
      }
      if (given.contains("--resume")) {
        part.text("The command that resumed it last. Its settings are those of config.yaml:");
        part.command(
            command(
                List.of("train", "-c", each.run().directory().resolve("config.yaml").toString())));
      }
      if (isRepeatable(each.run())) {
        part.text("The same seed gives the same result, on the same number of threads.");
      } else {
        part.text("The noise is drawn anew each time: results will differ a little.");
      }
    }
    for (AttackSection each : suites()) {
      section
          .section(each.id() + "-command", "Attacks " + each.name())
          .command(each.suite().command());
    }
    section.section("report-command", "This page").command(command(arguments));
  }

  private String command(List<String> given) {
    List<String> words = new ArrayList<>(List.of(program));
    words.addAll(given);
    return shell(words);
  }
}
