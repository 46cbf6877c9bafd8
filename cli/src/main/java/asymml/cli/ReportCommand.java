package asymml.cli;

import asymml.report.Charts;
import asymml.report.Figures;
import asymml.report.ReportPage;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `asymml report`.
@Command(
    name = "report",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Writes one HTML page about training runs and attacks: settings, curves, privacy, plan, costs,"
          + " ranks, pictures, and how to reproduce them. The page loads and runs nothing.",
      "It is private: it holds statistics of private images and, with attacks, such images."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml report --run runs/mine --out report.html",
      "  asymml report --run runs/mine --run runs/trusted --run runs/attacks --bench bench.json"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class ReportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--run",
      required = true,
      paramLabel = "DIR",
      description =
          "A run directory of 'asymml train', or that of 'asymml attack --suite'; may be repeated.")
  private List<Path> runs;

  @Option(
      names = "--bench",
      paramLabel = "FILE",
      description = "What 'asymml bench --json' wrote; may be repeated.")
  private List<Path> benches = List.of();

  @Option(
      names = "--out",
      paramLabel = "FILE",
      defaultValue = "report.html",
      description = "The page to write, in place of an earlier one (default: ${DEFAULT-VALUE}).")
  private Path out;

  @Override
  public Integer call() throws IOException {
    ReportPage page = page();
    boolean fonts = Charts.hasFonts();
    long bytes = page.write(out, fonts);
    PrintWriter said = spec.commandLine().getOut();
    if (!fonts) {
      spec.commandLine().getErr().println(Charts.noFonts(out));
    }
    said.printf("written: %s, %s; PRIVATE: %s%n", out, Figures.bytes(bytes), page.contents());
    said.flush();
    return ExitCode.OK;
  }

  private ReportPage page() throws IOException {
    try {
      return ReportPage.read(
          runs,
          benches,
          Build.version(),
          Build.command(),
          spec.commandLine().getParseResult().originalArgs());
    } catch (IllegalArgumentException e) {
      throw UsageErrors.of(spec, e);
    }
  }
}
