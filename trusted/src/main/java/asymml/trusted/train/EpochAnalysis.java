package asymml.trusted.train;

import asymml.model.Graph;
import asymml.trusted.data.Normalization;
import asymml.trusted.ops.Parameters;
import java.io.IOException;

/// Looks at a network in training after an epoch. Called on the training thread, when the epoch's
/// checkpoint is written; training waits, and continues as if nothing had happened.
@FunctionalInterface
public interface EpochAnalysis {
  /// Looks at nothing.
  EpochAnalysis NONE = (_, _, _, _, _) -> {};

  /// Looks at the network.
  ///
  /// @param epoch epochs done, from 1
  /// @param step steps done
  /// @param graph the network
  /// @param parameters as trained so far; to be read only
  /// @param normalization of pixels
  /// @throws IOException if the result cannot be written
  /// @throws TrainingException if the finding forbids to continue
  void analyze(
      int epoch, long step, Graph graph, Parameters parameters, Normalization normalization)
      throws IOException, TrainingException;
}
