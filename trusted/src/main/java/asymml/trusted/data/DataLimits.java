package asymml.trusted.data;

/// How large data may say they are. Sizes are declared in headers, which cost their author nothing:
/// they are compared with these limits before memory is taken. What all decoded images of a data
/// set may take together is no limit of its own: it is 0.8 of the Java heap.
///
/// @param imagePixels the most pixels of one image, height times width; 1 to [#MOST_PIXELS]
public record DataLimits(int imagePixels) {
  /// The largest limit: a row of any PNG image then fits into one array.
  public static final int MOST_PIXELS = 1 << 27;

  /// 16,777,216 pixels an image, for example 4096 x 4096.
  public static final DataLimits DEFAULT = new DataLimits(1 << 24);

  /// The most bytes that deflate makes of one (RFC 1951: a match of 258 bytes in two bits).
  static final long DEFLATE_RATIO = 1032;

  /// Bytes of a pixel that no compression made smaller: four samples of 16 bits.
  private static final int PIXEL_BYTES = 8;

  /// What else a file may hold: profiles, thumbnails, comments.
  private static final int METADATA_BYTES = 16 << 20;

  /// Checks the range.
  public DataLimits {
    if (imagePixels < 1 || imagePixels > MOST_PIXELS) {
      throw new IllegalArgumentException(
          "an image's limit is 1 to " + MOST_PIXELS + " pixels: " + imagePixels);
    }
  }

  /// The most bytes of one image file: beyond, its pixels or what lies beside them are too many.
  int fileBytes() {
    return (int)
        Math.min(Integer.MAX_VALUE - 8L, (long) PIXEL_BYTES * imagePixels + METADATA_BYTES);
  }

  /// Refuses an image by its header.
  ///
  /// @param name how to call the file
  /// @param width as declared, at least 1
  /// @param height as declared, at least 1
  void require(String name, int width, int height) throws DataException {
    if ((long) width * height > imagePixels) {
      throw DataException.tooLarge(
          "%s declares %s x %s pixels (width x height), more than the limit of %s pixels an image; make it smaller, or replace it if it is damaged"
              .formatted(name, width, height, imagePixels));
    }
  }

  /// Refuses an image file by its size.
  ///
  /// @param name how to call the file
  /// @param bytes its size, uncompressed
  /// @throws DataException if no image within the limit takes so many
  public void requireFile(String name, long bytes) throws DataException {
    if (bytes > fileBytes()) {
      throw DataException.tooLarge(
          "%s has %s bytes, more than an image file of at most %s pixels takes (%s bytes); make it smaller, or replace it if it is damaged"
              .formatted(name, bytes, imagePixels, fileBytes()));
    }
  }
}
