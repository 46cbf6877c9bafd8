package asymml.trusted.data;

/// What the directory of a zip file says of one entry.
///
/// @param method how it is compressed
/// @param flags general purpose bits
/// @param crc checksum of the content, 32 bits
/// @param packed its size in the file, in bytes
/// @param size of the content, in bytes, as declared
/// @param offset of its local header in the file
/// @param link whether it is a symbolic link
record ZipEntryHeader(
    int method, int flags, long crc, long packed, long size, long offset, boolean link) {
  private static final int ENCRYPTED = 1;

  /// The methods that are met in practice (APPNOTE.TXT 4.4.5).
  private static String methodName(int method) {
    return switch (method) {
      case 1 -> "Shrink";
      case 6 -> "Implode";
      case 9 -> "Deflate64";
      case 12 -> "bzip2";
      case 14 -> "LZMA";
      case 20, 93 -> "Zstandard";
      case 94 -> "MP3";
      case 95 -> "XZ";
      case 98 -> "PPMd";
      default -> "an unknown method";
    };
  }

  /// Refuses what cannot be read, with the reason.
  ///
  /// @param name how to call the entry
  void requireReadable(String name) throws DataException {
    if ((flags & ENCRYPTED) != 0) {
      throw new DataException(
          name + " is encrypted; unpack the zip file with its password and give the folder");
    }
    if (link) {
      throw new DataException(
          name + " is a symbolic link; pack the zip file with the image itself");
    }
    if (!ZipArchive.reads(method)) {
      throw new DataException(
          "%s is compressed by %s (method %s), which is not read; unpack the zip file and give the folder, or pack it with deflate"
              .formatted(name, methodName(method), method));
    }
  }
}
