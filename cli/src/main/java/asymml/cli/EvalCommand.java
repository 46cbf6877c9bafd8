package asymml.cli;

import asymml.kernels.Kernels;
import asymml.report.Figures;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Confusion;
import asymml.trusted.train.Evaluator;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
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

  @Option(
      names = "--run",
      required = true,
      paramLabel = "DIR",
      description = "The run directory that 'asymml train' named.")
  private Path run;

  @Option(
      names = "--data",
      paramLabel = "DATA",
      description = "Data set whose test split is used (default: that of the run).")
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

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads (default: one per available processor).")
  private @Nullable Integer threads;

  /// A kind of mistake.
  private record Mistake(int actual, int predicted, long count) {}

  @Override
  public Integer call() throws DataException, IOException, TrainingException {
    if (batchSize < 1 || (threads != null && threads < 1)) {
      throw new ParameterException(
          spec.commandLine(), "--batch-size and --threads must be at least 1");
    }
    if (threads != null) {
      Kernels.setThreads(threads);
    }
    PrintWriter out = spec.commandLine().getOut();
    try (TrainedModel model = RunModel.open(run)) {
      TrainOptions settings = TrainOptions.of(Settings.read(new RunLayout(run).config()));
      DataSet images =
          DataOpening.open(
              data == null ? settings.data : data,
              new Limit(1),
              limitTest == null ? settings.limitTest : limitTest,
              settings.seed,
              out);
      checkFits(model.description(), images);
      try (Evaluator evaluator = new Evaluator(model.graph(), model.parameters(), batchSize)) {
        Evaluator.Score score =
            evaluator.score(images.test(), model.description().normalization(), (_, _) -> {});
        show(out, images, score);
      }
    }
    return ExitCode.OK;
  }

  private static void checkFits(TrainedModel.Description model, DataSet images)
      throws DataException {
    if (!model.input().equals(images.test().shape())
        || !model.classNames().equals(images.test().classNames())) {
      throw new DataException(
          "%s does not fit the model: it has %s images of %d classes, the model takes %s of %s"
              .formatted(
                  images.name(),
                  images.test().shape(),
                  images.test().classNames().size(),
                  model.input(),
                  model.classNames()));
    }
  }

  private static void show(PrintWriter out, DataSet images, Evaluator.Score score) {
    List<String> names = images.test().classNames();
    Confusion confusion = score.confusion();
    int width = names.stream().mapToInt(String::length).max().orElse(0);
    out.printf(
        "%d test images of %s: accuracy %s, loss %s%n",
        images.test().size(),
        images.name(),
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
