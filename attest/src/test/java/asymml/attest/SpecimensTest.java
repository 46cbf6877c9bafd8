package asymml.attest;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.attest.amd.Product;
import asymml.attest.amd.SnpReport;
import asymml.attest.amd.TcbVersion;
import asymml.attest.intel.EnclaveReport;
import asymml.attest.intel.IntelVerifier;
import asymml.attest.intel.PckCertificate;
import asymml.attest.intel.Quote;
import asymml.attest.intel.TcbStatus;
import asymml.attest.intel.TdReport;
import asymml.attest.nvidia.GpuReport;
import asymml.attest.policy.Evidence;
import asymml.attest.policy.EvidenceVerifier;
import asymml.attest.policy.PolicyFile;
import asymml.attest.policy.Verdict;
import java.io.IOException;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/// Each case of the specimens gives exactly its problems, status, advisories, measurements and
/// verdict.
class SpecimensTest {
  private static final HexFormat HEX = HexFormat.of();

  static Stream<Specimen> all() throws IOException {
    return Specimen.all();
  }

  private static Verdict verdict(Specimen specimen) throws IOException, EvidenceException {
    return EvidenceVerifier.verify(
        specimen.evidence(), PolicyFile.parse(specimen.policy()), specimen.at(), Optional.empty());
  }

  private static List<String> names(List<Finding> findings) {
    return findings.stream().map(Finding::name).toList();
  }

  @Test
  void there_are_36_cases() throws IOException {
    assertThat(all()).hasSize(36);
  }

  @ParameterizedTest
  @MethodSource("all")
  void a_case_has_its_problems_status_and_verdict(Specimen specimen) throws Exception {
    Verdict verdict = verdict(specimen);
    assertThat(names(verdict.problems()))
        .containsExactlyInAnyOrderElementsOf(specimen.texts("problems"));
    assertThat(verdict.accepted()).isEqualTo(specimen.text("strict").equals("accept"));
    if (specimen.json().has("strictReasons")) {
      assertThat(names(verdict.reasons()))
          .containsExactlyInAnyOrderElementsOf(specimen.texts("strictReasons"));
    }
    if (specimen.isQuote()) {
      JsonNode status = specimen.json().get("tcbStatus");
      assertThat(verdict.status().map(TcbStatus::label))
          .isEqualTo(
              status == null || status.isNull()
                  ? Optional.empty()
                  : Optional.of(status.stringValue()));
      assertThat(verdict.advisories()).containsExactlyElementsOf(specimen.texts("advisories"));
    }
    assertThat(verdict.simulation()).isFalse();
    assertThat(verdict.reasons())
        .allSatisfy(f -> assertThat(f.line()).contains("found ", "expected ", "policy key"));
  }

  @ParameterizedTest
  @MethodSource("all")
  void a_case_shows_its_values(Specimen specimen) throws Exception {
    switch (specimen.evidence()) {
      case Evidence.Intel intel -> quote(specimen, intel);
      case Evidence.Snp snp -> report(specimen, snp.report());
      case Evidence.Gpu gpu -> gpu(specimen, gpu.report());
    }
  }

  private static void same(Specimen specimen, String field, byte[] found) {
    assertThat(HEX.formatHex(found)).as(field).isEqualTo(specimen.text(field));
  }

  private static void same(Specimen specimen, String field, long found) {
    assertThat(found).as(field).isEqualTo(specimen.json().get(field).longValue());
  }

  private static void quote(Specimen specimen, Evidence.Intel evidence) throws Exception {
    Quote quote = evidence.quote();
    same(specimen, "quoteVersion", quote.version());
    same(specimen, "certDataType", quote.certificationType());
    same(specimen, "trailingBytes", quote.trailingBytes());
    same(specimen, "reportData", quote.reportData());
    assertThat(quote.debug()).isEqualTo(specimen.json().get("debug").booleanValue());
    if (quote.enclave().isPresent()) {
      EnclaveReport enclave = quote.enclave().get();
      same(specimen, "mrenclave", enclave.mrEnclave());
      same(specimen, "mrsigner", enclave.mrSigner());
      same(specimen, "isvProdId", enclave.isvProdId());
      same(specimen, "isvSvn", enclave.isvSvn());
      same(specimen, "attributes", enclave.attributes());
    }
    if (quote.td().isPresent()) {
      td(specimen, quote.td().get());
    }
    if (specimen.json().has("fmspc")) {
      PckCertificate pck =
          Objects.requireNonNull(
              IntelVerifier.verify(
                      quote, evidence.collateral(), VerificationTime.exactly(specimen.at()))
                  .pck());
      assertThat(pck.fmspc()).isEqualTo(specimen.text("fmspc"));
      assertThat(pck.ca()).isEqualTo(specimen.text("pckCa"));
      same(specimen, "pceSvn", pck.pceSvn());
      JsonNode svns = specimen.json().get("pckSvn");
      assertThat(pck.componentSvns())
          .isEqualTo(IntStream.range(0, 16).mapToObj(i -> svns.get(i).intValue()).toList());
      assertThat(pck.certificate().getNotBefore().toInstant())
          .hasToString(specimen.text("pckNotBefore"));
      assertThat(pck.certificate().getNotAfter().toInstant())
          .hasToString(specimen.text("pckNotAfter"));
    }
  }

  private static void td(Specimen specimen, TdReport td) {
    assertThat(td.version()).isEqualTo(specimen.text("tdReport"));
    same(specimen, "mrtd", td.mrTd());
    assertThat(td.rtmr().stream().map(HEX::formatHex)).isEqualTo(specimen.texts("rtmr"));
    same(specimen, "tdAttributes", td.attributes());
    same(specimen, "xfam", td.xfam());
    same(specimen, "teeTcbSvn", td.teeTcbSvn());
    same(specimen, "mrseam", td.mrSeam());
    if (specimen.json().has("mrservicetd")) {
      same(specimen, "mrservicetd", td.mrServiceTd().orElseThrow());
      same(specimen, "teeTcbSvn2", td.teeTcbSvn2().orElseThrow());
    }
  }

  private static void report(Specimen specimen, SnpReport report) {
    same(specimen, "reportVersion", report.version());
    same(specimen, "vmpl", report.vmpl());
    same(specimen, "guestSvn", report.guestSvn());
    same(specimen, "chipId", report.chipId());
    same(specimen, "measurement", report.measurement());
    same(specimen, "hostData", report.hostData());
    same(specimen, "reportData", report.reportData());
    same(specimen, "idKeyDigest", report.idKeyDigest());
    same(specimen, "familyId", report.familyId());
    same(specimen, "imageId", report.imageId());
    assertThat("0x" + Long.toHexString(report.policy())).isEqualTo(specimen.text("policy"));
    assertThat("0x" + Long.toHexString(report.platformInfo()))
        .isEqualTo(specimen.text("platformInfo"));
    assertThat(report.debug()).isEqualTo(specimen.json().get("debug").booleanValue());
    assertThat(report.migrationAgent()).isEqualTo(specimen.json().get("migrateMa").booleanValue());
    assertThat(report.signingKey()).hasToString(specimen.text("signingKey"));
    assertThat(report.cpuid())
        .isEqualTo(
            specimen.json().get("cpuid").isNull()
                ? Optional.empty()
                : Optional.of(specimen.text("cpuid")));
    JsonNode tcb = specimen.json().get("reportedTcb");
    assertThat(report.reportedTcb(Product.named(specimen.text("product")).orElseThrow()))
        .isEqualTo(
            new TcbVersion(
                tcb.has("fmc") ? tcb.get("fmc").intValue() : 0,
                tcb.get("bl").intValue(),
                tcb.get("tee").intValue(),
                tcb.get("snp").intValue(),
                tcb.get("ucode").intValue()));
  }

  private static void gpu(Specimen specimen, GpuReport report) {
    same(specimen, "requestNonce", report.requestNonce());
    same(specimen, "trailingBytes", report.trailingBytes());
    same(specimen, "measurements", report.measurements().size());
    assertThat(report.driver()).isEqualTo(specimen.text("driver"));
    assertThat(report.vbios()).isEqualTo(specimen.text("vbios"));
  }
}
