package asymml.cli;

import asymml.cli.options.RunOptions;
import asymml.cli.terminal.DataOpening;
import asymml.model.AtomicFile;
import asymml.report.Figures;
import asymml.session.TrainedRun;
import asymml.session.TrainedRun.Prediction;
import asymml.trusted.data.DataException;
import asymml.trusted.data.Progress;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `asymml predict`.
@Command(
    name = "predict",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Names the most likely classes of images, wholly on the trusted side: nothing is released.",
      "Images are JPEG or PNG files of the size that the model was trained on. A file that is none is"
          + " reported and the others go on; the exit code is then 1."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml predict --run runs/mine cat.jpg dog.png",
      "  asymml predict --run runs/mine photos/ 'more/**.png' --out predictions.csv"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class PredictCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private RunOptions runOptions;

  @Option(
      names = "--top",
      paramLabel = "N",
      defaultValue = "3",
      description = "How many classes to name (default: ${DEFAULT-VALUE}).")
  private int top;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description =
          "Write the probabilities of all classes instead: .csv, or .jsonl (a JSON object per"
              + " line). Replaced if it exists.")
  private @Nullable Path file;

  @Parameters(
      arity = "1..*",
      paramLabel = "IMAGE",
      description = "JPEG or PNG files, folders of them, or quoted patterns such as 'a/**.png'.")
  private List<String> arguments;

  private int bad;

  @Override
  public Integer call() throws DataException, IOException {
    boolean csv = isCsv(file);
    ImagePaths found = new ImagePaths(arguments);
    List<Path> images = found.images();
    PrintWriter out = spec.commandLine().getOut();
    try (TrainedRun run = runOptions.open()) {
      if (file == null) {
        forEach(run, images, (_, _, _) -> {}, (image, all) -> print(out, image, all));
      } else {
        Progress progress = DataOpening.reporter(out);
        AtomicFile.write(
            file,
            channel -> {
              Writer writer =
                  new BufferedWriter(Channels.newWriter(channel, StandardCharsets.UTF_8));
              PredictionWriter rows =
                  new PredictionWriter(writer, run.model().description().classNames(), csv);
              forEach(run, images, progress, rows::write);
              writer.flush();
            });
        out.println("written: %s, %s images".formatted(file, images.size() - bad));
      }
    }
    if (found.others() > 0) {
      out.println("left out: %s files that are no .jpg, .jpeg or .png".formatted(found.others()));
    }
    out.flush();
    if (bad > 0) {
      spec.commandLine()
          .getErr()
          .println("asymml: %s of %s images could not be read".formatted(bad, images.size()));
      return ExitCode.SOFTWARE;
    }
    return ExitCode.OK;
  }

  private boolean isCsv(@Nullable Path target) {
    try {
      return target != null && PredictionWriter.isCsv(target);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), "--out " + e.getMessage(), e);
    }
  }

  /// Takes what was predicted for an image.
  private interface Sink {
    void accept(Path image, List<Prediction> predictions) throws IOException;
  }

  private void forEach(TrainedRun run, List<Path> images, Progress progress, Sink sink)
      throws IOException {
    for (int i = 0; i < images.size(); i++) {
      Path image = images.get(i);
      List<Prediction> predictions;
      try {
        predictions = run.predict(image);
      } catch (DataException e) {
        bad++;
        spec.commandLine().getErr().println("asymml: " + e.getMessage());
        continue;
      }
      sink.accept(image, predictions);
      progress.update("classifying images", i + 1L, images.size());
    }
  }

  private void print(PrintWriter out, Path image, List<Prediction> predictions) {
    String best =
        predictions.stream()
            .limit(top)
            .map(p -> p.className() + " " + Figures.percent(p.probability()))
            .collect(Collectors.joining(", "));
    out.println(image + ": " + best);
    out.flush();
  }
}
