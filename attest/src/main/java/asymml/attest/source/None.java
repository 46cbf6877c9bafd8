package asymml.attest.source;

import java.io.IOException;

/// No TEE: a simulation, in which nothing is protected.
public final class None implements EvidenceSource {
  /// There is only one kind.
  public None() {}

  @Override
  public RawEvidence get(byte[] reportData) throws IOException {
    throw new IOException(
        "no evidence: this process is not running in a TEE that gives any (neither"
            + " /dev/attestation of Gramine nor /sys/kernel/config/tsm/report of the kernel)");
  }

  @Override
  public String description() {
    return "none: not running in a TEE (simulation, not protected)";
  }
}
