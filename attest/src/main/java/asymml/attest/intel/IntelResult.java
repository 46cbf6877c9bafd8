package asymml.attest.intel;

import asymml.attest.Finding;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What verification of a quote came to, before any policy.
///
/// @param quote that was verified
/// @param pck what its PCK certificate says; null if it has none that can be read
/// @param status by Intel's algorithm; null if it could not be found
/// @param advisories Intel's security advisories behind the status
/// @param evaluation number of Intel's evaluation of TCBs; -1 if unknown
/// @param issued when the older of TCB info and QE identity was issued; null if unknown
/// @param problems all steps that failed; empty if the quote is genuine
public record IntelResult(
    Quote quote,
    @Nullable PckCertificate pck,
    @Nullable TcbStatus status,
    List<String> advisories,
    int evaluation,
    @Nullable Instant issued,
    List<Finding> problems) {
  /// Copies the lists.
  public IntelResult {
    advisories = List.copyOf(advisories);
    problems = List.copyOf(problems);
  }
}
