package asymml.cli.evidence;

import asymml.attest.EvidenceException;
import asymml.attest.amd.SigningKey;
import asymml.attest.amd.SnpCertificates;
import asymml.attest.amd.SnpReport;
import asymml.attest.intel.Collateral;
import asymml.attest.intel.Quote;
import asymml.attest.nvidia.GpuReport;
import asymml.attest.policy.Evidence;
import asymml.cli.options.PlatformOptions;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// A file with evidence and what came beside it.
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class EvidenceFiles {
  /// Far more than any evidence has.
  private static final int MOST_BYTES = 16 << 20;

  @Parameters(
      paramLabel = "EVIDENCE",
      description = "A quote, or a report of SEV-SNP or a GPU, in binary.")
  private Path evidence;

  @Mixin private PlatformOptions platform;

  @Option(
      names = "--certificates",
      paramLabel = "FILE",
      description = "SEV-SNP: the host's certificate table (auxblob), in place of --vek.")
  private @Nullable Path certificates;

  @Option(
      names = "--chain",
      paramLabel = "FILE",
      description = "GPU: its certificates in PEM, leaf first.")
  private @Nullable Path chain;

  Path path() {
    return evidence;
  }

  Evidence read() throws IOException, EvidenceException {
    byte[] bytes = bytes(evidence);
    try {
      return switch (Evidence.kind(bytes)) {
        case QUOTE ->
            new Evidence.Intel(
                Quote.parse(bytes),
                platform.collateral().isEmpty()
                    ? Optional.empty()
                    : Optional.of(Collateral.read(platform.collateral().get())));
        case SNP -> snp(SnpReport.parse(bytes));
        case GPU ->
            new Evidence.Gpu(GpuReport.parse(bytes), chain == null ? new byte[0] : bytes(chain));
      };
    } catch (EvidenceException e) {
      throw new EvidenceException(evidence + ": " + e.getMessage(), e);
    }
  }

  private Evidence snp(SnpReport report) throws IOException, EvidenceException {
    if (certificates != null) {
      SigningKey key = report.signingKey();
      return new Evidence.Snp(report, SnpCertificates.table(bytes(certificates), key));
    }
    return new Evidence.Snp(
        report,
        platform.vek().isEmpty()
            ? SnpCertificates.none()
            : SnpCertificates.of(bytes(platform.vek().get())));
  }

  /// All bytes of a file.
  static byte[] bytes(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(MOST_BYTES);
      if (in.read() >= 0) {
        throw new IOException("%s has more than %s bytes".formatted(file, MOST_BYTES));
      }
      return bytes;
    } catch (NoSuchFileException e) {
      throw new IOException("no such file: " + file, e);
    } catch (AccessDeniedException e) {
      throw new IOException("cannot read " + file + ": permission denied", e);
    } catch (IOException e) {
      throw new IOException("cannot read " + file + ": " + e.getMessage(), e);
    }
  }
}
