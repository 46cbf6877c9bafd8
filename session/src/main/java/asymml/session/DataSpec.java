package asymml.session;

import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.DataSets;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.data.Progress;

/// Which images a run uses.
///
/// @param source `generated`, `generated:SEED`, or a path, as [DataSets#open] takes it
/// @param limitTrain how many training images, chosen by the run's seed
/// @param limitTest how many test images, chosen by the run's seed
/// @param publicSource public images, for clip bounds and bases of a run that is accounted for
public record DataSpec(String source, Limit limitTrain, Limit limitTest, String publicSource) {
  /// All images of a source.
  ///
  /// @param source `generated`, `generated:SEED`, or a path
  /// @return a specification with the default public images
  public static DataSpec of(String source) {
    return new DataSpec(source, Limit.NONE, Limit.NONE, "generated:2");
  }

  /// The same with limits.
  ///
  /// @param train how many training images
  /// @param test how many test images
  /// @return a new specification
  public DataSpec withLimits(Limit train, Limit test) {
    return new DataSpec(source, train, test, publicSource);
  }

  /// The same with other private images.
  ///
  /// @param source `generated`, `generated:SEED`, or a path
  /// @return a new specification
  public DataSpec withSource(String source) {
    return new DataSpec(source, limitTrain, limitTest, publicSource);
  }

  /// The same with other public images.
  ///
  /// @param publicSource `generated`, `generated:SEED`, or a path
  /// @return a new specification
  public DataSpec withPublicSource(String publicSource) {
    return new DataSpec(source, limitTrain, limitTest, publicSource);
  }

  /// Decodes the images.
  ///
  /// @param seed of the choice where a limit leaves images out
  /// @param progress hears how far it is
  /// @return the limited splits
  /// @throws DataException if anything is wrong with the data
  public DataSet open(long seed, Progress progress) throws DataException {
    return limited(DataSets.open(source, progress), limitTrain, limitTest, seed);
  }

  /// The limited splits of a data set. The normalisation is that of the limited training split.
  ///
  /// @param all the whole data set
  /// @param train how many training images
  /// @param test how many test images
  /// @param seed of the choice where a limit leaves images out
  /// @return a data set of the same name
  public static DataSet limited(DataSet all, Limit train, Limit test, long seed) {
    ImageSet limited = all.train().subset(train.images(), seed);
    return new DataSet(
        all.name(),
        limited,
        all.test().subset(test.images(), seed),
        limited.size() == all.train().size() ? all.normalization() : Normalization.of(limited),
        all.flip(),
        all.cropPadding());
  }
}
