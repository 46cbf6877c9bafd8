package asymml.cli.evidence;

import asymml.attest.EvidenceException;
import asymml.attest.Finding;
import asymml.attest.intel.TcbStatus;
import asymml.attest.policy.Evidence;
import asymml.attest.policy.EvidenceVerifier;
import asymml.attest.policy.Policy;
import asymml.attest.policy.Verdict;
import asymml.attest.release.Decision;
import asymml.cli.options.JsonOption;
import asymml.cli.options.PolicyOption;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `asymml evidence verify`.
@Command(
    name = "verify",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Verifies evidence up to its vendor's key and applies the owner's policy to it. All reasons"
          + " against it are listed, each with what was found, what was expected and which key of"
          + " the policy decides.",
      "Exit code 0: accepted; 1: refused."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml evidence verify quote.bin --policy policy.yaml --collateral collateral/mine",
      "  asymml evidence verify report.bin --policy policy.yaml --vek vcek.der",
      "  asymml evidence verify outblob --policy policy.yaml --certificates auxblob --json"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class EvidenceVerifyCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private EvidenceFiles files;

  @Mixin private PolicyOption policies;
  @Mixin private TimeOptions time;
  @Mixin private ReportDataOptions reportData;

  @Mixin private JsonOption json;

  @Override
  public Integer call() throws IOException, EvidenceException {
    Policy policy = policies.read();
    Evidence evidence = files.read();
    Instant at = time.at();
    Verdict verdict = EvidenceVerifier.verify(evidence, policy, at, reportData.bytes(spec));
    PrintWriter out = spec.commandLine().getOut();
    if (json.isGiven()) {
      json.print(out, record(evidence, verdict, at));
    } else {
      print(out, evidence, verdict, at);
    }
    out.flush();
    if (verdict.accepted()) {
      return ExitCode.OK;
    }
    spec.commandLine()
        .getErr()
        .println(
            "asymml: evidence refused: "
                + verdict.reasons().stream().map(Finding::name).collect(Collectors.joining("; ")));
    return ExitCode.SOFTWARE;
  }

  private void print(PrintWriter out, Evidence evidence, Verdict verdict, Instant at) {
    String mark = verdict.simulation() ? Decision.SIMULATION + ": " : "";
    out.println(mark + evidence.summary());
    verdict
        .status()
        .ifPresent(status ->
            out.println(
                "%sTCB %s%s"
                    .formatted(
                        mark,
                        status.label(),
                        verdict.advisories().isEmpty()
                            ? ""
                            : ", advisories " + String.join(", ", verdict.advisories()))));
    if (evidence instanceof Evidence.Gpu) {
      out.println("it does not say which machine the GPU serves, and makes no worker trusted");
    } else if (reportData.bytes(spec).isEmpty()) {
      out.println(
          mark + "report data not compared (--report-data): this may be old or another's evidence");
    }
    list(out, mark + "problem: ", verdict.problems());
    list(out, mark + "policy: ", verdict.refusals());
    out.println("%s%s, for %s".formatted(mark, verdict.accepted() ? "accepted" : "refused", at));
  }

  private static void list(PrintWriter out, String begin, List<Finding> findings) {
    findings.forEach(finding -> out.println(begin + finding.line()));
  }

  private static Map<String, Object> record(Evidence evidence, Verdict verdict, Instant at) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("accepted", verdict.accepted());
    all.put("simulation", verdict.simulation());
    all.put("at", at.toString());
    all.put("evidence", evidence.summary());
    verdict.status().map(TcbStatus::label).ifPresent(status -> all.put("tcbStatus", status));
    all.put("advisories", verdict.advisories());
    all.put("problems", verdict.problems().stream().map(EvidenceVerifyCommand::record).toList());
    all.put("refusals", verdict.refusals().stream().map(EvidenceVerifyCommand::record).toList());
    return all;
  }

  private static Map<String, Object> record(Finding finding) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("name", finding.name());
    all.put("found", finding.found());
    all.put("expected", finding.expected());
    if (finding.policyKey() != null) {
      all.put("policyKey", finding.policyKey());
    }
    return all;
  }
}
