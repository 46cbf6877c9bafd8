package asymml.spark;

import asymml.trusted.data.DataException;
import java.util.List;
import org.apache.spark.ml.attribute.Attribute;
import org.apache.spark.ml.attribute.NominalAttribute;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.NumericType;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import scala.Option;

/// The rows that an estimator is fitted on, validated and split. PRIVATE.
///
/// @param training images as files, and labels
/// @param heldOut likewise: not trained on
/// @param labels that there are, in both, in ascending order
/// @param numClasses above every label, as Spark counts classes
record LabelledRows(
    Dataset<Row> training, Dataset<Row> heldOut, List<Long> labels, int numClasses) {
  /// The largest label: predictions have a place for each up to it.
  private static final int MOST = 9_999;

  /// Of the hash by which rows are held out.
  private static final long RANGE = 1L << 30;

  /// Refuses columns that do not fit.
  ///
  /// @throws IllegalArgumentException one line, if they are not there or of another type
  static void require(StructType schema, String image, String label) {
    ImageColumn.require(schema, image);
    if (!(ImageColumn.type(schema, label, "labelCol") instanceof NumericType)) {
      throw new IllegalArgumentException(
          "the column %s (labelCol) must hold numbers: it holds %s; put a StringIndexer before, and set labelCol to its output"
              .formatted(label, schema.apply(label).dataType().simpleString()));
    }
  }

  /// Reads labels, and splits.
  ///
  /// A row is held out by a hash of its image and the seed alone. So it is on the same side
  /// whatever the other rows, their order and their partitions are: adding an example to a data set
  /// changes the training images by this one only, which is what epsilon is about.
  ///
  /// @param share of the rows that are held out, about
  /// @param seed of the choice
  /// @throws DataException one line, if images or labels are missing, labels are no whole numbers
  ///   from 0, or one of the parts is empty
  static LabelledRows of(Dataset<?> dataset, String image, String label, double share, long seed)
      throws DataException {
    StructType schema = dataset.schema();
    require(schema, image, label);
    Column value = ImageColumn.named(label).cast(DataTypes.DoubleType);
    Column held =
        functions
            .pmod(
                functions.xxhash64(functions.lit(seed), ImageColumn.content(schema, image)),
                functions.lit(RANGE))
            .lt(functions.lit(Math.round(share * RANGE)));
    requireUsable(
        dataset
            .select(
                functions.count(functions.lit(1)),
                count(ImageColumn.named(image).isNull()),
                count(value.isNull().or(value.isNaN())),
                count(value.lt(0).or(value.gt(MOST)).or(value.notEqual(functions.floor(value)))),
                count(held))
            .first(),
        label);
    List<Long> labels =
        dataset
            .select(value.cast(DataTypes.LongType).as("label"))
            .distinct()
            .orderBy("label")
            .collectAsList()
            .stream()
            .map(row -> row.getLong(0))
            .toList();
    Dataset<Row> rows =
        dataset.select(
            ImageColumn.files(schema, image).as("content"),
            value.cast(DataTypes.LongType).as("label"),
            held.as("held"));
    return new LabelledRows(
        rows.filter("not held").drop("held"),
        rows.filter("held").drop("held"),
        labels,
        Math.max(Math.toIntExact(labels.getLast() + 1), declared(schema, label)));
  }

  private static Column count(Column condition) {
    return functions.count(functions.when(condition, functions.lit(1)));
  }

  private static void requireUsable(Row counts, String label) throws DataException {
    long all = counts.getLong(0);
    require(all > 0, "the dataset has no rows");
    require(
        counts.getLong(1) == 0,
        "%s of %s rows have no image: leave them out, or fill them"
            .formatted(counts.getLong(1), all));
    require(
        counts.getLong(2) == 0,
        "%s of %s rows have no label (column %s): leave them out, or fill them"
            .formatted(counts.getLong(2), all, label));
    require(
        counts.getLong(3) == 0,
        "%s of %s rows have a label that is no whole number from 0 to %s (column %s): put a StringIndexer before, and set labelCol to its output"
            .formatted(counts.getLong(3), all, MOST, label));
    long held = counts.getLong(4);
    require(
        held > 0 && held < all,
        "of %s rows %s are held out, and both parts need some: set heldOut to another share"
            .formatted(all, held));
  }

  private static void require(boolean holds, String otherwise) throws DataException {
    if (!holds) {
      throw new DataException(otherwise);
    }
  }

  /// How many classes the column says there are, as a StringIndexer does: a fold may lack the last.
  private static int declared(StructType schema, String label) {
    @Nullable Attribute attribute = Attribute.fromStructField(schema.apply(label));
    if (attribute instanceof NominalAttribute nominal) {
      Option<Object> count = nominal.getNumValues();
      return count.isDefined() ? (Integer) count.get() : 0;
    }
    return 0;
  }
}
