package asymml.attest.source;

import java.io.IOException;

/// No evidence: a simulation, in which nothing is protected.
///
/// @param reason what is missing, one line
public record None(String reason) implements EvidenceSource {
  @Override
  public RawEvidence get(byte[] reportData) throws IOException {
    throw new IOException("no evidence: " + reason);
  }

  @Override
  public String description() {
    return "none: not running in a TEE (simulation, not protected)";
  }
}
