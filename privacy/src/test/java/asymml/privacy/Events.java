package asymml.privacy;

import java.util.ArrayList;
import java.util.List;

/// Short names for the events of these tests.
final class Events {
  private Events() {}

  static PrivacyEvent gaussian(double z) {
    return new PrivacyEvent.Gaussian(new NoiseMultiplier(z));
  }

  static PrivacyEvent sampled(double q, PrivacyEvent event) {
    return new PrivacyEvent.PoissonSampled(new SamplingRate(q), event);
  }

  static PrivacyEvent times(long count, PrivacyEvent event) {
    return new PrivacyEvent.SelfComposed(event, count);
  }

  static PrivacyEvent all(PrivacyEvent... events) {
    return new PrivacyEvent.Composed(List.of(events));
  }

  static PrivacyEvent run(double q, double z, long steps) {
    return times(steps, sampled(q, gaussian(z)));
  }

  static double epsilon(Accountant accountant, PrivacyEvent event, double delta) {
    return accountant.epsilon(event, new Delta(delta)).value();
  }

  static double delta(Accountant accountant, PrivacyEvent event, double epsilon) {
    return accountant.delta(event, new Epsilon(epsilon)).value();
  }

  static List<Accountant> accountants() {
    var all = new ArrayList<Accountant>();
    all.add(new RdpAccountant());
    all.add(new PldAccountant());
    all.add(new GaussianAccountant());
    return all;
  }
}
