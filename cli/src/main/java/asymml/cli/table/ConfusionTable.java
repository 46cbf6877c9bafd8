package asymml.cli.table;

import asymml.report.Figures;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.TestSet;
import asymml.trusted.train.Confusion;
import asymml.trusted.train.Confusion.Mistake;
import asymml.trusted.train.Evaluator;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;

/// The test of a model as text.
///
/// @param test the images
/// @param score what the model made of them
public record ConfusionTable(TestSet test, Evaluator.Score score) {
  private static final int SHOWN_MISTAKES = 5;
  private static final String CLASS = "class";

  /// Accuracy and loss, then each class, then the most frequent mistakes.
  public void print(PrintWriter out) {
    List<String> names = test.images().classNames();
    Confusion confusion = score.confusion();
    int width = names.stream().mapToInt(String::length).max().orElse(0);
    out.printf(
        "%s test images of %s: accuracy %s, loss %s%n",
        test.images().counted(),
        test.name(),
        Figures.percent(score.accuracy()),
        Figures.loss(score.loss()));
    out.printf(
        "balanced accuracy %s, macro F1 %s, ROC AUC %s (mean over classes, each against the"
            + " rest)%n",
        share(confusion.balancedAccuracy()),
        share(confusion.macroF1()),
        area(score.macroRocArea()));
    out.println();
    String row = "  %-" + Math.max(width, CLASS.length()) + "s  %7s %7s  %9s  %7s  %7s%n";
    out.printf(row, CLASS, "images", "recall", "precision", "F1", "ROC AUC");
    for (int c = 0; c < names.size(); c++) {
      out.printf(
          row,
          names.get(c),
          confusion.total(c),
          share(confusion.recall(c)),
          share(confusion.precision(c)),
          share(confusion.f1(c)),
          area(score.rocAreas().get(c)));
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
    List<String> leftOut = test.images().leftOut();
    if (!leftOut.isEmpty()) {
      out.println();
      out.println(ImageSet.describeLeftOut(leftOut));
    }
    out.flush();
  }

  private static String share(double share) {
    return Double.isNaN(share) ? "-" : Figures.percent(share);
  }

  private static String area(double area) {
    return Double.isNaN(area) ? "-" : String.format(Locale.ROOT, "%.4f", area);
  }

  /// The test for machines.
  ///
  /// @return numbers, strings and lists; what does not exist, such as the recall of a class without
  ///   images, is left out
  public Map<String, Object> facts() {
    Confusion confusion = score.confusion();
    List<String> names = test.images().classNames();
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("data", test.name());
    facts.put("images", test.images().counted());
    if (!test.images().leftOut().isEmpty()) {
      facts.put("imagesLeftOut", test.images().leftOut());
    }
    facts.put("loss", score.loss());
    facts.put("accuracy", score.accuracy());
    put(facts, "balancedAccuracy", confusion.balancedAccuracy());
    put(facts, "macroF1", confusion.macroF1());
    put(facts, "macroRocAuc", score.macroRocArea());
    List<Map<String, Object>> classes = new ArrayList<>();
    List<List<Long>> counts = new ArrayList<>();
    for (int c = 0; c < names.size(); c++) {
      int actual = c;
      Map<String, Object> of = new LinkedHashMap<>();
      of.put("name", names.get(c));
      of.put("images", confusion.total(c));
      put(of, "recall", confusion.recall(c));
      put(of, "precision", confusion.precision(c));
      put(of, "f1", confusion.f1(c));
      put(of, "rocAuc", score.rocAreas().get(c));
      classes.add(of);
      counts.add(
          IntStream.range(0, names.size())
              .mapToObj(predicted -> confusion.count(actual, predicted))
              .toList());
    }
    facts.put("classes", classes);
    facts.put("confusion", counts);
    return facts;
  }

  private static void put(Map<String, Object> facts, String name, double value) {
    if (!Double.isNaN(value)) {
      facts.put(name, value);
    }
  }
}
