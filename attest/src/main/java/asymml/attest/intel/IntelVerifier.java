package asymml.attest.intel;

import asymml.attest.EvidenceException;
import asymml.attest.Finding;
import asymml.attest.Problem;
import asymml.attest.VerificationTime;
import asymml.attest.crypto.CertificatePath;
import asymml.attest.crypto.Certificates;
import asymml.attest.crypto.Curve;
import asymml.attest.crypto.Roots;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Verifies quotes of SGX and TDX with collateral of Intel's service, up to Intel's root key. Each
/// step that fails is a finding; later steps still run.
public final class IntelVerifier {
  /// Certification data that is a chain of certificates.
  private static final int PCK_CHAIN = 5;

  private static final List<String> NAMES = List.of("SGX PCK Certificate", "CA", "SGX Root CA");

  private final Quote quote;
  private final Optional<Collateral> collateral;
  private final X509Certificate root;
  private final Findings findings;

  private @Nullable PckCertificate pck;
  private @Nullable TcbStatus status;
  private List<String> advisories = List.of();
  private int evaluation = -1;
  private @Nullable Instant issued;

  private IntelVerifier(
      Quote quote, Optional<Collateral> collateral, X509Certificate root, VerificationTime time) {
    this.quote = quote;
    this.collateral = collateral;
    this.root = root;
    findings = new Findings(time);
  }

  /// Verifies a quote.
  ///
  /// @param quote to be verified
  /// @param collateral of its platform
  /// @param time for which
  /// @return with all problems
  public static IntelResult verify(
      Quote quote, Optional<Collateral> collateral, VerificationTime time) {
    return verify(quote, collateral, time, Roots.intel());
  }

  /// The same with another root: a simulation, which says nothing about any hardware.
  ///
  /// @param quote to be verified
  /// @param collateral of its platform
  /// @param time for which
  /// @param simulated root in place of Intel's
  /// @return with all problems
  public static IntelResult verify(
      Quote quote,
      Optional<Collateral> collateral,
      VerificationTime time,
      X509Certificate simulated) {
    IntelVerifier verifier = new IntelVerifier(quote, collateral, simulated, time);
    verifier.run();
    List<Finding> problems = verifier.findings.all();
    return new IntelResult(
        quote,
        verifier.pck,
        verifier.status,
        verifier.advisories,
        verifier.evaluation,
        verifier.issued,
        problems);
  }

  private void run() {
    attestationKey();
    Optional<List<X509Certificate>> chain = chain();
    if (chain.isEmpty()) {
      return;
    }
    X509Certificate leaf = chain.get().getFirst();
    if (!Curve.P256.verifies(
        leaf.getPublicKey(), quote.quotingEnclave().bytes(), quote.quotingEnclaveSignature())) {
      findings.add(
          Problem.QE_REPORT_SIGNATURE,
          "a signature that the PCK did not make",
          "one over the QE report by the PCK");
    }
    if (collateral.isEmpty()) {
      findings.add(
          Problem.COLLATERAL_MISSING,
          "none",
          "Intel's collateral of " + quote.tee() + " platforms");
      return;
    }
    CollateralVerifier verifier = new CollateralVerifier(collateral.get(), root, findings);
    Optional<X509Certificate> signer = verifier.signer();
    verifier.revocation(leaf, chain.get().get(1), signer);
    if (signer.isPresent()) {
      tcb(verifier.tcbInfo(signer.get()), verifier.qeIdentity(signer.get()));
    }
  }

  private void attestationKey() {
    @Nullable PublicKey key = Curve.P256.key(quote.attestationKey());
    if (key == null) {
      findings.add(Problem.ATTESTATION_KEY, "no point of P-256", "a point of the curve");
    } else if (!Curve.P256.verifies(key, quote.signed(), quote.signature())) {
      findings.add(
          Problem.QUOTE_SIGNATURE,
          "a signature that the attestation key did not make",
          "one over header and body by the attestation key");
    }
    byte[] expected = Arrays.copyOf(digest(quote.attestationKey(), quote.authenticationData()), 64);
    if (!MessageDigest.isEqual(expected, quote.quotingEnclave().reportData())) {
      findings.add(
          Problem.ATTESTATION_KEY_BINDING,
          "a QE report about other data",
          "the digest of attestation key and QE authentication data");
    }
  }

  private static byte[] digest(byte[]... parts) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (byte[] part : parts) {
        digest.update(part);
      }
      return digest.digest();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java lacks SHA-256", e);
    }
  }

  /// The certificates in the quote: PCK, its CA, root; empty if they cannot be read. What they are
  /// worth is in the findings.
  private Optional<List<X509Certificate>> chain() {
    if (quote.certificationType() != PCK_CHAIN) {
      findings.add(
          Problem.NO_PCK_CHAIN,
          "certification data of type " + quote.certificationType(),
          "type 5: a chain of certificates");
      return Optional.empty();
    }
    List<X509Certificate> chain;
    try {
      chain = Certificates.pem(quote.certificationData(), "the PCK chain");
      if (chain.size() != NAMES.size()) {
        findings.add(Problem.PCK_CHAIN, chain.size() + " certificates", "PCK, PCK CA and root");
        return Optional.empty();
      }
      pck = PckCertificate.of(chain.getFirst());
    } catch (EvidenceException e) {
      findings.add(Problem.PCK_CHAIN, String.valueOf(e.getMessage()), "PCK, PCK CA and root");
      return Optional.empty();
    }
    names(chain);
    X509Certificate last = chain.getLast();
    if (!Certificates.isRoot(last, root)) {
      findings.add(
          Problem.UNTRUSTED_ROOT,
          "%s with another key or signature".formatted(last.getSubjectX500Principal()),
          "Intel's, by key");
    }
    @Nullable String fault = CertificatePath.fault(chain.subList(0, 2), root, findings.time().at());
    if (fault != null) {
      findings.add(Problem.PCK_CHAIN, fault, "a path to Intel's root");
    }
    findings.validity(chain.get(0), Problem.PCK_NOT_YET_VALID, Problem.PCK_EXPIRED);
    findings.validity(chain.get(1), Problem.PCK_CA_NOT_YET_VALID, Problem.PCK_CA_EXPIRED);
    findings.validity(root, Problem.ROOT_NOT_YET_VALID, Problem.ROOT_EXPIRED);
    return Optional.of(chain);
  }

  private void names(List<X509Certificate> chain) {
    for (int i = 0; i < NAMES.size(); i++) {
      String name = Certificates.commonName(chain.get(i).getSubjectX500Principal());
      if (!name.contains(NAMES.get(i))) {
        findings.add(Problem.PCK_CHAIN, "a certificate of " + name, NAMES.get(i));
      }
    }
  }

  private void tcb(Optional<TcbInfo> info, Optional<QeIdentity> identity) {
    PckCertificate platform = Objects.requireNonNull(pck);
    boolean fits = info.isPresent() && fits(info.get(), platform);
    if (identity.isPresent() && !identity.get().id().equals(quote.tee().quotingEnclave())) {
      findings.add(
          Problem.QE_IDENTITY_OTHER_TEE, identity.get().id(), quote.tee().quotingEnclave());
      return;
    }
    identity.ifPresent(this::quotingEnclave);
    if (!fits || identity.isEmpty()) {
      return;
    }
    if (info.get().evaluation() != identity.get().evaluation()) {
      findings.add(
          Problem.EVALUATIONS_DIFFER,
          "%s in the TCB info, %s in the QE identity"
              .formatted(info.get().evaluation(), identity.get().evaluation()),
          "one evaluation: an old part can be replayed beside a new one");
    }
    evaluation = Math.min(info.get().evaluation(), identity.get().evaluation());
    issued =
        info.get().issueDate().isBefore(identity.get().issueDate())
            ? info.get().issueDate()
            : identity.get().issueDate();
    TcbEvaluation result = TcbEvaluation.of(quote, platform, info.get(), identity.get());
    status = result.status();
    advisories = result.advisories();
    if (!result.moduleFault().isEmpty()) {
      findings.add(
          Problem.TDX_MODULE, result.moduleFault().getFirst(), result.moduleFault().getLast());
    }
  }

  private boolean fits(TcbInfo info, PckCertificate platform) {
    boolean fits = true;
    if (!info.id().equals(quote.tee().name())) {
      findings.add(Problem.TCB_INFO_OTHER_TEE, info.id(), quote.tee().name());
      fits = false;
    }
    if (!info.fmspc().equals(platform.fmspc())) {
      findings.add(Problem.TCB_INFO_OTHER_FMSPC, info.fmspc(), platform.fmspc());
      fits = false;
    }
    if (!info.pceId().equals(platform.pceId())) {
      findings.add(Problem.TCB_INFO_OTHER_PCE, info.pceId(), platform.pceId());
      fits = false;
    }
    return fits;
  }

  private void quotingEnclave(QeIdentity identity) {
    List<String> difference = identity.difference(quote.quotingEnclave());
    if (!difference.isEmpty()) {
      findings.add(Problem.QE_NOT_INTELS, difference.getFirst(), difference.getLast());
    }
  }
}
