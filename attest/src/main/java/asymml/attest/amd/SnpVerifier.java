package asymml.attest.amd;

import asymml.attest.EvidenceException;
import asymml.attest.Finding;
import asymml.attest.Problem;
import asymml.attest.VerificationTime;
import asymml.attest.crypto.CertificatePath;
import asymml.attest.crypto.Certificates;
import asymml.attest.crypto.Curve;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Verifies attestation reports of SEV-SNP against AMD's keys (AMD 56860, chapter 7; AMD 57230).
/// Each step that fails is a finding; later steps still run.
public final class SnpVerifier {
  /// Of r and s in a report.
  private static final int HALF = 72;

  private final Map<Product, X509Certificate> anchors;
  private final VerificationTime time;
  private final List<Finding> problems = new ArrayList<>();

  private SnpVerifier(Map<Product, X509Certificate> anchors, VerificationTime time) {
    this.anchors = anchors;
    this.time = time;
  }

  /// Verifies a report.
  ///
  /// @param report to be verified
  /// @param certificates that came with it
  /// @param products that the owner allows: a report of version 2 does not say its product, and is
  ///   taken to be of the only one that is allowed, or else of the one that its VEK's issuer names
  /// @param time for which
  /// @return with all problems
  public static SnpResult verify(
      SnpReport report,
      SnpCertificates certificates,
      Set<Product> products,
      VerificationTime time) {
    return verify(report, certificates, products, time, Map.of());
  }

  /// The same with other roots: a simulation, which says nothing about any hardware.
  ///
  /// @param report to be verified
  /// @param certificates that came with it
  /// @param products that the owner allows
  /// @param time for which
  /// @param simulated roots in place of AMD's, by product
  /// @return with all problems
  public static SnpResult verify(
      SnpReport report,
      SnpCertificates certificates,
      Set<Product> products,
      VerificationTime time,
      Map<Product, X509Certificate> simulated) {
    SnpVerifier verifier = new SnpVerifier(simulated, time);
    Optional<Product> product = product(report, certificates.vek(), products);
    String csp = verifier.run(report, certificates, product);
    return new SnpResult(report, product, csp, verifier.problems);
  }

  private static Optional<Product> product(
      SnpReport report, @Nullable X509Certificate vek, Set<Product> products) {
    if (report.version() >= 3) {
      return report.product();
    }
    if (products.size() == 1) {
      return Optional.of(products.iterator().next());
    }
    return vek == null
        ? Optional.empty()
        : Product.issuing(Certificates.commonName(vek.getIssuerX500Principal()));
  }

  private void add(Problem problem, String found, String expected) {
    problems.add(Finding.of(problem, found, expected));
  }

  private String run(SnpReport report, SnpCertificates certificates, Optional<Product> product) {
    SigningKey kind = report.signingKey();
    if (kind == SigningKey.NONE || kind == SigningKey.UNKNOWN) {
      add(Problem.NOT_SIGNED, kind.name().toLowerCase(Locale.ROOT), "VCEK or VLEK");
      return "";
    }
    if (product.isEmpty()) {
      add(
          Problem.UNKNOWN_PRODUCT,
          report.cpuid().map(id -> "CPUID " + id).orElse("a VEK that names none"),
          "Milan, Genoa or Turin");
      return "";
    }
    @Nullable X509Certificate vek = certificates.vek();
    if (vek == null) {
      add(
          Problem.VEK_MISSING,
          "no certificate",
          "the %s certificate of chip %s"
              .formatted(kind, HexFormat.of().formatHex(report.chipId())));
      return "";
    }
    chain(vek, certificates, product.get(), kind);
    signature(report, vek);
    try {
      VekExtensions extensions = VekExtensions.of(vek);
      claims(report, product.get(), kind, extensions);
      return extensions.cspId();
    } catch (EvidenceException e) {
      add(Problem.REPORTED_TCB, String.valueOf(e.getMessage()), "AMD's extensions");
      return "";
    }
  }

  private void chain(
      X509Certificate vek, SnpCertificates certificates, Product product, SigningKey kind) {
    @Nullable X509Certificate simulated = anchors.get(product);
    X509Certificate ark = simulated == null ? product.certificates().get(1) : simulated;
    String issuer = product.issuer(kind);
    List<X509Certificate> candidates =
        Stream.concat(certificates.intermediates().stream(), product.certificates().stream())
            .filter(c -> Certificates.commonName(c.getSubjectX500Principal()).equals(issuer))
            .toList();
    String fault = "no certificate of " + issuer;
    for (X509Certificate ask : candidates) {
      @Nullable String found = CertificatePath.fault(List.of(vek, ask), ark, time.at());
      if (found == null) {
        validity(ask, Problem.ASK_NOT_YET_VALID, Problem.ASK_EXPIRED);
        revocation(certificates.crl(), ask, ark);
        fault = "";
        break;
      }
      fault = found;
    }
    if (!fault.isEmpty()) {
      add(
          Problem.VEK_CHAIN,
          "%s, issued by %s"
              .formatted(fault, Certificates.commonName(vek.getIssuerX500Principal())),
          "a path by %s to ARK-%s".formatted(issuer, product.certificateName()));
    }
    validity(ark, Problem.ROOT_NOT_YET_VALID, Problem.ROOT_EXPIRED);
    validity(vek, Problem.VEK_NOT_YET_VALID, Problem.VEK_EXPIRED);
  }

  private void validity(X509Certificate certificate, Problem early, Problem late) {
    Instant begin = certificate.getNotBefore().toInstant();
    Instant end = certificate.getNotAfter().toInstant();
    if (time.isBefore(begin)) {
      add(early, "valid from " + begin, "valid at " + time.at());
    }
    if (time.isAfter(end)) {
      add(late, "valid to " + end, "valid at " + time.at());
    }
  }

  /// AMD's list is optional: its hosts do not hand it out, and VEKs themselves are not on it.
  private void revocation(@Nullable X509CRL crl, X509Certificate ask, X509Certificate ark) {
    if (crl == null) {
      return;
    }
    if (!Certificates.isSignedBy(crl, ark)) {
      add(Problem.ARK_CRL_SIGNATURE, "a signature of another key", "one of the ARK");
      return;
    }
    Instant begin = crl.getThisUpdate().toInstant();
    Instant end = crl.getNextUpdate().toInstant();
    if (time.isBefore(begin)) {
      add(Problem.ARK_CRL_NOT_YET_VALID, "thisUpdate " + begin, "valid at " + time.at());
    }
    if (time.isAfter(end)) {
      add(Problem.ARK_CRL_EXPIRED, "nextUpdate " + end, "valid at " + time.at());
    }
    if (crl.isRevoked(ask)) {
      add(Problem.ASK_REVOKED, "serial number " + ask.getSerialNumber(), "not on the ARK's list");
    }
  }

  private void signature(SnpReport report, X509Certificate vek) {
    byte[] raw = report.signature();
    int size = Curve.P384.size();
    byte[] bigEndian = new byte[2 * size];
    for (int i = 0; i < size; i++) {
      bigEndian[size - 1 - i] = raw[i];
      bigEndian[2 * size - 1 - i] = raw[HALF + i];
    }
    for (int i = 0; i < raw.length; i++) {
      boolean used = i < size || (i >= HALF && i < HALF + size);
      if (!used && raw[i] != 0) {
        add(
            Problem.REPORT_SIGNATURE,
            "byte %s of it is not zero".formatted(i),
            "zeros beyond r, s");
        return;
      }
    }
    if (!Curve.P384.verifies(vek.getPublicKey(), report.signed(), bigEndian)) {
      add(
          Problem.REPORT_SIGNATURE,
          "a signature that the VEK's key did not make",
          "one over the report by the VEK's key");
    }
  }

  /// A report may not claim more than the key was made for that signed it.
  private void claims(
      SnpReport report, Product product, SigningKey kind, VekExtensions extensions) {
    if ((kind == SigningKey.VLEK) == extensions.cspId().isEmpty()) {
      add(
          Problem.VEK_KIND,
          extensions.cspId().isEmpty() ? "a certificate of a chip" : "one of a cloud provider",
          "one of a " + kind);
    }
    TcbVersion reported = report.reportedTcb(product);
    if (!reported.equals(extensions.tcb())) {
      add(Problem.REPORTED_TCB, reported.toString(), "that of the VEK: " + extensions.tcb());
    }
    if (kind == SigningKey.VCEK && report.chipIdMasked()) {
      add(Problem.CHIP_ID_MASKED, "no chip id", "that of the VCEK");
    } else if (kind == SigningKey.VCEK && !extensions.isOf(report.chipId())) {
      add(
          Problem.CHIP_ID,
          HexFormat.of().formatHex(report.chipId()),
          "that of the VCEK: " + HexFormat.of().formatHex(extensions.chipId()));
    }
  }
}
