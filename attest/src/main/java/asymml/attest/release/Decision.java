package asymml.attest.release;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/// What the owner decided about one request, and why.
///
/// @param at when, by the owner's clock
/// @param peer who asked: the address of the connection
/// @param granted whether the key was released
/// @param simulation whether the policy accepts roots of tests, so that this says nothing about
///   hardware
/// @param evidence TEE and measurement; empty if they could not be read
/// @param tcbStatus of an Intel platform; empty if it could not be found, and for others
/// @param configurationDigest SHA-256 of the declared configuration in hexadecimal; empty if none
///   could be read
/// @param keyId the data key's name in hexadecimal
/// @param reasons against the request, one line each; none if it was granted
public record Decision(
    Instant at,
    String peer,
    boolean granted,
    boolean simulation,
    String evidence,
    String tcbStatus,
    String configurationDigest,
    String keyId,
    List<String> reasons) {
  /// What begins each line about evidence to a root of tests.
  public static final String SIMULATION = "SIMULATION: not a vendor's root";

  /// Checks that reasons and verdict fit.
  public Decision {
    reasons = List.copyOf(reasons);
    if (granted != reasons.isEmpty()) {
      throw new IllegalArgumentException(
          "a key is granted if and only if there is no reason against it: " + reasons);
    }
  }

  /// For people.
  ///
  /// @return the decision, then each reason, one line each
  public List<String> lines() {
    String mark = simulation ? SIMULATION + ": " : "";
    String head =
        "%s%s %s %s: %s%s, configuration %s, key %s"
            .formatted(
                mark,
                at,
                granted ? "granted" : "refused",
                peer,
                evidence.isEmpty() ? "no readable evidence" : evidence,
                tcbStatus.isEmpty() ? "" : ", TCB " + tcbStatus,
                configurationDigest.isEmpty() ? "not readable" : configurationDigest,
                keyId);
    List<String> all = new ArrayList<>(List.of(head));
    reasons.forEach(reason -> all.add(mark + "  " + reason));
    return all;
  }
}
