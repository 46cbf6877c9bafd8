package asymml.study.audit;

import asymml.privacy.Channel;
import asymml.privacy.Ledger;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PrivacyStatement;
import asymml.privacy.Release;
import asymml.session.TrainedRun;
import asymml.study.StudyException;
import asymml.trusted.train.TrainListener;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// Audits the mechanism of a run with DP-SGD, with the run's settings and on canaries. The run's
/// images are not read, and its budget is not touched.
///
/// @param steps of [StepAudit], each with 1024 canaries; at least 1
/// @param training of [RunAudit]; null for none
public record PrivacyAudit(int steps, RunAudit.@Nullable Settings training) {
  private static final double CONFIDENCE = 0.95;

  /// Checks the number of steps.
  ///
  /// @throws IllegalArgumentException if it is below 1
  public PrivacyAudit {
    if (steps < 1) {
      throw new IllegalArgumentException("steps must be at least 1: " + steps);
    }
  }

  /// An audit of single steps alone.
  ///
  /// @param steps of [StepAudit], each with 1024 canaries; at least 1
  /// @return the audit
  /// @throws IllegalArgumentException if there are fewer
  public static PrivacyAudit ofSteps(int steps) {
    return new PrivacyAudit(steps, null);
  }

  /// Audits a run.
  ///
  /// @param run with a model
  /// @param listener hears how the audited training goes
  /// @return lower bounds beside what is claimed
  /// @throws StudyException if the run had no DP-SGD or has no ledger, or the audited training has
  ///   no answer
  /// @throws IOException if a file cannot be read or a worker fails
  public AuditReport of(TrainedRun run, TrainListener listener) throws StudyException, IOException {
    if (run.spec().training().privacy().dpSgd() == null) {
      throw new StudyException(
          run.layout().directory()
              + " was not trained with --dp-sgd: only runs with DP-SGD can be audited");
    }
    PrivacyStatement statement = run.statement();
    if (statement == null) {
      throw new StudyException(
          "%s has no %s: nothing is claimed that could be audited"
              .formatted(run.layout().directory(), run.layout().ledger().getFileName()));
    }
    TrainedModel.Description model = run.model().description();
    try {
      StepAudit step = new StepAudit(run.spec(), noise(statement.ledger()), steps, CONFIDENCE);
      return new AuditReport(
          step.noise().value(),
          statement.view().value(),
          statement.ledger().delta().value(),
          step.run(),
          training == null
              ? null
              : new RunAudit(run.spec(), model.input(), model.classNames(), training)
                  .run(listener));
    } catch (TrainingException e) {
      throw new StudyException(String.valueOf(e.getMessage()), e);
    }
  }

  /// z of the run's sums of gradients.
  private static NoiseMultiplier noise(Ledger ledger) throws StudyException {
    return ledger.entries().stream()
        .flatMap(entry -> entry.releases().stream())
        .filter(release -> release.channel() == Channel.WEIGHTS)
        .map(Release::mechanism)
        .filter(Release.Gaussian.class::isInstance)
        .map(mechanism -> ((Release.Gaussian) mechanism).noiseMultiplier())
        .findFirst()
        .orElseThrow(() -> new StudyException("the ledger of the run has no noised gradients"));
  }
}
