package asymml.cli.evidence;

import asymml.attest.EvidenceException;
import asymml.attest.source.EvidenceSource;
import asymml.attest.source.RawEvidence;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `asymml evidence get`.
@Command(
    name = "get",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description =
        "Asks the TEE in which this command runs for evidence, by files of Gramine or of the kernel"
            + " (configfs-tsm, which needs root), and writes it to a folder: evidence.bin, and"
            + " certificates.bin if the host gave any.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml evidence get --report-data 00ff --out evidence",
      "  asymml evidence get --report-data 00ff --out evidence --timeout 60"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class EvidenceGetCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ReportDataOptions reportData;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "The folder to write to; it is made if need be.")
  private Path out;

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      defaultValue = "30",
      description = "How long to wait for an answer (default: ${DEFAULT-VALUE}).")
  private int timeout;

  @Option(
      names = "--root",
      paramLabel = "DIR",
      defaultValue = "/",
      description = "The file tree to look in (default: ${DEFAULT-VALUE}).")
  private Path root;

  @Override
  public Integer call() throws IOException, EvidenceException {
    byte[] data =
        reportData
            .bytes(spec)
            .orElseThrow(() ->
                new ParameterException(
                    spec.commandLine(), "--report-data is missing: what the evidence is about"));
    if (timeout < 1) {
      throw new ParameterException(
          spec.commandLine(), "--timeout must be at least 1 second: " + timeout);
    }
    EvidenceSource source = EvidenceSource.find(root, Duration.ofSeconds(timeout));
    RawEvidence evidence;
    try {
      evidence = source.get(data);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while waiting for " + source.description(), e);
    }
    Files.createDirectories(out);
    Files.write(out.resolve("evidence.bin"), evidence.evidence());
    if (evidence.certificates().length > 0) {
      Files.write(out.resolve("certificates.bin"), evidence.certificates());
    }
    PrintWriter said = spec.commandLine().getOut();
    said.println(
        "written: %s, %s bytes of %s, by %s"
            .formatted(
                out.resolve("evidence.bin"),
                evidence.evidence().length,
                evidence.provider(),
                source.description()));
    if (evidence.certificates().length > 0) {
      said.println(
          "written: %s, %s bytes, the host's certificate table"
              .formatted(out.resolve("certificates.bin"), evidence.certificates().length));
    }
    said.flush();
    return ExitCode.OK;
  }
}
