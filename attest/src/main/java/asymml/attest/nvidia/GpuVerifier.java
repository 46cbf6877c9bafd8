package asymml.attest.nvidia;

import asymml.attest.EvidenceException;
import asymml.attest.Finding;
import asymml.attest.Problem;
import asymml.attest.VerificationTime;
import asymml.attest.crypto.CertificatePath;
import asymml.attest.crypto.Certificates;
import asymml.attest.crypto.Curve;
import asymml.attest.crypto.Roots;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Verifies that a report was signed by a GPU whose key NVIDIA has certified.
public final class GpuVerifier {
  private GpuVerifier() {}

  /// Verifies a report.
  ///
  /// @param report to be verified
  /// @param chain PEM, leaf first, to NVIDIA's root
  /// @param time for which
  /// @return all problems; empty if a genuine GPU signed the report
  public static List<Finding> verify(GpuReport report, byte[] chain, VerificationTime time) {
    List<Finding> problems = new ArrayList<>();
    List<X509Certificate> certificates;
    try {
      certificates = Certificates.pem(chain, "the GPU's chain");
    } catch (EvidenceException e) {
      return List.of(
          Finding.of(Problem.GPU_CHAIN, String.valueOf(e.getMessage()), "certificates in PEM"));
    }
    if (certificates.size() < 2) {
      return List.of(
          Finding.of(
              Problem.GPU_CHAIN,
              certificates.size() + " certificates",
              "a leaf, CAs and the root"));
    }
    X509Certificate root = Roots.nvidia();
    if (!Certificates.isRoot(certificates.getLast(), root)) {
      problems.add(
          Finding.of(
              Problem.UNTRUSTED_ROOT,
              String.valueOf(certificates.getLast().getSubjectX500Principal()),
              "NVIDIA's, by key"));
    }
    @Nullable String fault =
        CertificatePath.fault(certificates.subList(0, certificates.size() - 1), root, time.at());
    boolean valid =
        certificates.stream()
            .noneMatch(c ->
                time.isBefore(c.getNotBefore().toInstant())
                    || time.isAfter(c.getNotAfter().toInstant()));
    if (fault != null || !valid) {
      problems.add(
          Finding.of(
              Problem.GPU_CHAIN,
              fault == null ? "a certificate that is not valid then" : fault,
              "a path to NVIDIA's root at " + time.at()));
    }
    if (!Curve.P384.verifies(
        certificates.getFirst().getPublicKey(), report.signed(), report.signature())) {
      problems.add(
          Finding.of(
              Problem.GPU_SIGNATURE,
              "one that the leaf's key did not make",
              "one over request and response by the leaf's key"));
    }
    return problems;
  }
}
