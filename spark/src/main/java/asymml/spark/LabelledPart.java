package asymml.spark;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.sql.Row;

/// The rows of a partition before the classes of all are known. PRIVATE.
///
/// @param index of the partition
/// @param content bytes of JPEG or PNG files
/// @param labels names of classes
@SuppressWarnings("ArrayRecordComponent") // Never compared.
record LabelledPart(int index, byte[][] content, String[] labels) implements Serializable {
  private static final long serialVersionUID = 1;

  /// Takes up the rows of a partition.
  ///
  /// @param rows of bytes and a label
  static LabelledPart of(int index, Iterator<Row> rows) {
    List<byte[]> content = new ArrayList<>();
    List<String> labels = new ArrayList<>();
    while (rows.hasNext()) {
      Row row = rows.next();
      if (row.isNullAt(0) || row.isNullAt(1)) {
        throw new IllegalArgumentException(
            "a row has no image or no label: leave it out, or fill it");
      }
      content.add((byte[]) row.get(0));
      labels.add(name(row.get(1)));
    }
    return new LabelledPart(
        index, content.toArray(new byte[0][]), labels.toArray(new String[0]));
  }

  /// A class by its number or its name: Spark ML has labels of type double.
  private static String name(Object label) {
    return label instanceof Number number && number.doubleValue() == number.longValue()
        ? String.format(Locale.ROOT, "%s", number.longValue())
        : label.toString();
  }

  /// The part of the images that are used.
  ///
  /// @param first number of the first one
  /// @param used indices
  /// @param classes labels by name
  Part part(long first, int[] used, Map<String, Integer> classes) {
    byte[][] chosen = new byte[used.length][];
    int[] numbers = new int[used.length];
    for (int i = 0; i < used.length; i++) {
      chosen[i] = content[used[i]];
      Integer label = classes.get(labels[used[i]]);
      if (label == null) {
        throw new IllegalArgumentException(
            "the test images have a class that no training image has");
      }
      numbers[i] = label;
    }
    return new Part(index, first, chosen, numbers);
  }

  @Override
  public String toString() {
    return "LabelledPart[%s, %s images]".formatted(index, Arrays.asList(labels).size());
  }
}
