package asymml.attest;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.attest.amd.SnpCertificates;
import asymml.attest.amd.SnpReport;
import asymml.attest.crypto.Certificates;
import asymml.attest.policy.Evidence;
import asymml.attest.policy.EvidenceVerifier;
import asymml.attest.policy.PolicyFile;
import asymml.attest.policy.Verdict;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// A whole valid hierarchy under a root of this test with the vendors' names: untrusted, unless a
/// policy names that root; with it, the cases that reality does not offer.
class SimulatedHierarchyTest {
  private static final Instant AT = SimulatedPlatform.AT;
  private static final Instant BEFORE = SimulatedPlatform.BEFORE;
  private static final Instant AFTER = SimulatedPlatform.AFTER;
  private static final int PCK_SERIAL = SimulatedPlatform.PCK_SERIAL;
  private static final int CA_SERIAL = SimulatedPlatform.CA_SERIAL;
  private static final int SIGNER_SERIAL = SimulatedPlatform.SIGNER_SERIAL;

  @Test
  void another_root_with_intels_name_is_accepted_only_where_the_policy_names_it() throws Exception {
    SimulatedPlatform platform = new SimulatedPlatform();
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
    SimulatedPlatform platform = new SimulatedPlatform();
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
    SimulatedPlatform platform = new SimulatedPlatform();
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
    SimulatedPlatform platform = new SimulatedPlatform();
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
    SimulatedPlatform platform = new SimulatedPlatform();
    platform.identity =
        t -> t.replace("\"tcbEvaluationDataNumber\":17", "\"tcbEvaluationDataNumber\":16");
    assertThat(platform.names()).containsExactly("TCB evaluation numbers differ");
  }

  @Test
  void a_certificate_below_one_that_is_no_authority_is_refused() throws Exception {
    SimulatedPlatform platform = new SimulatedPlatform();
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
    SimulatedPlatform platform = new SimulatedPlatform();
    platform.identity = t -> t.replace("\"mrsigner\":\"8C", "\"mrsigner\":\"9C");
    assertThat(platform.names()).containsExactly("quoting enclave differs from QE identity");
    platform.identity = t -> t.replace("\"isvprodid\":1", "\"isvprodid\":2");
    assertThat(platform.names()).containsExactly("quoting enclave differs from QE identity");
    platform.identity = t -> t.replace("\"attributes\":\"11", "\"attributes\":\"15");
    assertThat(platform.names()).isEmpty();
    platform.identity = t -> t.replace("\"attributes\":\"11", "\"attributes\":\"31");
    assertThat(platform.names()).containsExactly("quoting enclave differs from QE identity");
  }

  @Test
  void another_root_with_amds_name_is_accepted_only_where_the_policy_names_it() throws Exception {
    SimulatedGuest guest = new SimulatedGuest();
    Specimen specimen = guest.specimen;
    byte[] report = guest.report(SnpReport.parse(specimen.bytes()).reportData());
    Evidence evidence =
        new Evidence.Snp(
            SnpReport.parse(report),
            new SnpCertificates(guest.vcek.certificate(), List.of(guest.ask.certificate()), null));
    String simulation = guest.simulation();
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
                guest.vcek.certificate(),
                List.of(guest.ask.certificate()),
                Certificates.crl(guest.ark.crl(BEFORE, AFTER, 2), "CRL")));
    assertThat(
            EvidenceVerifier.verify(
                    revoked, PolicyFile.parse(specimen.policy() + simulation), AT, Optional.empty())
                .reasons())
        .extracting(Finding::name)
        .containsExactly("ASK/ASVK revoked");
  }
}
