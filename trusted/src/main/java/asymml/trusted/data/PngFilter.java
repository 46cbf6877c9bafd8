package asymml.trusted.data;

/// The five filters of rows (PNG specification, third edition, 9.2).
final class PngFilter {
  private PngFilter() {}

  /// Undoes the filter of one row, in place.
  ///
  /// @param name how to call the file in errors
  /// @param filter its number
  /// @param row filtered bytes from `lead` on, zeros before
  /// @param above the row above, without a filter; zeros in the first row
  /// @param lead bytes of a pixel, at least 1
  static void undo(String name, int filter, byte[] row, byte[] above, int lead)
      throws DataException {
    switch (filter) {
      case 0 -> {}
      case 1 -> {
        for (int i = lead; i < row.length; i++) {
          row[i] += row[i - lead];
        }
      }
      case 2 -> {
        for (int i = lead; i < row.length; i++) {
          row[i] += above[i];
        }
      }
      case 3 -> {
        for (int i = lead; i < row.length; i++) {
          row[i] += (byte) (((row[i - lead] & 0xFF) + (above[i] & 0xFF)) >> 1);
        }
      }
      case 4 -> {
        for (int i = lead; i < row.length; i++) {
          row[i] += (byte) paeth(row[i - lead] & 0xFF, above[i] & 0xFF, above[i - lead] & 0xFF);
        }
      }
      default -> throw ImageDecoder.corrupt(name, "a row has the filter " + filter);
    }
  }

  /// The neighbour that is nearest to `left + up - corner`.
  private static int paeth(int left, int up, int corner) {
    int p = left + up - corner;
    int toLeft = Math.abs(p - left);
    int toUp = Math.abs(p - up);
    int toCorner = Math.abs(p - corner);
    if (toLeft <= toUp && toLeft <= toCorner) {
      return left;
    }
    return toUp <= toCorner ? up : corner;
  }
}
