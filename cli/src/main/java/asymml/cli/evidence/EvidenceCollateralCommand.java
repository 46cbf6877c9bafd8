package asymml.cli.evidence;

import asymml.attest.EvidenceException;
import asymml.attest.Finding;
import asymml.attest.VerificationTime;
import asymml.attest.intel.Collateral;
import asymml.attest.intel.IntelResult;
import asymml.attest.intel.IntelVerifier;
import asymml.attest.intel.PckCertificate;
import asymml.attest.intel.Quote;
import asymml.attest.intel.Tee;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `asymml evidence collateral`.
@Command(
    name = "collateral",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Checks whether a folder holds Intel's collateral for a quote of SGX or TDX, and prints the"
          + " commands that download it where it is missing or out of date. This command itself"
          + " downloads nothing.",
      "Exit code 0: complete and valid; 1: not."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml evidence collateral quote.bin collateral/mine",
      "  asymml evidence collateral quote.bin collateral/mine --at 2025-06-20T00:00:00Z"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class EvidenceCollateralCommand implements Callable<Integer> {
  private static final String SERVICE = "https://api.trustedservices.intel.com/";
  private static final String ROOT_CRL =
      "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";

  @Spec private CommandSpec spec;

  @Parameters(index = "0", paramLabel = "QUOTE", description = "A quote, in binary.")
  private Path file;

  @Parameters(index = "1", paramLabel = "DIR", description = "The folder of its collateral.")
  private Path folder;

  @Mixin private TimeOptions time;

  @Override
  public Integer call() throws IOException, EvidenceException {
    Quote quote = Quote.parse(EvidenceFiles.bytes(file));
    Optional<Collateral> collateral =
        Files.isDirectory(folder) ? Optional.of(Collateral.read(folder)) : Optional.empty();
    IntelResult result =
        IntelVerifier.verify(quote, collateral, VerificationTime.exactly(time.at()));
    @Nullable PckCertificate pck = result.pck();
    if (pck == null) {
      throw new EvidenceException(
          file + ": " + result.problems().stream().map(Finding::line).findFirst().orElse(""));
    }
    PrintWriter out = spec.commandLine().getOut();
    out.println("%s platform, FMSPC %s, PCK CA %s".formatted(quote.tee(), pck.fmspc(), pck.ca()));
    if (result.status() != null) {
      out.println(
          "issued %s, evaluation %s, TCB %s"
              .formatted(result.issued(), result.evaluation(), result.status().label()));
    }
    if (result.problems().isEmpty()) {
      out.println("complete and valid at " + time.at());
      out.flush();
      return ExitCode.OK;
    }
    result.problems().forEach(problem -> out.println("problem: " + problem.line()));
    out.println("to download it, with curl and perl:");
    commands(quote.tee(), pck).forEach(command -> out.println("  " + command));
    out.flush();
    spec.commandLine()
        .getErr()
        .println("asymml: %s does not fit %s at %s".formatted(folder, file, time.at()));
    return ExitCode.SOFTWARE;
  }

  private List<String> commands(Tee tee, PckCertificate pck) {
    String api = SERVICE + (tee == Tee.TDX ? "tdx" : "sgx") + "/certification/v4/";
    return List.of(
        "mkdir -p " + folder,
        "cd " + folder,
        "curl -sS -D headers -o %s '%stcb?fmspc=%s'"
            .formatted(Collateral.TCB_INFO, api, pck.fmspc()),
        "perl -ne 'if (s/^TCB-Info-Issuer-Chain: //i) { s/%%([0-9A-Fa-f]{2})/chr hex $1/ge;"
                .replace("%%", "%")
            + " s/\\r//g; print }' headers > "
            + Collateral.SIGNING_CHAIN,
        "curl -sS -o %s '%sqe/identity'".formatted(Collateral.QE_IDENTITY, api),
        "curl -sS -o %s '%ssgx/certification/v4/pckcrl?ca=%s&encoding=der'"
            .formatted(Collateral.PCK_CRL, SERVICE, pck.ca()),
        "curl -sS -o %s %s".formatted(Collateral.ROOT_CRL, ROOT_CRL));
  }
}
