package asymml.cli;

import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainedModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// Opens what a run has trained.
final class RunModel {
  private RunModel() {}

  /// The model of a run's last checkpoint.
  ///
  /// @throws IOException one line, if there is none
  static TrainedModel open(Path run) throws IOException {
    Path checkpoint = new RunLayout(run).checkpoint();
    if (!Files.isRegularFile(checkpoint)) {
      throw new IOException(
          run
              + " holds no trained model (no "
              + checkpoint.getFileName()
              + "): give the directory"
              + " that 'asymml train' named");
    }
    return TrainedModel.read(checkpoint);
  }
}
