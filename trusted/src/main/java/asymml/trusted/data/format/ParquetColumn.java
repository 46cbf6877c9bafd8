package asymml.trusted.data.format;

import java.util.List;

/// A column of a Parquet file: a leaf of its schema.
///
/// @param index its number among the file's columns
/// @param path the names that lead to it, such as `image`, `bytes`
/// @param type as `parquet.thrift` numbers it: [#INT32], [#INT64], [#BYTES] or another
/// @param text whether its bytes are text
/// @param definition how many of the path's parts may be null
/// @param repeated whether a row may have several values
public record ParquetColumn(
    int index, List<String> path, int type, boolean text, int definition, boolean repeated) {
  /// The type of whole numbers of 32 bits.
  public static final int INT32 = 1;

  /// The type of whole numbers of 64 bits.
  public static final int INT64 = 2;

  /// The type of byte arrays, text among them.
  public static final int BYTES = 6;

  /// The name, for errors.
  ///
  /// @return the path's parts with dots between them
  public String name() {
    return String.join(".", path);
  }
}
