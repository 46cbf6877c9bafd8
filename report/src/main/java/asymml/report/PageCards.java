package asymml.report;

import asymml.privacy.PrivacyStatement;
import asymml.trusted.run.EpochMetrics;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/// The cards at the head of a page: what each run and each suite came to.
final class PageCards {
  private PageCards() {}

  /// What a run came to.
  static void add(PageSection card, RunSection section) {
    ReportedRun run = section.run();
    card.text("name", section.name());
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("model", run.config().model().name());
    facts.put("mode", run.config().mode().label());
    if (run.epochs().isEmpty()) {
      card.text("figure", "–").text("unit", "no epoch is complete");
    } else {
      EpochMetrics last = run.epochs().getLast();
      if (run.config().choosesBest()) {
        last = EpochMetrics.best(run.epochs()).orElse(last);
      }
      card.text("figure", Figures.percent(last.heldOutAccuracy()));
      card.text(
          "unit",
          "%s accuracy after %s epoch%s"
              .formatted(last.heldOut(), last.epoch(), last.epoch() == 1 ? "" : "s"));
      facts.put(last.heldOut() + " loss", Figures.loss(last.heldOutLoss()));
      RunCosts costs = new RunCosts(run);
      costs
          .trainingSeconds()
          .ifPresent(s ->
              facts.put("training time", Figures.time(Duration.ofMillis(Math.round(1000 * s)))));
      facts.put("trusted CPU", Figures.seconds(costs.trustedSeconds()));
      facts.put("to the worker", Figures.bytes(costs.bytesToWorker()));
    }
    run.fact("outcome")
        .filter(outcome -> !outcome.equals(ReportedRun.FINISHED))
        .ifPresent(outcome -> facts.put("outcome", outcome));
    PrivacyStatement statement = run.statement();
    facts.put(
        "worker's whole view",
        statement != null
            ? "epsilon " + PrivacyStatement.text(statement.view())
            : run.needsWorker() ? "unknown: no ledger" : "nothing is released");
    card.facts(facts);
  }

  /// What a suite came to.
  static void add(PageSection card, AttackSection section) {
    ReportedAttacks suite = section.suite();
    card.text("name", section.name());
    card.text("figure", Integer.toString(suite.plans().size()));
    card.text(
        "unit",
        "plan%s attacked in %s ways"
            .formatted(suite.plans().size() == 1 ? "" : "s", suite.attacks().size()));
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("scores", Integer.toString(suite.scores().size()));
    facts.put("pictures", Integer.toString(suite.pictures().size()));
    facts.put("complete", suite.complete() ? "yes" : "no: plans are missing");
    card.facts(facts);
  }
}
