package asymml.cli;

import asymml.cli.options.Labels;
import asymml.cli.options.RunOptions;
import asymml.cli.options.ThreadOptions;
import asymml.cli.terminal.DataOpening;
import asymml.report.Figures;
import asymml.session.DataSpec;
import asymml.session.Limit;
import asymml.session.TrainedRun;
import asymml.trusted.data.DataException;
import asymml.trusted.data.TestSet;
import asymml.trusted.train.Confusion;
import asymml.trusted.train.Evaluator;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `asymml eval`.
@Command(
    name = "eval",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Tests a trained model, wholly on the trusted side: nothing is released.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml eval --run runs/mine",
      "  asymml eval --run runs/mine --data other.zip --limit-test 1000"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class EvalCommand implements Callable<Integer> {
  private static final int SHOWN_MISTAKES = 5;

  @Spec private CommandSpec spec;

  @Mixin private RunOptions runOptions;

  @Option(
      names = "--data",
      paramLabel = "DATA",
      description =
          "Data set whose test split is used; it needs no other (default: that of the run).")
  private @Nullable String data;

  @Option(
      names = "--limit-test",
      paramLabel = "N",
      converter = Labels.LimitConverter.class,
      description = "Test on N images, chosen by the run's seed (default: as the run did).")
  private @Nullable Limit limitTest;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      defaultValue = "64",
      description = "Images at a time (default: ${DEFAULT-VALUE}).")
  private int batchSize;

  @Mixin private ThreadOptions threads;

  /// A kind of mistake.
  private record Mistake(int actual, int predicted, long count) {}

  @Override
  public Integer call() throws DataException, IOException, TrainingException {
    if (batchSize < 1) {
      throw new ParameterException(
          spec.commandLine(), "--batch-size must be at least 1: " + batchSize);
    }
    threads.apply();
    PrintWriter out = spec.commandLine().getOut();
    try (TrainedRun run = runOptions.open()) {
      DataSpec own = run.spec().data();
      TestSet test =
          run.openTest(
              own.withSource(data == null ? own.source() : data)
                  .withLimits(Limit.NONE, limitTest == null ? own.limitTest() : limitTest),
              DataOpening.reporter(out));
      show(out, test, run.evaluate(test.images(), batchSize));
    }
    return ExitCode.OK;
  }

  private static void show(PrintWriter out, TestSet test, Evaluator.Score score) {
    List<String> names = test.images().classNames();
    Confusion confusion = score.confusion();
    int width = names.stream().mapToInt(String::length).max().orElse(0);
    out.printf(
        "%d test images of %s: accuracy %s, loss %s%n",
        test.images().size(),
        test.name(),
        Figures.percent(score.accuracy()),
        Figures.loss(score.loss()));
    out.println();
    for (int c = 0; c < names.size(); c++) {
      long total = confusion.total(c);
      out.printf(
          "  %-" + width + "s  %7s of %d%n",
          names.get(c),
          total == 0 ? "-" : Figures.percent((double) confusion.count(c, c) / total),
          total);
    }
    List<Mistake> mistakes = mistakes(confusion);
    if (!mistakes.isEmpty()) {
      out.println();
      out.println("most frequent confusions:");
      for (Mistake m : mistakes) {
        out.printf(
            "  %s predicted as %s: %d%n", names.get(m.actual), names.get(m.predicted), m.count);
      }
    }
    out.flush();
  }

  private static List<Mistake> mistakes(Confusion confusion) {
    List<Mistake> found = new ArrayList<>();
    for (int a = 0; a < confusion.classes(); a++) {
      for (int p = 0; p < confusion.classes(); p++) {
        if (a != p && confusion.count(a, p) > 0) {
          found.add(new Mistake(a, p, confusion.count(a, p)));
        }
      }
    }
    return found.stream()
        .sorted(Comparator.comparingLong(Mistake::count).reversed())
        .limit(SHOWN_MISTAKES)
        .toList();
  }
}
