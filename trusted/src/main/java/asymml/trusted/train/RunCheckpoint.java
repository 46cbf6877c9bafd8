package asymml.trusted.train;

import asymml.trusted.ops.Parameters;
import asymml.trusted.train.Checkpoint.Position;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/// The one checkpoint of a run, and what goes into it.
///
/// @param file where it is
/// @param identity of the run
/// @param parameters of the network under training
/// @param execution keeps the rest of the state
record RunCheckpoint(
    Path file, Map<String, String> identity, Parameters parameters, Execution execution) {
  void save(Position position) throws IOException {
    Checkpoint.write(file, identity, position, parameters, execution.state());
  }

  Position read() throws IOException, TrainingException {
    return Checkpoint.read(file, identity, parameters, execution::restore);
  }
}
