package asymml.session;

import asymml.model.Shape;
import asymml.trusted.data.DataArchive;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataLimits;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.DataSets;
import asymml.trusted.data.Decoding;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.data.Progress;
import asymml.trusted.data.TestSet;
import java.util.List;

/// Which images a run uses.
///
/// @param source `generated`, `generated:SEED`, or a path, as [DataSets#open] takes it
/// @param limitTrain how many training images, chosen by the run's seed
/// @param limitTest how many test images, chosen by the run's seed
/// @param publicSource public images, for clip bounds and bases of a run that is accounted for
/// @param decoding how image files are decoded, private and public ones
public record DataSpec(
    String source, Limit limitTrain, Limit limitTest, String publicSource, Decoding decoding) {
  /// All images of a source.
  ///
  /// @param source `generated`, `generated:SEED`, or a path
  /// @return a specification with the default public images
  public static DataSpec of(String source) {
    return new DataSpec(source, Limit.NONE, Limit.NONE, "generated:2", Decoding.DEFAULT);
  }

  /// The same with limits.
  ///
  /// @param train how many training images
  /// @param test how many test images
  /// @return a new specification
  public DataSpec withLimits(Limit train, Limit test) {
    return new DataSpec(source, train, test, publicSource, decoding);
  }

  /// The same with other private images.
  ///
  /// @param source `generated`, `generated:SEED`, or a path
  /// @return a new specification
  public DataSpec withSource(String source) {
    return new DataSpec(source, limitTrain, limitTest, publicSource, decoding);
  }

  /// The same with other public images.
  ///
  /// @param publicSource `generated`, `generated:SEED`, or a path
  /// @return a new specification
  public DataSpec withPublicSource(String publicSource) {
    return new DataSpec(source, limitTrain, limitTest, publicSource, decoding);
  }

  /// The same with other limits on what headers of images declare.
  ///
  /// @param limits of private and public images
  /// @return a new specification
  public DataSpec withLimits(DataLimits limits) {
    return withDecoding(decoding.withLimits(limits));
  }

  /// The same with images decoded in another way.
  ///
  /// @param decoding of private and public images
  /// @return a new specification
  public DataSpec withDecoding(Decoding decoding) {
    return new DataSpec(source, limitTrain, limitTest, publicSource, decoding);
  }

  /// The public images, all of them, as private ones of another specification.
  ///
  /// @return [#publicSource] decoded in the same way; their classes and groups are of no concern
  public DataSpec publicImages() {
    return of(publicSource)
        .withDecoding(decoding.withColumns(Decoding.Columns.NONE).withRandomCrop(false));
  }

  /// Decodes the images, of files those alone that the limits leave.
  ///
  /// @param seed of the choice where a limit leaves images out
  /// @param progress hears how far it is
  /// @return the limited splits
  /// @throws DataException if anything is wrong with the data
  public DataSet open(long seed, Progress progress) throws DataException {
    return limited(DataSets.open(source, part(seed), progress), limitTrain, limitTest, seed);
  }

  /// Decodes the images of an archive, which stands for [#source].
  ///
  /// @param archive stays open
  /// @param seed of the choice where a limit leaves images out
  /// @param progress hears how far it is
  /// @return the limited splits
  /// @throws DataException if anything is wrong with the data; it names no file in the archive
  public DataSet open(DataArchive archive, long seed, Progress progress) throws DataException {
    return limited(DataSets.open(archive, part(seed), progress), limitTrain, limitTest, seed);
  }

  private Decoding part(long seed) {
    return decoding.withPart(new Decoding.Part(limitTrain.images(), limitTest.images(), seed));
  }

  /// Decodes the test images alone: the source may have no others.
  ///
  /// @param expected the input of the model that is tested
  /// @param classNames its classes, in the order of their labels
  /// @param seed of the choice where the limit leaves images out
  /// @param progress hears how far it is
  /// @return the limited test split
  /// @throws DataException if anything is wrong with it, or it does not fit the model
  public TestSet openTest(Shape expected, List<String> classNames, long seed, Progress progress)
      throws DataException {
    TestSet all = DataSets.openTest(source, expected, classNames, part(seed), progress);
    return new TestSet(all.name(), all.images().subset(limitTest.images(), seed));
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
