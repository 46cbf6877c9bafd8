package asymml.attest;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.attest.amd.SnpCertificates;
import asymml.attest.amd.SnpReport;
import asymml.attest.crypto.Certificates;
import asymml.attest.intel.Collateral;
import asymml.attest.intel.Quote;
import asymml.attest.policy.Evidence;
import asymml.attest.policy.EvidenceVerifier;
import asymml.attest.policy.PolicyFile;
import asymml.attest.policy.Verdict;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/// A whole valid hierarchy under a root of this test with the vendors' names: untrusted, unless a
/// policy names that root; with it, the cases that reality does not offer.
class SimulatedHierarchyTest {
  private static final Instant AT = Instant.parse("2025-06-20T00:00:00Z");
  private static final Instant BEFORE = Instant.parse("2025-06-01T00:00:00Z");
  private static final Instant AFTER = Instant.parse("2025-07-19T10:00:00Z");
  private static final String SGX_EXTENSION = "1.2.840.113741.1.13.1";
  private static final int PCK_SERIAL = 11;
  private static final int CA_SERIAL = 12;
  private static final int SIGNER_SERIAL = 13;

  /// Evidence of a platform that does not exist, made of a real quote.
  private static final class Platform {
    final Specimen specimen = Specimen.named("sgx-v3-phala");
    final TestAuthority root = TestAuthority.root("Intel SGX Root CA", 256);
    TestAuthority ca = root.authority("Intel SGX PCK Processor CA", CA_SERIAL);
    final TestAuthority signer =
        root.issue(
            "Intel SGX TCB Signing",
            SIGNER_SERIAL,
            false,
            TestAuthority.BEGIN,
            TestAuthority.END,
            List.of());
    TestAuthority pck = pck(ca);
    UnaryOperator<String> tcbInfo = t -> t.replaceAll("\"tcbStatus\":\"\\w+\"", UP_TO_DATE);
    UnaryOperator<String> identity = t -> t;
    byte[] pckCrl = ca.crl(BEFORE, AFTER);
    byte[] rootCrl = root.crl(BEFORE, AFTER);

    private static final String UP_TO_DATE = "\"tcbStatus\":\"UpToDate\"";

    Platform() throws Exception {}

    TestAuthority pck(TestAuthority issuer) throws Exception {
      Quote real = Quote.parse(specimen.bytes());
      assertThat(real.certificationType()).isEqualTo(5);
      byte[] all = specimen.bytes();
      String text = new String(all, StandardCharsets.ISO_8859_1);
      int begin = text.indexOf("-----BEGIN");
      int end = text.indexOf("-----END CERTIFICATE-----") + 25;
      X509Certificate leaf =
          Certificates.one(Arrays.copyOfRange(all, begin, end), "the specimen's PCK");
      byte[] extension = Objects.requireNonNull(Certificates.extension(leaf, SGX_EXTENSION));
      return issuer.issue(
          "Intel SGX PCK Certificate",
          PCK_SERIAL,
          false,
          TestAuthority.BEGIN,
          TestAuthority.END,
          List.of(new TestAuthority.Extension(SGX_EXTENSION, extension)));
    }

    byte[] quote() throws Exception {
      TestAuthority attestation = TestAuthority.root("attestation key", 256);
      byte[] real = specimen.bytes();
      byte[] signed = Arrays.copyOf(real, 432);
      byte[] qeReport = Arrays.copyOfRange(real, 564, 948);
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(attestation.rawKey());
      System.arraycopy(Arrays.copyOf(digest, 64), 0, qeReport, 320, 64);
      byte[] chain = (pck.pem() + ca.pem() + root.pem()).getBytes(StandardCharsets.US_ASCII);
      ByteArrayOutputStream data = new ByteArrayOutputStream();
      data.writeBytes(attestation.raw(signed));
      data.writeBytes(attestation.rawKey());
      data.writeBytes(qeReport);
      data.writeBytes(pck.raw(qeReport));
      data.writeBytes(new byte[] {0, 0, 5, 0});
      data.writeBytes(length(chain.length));
      data.writeBytes(chain);
      ByteArrayOutputStream quote = new ByteArrayOutputStream();
      quote.writeBytes(signed);
      quote.writeBytes(length(data.size()));
      quote.writeBytes(data.toByteArray());
      return quote.toByteArray();
    }

    private static byte[] length(int size) {
      return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(size).array();
    }

    private byte[] reply(byte[] real, String name, UnaryOperator<String> edit) {
      String text = new String(real, StandardCharsets.US_ASCII).strip();
      int begin = text.indexOf(':') + 1;
      String object = edit.apply(text.substring(begin, text.lastIndexOf(",\"signature\"")));
      String signature =
          HexFormat.of().formatHex(signer.raw(object.getBytes(StandardCharsets.US_ASCII)));
      return "{\"%s\":%s,\"signature\":\"%s\"}"
          .formatted(name, object, signature)
          .getBytes(StandardCharsets.US_ASCII);
    }

    Collateral collateral() throws Exception {
      Collateral real = specimen.collateral().orElseThrow();
      return new Collateral(
          Optional.of(reply(real.tcbInfo().orElseThrow(), "tcbInfo", tcbInfo)),
          Optional.of(reply(real.qeIdentity().orElseThrow(), "enclaveIdentity", identity)),
          Optional.of((signer.pem() + root.pem()).getBytes(StandardCharsets.US_ASCII)),
          Optional.of(pckCrl),
          Optional.of(rootCrl));
    }

    Verdict verdict(boolean named, Instant at) throws Exception {
      String simulation =
          named ? "simulation:\n  intel: |\n    " + root.pem().replace("\n", "\n    ") + "\n" : "";
      return EvidenceVerifier.verify(
          new Evidence.Intel(Quote.parse(quote()), Optional.of(collateral())),
          PolicyFile.parse("clockSkewSeconds: 0\n" + specimen.policy() + simulation),
          at,
          Optional.empty());
    }

    List<String> names() throws Exception {
      return names(AT);
    }

    List<String> names(Instant at) throws Exception {
      return verdict(true, at).reasons().stream().map(Finding::name).toList();
    }
  }

  @Test
  void another_root_with_intels_name_is_accepted_only_where_the_policy_names_it() throws Exception {
    Platform platform = new Platform();
    Verdict named = platform.verdict(true, AT);
    assertThat(named.reasons()).isEmpty();
    assertThat(named.simulation()).isTrue();
    Verdict unnamed = platform.verdict(false, AT);
    assertThat(unnamed.reasons()).extracting(Finding::name).contains("untrusted root");
    assertThat(unnamed.status()).isEmpty();
    assertThat(unnamed.simulation()).isFalse();
  }

  @Test
  void what_is_on_a_revocation_list_is_refused() throws Exception {
    Platform platform = new Platform();
    platform.pckCrl = platform.ca.crl(BEFORE, AFTER, 3, PCK_SERIAL);
    assertThat(platform.names()).containsExactly("PCK certificate revoked");
    platform.pckCrl = platform.ca.crl(BEFORE, AFTER, PCK_SERIAL + 1);
    assertThat(platform.names()).isEmpty();
    platform.rootCrl = platform.root.crl(BEFORE, AFTER, CA_SERIAL);
    assertThat(platform.names()).containsExactly("PCK CA certificate revoked");
    platform.rootCrl = platform.root.crl(BEFORE, AFTER, SIGNER_SERIAL);
    assertThat(platform.names()).containsExactly("TCB signing certificate revoked");
  }

  @Test
  void revocation_lists_of_other_keys_are_refused() throws Exception {
    Platform platform = new Platform();
    platform.pckCrl = TestAuthority.root("Intel SGX PCK Processor CA", 256).crl(BEFORE, AFTER);
    assertThat(platform.names()).containsExactly("pck-crl.der signature");
    platform.pckCrl = platform.root.crl(BEFORE, AFTER);
    assertThat(platform.names()).containsExactly("pck-crl of the other CA");
    platform.pckCrl = platform.ca.crl(BEFORE, AFTER);
    platform.rootCrl = TestAuthority.root("Intel SGX Root CA", 256).crl(BEFORE, AFTER);
    assertThat(platform.names()).containsExactly("root-ca-crl.der signature");
  }

  @Test
  void every_second_around_a_boundary_counts() throws Exception {
    Platform platform = new Platform();
    Instant end = Instant.parse("2025-06-21T12:00:00Z");
    platform.pckCrl = platform.ca.crl(AT, end);
    assertThat(platform.names(AT)).isEmpty();
    assertThat(platform.names(AT.minusSeconds(1))).containsExactly("pck-crl.der not yet valid");
    assertThat(platform.names(end)).isEmpty();
    assertThat(platform.names(end.plusSeconds(1))).containsExactly("pck-crl.der expired");
    platform.pckCrl = platform.ca.crl(BEFORE, AFTER);
    platform.tcbInfo =
        platform.tcbInfo.andThen(t ->
            t.replaceAll("\"issueDate\":\"[^\"]+\"", "\"issueDate\":\"%s\"".formatted(AT))
                .replaceAll("\"nextUpdate\":\"[^\"]+\"", "\"nextUpdate\":\"%s\"".formatted(end)))
            ::apply;
    assertThat(platform.names(AT)).isEmpty();
    assertThat(platform.names(AT.minusSeconds(1))).containsExactly("tcb-info not yet valid");
    assertThat(platform.names(end)).isEmpty();
    assertThat(platform.names(end.plusSeconds(1))).containsExactly("tcb-info expired");
  }

  @Test
  void parts_of_different_evaluations_are_refused() throws Exception {
    Platform platform = new Platform();
    platform.identity =
        t -> t.replace("\"tcbEvaluationDataNumber\":17", "\"tcbEvaluationDataNumber\":16");
    assertThat(platform.names()).containsExactly("TCB evaluation numbers differ");
  }

  @Test
  void a_certificate_below_one_that_is_no_authority_is_refused() throws Exception {
    Platform platform = new Platform();
    TestAuthority leaf =
        platform.root.issue(
            "Intel SGX PCK Processor CA",
            CA_SERIAL,
            false,
            TestAuthority.BEGIN,
            TestAuthority.END,
            List.of());
    platform.ca = leaf;
    platform.pck = platform.pck(leaf);
    platform.pckCrl = leaf.crl(BEFORE, AFTER);
    assertThat(platform.names()).containsExactly("PCK certificate chain");
  }

  @Test
  void a_quoting_enclave_of_another_signer_or_with_debug_is_refused() throws Exception {
    Platform platform = new Platform();
    platform.identity = t -> t.replace("\"mrsigner\":\"8C", "\"mrsigner\":\"9C");
    assertThat(platform.names()).containsExactly("quoting enclave differs from QE identity");
    platform.identity = t -> t.replace("\"isvprodid\":1", "\"isvprodid\":2");
    assertThat(platform.names()).containsExactly("quoting enclave differs from QE identity");
    platform.identity = t -> t.replace("\"attributes\":\"11", "\"attributes\":\"15");
    assertThat(platform.names()).isEmpty();
    platform.identity = t -> t.replace("\"attributes\":\"11", "\"attributes\":\"31");
    assertThat(platform.names()).containsExactly("quoting enclave differs from QE identity");
  }

  private static byte[] littleEndian(byte[] raw) {
    byte[] signature = new byte[512];
    for (int i = 0; i < 48; i++) {
      signature[i] = raw[47 - i];
      signature[72 + i] = raw[95 - i];
    }
    return signature;
  }

  @Test
  void another_root_with_amds_name_is_accepted_only_where_the_policy_names_it() throws Exception {
    Specimen specimen = Specimen.named("genoa-v3");
    X509Certificate real = Certificates.der(specimen.file("vek"), "VCEK");
    List<TestAuthority.Extension> extensions = new ArrayList<>();
    for (String arc : List.of("2", "3.1", "3.2", "3.3", "3.8", "4")) {
      String oid = "1.3.6.1.4.1.3704.1." + arc;
      extensions.add(
          new TestAuthority.Extension(
              oid, Objects.requireNonNull(Certificates.extension(real, oid))));
    }
    TestAuthority ark = TestAuthority.root("ARK-Genoa", 384);
    TestAuthority ask = ark.authority("SEV-Genoa", 2);
    TestAuthority vcek =
        ask.issue("SEV-VCEK", 0, false, TestAuthority.BEGIN, TestAuthority.END, extensions);
    byte[] report = specimen.bytes();
    byte[] signature = littleEndian(vcek.raw(Arrays.copyOf(report, 0x2a0)));
    System.arraycopy(signature, 0, report, 0x2a0, signature.length);
    Evidence evidence =
        new Evidence.Snp(
            SnpReport.parse(report),
            new SnpCertificates(vcek.certificate(), List.of(ask.certificate()), null));
    String simulation = "simulation:\n  genoa: |\n    " + ark.pem().replace("\n", "\n    ") + "\n";
    Verdict named =
        EvidenceVerifier.verify(
            evidence,
            PolicyFile.parse(specimen.policy() + simulation),
            specimen.at(),
            Optional.empty());
    assertThat(named.reasons()).isEmpty();
    assertThat(named.simulation()).isTrue();
    Verdict unnamed =
        EvidenceVerifier.verify(
            evidence, PolicyFile.parse(specimen.policy()), specimen.at(), Optional.empty());
    assertThat(unnamed.reasons())
        .extracting(Finding::name)
        .containsExactly("VEK not signed by the ASK/ASVK of this product");
    Evidence revoked =
        new Evidence.Snp(
            SnpReport.parse(report),
            new SnpCertificates(
                vcek.certificate(),
                List.of(ask.certificate()),
                Certificates.crl(ark.crl(BEFORE, AFTER, 2), "CRL")));
    assertThat(
            EvidenceVerifier.verify(
                    revoked, PolicyFile.parse(specimen.policy() + simulation), AT, Optional.empty())
                .reasons())
        .extracting(Finding::name)
        .containsExactly("ASK/ASVK revoked");
  }
}
