package asymml.trusted.data.format;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/// A Parquet file, read in place (Apache Parquet format 2.11): flat columns and those in groups, in
/// plain and dictionary encoding, packed by Snappy, gzip or not at all.
///
/// The libraries that read Parquet do not fit here: parquet-java brings Hadoop. Hardwood 1.0.1,
/// which has no dependencies, has no access to single rows, and in a trial with 1,338 damaged files
/// reading one of them did not return.
public final class ParquetFile {
  private final FileBytes file;
  private final ParquetFooter footer;

  private ParquetFile(FileBytes file, ParquetFooter footer) {
    this.file = file;
    this.footer = footer;
  }

  /// Reads what a file says of itself.
  ///
  /// @param file must stay open
  /// @return the file
  /// @throws IOException if it cannot be read
  /// @throws FormatException if it is no Parquet file, or damaged
  public static ParquetFile of(FileBytes file) throws IOException, FormatException {
    return new ParquetFile(file, ParquetFooter.read(file));
  }

  /// How many rows it has.
  ///
  /// @return at least 0, and at most the bytes of the file
  public long rows() {
    return footer.rows();
  }

  /// Its columns.
  ///
  /// @return in the order of its schema
  public List<ParquetColumn> columns() {
    return footer.columns();
  }

  /// What the program that wrote it has added.
  ///
  /// @return texts by their keys
  public Map<String, String> metadata() {
    return footer.metadata();
  }

  /// The values of a column.
  ///
  /// @param column one of [#columns], of bytes or whole numbers
  /// @param mostPageBytes the largest page that is read, unpacked
  /// @return values by rows
  /// @throws IOException if the file cannot be read
  /// @throws FormatException if the column is damaged, or of a kind that is not read
  public ParquetValues values(ParquetColumn column, int mostPageBytes)
      throws IOException, FormatException {
    return new ParquetValues(file, footer, column, mostPageBytes);
  }
}
