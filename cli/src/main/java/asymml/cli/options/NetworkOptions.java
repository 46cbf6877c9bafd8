package asymml.cli.options;

import asymml.model.Architecture;
import asymml.model.Zoo;
import asymml.session.ModelFile;
import picocli.CommandLine.Option;

/// Which network a command builds.
@SuppressWarnings("NullAway.Init") // picocli sets the norm before the command runs
public final class NetworkOptions {
  @Option(
      names = "--model",
      paramLabel = "NAME|FILE",
      description =
          "A model of 'asymml models', or a network in a file, .onnx or .yaml (default:"
              + " ${DEFAULT-VALUE}).")
  private String model;

  @Option(
      names = "--norm",
      paramLabel = "NORM",
      defaultValue = "batch",
      description = "Normalisation layers: batch or group (default: ${DEFAULT-VALUE}).")
  private Zoo.Norm norm;

  /// @param model where none is named
  public NetworkOptions(String model) {
    this.model = model;
  }

  /// Which network; reads its file.
  ///
  /// @throws IllegalArgumentException one line, if there is no such model, or the file cannot be
  ///   used
  public Architecture model() {
    return ModelFile.architecture(model);
  }

  /// The normalisation of one of the zoo.
  ///
  /// @throws IllegalArgumentException if another is asked for of a network in a file
  public Zoo.Norm norm() {
    if (model().described() && norm != Zoo.Norm.BATCH) {
      throw new IllegalArgumentException(
          "--norm is for models of 'asymml models': a network in a file has its own layers");
    }
    return norm;
  }
}
