package asymml.trusted.train;

import asymml.trusted.ops.Parameters;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Checkpoint.Position;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The one checkpoint of a run, and what goes into it.
///
/// @param layout of the run: where it is, and how it is stored
/// @param identity of the run
/// @param parameters of the network under training
/// @param average the moving average of parameters, which is evaluated and released in their place;
///   null if they are themselves
/// @param execution keeps the rest of the state
record RunCheckpoint(
    RunLayout layout,
    Map<String, String> identity,
    Parameters parameters,
    @Nullable WeightAverage average,
    Execution execution) {
  Path file() {
    return layout.checkpoint();
  }

  void save(Position position) throws IOException {
    Checkpoint.write(
        layout.store(), file(), identity, position, parameters, released(), execution.state());
  }

  /// Saves the model as the best one.
  void saveBest(Position position) throws IOException {
    Checkpoint.writeModel(layout.store(), layout.best(), identity, position, released());
  }

  Position read() throws IOException, TrainingException {
    return Checkpoint.read(
        layout.store(), file(), identity, parameters, released(), execution::restore);
  }

  /// Moves the average on.
  ///
  /// @param step that is done, from 0
  void average(long step) {
    if (average != null) {
      average.add(parameters, step);
    }
  }

  private Parameters released() {
    return average == null ? parameters : average.values();
  }
}
