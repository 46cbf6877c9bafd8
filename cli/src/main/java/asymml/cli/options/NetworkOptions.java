package asymml.cli.options;

import asymml.model.Zoo;
import picocli.CommandLine.Option;

/// Which network a command builds.
@SuppressWarnings("NullAway.Init") // picocli sets the norm before the command runs
public final class NetworkOptions {
  @Option(
      names = "--model",
      paramLabel = "NAME",
      converter = Values.ModelName.class,
      description = "A model of 'asymml models' (default: ${DEFAULT-VALUE}).")
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

  /// The network's name.
  public String model() {
    return model;
  }

  /// Its normalisation.
  public Zoo.Norm norm() {
    return norm;
  }
}
