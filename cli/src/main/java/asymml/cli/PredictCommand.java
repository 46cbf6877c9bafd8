package asymml.cli;

import asymml.cli.options.RunOptions;
import asymml.cli.options.SettingFlags;
import asymml.cli.options.ThreadOptions;
import asymml.cli.options.WorkerRecord;
import asymml.cli.terminal.DataOpening;
import asymml.model.AtomicFile;
import asymml.model.PrintableText;
import asymml.report.Figures;
import asymml.session.InferenceSession;
import asymml.session.InferenceSpec;
import asymml.session.InvalidSpecException;
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
import java.util.ArrayList;
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
    defaultValueProvider = SettingFlags.InferenceDefaults.class,
    description = {
      "Names the most likely classes of images, wholly on the trusted side, where nothing is"
          + " released, or with --worker together with an untrusted worker.",
      "Images are JPEG or PNG files of the size that the model was trained on. A file that is none"
          + " is reported and the others go on; the exit code is then 1."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml predict --run runs/mine cat.jpg dog.png",
      "  asymml predict --run runs/mine photos/ 'more/**.png' --out predictions.csv",
      "  asymml predict --run runs/mine --worker local --noise-ratio 0.1 photos/"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class PredictCommand implements Callable<Integer> {
  private static final int BATCH = 32;

  @Spec private CommandSpec spec;

  @Mixin private RunOptions runOptions;

  @Option(
      names = "--top",
      paramLabel = "N",
      defaultValue = "3",
      description =
          "How many classes to name, at least 1; --out has all of them (default:"
              + " ${DEFAULT-VALUE}).")
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

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      description = "With --worker: images at a time (default: 32).")
  private @Nullable Integer batchSize;

  @Mixin private ThreadOptions threads;

  @SuppressWarnings("UnusedVariable") // picocli reads it
  @Mixin
  private final CommandSpec flags = SettingFlags.inferenceMixin();

  @Mixin private WorkerRecord workerRecord;

  private int bad;

  @Override
  public Integer call() throws DataException, IOException {
    threads.apply();
    if (top < 1) {
      throw new ParameterException(spec.commandLine(), "--top must be at least 1: " + top);
    }
    if (file != null && spec.commandLine().getParseResult().hasMatchedOption("--top")) {
      throw new ParameterException(
          spec.commandLine(), "--top has no effect with --out: the file has all classes");
    }
    boolean csv = isCsv(file);
    @Nullable InferenceSpec split =
        InferenceFlags.spec(spec, batchSize, BATCH, threads.number(), workerRecord);
    ImagePaths found = new ImagePaths(arguments);
    List<Path> images = found.images();
    PrintWriter out = spec.commandLine().getOut();
    try (TrainedRun run = runOptions.open();
        @Nullable InferenceSession session =
            split == null
                ? null
                : InferenceFlags.open(spec, run, split, DataOpening.reporter(out))) {
      Predictor predictor =
          split == null || session == null ? one(run) : together(run, session, split.batchSize());
      if (file == null) {
        forEach(predictor, images, (_, _, _) -> {}, (image, all) -> print(out, image, all));
      } else {
        Progress progress = DataOpening.reporter(out);
        AtomicFile.write(
            file,
            channel -> {
              Writer writer =
                  new BufferedWriter(Channels.newWriter(channel, StandardCharsets.UTF_8));
              PredictionWriter rows =
                  new PredictionWriter(writer, run.model().description().classNames(), csv);
              forEach(predictor, images, progress, rows::write);
              writer.flush();
            });
        out.println("written: %s, %s images".formatted(file, images.size() - bad));
      }
      if (run.spec().training().choosesBest()) {
        out.println("model    " + run.whichModel());
      }
      if (session != null) {
        InferenceFlags.printStatement(session, out);
      }
    } catch (InvalidSpecException e) {
      throw UsageErrors.of(spec, e);
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

  /// Predicts some images at a time.
  private interface Predictor {
    void accept(List<Path> images, Sink sink) throws IOException;

    default int atATime() {
      return 1;
    }
  }

  private Predictor one(TrainedRun run) {
    return (images, sink) -> {
      for (Path image : images) {
        List<Prediction> predictions;
        try {
          predictions = run.predict(image);
        } catch (DataException e) {
          report(e);
          continue;
        }
        sink.accept(image, predictions);
      }
    };
  }

  private Predictor together(TrainedRun run, InferenceSession session, int atATime) {
    return new Predictor() {
      @Override
      public void accept(List<Path> images, Sink sink) throws IOException {
        List<Path> good = new ArrayList<>();
        List<byte[]> pixels = new ArrayList<>();
        for (Path image : images) {
          try {
            pixels.add(run.pixels(image));
            good.add(image);
          } catch (DataException e) {
            report(e);
          }
        }
        List<List<Prediction>> predictions = session.predict(pixels);
        for (int i = 0; i < good.size(); i++) {
          sink.accept(good.get(i), predictions.get(i));
        }
      }

      @Override
      public int atATime() {
        return atATime;
      }
    };
  }

  private void report(DataException e) {
    bad++;
    spec.commandLine().getErr().println("asymml: " + e.getMessage());
  }

  private static void forEach(Predictor predictor, List<Path> images, Progress progress, Sink sink)
      throws IOException {
    for (int from = 0; from < images.size(); from += predictor.atATime()) {
      int to = Math.min(images.size(), from + predictor.atATime());
      predictor.accept(images.subList(from, to), sink);
      progress.update("classifying images", to, images.size());
    }
  }

  private void print(PrintWriter out, Path image, List<Prediction> predictions) {
    String best =
        predictions.stream()
            .limit(top)
            .map(p -> p.className() + " " + Figures.percent(p.probability()))
            .collect(Collectors.joining(", "));
    out.println(PrintableText.of(image.toString()) + ": " + best);
    out.flush();
  }
}
