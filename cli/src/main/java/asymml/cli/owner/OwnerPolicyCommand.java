package asymml.cli.owner;

import asymml.attest.EvidenceException;
import asymml.attest.intel.TcbStatus;
import asymml.attest.policy.Policy;
import asymml.attest.policy.RunBounds;
import asymml.attest.release.Decision;
import asymml.cli.options.PolicyOption;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
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
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "POLICY", description = "A policy in YAML (docs/guide/tee.md).")
  private Path file;

  @Override
  public Integer call() throws IOException, EvidenceException {
    Policy policy = PolicyOption.read(file);
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
    if (policy.isSimulation()) {
      out.println(Decision.SIMULATION + ": what this policy accepts says nothing about hardware");
    }
    if (policy.sgx().isEmpty() && policy.tdx().isEmpty() && policy.snp().isEmpty()) {
      out.println("no identity: nothing is accepted");
    }
    policy
        .run()
        .ifPresentOrElse(
            run -> runs(run).forEach(out::println),
            () -> out.println("no section run: no key is released under this policy"));
    out.flush();
    return ExitCode.OK;
  }

  private static List<String> runs(RunBounds run) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "releases keys to runs of mode %s, shield %s, with %s accounted for"
            .formatted(
                run.modes().map(OwnerPolicyCommand::words).orElse("any (dangerous)"),
                run.shields().map(OwnerPolicyCommand::words).orElse("any"),
                run.protect().isEmpty()
                    ? "nothing (dangerous)"
                    : String.join(" and ", run.protect().stream().sorted().toList())));
    lines.add(
        "bounds: noise multiplier %s; %s"
            .formatted(
                run.leastNoiseMultiplier().map(z -> "at least " + z).orElse("any"),
                run.greatestEpsilon()
                    .map(epsilon ->
                        "epsilon of %s at most %s at delta %s at most"
                            .formatted(covered(run), epsilon, run.greatestDelta().orElseThrow()))
                    .orElse("any epsilon (dangerous: nothing bounds a whole run)")));
    lines.add("trained model: " + (run.releaseModel() ? "may be in clear" : "only sealed"));
    lines.add(
        "rollback: "
            + (run.countsSteps()
                ? "the owner counts steps"
                : "none (dangerous: who resumes an old copy of a run spends its budget twice)"));
    return lines;
  }

  private static String covered(RunBounds run) {
    return run.coversWholeView()
        ? "a worker's whole view"
        : "the channels that must be accounted for (dangerous: of the others nothing is bounded)";
  }

  private static String words(Set<String> words) {
    return String.join(" or ", words.stream().sorted().toList());
  }
}
