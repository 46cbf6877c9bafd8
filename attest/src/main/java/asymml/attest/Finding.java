package asymml.attest;

import org.jspecify.annotations.Nullable;

/// Why evidence is not accepted: one step of verification, or one rule of a policy.
///
/// @param problem which one
/// @param detail completes the problem's name where that takes one: a TCB status, a number
/// @param found what the evidence or the collateral says
/// @param expected what would have been accepted
/// @param policyKey the key of the policy that decides; null if no policy accepts this
public record Finding(
    Problem problem, String detail, String found, String expected, @Nullable String policyKey) {
  /// A failed step that no policy accepts.
  ///
  /// @param problem which one
  /// @param found what the evidence says
  /// @param expected what would hold
  /// @return the finding
  public static Finding of(Problem problem, String found, String expected) {
    return new Finding(problem, "", found, expected, null);
  }

  /// A failed rule of a policy.
  ///
  /// @param problem which one
  /// @param found what the evidence says
  /// @param expected what the policy asks for
  /// @param policyKey the key that decides
  /// @return the finding
  public static Finding refused(Problem problem, String found, String expected, String policyKey) {
    return new Finding(problem, "", found, expected, policyKey);
  }

  /// The problem's name.
  ///
  /// @return for example `tcb-info expired` or `TCB OutOfDate`
  public String name() {
    return detail.isEmpty() ? problem.label() : problem.label() + " " + detail;
  }

  /// All of it.
  ///
  /// @return one line
  public String line() {
    return "%s: found %s; expected %s; %s"
        .formatted(
            name(),
            found,
            expected,
            policyKey == null
                ? "no policy key accepts this"
                : "decided by the policy key " + policyKey);
  }
}
