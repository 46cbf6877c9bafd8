package asymml.cli;

import asymml.kernels.Tensor;
import asymml.report.Figures;
import asymml.trusted.data.DataException;
import asymml.trusted.data.ImageFiles;
import asymml.trusted.train.Evaluator;
import asymml.trusted.train.TrainedModel;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `asymml predict`.
@Command(
    name = "predict",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Names the most likely classes of images, wholly on the trusted side: nothing is released.",
      "Images are JPEG or PNG files of the size that the model was trained on."
    },
    footerHeading = "%nExample:%n",
    footer = "  asymml predict --run runs/mine cat.jpg dog.png")
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class PredictCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--run",
      required = true,
      paramLabel = "DIR",
      description = "The run directory that 'asymml train' named.")
  private Path run;

  @Option(
      names = "--top",
      paramLabel = "N",
      defaultValue = "3",
      description = "How many classes to name (default: ${DEFAULT-VALUE}).")
  private int top;

  @Parameters(arity = "1..*", paramLabel = "IMAGE", description = "JPEG or PNG files.")
  private List<Path> images;

  @Override
  public Integer call() throws DataException, IOException {
    PrintWriter out = spec.commandLine().getOut();
    try (TrainedModel model = RunModel.open(run);
        Evaluator evaluator = new Evaluator(model.graph(), model.parameters(), 1);
        Arena arena = Arena.ofConfined()) {
      TrainedModel.Description description = model.description();
      Tensor input =
          Tensor.allocate(
              arena,
              1,
              description.input().height(),
              description.input().width(),
              description.input().channels());
      for (Path image : images) {
        description.normalization().apply(ImageFiles.decode(image, description.input()), input);
        double[] probabilities = softmax(evaluator.logits(input).toArray());
        out.println(image + ": " + best(probabilities, description.classNames()));
        out.flush();
      }
    }
    return ExitCode.OK;
  }

  private String best(double[] probabilities, List<String> names) {
    return IntStream.range(0, probabilities.length)
        .boxed()
        .sorted(Comparator.comparingDouble((Integer c) -> probabilities[c]).reversed())
        .limit(top)
        .map(c -> names.get(c) + " " + Figures.percent(probabilities[c]))
        .collect(Collectors.joining(", "));
  }

  /// Probabilities of logits.
  static double[] softmax(float[] logits) {
    double largest = Double.NEGATIVE_INFINITY;
    for (float logit : logits) {
      largest = Math.max(largest, logit);
    }
    double sum = 0;
    double[] probabilities = new double[logits.length];
    for (int i = 0; i < logits.length; i++) {
      probabilities[i] = Math.exp(logits[i] - largest);
      sum += probabilities[i];
    }
    for (int i = 0; i < logits.length; i++) {
      probabilities[i] /= sum;
    }
    return probabilities;
  }
}
