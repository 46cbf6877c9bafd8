package asymml.report;

import asymml.report.PageTable.Cell;
import asymml.report.ReportedAttacks.Attack;
import asymml.report.ReportedAttacks.Picture;
import asymml.report.ReportedAttacks.Plan;
import asymml.report.ReportedAttacks.Score;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/// What a report says of a suite of attacks.
///
/// @param suite what is told
/// @param id its part of the page
/// @param name as the page calls it
record AttackSection(ReportedAttacks suite, String id, String name) {
  private static final List<String> ROWS = List.of("original", "worker saw", "rebuilt");

  /// Adds everything.
  void appendTo(PageSection page) {
    PageSection section = page.section(id, "Attacks " + name);
    section.text("private", suite.notice());
    section.text(
        "What one worker can compute from what it saw of short runs of several plans: "
            + suite.setting()
            + ".");
    if (!suite.complete()) {
      section.missing("This suite is not complete: plans are missing. Run its command again.");
    }
    table(section);
    pictures(section.section(id + "-pictures", "Pictures"));
    attacks(section.section(id + "-sources", "The attacks"));
    PageSection all = section.section(id + "-scores", "All scores");
    suite.plans().forEach(plan -> scores(all, plan));
  }

  private void table(PageSection section) {
    PageTable table =
        new PageTable(
                "Plan by attack: the strongest score over the layers; below it what a guess reaches"
                    + " and what an attacker with the clear data would. The stronger the tint, the"
                    + " nearer to that attacker.")
            .words("plan")
            .numbers(suite.attacks().stream().map(Attack::title).toArray(String[]::new));
    Set<String> notes = new LinkedHashSet<>(suite.notes());
    for (Plan plan : suite.plans()) {
      List<Cell> row = new ArrayList<>();
      row.add(new Cell(plan.name(), plan.words(), 0));
      for (Attack attack : suite.attacks()) {
        Optional<Score> score =
            suite.table().stream()
                .filter(s -> s.plan().equals(plan.name()) && s.attack().equals(attack.name()))
                .findFirst();
        row.add(score.map(AttackSection::cell).orElse(Cell.of("–")));
        score
            .filter(s -> !s.note().isEmpty())
            .ifPresent(
                s -> notes.add("%s, %s: %s".formatted(plan.name(), attack.title(), s.note())));
      }
      table.row(row);
    }
    section.table(table);
    if (!notes.isEmpty()) {
      section.details("Why a score is missing, and other notes").list(List.copyOf(notes));
    }
  }

  private static Cell cell(Score score) {
    return score.note().isEmpty()
        ? new Cell(
            decimal(score.value()),
            decimal(score.chance()) + " to " + decimal(score.best()),
            score.share())
        : Cell.of("–");
  }

  private static String decimal(double value) {
    return String.format(Locale.ROOT, Math.abs(value) < 10 ? "%.2f" : "%.1f", value);
  }

  private void pictures(PageSection section) {
    if (suite.pictures().isEmpty()) {
      section.missing("No pictures in this suite: no attack of it rebuilds images.");
      return;
    }
    section.text(
        "private",
        "Private images: originals come from the training data. Each column is one image.");
    PageSection pair = section.box("pair");
    for (Picture picture : suite.pictures()) {
      String caption = "%s, %s: %s".formatted(picture.plan(), picture.attack(), picture.caption());
      if (picture.png().isEmpty()) {
        pair.missing("%s is gone (%s)".formatted(picture.file(), caption));
      } else {
        pair.strip(picture.png(), ROWS, caption);
      }
    }
  }

  private void attacks(PageSection section) {
    PageTable table =
        new PageTable("What each attack reads, what it costs, and who published it")
            .words("attack", "reads", "cost", "source");
    suite.attacks().forEach(a -> table.row(a.title(), a.reads(), a.cost(), a.source()));
    section.table(table);
  }

  private void scores(PageSection section, Plan plan) {
    PageTable table =
        new PageTable("Every score of plan " + plan.name() + "; higher is better for the attacker")
            .words("attack", "layer", "measure")
            .numbers("score", "chance", "deviation of chance", "best");
    suite.scores().stream()
        .filter(s -> s.plan().equals(plan.name()))
        .forEach(s ->
            table.row(
                s.attack(),
                s.layer(),
                s.measure(),
                decimal(s.value()),
                decimal(s.chance()),
                s.deviation() > 0 ? decimal(s.deviation()) : "–",
                decimal(s.best())));
    PageSection details =
        section.details(
            "%s: %s, %s"
                .formatted(
                    plan.name(),
                    plan.accuracy().isPresent()
                        ? "training accuracy " + Figures.percent(plan.accuracy().getAsDouble())
                        : "training diverged",
                    Figures.seconds(plan.seconds())));
    details.text(plan.words());
    details.table(table);
  }
}
