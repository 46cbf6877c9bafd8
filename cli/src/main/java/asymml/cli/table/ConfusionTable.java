package asymml.cli.table;

import asymml.report.Figures;
import asymml.trusted.data.TestSet;
import asymml.trusted.train.Confusion;
import asymml.trusted.train.Confusion.Mistake;
import asymml.trusted.train.Evaluator;
import java.io.PrintWriter;
import java.util.List;

/// The test of a model as text.
///
/// @param test the images
/// @param score what the model made of them
public record ConfusionTable(TestSet test, Evaluator.Score score) {
  private static final int SHOWN_MISTAKES = 5;

  /// Accuracy and loss, then each class, then the most frequent mistakes.
  public void print(PrintWriter out) {
    List<String> names = test.images().classNames();
    Confusion confusion = score.confusion();
    int width = names.stream().mapToInt(String::length).max().orElse(0);
    out.printf(
        "%s test images of %s: accuracy %s, loss %s%n",
        test.images().size(),
        test.name(),
        Figures.percent(score.accuracy()),
        Figures.loss(score.loss()));
    out.println();
    for (int c = 0; c < names.size(); c++) {
      long total = confusion.total(c);
      out.printf(
          "  %-" + width + "s  %7s of %s%n",
          names.get(c),
          total == 0 ? "-" : Figures.percent((double) confusion.count(c, c) / total),
          total);
    }
    List<Mistake> mistakes = confusion.mistakes(SHOWN_MISTAKES);
    if (!mistakes.isEmpty()) {
      out.println();
      out.println("most frequent confusions:");
      for (Mistake m : mistakes) {
        out.printf(
            "  %s predicted as %s: %s%n",
            names.get(m.actual()), names.get(m.predicted()), m.count());
      }
    }
    out.flush();
  }
}
