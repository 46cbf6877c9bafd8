package asymml.attest;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import asymml.attest.amd.SnpCertificates;
import asymml.attest.amd.SnpReport;
import asymml.attest.intel.Collateral;
import asymml.attest.intel.Quote;
import asymml.attest.nvidia.GpuReport;
import asymml.attest.policy.Evidence;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A case of the specimens: real evidence with what is expected of it.
///
/// @param json an element of `cases.json`
public record Specimen(JsonNode json) {
  static final Path FOLDER = Path.of("../../shared/vectors/evidence");

  /// All cases; skips where they are absent.
  static Stream<Specimen> all() throws IOException {
    assumeTrue(
        Files.exists(FOLDER.resolve("cases.json")), "absent: shared/vectors/evidence/cases.json");
    JsonNode root = new JsonMapper().readTree(Files.readString(FOLDER.resolve("cases.json")));
    return StreamSupport.stream(root.get("cases").spliterator(), false).map(Specimen::new);
  }

  static Specimen named(String id) throws IOException {
    return all().filter(s -> s.id().equals(id)).findFirst().orElseThrow();
  }

  String id() {
    return text("id");
  }

  String text(String field) {
    return json.get(field).stringValue();
  }

  List<String> texts(String field) {
    return json.has(field)
        ? StreamSupport.stream(json.get(field).spliterator(), false)
            .map(JsonNode::stringValue)
            .toList()
        : List.of();
  }

  boolean isQuote() {
    return text("tee").equals("sgx") || text("tee").equals("tdx");
  }

  Instant at() {
    return Instant.parse(json.has("at") ? text("at") : "2026-01-01T00:00:00Z");
  }

  /// A file beside the case.
  Path path(String file) {
    return FOLDER.resolve(file);
  }

  byte[] file(String field) throws IOException {
    return Files.readAllBytes(FOLDER.resolve(text(field)));
  }

  byte[] bytes() throws IOException {
    return file("evidence");
  }

  Optional<Collateral> collateral() throws IOException, EvidenceException {
    return json.has("collateral")
        ? Optional.of(Collateral.read(FOLDER.resolve(text("collateral"))))
        : Optional.empty();
  }

  /// Reads the case's evidence from other bytes.
  Evidence evidence(byte[] bytes) throws IOException, EvidenceException {
    return switch (Evidence.kind(bytes)) {
      case QUOTE -> new Evidence.Intel(Quote.parse(bytes), collateral());
      case SNP -> new Evidence.Snp(SnpReport.parse(bytes), SnpCertificates.of(file("vek")));
      case GPU -> new Evidence.Gpu(GpuReport.parse(bytes), file("chain"));
    };
  }

  Evidence evidence() throws IOException, EvidenceException {
    return evidence(bytes());
  }

  /// The default policy with the case's own measurements.
  String policy() {
    return switch (text("tee")) {
      case "sgx" -> "platforms: any\nsgx:\n- mrenclave: '%s'\n".formatted(text("mrenclave"));
      case "tdx" -> {
        List<String> rtmr = texts("rtmr");
        yield """
        platforms: any
        tdx:
        - mrtd: '%s'
          rtmr0: '%s'
          rtmr1: '%s'
          rtmr2: '%s'
          rtmr3: '%s'
        """
            .formatted(text("mrtd"), rtmr.get(0), rtmr.get(1), rtmr.get(2), rtmr.get(3));
      }
      case "snp" ->
          """
          platforms: any
          snp:
          - measurement: '%s'
            products: [%s]
            minimumTcb: any
          """
              .formatted(text("measurement"), text("product"));
      default -> "platforms: any\n";
    };
  }

  @Override
  public String toString() {
    return id();
  }
}
