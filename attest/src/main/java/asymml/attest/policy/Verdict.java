package asymml.attest.policy;

import asymml.attest.Finding;
import asymml.attest.intel.TcbStatus;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What an owner's verifier says of evidence.
///
/// @param problems why the evidence is not genuine, not current or not complete
/// @param refusals why the policy does not accept it
/// @param status of an Intel platform; empty if it could not be found, and for others
/// @param advisories Intel's security advisories behind the status
/// @param simulation whether the evidence leads to a root of tests, so that it says nothing about
///   hardware
public record Verdict(
    List<Finding> problems,
    List<Finding> refusals,
    Optional<TcbStatus> status,
    List<String> advisories,
    boolean simulation) {
  /// Copies the lists.
  public Verdict {
    problems = List.copyOf(problems);
    refusals = List.copyOf(refusals);
    advisories = List.copyOf(advisories);
  }

  /// Whether the evidence is accepted.
  ///
  /// @return true if there is nothing against it
  public boolean accepted() {
    return problems.isEmpty() && refusals.isEmpty();
  }

  /// All that is against the evidence.
  ///
  /// @return problems, then refusals
  public List<Finding> reasons() {
    List<Finding> all = new ArrayList<>(problems);
    all.addAll(refusals);
    return all;
  }
}
