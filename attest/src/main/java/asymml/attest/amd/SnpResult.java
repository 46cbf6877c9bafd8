package asymml.attest.amd;

import asymml.attest.Finding;
import java.util.List;
import java.util.Optional;

/// What verification of a report came to, before any policy.
///
/// @param report that was verified
/// @param product whose root was asked for; empty if unknown
/// @param cspId the cloud provider that a VLEK names; empty else
/// @param problems all steps that failed; empty if the report is genuine
public record SnpResult(
    SnpReport report, Optional<Product> product, String cspId, List<Finding> problems) {
  /// Copies the list.
  public SnpResult {
    problems = List.copyOf(problems);
  }
}
