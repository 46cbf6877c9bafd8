package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `asymml evidence` on the real specimens, as an owner runs it.
class EvidenceCommandTest {
  private static final Path FOLDER = Path.of("../../shared/vectors/evidence");
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir Path folder;

  private static List<JsonNode> cases() throws IOException {
    assumeTrue(
        Files.exists(FOLDER.resolve("cases.json")), "absent: shared/vectors/evidence/cases.json");
    JsonNode root = JSON.readTree(Files.readString(FOLDER.resolve("cases.json")));
    return StreamSupport.stream(root.get("cases").spliterator(), false).toList();
  }

  private static JsonNode named(String id) throws IOException {
    return cases().stream().filter(c -> text(c, "id").equals(id)).findFirst().orElseThrow();
  }

  private static String text(JsonNode node, String field) {
    return node.get(field).stringValue();
  }

  private static List<String> texts(JsonNode node, String field) {
    return node.has(field)
        ? StreamSupport.stream(node.get(field).spliterator(), false)
            .map(JsonNode::stringValue)
            .toList()
        : List.of();
  }

  private static String file(JsonNode specimen, String field) {
    return FOLDER.resolve(text(specimen, field)).toString();
  }

  /// The default policy with a measurement.
  private Path policy(JsonNode specimen) throws IOException {
    String yaml =
        switch (text(specimen, "tee")) {
          case "sgx" -> "sgx:\n- mrenclave: '" + text(specimen, "mrenclave") + "'\n";
          case "tdx" ->
              "tdx:\n- {mrtd: '%s', rtmr0: any, rtmr1: any, rtmr2: any, rtmr3: any}\n"
                  .formatted(text(specimen, "mrtd"));
          case "snp" ->
              "snp:\n- {measurement: '%s', products: [%s], minimumTcb: any}\n"
                  .formatted(text(specimen, "measurement"), text(specimen, "product"));
          default -> "";
        };
    return Files.writeString(folder.resolve("policy.yaml"), "platforms: any\n" + yaml);
  }

  private List<String> arguments(JsonNode specimen, Path policy) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "evidence", "verify", file(specimen, "evidence"), "--policy", policy.toString()));
    if (specimen.has("at")) {
      all.addAll(List.of("--at", text(specimen, "at")));
    }
    for (String option : List.of("collateral", "vek", "chain")) {
      if (specimen.has(option)) {
        all.addAll(List.of("--" + option, file(specimen, option)));
      }
    }
    return all;
  }

  private Outcome verify(JsonNode specimen, String... more) throws IOException {
    List<String> arguments = arguments(specimen, policy(specimen));
    arguments.addAll(List.of(more));
    return Outcome.of(arguments.toArray(String[]::new));
  }

  private static List<String> names(JsonNode verdict, String field) {
    return StreamSupport.stream(verdict.get(field).spliterator(), false)
        .map(finding -> text(finding, "name"))
        .toList();
  }

  private static String line(String id, String strict, String status, List<String> problems) {
    return String.format(
        Locale.ROOT,
        "%-43s %-7s %-34s %s",
        id,
        strict,
        status,
        problems.isEmpty() ? "-" : String.join("; ", problems.stream().sorted().toList()));
  }

  @Test
  void each_specimen_gives_its_verdict_status_and_problems() throws IOException {
    List<String> expected = new ArrayList<>();
    List<String> got = new ArrayList<>();
    for (JsonNode specimen : cases()) {
      String id = text(specimen, "id");
      JsonNode status = specimen.get("tcbStatus");
      expected.add(
          line(
              id,
              text(specimen, "strict"),
              status == null || status.isNull() ? "-" : status.stringValue(),
              texts(specimen, "problems")));
      Outcome outcome = verify(specimen, "--json");
      JsonNode verdict = JSON.readTree(outcome.out());
      assertThat(outcome.code()).as(id).isEqualTo(verdict.get("accepted").booleanValue() ? 0 : 1);
      got.add(
          line(
              id,
              outcome.code() == 0 ? "accept" : "refuse",
              verdict.has("tcbStatus") ? text(verdict, "tcbStatus") : "-",
              names(verdict, "problems")));
      System.out.println("expected  " + expected.getLast());
      System.out.println("got       " + got.getLast());
    }
    assertThat(got).hasSize(36).isEqualTo(expected);
  }

  @Test
  void a_refusal_says_what_was_found_what_was_expected_and_which_key_decides() throws IOException {
    Outcome outcome = verify(named("sgx-v3-debug"));
    assertThat(outcome.code()).isEqualTo(1);
    assertThat(outcome.err().lines())
        .containsExactly("asymml: evidence refused: debug; TCB ConfigurationAndSWHardeningNeeded");
    assertThat(outcome.out())
        .contains(
            "policy: debug: found a TEE whose memory the host can read; expected debug switched"
                + " off; no policy key accepts this",
            "policy: TCB ConfigurationAndSWHardeningNeeded: found",
            "expected [UpToDate]; decided by the policy key tcb.accept (as"
                + " ConfigurationAndSWHardeningNeeded)",
            "refused, for 2025-06-20T00:00:00Z");
  }

  @Test
  void accepted_evidence_is_named_with_its_measurement_and_status() throws IOException {
    JsonNode specimen = named("tdx-v4-phala");
    Outcome outcome = verify(specimen, "--report-data", text(specimen, "reportData"));
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out().lines())
        .containsExactly(
            "TDX domain " + text(specimen, "mrtd"),
            "TCB UpToDate",
            "accepted, for 2025-06-20T00:00:00Z");
    Outcome other = verify(specimen, "--report-data", "00");
    assertThat(other.code()).isEqualTo(1);
    assertThat(other.err()).isEqualTo("asymml: evidence refused: report data\n");
  }

  @Test
  void a_certificate_table_of_the_kernel_serves_as_well_as_a_certificate() throws IOException {
    JsonNode specimen = named("genoa-v3");
    Path tsm = FOLDER.resolve("snp/genoa-v3/tsm");
    Outcome outcome =
        Outcome.of(
            "evidence",
            "verify",
            tsm.resolve("outblob").toString(),
            "--certificates",
            tsm.resolve("auxblob").toString(),
            "--policy",
            policy(specimen).toString(),
            "--at",
            text(specimen, "at"));
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
  }

  @Test
  void evidence_is_shown_by_the_names_of_policies() throws IOException {
    for (JsonNode specimen : cases()) {
      Outcome outcome = Outcome.of("evidence", "show", file(specimen, "evidence"));
      assertThat(outcome.code()).isZero();
      for (String field : List.of("mrenclave", "mrtd", "measurement", "reportData", "chipId")) {
        if (specimen.has(field)) {
          assertThat(outcome.out()).contains(text(specimen, field));
        }
      }
      assertThat(outcome.out()).endsWith("use 'asymml evidence verify'.\n");
    }
  }

  @Test
  void collateral_is_checked_against_a_quote_and_its_download_is_explained() throws IOException {
    JsonNode specimen = named("tdx-v4-phala");
    String quote = file(specimen, "evidence");
    String mine = file(specimen, "collateral");
    Outcome valid = Outcome.of("evidence", "collateral", quote, mine, "--at", text(specimen, "at"));
    assertThat(valid.code()).isZero();
    assertThat(valid.out()).contains("FMSPC b0c06f000000", "evaluation 17", "complete and valid");
    Outcome missing =
        Outcome.of("evidence", "collateral", quote, folder.resolve("none").toString());
    assertThat(missing.code()).isEqualTo(1);
    assertThat(missing.out())
        .contains("collateral missing", "/tdx/certification/v4/tcb?fmspc=b0c06f000000")
        .contains("pckcrl?ca=platform&encoding=der");
  }

  @Test
  void mistakes_end_in_one_line() throws IOException {
    Path policy = Files.writeString(folder.resolve("p.yaml"), "platforms: any\nmrenclave: 00\n");
    Path file = Files.writeString(folder.resolve("e.bin"), "no evidence");
    assertThat(Outcome.of("evidence", "show", folder.resolve("none").toString()).err())
        .isEqualTo("asymml: no such file: " + folder.resolve("none") + "\n");
    assertThat(Outcome.of("evidence", "show", file.toString()).err())
        .startsWith("asymml: " + file + ": bytes that begin with 6e6f2065 are no quote");
    assertThat(
            Outcome.of("evidence", "verify", file.toString(), "--policy", policy.toString()).err())
        .isEqualTo(
            "asymml: %s: policy key mrenclave is unknown; known here: clockSkewSeconds,"
                    .formatted(policy)
                + " collateral, platforms, revocation, run, sgx, simulation, snp, tcb, tdx\n");
    Outcome get =
        Outcome.of(
            "evidence", "get", "--report-data", "00", "--out", "x", "--root", folder.toString());
    assertThat(get.code()).isEqualTo(1);
    assertThat(get.err())
        .startsWith("asymml: no evidence: this process is not running in a TEE")
        .hasLineCount(1);
    Outcome odd = Outcome.of("evidence", "get", "--report-data", "0", "--out", "x");
    assertThat(odd.code()).isEqualTo(2);
  }
}
