package asymml.spark;

import asymml.session.StageMember;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataLimits;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
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
  /// @param limits on the bytes of an image
  /// @throws DataException if one of them is missing, or an image is beyond the limits
  static LabelledPart of(int index, Iterator<Row> rows, DataLimits limits) throws DataException {
    List<byte[]> content = new ArrayList<>();
    List<String> labels = new ArrayList<>();
    while (rows.hasNext()) {
      Row row = rows.next();
      if (row.isNullAt(0) || row.isNullAt(1)) {
        throw new DataException("a row has no image or no label: leave it out, or fill it");
      }
      byte[] image = (byte[]) row.get(0);
      limits.requireFile("image %s of partition %s".formatted(content.size(), index), image.length);
      content.add(image);
      labels.add(name(row.get(1)));
    }
    return new LabelledPart(index, content.toArray(new byte[0][]), labels.toArray(new String[0]));
  }

  /// A class by its number or its name.
  private static String name(Object label) {
    return label instanceof Number number && number.doubleValue() == number.longValue()
        ? Long.toString(number.longValue())
        : label.toString();
  }

  /// What tells whether Spark has read the same rows again, in the same order.
  String digest() {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      for (int i = 0; i < content.length; i++) {
        byte[] label = labels[i].getBytes(StandardCharsets.UTF_8);
        sha256.update(
            ByteBuffer.allocate(8).putInt(label.length).putInt(content[i].length).array());
        sha256.update(label);
        sha256.update(content[i]);
      }
      return HexFormat.of().formatHex(sha256.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /// The part of the images that are used.
  ///
  /// @param digest that these rows must have
  /// @param used indices
  /// @param numbers of those in the whole split
  /// @param classes labels by name
  /// @throws DataException if an image has none of the classes
  /// @throws IllegalStateException if Spark has read other rows than before: an example could be in
  ///   two partitions, and count twice
  StageMember.Images part(String digest, int[] used, int[] numbers, Map<String, Integer> classes)
      throws DataException {
    if (!digest.equals(digest())) {
      throw new IllegalStateException(
          "partition %s of the images has changed while the run reads it".formatted(index));
    }
    byte[][] chosen = new byte[used.length][];
    int[] chosenLabels = new int[used.length];
    for (int i = 0; i < used.length; i++) {
      chosen[i] = content[used[i]];
      Integer label = classes.get(labels[used[i]]);
      if (label == null) {
        throw new DataException("the test images have a class that no training image has");
      }
      chosenLabels[i] = label;
    }
    return new StageMember.Images(numbers, chosen, chosenLabels);
  }
}
