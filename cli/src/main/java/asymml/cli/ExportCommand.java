package asymml.cli;

import asymml.attest.EvidenceException;
import asymml.cli.options.OwnerOptions;
import asymml.cli.options.RunOptions;
import asymml.report.Figures;
import asymml.session.ModelFormat;
import asymml.session.Settings;
import asymml.session.TrainedRun;
import asymml.session.TrainingSpec;
import asymml.session.owner.OwnedRun;
import asymml.session.owner.OwnerAccess;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainedModel;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `asymml export`.
@Command(
    name = "export",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Writes a trained model for other programs: the parameters that 'asymml eval' tests.",
      "The file is a release of the model. It is not protected, and says itself what the run claims"
          + " of its model. With --owner the run is a sealed one, and so is the file.",
      "onnx: the network with its parameters. Images go in as unsigned bytes [batch, height, width,"
          + " channels]; pixels are normalised inside.",
      "safetensors: the parameters as a state_dict of PyTorch, with torchvision's names for vgg and"
          + " resnet models."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  asymml export --run runs/mine --out mine.onnx",
      "  asymml export --run runs/mine --out mine.safetensors",
      "  asymml export --run runs/sealed --out mine.onnx.sealed --owner tls:owner.example:4433 \\",
      "      --owner-key owner.pem --require-tee snp"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class ExportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private RunOptions runOptions;

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description = "onnx or safetensors (default: as the name of --out ends).")
  private @Nullable ModelFormat format;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "FILE",
      description = "The file to write; replaced if it exists.")
  private Path file;

  @Mixin private OwnerOptions owner;

  @Override
  public Integer call() throws IOException, EvidenceException {
    ModelFormat used = format == null ? ofName() : format;
    if (UsageErrors.checked(spec, owner::isGiven)) {
      sealed(used);
      return ExitCode.OK;
    }
    try (TrainedRun run = runOptions.open()) {
      try {
        run.export(used, file);
      } catch (IllegalArgumentException e) {
        throw new IOException("cannot export the model: " + e.getMessage(), e);
      }
      show(run, used, spec.commandLine().getOut());
    }
    return ExitCode.OK;
  }

  private void sealed(ModelFormat used) throws IOException, EvidenceException {
    OwnerAccess access;
    TrainingSpec trained = Settings.ofRun(new RunLayout(runOptions.directory()));
    try {
      access = owner.access();
    } catch (IllegalArgumentException e) {
      throw UsageErrors.of(spec, e);
    }
    CommandLine line = spec.commandLine();
    PrintWriter out = line.getOut();
    if (access.isSimulated()) {
      out = OwnedTrainingRun.marked(out);
      line.setErr(OwnedTrainingRun.marked(line.getErr()));
    }
    try (OwnedRun owned = OwnedRun.request(trained, access)) {
      if (owned.isSimulation() && !access.isSimulated()) {
        out = OwnedTrainingRun.marked(out);
      }
      out.println("tee      " + owned.protection());
      TrainedRun exported;
      try {
        exported = owned.export(runOptions.directory(), used, file);
      } catch (IllegalArgumentException e) {
        throw new IOException("cannot export the model: " + e.getMessage(), e);
      }
      try (exported) {
        show(exported, used, out);
        out.println("sealed: its owner opens it by 'asymml owner open'");
        out.flush();
      }
    }
  }

  private void show(TrainedRun run, ModelFormat used, PrintWriter out) throws IOException {
    TrainedModel.Description model = run.model().description();
    out.printf(
        "%s: %s, %s classes, %s, %s, as %s%n",
        file,
        model.model().name(),
        model.classNames().size(),
        Figures.bytes(Files.size(file)),
        run.whichModel(),
        used.label());
    out.println(run.modelStatement());
    out.flush();
  }

  private ModelFormat ofName() {
    String given = file.toString().toLowerCase(Locale.ROOT);
    String name =
        given.endsWith(RunLayout.SEALED)
            ? given.substring(0, given.length() - RunLayout.SEALED.length())
            : given;
    return Arrays.stream(ModelFormat.values())
        .filter(each -> name.endsWith("." + each.label()))
        .findFirst()
        .orElseThrow(() ->
            new ParameterException(
                spec.commandLine(),
                "--out %s ends in none of %s: name the --format"
                    .formatted(
                        file,
                        Arrays.stream(ModelFormat.values())
                            .map(each -> "." + each.label())
                            .collect(Collectors.joining(", ")))));
  }
}
