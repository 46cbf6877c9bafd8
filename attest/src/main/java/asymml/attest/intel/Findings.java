package asymml.attest.intel;

import asymml.attest.Finding;
import asymml.attest.Problem;
import asymml.attest.VerificationTime;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/// Problems in the order in which verification meets them.
final class Findings {
  private final VerificationTime time;
  private final List<Finding> all = new ArrayList<>();

  Findings(VerificationTime time) {
    this.time = time;
  }

  VerificationTime time() {
    return time;
  }

  List<Finding> all() {
    return all;
  }

  void add(Problem problem, String found, String expected) {
    all.add(Finding.of(problem, found, expected));
  }

  void validity(Instant begin, Instant end, Problem early, Problem late) {
    if (time.isBefore(begin)) {
      add(early, "valid from " + begin, "valid at " + time.at());
    }
    if (time.isAfter(end)) {
      add(late, "valid to " + end, "valid at " + time.at());
    }
  }

  void validity(X509Certificate certificate, Problem early, Problem late) {
    validity(
        certificate.getNotBefore().toInstant(), certificate.getNotAfter().toInstant(), early, late);
  }
}
