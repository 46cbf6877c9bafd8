package asymml.attest.policy;

import asymml.attest.Finding;
import asymml.attest.Problem;
import asymml.attest.intel.IntelResult;
import asymml.attest.intel.TcbStatus;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Which firmware of Intel platforms is accepted.
///
/// @param accept statuses
/// @param acceptAdvisories advisories that the owner has dealt with: a status that asks for
///   hardening or another configuration is accepted if all its advisories are among them
/// @param minimumEvaluation the least number of Intel's evaluations; 0 is any
public record TcbRule(Set<TcbStatus> accept, Set<String> acceptAdvisories, int minimumEvaluation) {
  private static final Set<TcbStatus> MENDED_BY_THE_OWNER =
      EnumSet.of(
          TcbStatus.SW_HARDENING_NEEDED,
          TcbStatus.CONFIGURATION_NEEDED,
          TcbStatus.CONFIGURATION_AND_SW_HARDENING_NEEDED);

  /// UpToDate and nothing else.
  public static final TcbRule DEFAULT = new TcbRule(Set.of(TcbStatus.UP_TO_DATE), Set.of(), 0);

  /// Copies the sets.
  public TcbRule {
    accept = Set.copyOf(accept);
    acceptAdvisories = Set.copyOf(acceptAdvisories);
  }

  List<Finding> check(IntelResult result) {
    List<Finding> refused = new ArrayList<>();
    @Nullable TcbStatus status = result.status();
    if (status != null && !accepts(status, result.advisories())) {
      String advisories =
          result.advisories().isEmpty() ? "" : " with " + String.join(", ", result.advisories());
      refused.add(
          new Finding(
              Problem.TCB,
              status.label(),
              status.label() + advisories,
              accept.stream().map(TcbStatus::label).sorted().toList().toString(),
              status.policyWord().map(word -> "tcb.accept (as " + word + ")").orElse(null)));
    }
    if (status != null && result.evaluation() < minimumEvaluation) {
      refused.add(
          Finding.refused(
              Problem.EVALUATION_TOO_LOW,
              String.valueOf(result.evaluation()),
              "at least " + minimumEvaluation,
              "tcb.minimumEvaluation"));
    }
    return refused;
  }

  private boolean accepts(TcbStatus status, List<String> advisories) {
    return accept.contains(status)
        || (MENDED_BY_THE_OWNER.contains(status)
            && !advisories.isEmpty()
            && acceptAdvisories.containsAll(advisories));
  }
}
