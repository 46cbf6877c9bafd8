package asymml.trusted.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/// Reads entries of a zip file in place, by several threads at once (APPNOTE.TXT 6.3.10). The
/// platform's reader refuses the whole file for one entry it cannot read, and gives one reason for
/// many; this one says which entry and why. Sizes that the file declares are checked before memory
/// is taken.
final class ZipArchive implements AutoCloseable {
  /// The longest header: that of an entry's local copy, without names.
  private static final int LOCAL_BYTES = 30;

  private static final int LOCAL_MARK = 0x04034B50;
  private static final int STORED = 0;
  private static final int DEFLATED = 8;

  private final Path file;
  private final FileChannel channel;
  private final TreeIndex<ZipDirectory.Entry> entries;

  private ZipArchive(Path file, FileChannel channel, TreeIndex<ZipDirectory.Entry> entries) {
    this.file = file;
    this.channel = channel;
    this.entries = entries;
  }

  /// Opens a file and reads its directory.
  static ZipArchive open(Path file) throws DataException {
    FileKind.requireRegular(file);
    FileChannel channel = channel(file);
    try {
      return new ZipArchive(file, channel, ZipDirectory.read(file, channel));
    } catch (DataException | IOException | RuntimeException e) {
      try {
        channel.close();
      } catch (IOException closing) {
        e.addSuppressed(closing);
      }
      throw e instanceof IOException io ? FileKind.unreadable(file, io) : rethrown(e);
    }
  }

  private static FileChannel channel(Path file) throws DataException {
    try {
      return FileChannel.open(file, StandardOpenOption.READ);
    } catch (IOException e) {
      throw FileKind.unreadable(file, e);
    }
  }

  private static DataException rethrown(Exception e) {
    if (e instanceof RuntimeException unchecked) {
      throw unchecked;
    }
    return (DataException) e;
  }

  TreeIndex<ZipDirectory.Entry> entries() {
    return entries;
  }

  /// An entry's content.
  ///
  /// @param entry of [#entries]
  /// @param name how to call it in messages
  /// @param limits on its size
  byte[] read(ZipDirectory.Entry entry, String name, DataLimits limits) throws DataException {
    entry.requireReadable(name);
    limits.requireFile(name, entry.size());
    try {
      byte[] packed = new byte[(int) packedBytes(entry, name, limits)];
      ByteBuffer local = fully(entry.offset(), LOCAL_BYTES, name).order(ByteOrder.LITTLE_ENDIAN);
      if (local.getInt(0) != LOCAL_MARK) {
        throw damaged(name, "its header is not where the directory says");
      }
      int names = (local.getShort(26) & 0xFFFF) + (local.getShort(28) & 0xFFFF);
      readFully(ByteBuffer.wrap(packed), entry.offset() + LOCAL_BYTES + names, name);
      byte[] content = entry.method() == STORED ? packed : inflate(packed, entry, name);
      CRC32 checksum = new CRC32();
      checksum.update(content);
      if (checksum.getValue() != entry.crc()) {
        throw damaged(name, "its checksum does not match");
      }
      return content;
    } catch (IOException e) {
      throw FileKind.unreadable(file, e);
    }
  }

  /// The size in the file, once it is certain that the sizes can be true.
  private long packedBytes(ZipDirectory.Entry entry, String name, DataLimits limits)
      throws DataException, IOException {
    if (entry.method() == STORED && entry.packed() != entry.size()) {
      throw damaged(name, "it is stored, but its two sizes differ");
    }
    limits.requireFile(name, entry.packed());
    if (entry.packed() > channel.size() - entry.offset()) {
      throw damaged(name, "it reaches beyond the end of the file");
    }
    if (entry.size() > entry.packed() * DataLimits.DEFLATE_RATIO) {
      throw damaged(name, "its data are not of the declared size");
    }
    return entry.packed();
  }

  private static byte[] inflate(byte[] packed, ZipDirectory.Entry entry, String name)
      throws DataException {
    byte[] content = new byte[(int) entry.size()];
    // One more byte than declared, to notice what is longer.
    byte[] beyond = new byte[1];
    Inflater inflater = new Inflater(true);
    try {
      inflater.setInput(packed);
      int length = 0;
      while (!inflater.finished()) {
        int got =
            length < content.length
                ? inflater.inflate(content, length, content.length - length)
                : inflater.inflate(beyond);
        length += got;
        if (length > content.length || (got == 0 && !inflater.finished())) {
          break;
        }
      }
      if (length != content.length || !inflater.finished()) {
        throw damaged(name, "its data are not of the declared size");
      }
      return content;
    } catch (DataFormatException e) {
      throw damaged(name, "its compressed data are corrupt");
    } finally {
      inflater.end();
    }
  }

  private ByteBuffer fully(long from, int bytes, String name) throws DataException, IOException {
    ByteBuffer buffer = ByteBuffer.allocate(bytes);
    readFully(buffer, from, name);
    return buffer.flip();
  }

  private void readFully(ByteBuffer buffer, long from, String name)
      throws DataException, IOException {
    long at = from;
    while (buffer.hasRemaining()) {
      int got = channel.read(buffer, at);
      if (got < 0) {
        throw damaged(name, "it reaches beyond the end of the file");
      }
      at += got;
    }
  }

  private static DataException damaged(String name, String why) {
    return new DataException(
        name + " cannot be read: the zip file is damaged (" + why + "); replace it");
  }

  /// Whether an entry is deflated or not compressed at all.
  static boolean reads(int method) {
    return method == STORED || method == DEFLATED;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
