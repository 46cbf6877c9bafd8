package asymml.attest.intel;

import asymml.attest.EvidenceException;
import asymml.attest.Problem;
import asymml.attest.crypto.CertificatePath;
import asymml.attest.crypto.Certificates;
import asymml.attest.crypto.Curve;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Verifies collateral: signatures to Intel's root, dates, and revocation.
final class CollateralVerifier {
  private final Collateral collateral;
  private final X509Certificate root;
  private final Findings findings;

  CollateralVerifier(Collateral collateral, X509Certificate root, Findings findings) {
    this.collateral = collateral;
    this.root = root;
    this.findings = findings;
  }

  /// What TCB info and QE identity are signed with, if its chain holds.
  Optional<X509Certificate> signer() {
    if (collateral.signingChain().isEmpty()) {
      missing(Collateral.SIGNING_CHAIN);
      return Optional.empty();
    }
    List<X509Certificate> chain;
    try {
      chain = Certificates.pem(collateral.signingChain().get(), Collateral.SIGNING_CHAIN);
    } catch (EvidenceException e) {
      findings.add(Problem.TCB_SIGNING_CHAIN, String.valueOf(e.getMessage()), "PEM");
      return Optional.empty();
    }
    if (chain.size() != 2) {
      findings.add(
          Problem.TCB_SIGNING_CHAIN, chain.size() + " certificates", "two: signer and root");
      return Optional.empty();
    }
    X509Certificate signer = chain.getFirst();
    @Nullable String fault = CertificatePath.fault(List.of(signer), root, findings.time().at());
    if (!Certificates.isRoot(chain.getLast(), root)) {
      findings.add(
          Problem.UNTRUSTED_ROOT,
          "the root of %s: %s"
              .formatted(Collateral.SIGNING_CHAIN, chain.getLast().getSubjectX500Principal()),
          "Intel's, by key");
      return Optional.empty();
    }
    if (fault != null) {
      findings.add(Problem.TCB_SIGNING_CHAIN, fault, "a path to Intel's root");
      return Optional.empty();
    }
    String name = Certificates.commonName(signer.getSubjectX500Principal());
    if (!name.contains("TCB Signing")) {
      findings.add(Problem.TCB_SIGNING_CHAIN, "signer " + name, "Intel SGX TCB Signing");
      return Optional.empty();
    }
    findings.validity(signer, Problem.TCB_SIGNER_NOT_YET_VALID, Problem.TCB_SIGNER_EXPIRED);
    return Optional.of(signer);
  }

  private void missing(String file) {
    findings.add(Problem.COLLATERAL_MISSING, "no " + file, "all files of Intel's collateral");
  }

  Optional<TcbInfo> tcbInfo(X509Certificate signer) {
    if (collateral.tcbInfo().isEmpty()) {
      missing(Collateral.TCB_INFO);
      return Optional.empty();
    }
    try {
      SignedJson json = SignedJson.cut(collateral.tcbInfo().get(), "tcbInfo");
      if (!holds(json, signer, Problem.TCB_INFO_SIGNATURE)) {
        return Optional.empty();
      }
      TcbInfo info = TcbInfo.parse(json);
      findings.validity(
          info.issueDate(),
          info.nextUpdate(),
          Problem.TCB_INFO_NOT_YET_VALID,
          Problem.TCB_INFO_EXPIRED);
      return Optional.of(info);
    } catch (EvidenceException e) {
      findings.add(
          Problem.TCB_INFO_UNREADABLE, String.valueOf(e.getMessage()), "TCB info of PCS v4");
      return Optional.empty();
    }
  }

  Optional<QeIdentity> qeIdentity(X509Certificate signer) {
    if (collateral.qeIdentity().isEmpty()) {
      missing(Collateral.QE_IDENTITY);
      return Optional.empty();
    }
    try {
      SignedJson json = SignedJson.cut(collateral.qeIdentity().get(), "enclaveIdentity");
      if (!holds(json, signer, Problem.QE_IDENTITY_SIGNATURE)) {
        return Optional.empty();
      }
      QeIdentity identity = QeIdentity.parse(json);
      findings.validity(
          identity.issueDate(),
          identity.nextUpdate(),
          Problem.QE_IDENTITY_NOT_YET_VALID,
          Problem.QE_IDENTITY_EXPIRED);
      return Optional.of(identity);
    } catch (EvidenceException e) {
      findings.add(
          Problem.QE_IDENTITY_UNREADABLE,
          String.valueOf(e.getMessage()),
          "an enclave identity of PCS v4");
      return Optional.empty();
    }
  }

  private boolean holds(SignedJson json, X509Certificate signer, Problem problem) {
    boolean holds = Curve.P256.verifies(signer.getPublicKey(), json.object(), json.signature());
    if (!holds) {
      findings.add(problem, "a signature of another key or text", "one by Intel's TCB signer");
    }
    return holds;
  }

  /// Reports what is revoked, and what of the lists is missing or does not hold. A list that is
  /// missing is one finding: a policy may accept it, in words.
  void revocation(X509Certificate pck, X509Certificate ca, Optional<X509Certificate> signer) {
    if (collateral.pckCrl().isEmpty()) {
      String found =
          collateral.rootCrl().isEmpty()
              ? "neither " + Collateral.PCK_CRL + " nor " + Collateral.ROOT_CRL
              : "no " + Collateral.PCK_CRL;
      findings.add(Problem.PCK_CRL_MISSING, found, "both revocation lists");
    } else {
      pckList(collateral.pckCrl().get(), pck, ca);
      if (collateral.rootCrl().isEmpty()) {
        findings.add(Problem.ROOT_CRL_MISSING, "no " + Collateral.ROOT_CRL, "both lists");
      }
    }
    collateral.rootCrl().ifPresent(list -> rootList(list, ca, signer));
  }

  private void pckList(byte[] der, X509Certificate pck, X509Certificate ca) {
    X509CRL list;
    try {
      list = Certificates.crl(der, Collateral.PCK_CRL);
    } catch (EvidenceException e) {
      findings.add(Problem.PCK_CRL_SIGNATURE, String.valueOf(e.getMessage()), "a signed list");
      return;
    }
    if (!list.getIssuerX500Principal().equals(ca.getSubjectX500Principal())) {
      findings.add(
          Problem.PCK_CRL_OTHER_CA,
          Certificates.commonName(list.getIssuerX500Principal()),
          Certificates.commonName(ca.getSubjectX500Principal()));
      return;
    }
    if (!Certificates.isSignedBy(list, ca)) {
      findings.add(Problem.PCK_CRL_SIGNATURE, "a signature of another key", "one of the PCK's CA");
      return;
    }
    findings.validity(
        list.getThisUpdate().toInstant(),
        list.getNextUpdate().toInstant(),
        Problem.PCK_CRL_NOT_YET_VALID,
        Problem.PCK_CRL_EXPIRED);
    revoked(list, pck, Problem.PCK_REVOKED);
  }

  private void rootList(byte[] der, X509Certificate ca, Optional<X509Certificate> signer) {
    X509CRL list;
    try {
      list = Certificates.crl(der, Collateral.ROOT_CRL);
    } catch (EvidenceException e) {
      findings.add(Problem.ROOT_CRL_SIGNATURE, String.valueOf(e.getMessage()), "a signed list");
      return;
    }
    if (!list.getIssuerX500Principal().equals(root.getSubjectX500Principal())
        || !Certificates.isSignedBy(list, root)) {
      findings.add(Problem.ROOT_CRL_SIGNATURE, "a signature of another key", "one of the root");
      return;
    }
    findings.validity(
        list.getThisUpdate().toInstant(),
        list.getNextUpdate().toInstant(),
        Problem.ROOT_CRL_NOT_YET_VALID,
        Problem.ROOT_CRL_EXPIRED);
    revoked(list, ca, Problem.PCK_CA_REVOKED);
    signer.ifPresent(s -> revoked(list, s, Problem.TCB_SIGNER_REVOKED));
  }

  private void revoked(X509CRL list, X509Certificate certificate, Problem problem) {
    if (list.isRevoked(certificate)) {
      findings.add(
          problem, "serial number " + certificate.getSerialNumber(), "not on its issuer's list");
    }
  }
}
