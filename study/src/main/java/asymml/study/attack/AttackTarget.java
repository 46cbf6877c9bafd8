package asymml.study.attack;

import asymml.trusted.data.DataSet;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainConfig;
import java.nio.file.Path;
import java.util.List;

/// A recorded run.
///
/// @param recording what its worker saw
/// @param run its directory, with a ledger and a checkpoint if there are any
/// @param config what it computed
/// @param data its training images, and test images of which the first stand for public ones
/// @param drawn which examples the places of its first epoch held, where sampling was random; empty
///   where the order follows from the seed, or is not known
public record AttackTarget(
    Path recording, RunLayout run, TrainConfig config, DataSet data, List<Integer> drawn) {
  /// Images of a run whose members shadow models are trained to tell.
  public static final int CANDIDATES = 256;

  /// Copies the list, and sets aside what the run did not train on.
  public AttackTarget {
    data = config.split(data);
    drawn = List.copyOf(drawn);
  }

  /// A run whose order follows from its seed.
  ///
  /// @param recording what its worker saw
  /// @param run its directory
  /// @param config what it computed
  /// @param data its images
  public AttackTarget(Path recording, RunLayout run, TrainConfig config, DataSet data) {
    this(recording, run, config, data, List.of());
  }

  /// How many test images can stand for public ones: as many as wanted, but for those that stand
  /// for candidates that were not trained on.
  ///
  /// @param data the run's
  /// @param wanted how many
  /// @param candidates as many as these, and at most half of the test images, are left
  /// @return at most the wanted number
  static int publicImages(DataSet data, int wanted, int candidates) {
    int images = data.test().size();
    return Math.min(wanted, images - Math.min(candidates, images / 2));
  }
}
