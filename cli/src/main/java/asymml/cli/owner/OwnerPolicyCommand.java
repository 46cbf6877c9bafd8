package asymml.cli.owner;

import asymml.attest.EvidenceException;
import asymml.attest.intel.TcbStatus;
import asymml.attest.policy.Policy;
import asymml.attest.policy.PolicyFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `asymml owner policy`.
@Command(
    name = "policy",
    mixinStandardHelpOptions = true,
    description = "Checks a policy and says what it accepts, and what of that is dangerous.",
    footerHeading = "%nExample:%n",
    footer = "  asymml owner policy policy.yaml")
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class OwnerPolicyCommand implements Callable<Integer> {
  private static final int MOST_BYTES = 1 << 20;

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "POLICY", description = "A policy in YAML (docs/guide/tee.md).")
  private Path file;

  @Override
  public Integer call() throws IOException, EvidenceException {
    Policy policy;
    try {
      if (Files.size(file) > MOST_BYTES) {
        throw new IOException(file + " is larger than a megabyte: that is no policy");
      }
      policy = PolicyFile.parse(Files.readString(file));
    } catch (NoSuchFileException e) {
      throw new IOException("no such file: " + file, e);
    } catch (EvidenceException e) {
      throw new EvidenceException(file + ": " + e.getMessage(), e);
    }
    PrintWriter out = spec.commandLine().getOut();
    out.println(
        "accepts %s enclaves of SGX, %s domains of TDX, %s guests of SEV-SNP"
            .formatted(policy.sgx().size(), policy.tdx().size(), policy.snp().size()));
    out.println(
        "TCB of Intel platforms: %s"
            .formatted(policy.tcb().accept().stream().map(TcbStatus::label).sorted().toList()));
    out.println(
        "machines: "
            + policy
                .platforms()
                .map(all -> all.size() + " by name")
                .orElse("any (dangerous where" + " others have physical access)"));
    if (!policy.revocationRequired()) {
      out.println("revocation lists may be missing (dangerous)");
    }
    policy.tcb().accept().stream()
        .filter(status -> status.policyWord().orElse("").startsWith("insecure"))
        .forEach(status -> out.println("accepts TCB " + status.label() + " (dangerous)"));
    if (policy.simulation().intel().isPresent() || !policy.simulation().amd().isEmpty()) {
      out.println("SIMULATION: accepts roots that are not a vendor's");
    }
    if (policy.sgx().isEmpty() && policy.tdx().isEmpty() && policy.snp().isEmpty()) {
      out.println("no identity: nothing is accepted");
    }
    out.flush();
    return ExitCode.OK;
  }
}
