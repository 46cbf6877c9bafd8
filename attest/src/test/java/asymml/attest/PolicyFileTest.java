package asymml.attest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.attest.amd.Product;
import asymml.attest.amd.TcbVersion;
import asymml.attest.intel.TcbStatus;
import asymml.attest.policy.EvidenceVerifier;
import asymml.attest.policy.Policy;
import asymml.attest.policy.PolicyFile;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PolicyFileTest {
  private static final String D32 = "ab".repeat(32);
  private static final String D48 = "cd".repeat(48);

  private static List<String> reasons(String id, String policy) throws Exception {
    Specimen specimen = Specimen.named(id);
    return EvidenceVerifier.verify(
            specimen.evidence(), PolicyFile.parse(policy), specimen.at(), Optional.empty())
        .reasons()
        .stream()
        .map(Finding::name)
        .toList();
  }

  private static List<String> with(String id, String more) throws Exception {
    return reasons(id, Specimen.named(id).policy() + more);
  }

  @Test
  void all_keys_are_read() throws Exception {
    Policy policy =
        PolicyFile.parse(
            """
            sgx:
            - mrenclave: %s
            - {mrsigner: %s, isvProdId: 3, isvSvn: 2}
            tdx:
            - mrtd: %s
              rtmr0: any
              rtmr1: any
              rtmr2: any
              rtmr3: any
              mrconfigid: any
              mrservicetd: %s
            snp:
            - measurement: %s
              hostData: %s
              idKeyDigest: any
              vmpl: 1
              products: [genoa, turin]
              minimumTcb:
                genoa: {bootLoader: 10, tee: 0, snp: 23, microcode: 84}
                turin: {fmc: 1, bootLoader: 1, tee: 0, snp: 2, microcode: 71}
            tcb: {accept: [UpToDate, insecureOutOfDate], acceptAdvisories: [A], minimumEvaluation: 17}
            collateral: {maxAgeDays: 14}
            revocation: unavailable-accepted
            clockSkewSeconds: 5
            platforms: [%s]
            """
                .formatted(D32, D32, D48, D48, D48, D32, "ab".repeat(16)));
    assertThat(policy.sgx()).hasSize(2);
    assertThat(policy.sgx().getLast().signer().orElseThrow().isvProdId()).isEqualTo(3);
    assertThat(policy.tdx().getFirst().mrServiceTd()).contains(D48);
    assertThat(policy.snp().getFirst().minimumTcb())
        .isEqualTo(
            Map.of(
                Product.GENOA, new TcbVersion(0, 10, 0, 23, 84),
                Product.TURIN, new TcbVersion(1, 1, 0, 2, 71)));
    assertThat(policy.tcb().accept())
        .containsExactlyInAnyOrder(TcbStatus.UP_TO_DATE, TcbStatus.OUT_OF_DATE);
    assertThat(policy.revocationRequired()).isFalse();
    assertThat(policy.collateralMaxAge().orElseThrow().toDays()).isEqualTo(14);
    assertThat(policy.clockSkew().toSeconds()).isEqualTo(5);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "sgx: [] | policy key platforms is missing",
        "{platforms: any, sgx: [{}]} | policy key sgx[0] needs mrenclave",
        "{platforms: any, sgx: [{mrenclave: abc}]} | policy key sgx[0].mrenclave must be 64",
        "{platforms: any, sgx: [{mrenclave: 12}]} | policy key sgx[0].mrenclave must be text",
        "{platforms: any, tcb: {accept: [OutOfDate]}} | policy key tcb.accept[0] is none of",
        "{platforms: any, tcb: {accept: [NotSupported]}} | policy key tcb.accept[0] is none of",
        "{platforms: any, revocation: maybe} | policy key revocation must be required or",
        "{platforms: any, snp: [{products: [rome]}]} | policy key snp[0].products[0] is none of",
        "{platforms: any, platforms: any} | the policy is no YAML: Duplicate",
        "just text | the policy must be a mapping",
        "'{' | the policy is no YAML: while parsing a flow node (line 1)",
      })
  void a_mistake_is_named_by_its_key(String yaml, String message) {
    assertThatThrownBy(() -> PolicyFile.parse(yaml))
        .isInstanceOf(EvidenceException.class)
        .hasMessageContaining(message)
        .satisfies(e -> assertThat(e.getMessage()).hasLineCount(1));
  }

  @Test
  void without_an_identity_nothing_is_accepted() throws Exception {
    assertThat(reasons("tdx-v4-phala", "platforms: any")).containsExactly("no identity accepted");
    assertThat(reasons("turin-v5", "platforms: any")).containsExactly("no identity accepted");
    assertThat(reasons("turin-v5", Specimen.named("genoa-v3").policy()))
        .containsExactly("identity not accepted", "product not accepted");
  }

  @Test
  void what_a_policy_accepts_in_words_is_accepted() throws Exception {
    assertThat(with("tdx-v4-oasis", "revocation: unavailable-accepted\n")).isEmpty();
    assertThat(with("tdx-v4-gcp", "tcb: {accept: [insecureOutOfDate]}\n")).isEmpty();
    assertThat(
            with(
                "sgx-v3-phala",
                "tcb: {acceptAdvisories: [INTEL-SA-00289, INTEL-SA-00615, INTEL-SA-1]}\n"))
        .isEmpty();
    assertThat(with("sgx-v3-phala", "tcb: {acceptAdvisories: [INTEL-SA-00289]}\n"))
        .containsExactly("TCB ConfigurationAndSWHardeningNeeded");
    assertThat(with("sgx-v3-debug", "tcb: {accept: [ConfigurationAndSWHardeningNeeded]}\n"))
        .containsExactly("debug");
    assertThat(
            with(
                "tdx-v4-gcp",
                "tcb: {acceptAdvisories: [INTEL-SA-00960, INTEL-SA-00982, INTEL-SA-00986]}\n"))
        .containsExactly("TCB OutOfDate");
  }

  @Test
  void stricter_policies_refuse_more() throws Exception {
    assertThat(with("tdx-v4-phala", "tcb: {minimumEvaluation: 18}\n"))
        .containsExactly("TCB evaluation number too low");
    assertThat(with("tdx-v5-alibaba", "collateral: {maxAgeDays: 10}\n"))
        .containsExactly("collateral too old");
    String other = "platforms: [%s]\n".formatted("ab".repeat(64));
    assertThat(
            reasons(
                "turin-v5", Specimen.named("turin-v5").policy().replace("platforms: any\n", other)))
        .containsExactly("platform not accepted");
    assertThat(
            reasons(
                "turin-v5",
                Specimen.named("turin-v5")
                    .policy()
                    .replace(
                        "minimumTcb: any",
                        "minimumTcb: {turin: {fmc: 0, bootLoader: 1, tee: 0, snp: 3, microcode:"
                            + " 71}}")))
        .containsExactly("TCB below the minimum");
  }
}
