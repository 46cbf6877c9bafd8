package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.privacy.Accountant;
import asymml.privacy.Channel;
import asymml.privacy.Delta;
import asymml.privacy.GaussianAccountant;
import asymml.privacy.Ledger;
import asymml.privacy.PrivacyStatement;
import asymml.privacy.Release;
import asymml.privacy.Sampling;
import asymml.trusted.plan.ReleasePlan;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The releases of a step, derived a second time from what really happens in it, over the cross
/// product of settings. A finite epsilon of the whole view stands only where every value that
/// reaches a worker, directly or through the weights, is accounted for.
class ReleaseFlowTest {
  /// At which a run of a few epochs has a finite epsilon.
  private static final double STATED_NOISE = 20;

  @TempDir Path folder;

  @Test
  void what_is_accounted_for_is_what_flows_in_every_combination_of_settings() throws Exception {
    Set<Object> done = new HashSet<>();
    int refused = 0;
    int combinations = 0;
    int finite = 0;
    for (FlowPlan settings : FlowPlan.all()) {
      if (!settings.findings().isEmpty()) {
        refused++;
        continue;
      }
      combinations++;
      if (done.add(settings.key())) {
        try {
          finite += run(settings) ? 1 : 0;
        } catch (AssertionError | RuntimeException e) {
          throw new AssertionError("in " + settings, e);
        }
      }
    }
    System.out.printf(
        "release flow: %d plans run, %d refused (of %d combinations accepted, many are the same"
            + " plan); %d with a finite whole view%n",
        done.size(), refused, combinations, finite);
    assertThat(done).hasSizeGreaterThan(300);
    assertThat(refused).isGreaterThan(1000);
    assertThat(finite).isGreaterThan(50);
  }

  /// Runs a step that renews bases, and one that does not, which has no examples where there can be
  /// none: what is left is noise.
  ///
  /// @return whether the whole view is stated as finite
  private boolean run(FlowPlan settings) throws Exception {
    Path own = Files.createTempDirectory(folder, "w");
    try (FlowRun run = new FlowRun(settings, own)) {
      for (long step = 0; step < 2; step++) {
        boolean nothing = step == 1 && settings.accounted();
        FlowRun.Step what = run.step(step, nothing);
        assertThat(what.refresh()).isEqualTo(step == 0);
        new FlowCheck(settings, run, what).match(nothing);
        if (!settings.protect().contains(Channel.WEIGHTS)
            && !run.addedHere(what).isEmpty()
            && !run.remote().isEmpty()) {
          assertThat(isFinite(settings)).as("weights carry exact sums").isFalse();
        }
        run.update();
      }
      boolean uncovered =
          run.releases().releases(true).stream()
              .anyMatch(release -> release.mechanism() instanceof Release.Uncovered);
      boolean finite = isFinite(settings);
      assertThat(finite).isEqualTo(!uncovered);
      return finite;
    }
  }

  private static boolean isFinite(FlowPlan settings) {
    ReleasePlan releases =
        new ReleasePlan(settings.graph(), settings.plan(), settings.terms(STATED_NOISE));
    Ledger ledger =
        new Ledger(
            new Sampling.Shuffled(FlowPlan.EXAMPLES, FlowPlan.BATCH),
            new Delta(1e-5),
            List.of(
                new Ledger.Entry(releases.releases(false), 9),
                new Ledger.Entry(releases.releases(true), 1)),
            releases.workers());
    Accountant accountant = new GaussianAccountant();
    return PrivacyStatement.of(ledger, accountant).view().isFinite();
  }
}
