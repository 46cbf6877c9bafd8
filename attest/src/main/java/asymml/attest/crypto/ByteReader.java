package asymml.attest.crypto;

import asymml.attest.EvidenceException;
import java.util.Arrays;

/// Reads little-endian fields one after the other. Each length is checked against what is left
/// before anything is copied.
public final class ByteReader {
  private final String name;
  private final byte[] bytes;
  private final int end;
  private int at;

  /// Reads from the beginning.
  ///
  /// @param name of what is read, for errors
  /// @param bytes not changed
  public ByteReader(String name, byte[] bytes) {
    this(name, bytes, 0, bytes.length);
  }

  private ByteReader(String name, byte[] bytes, int from, int end) {
    this.name = name;
    this.bytes = bytes;
    at = from;
    this.end = end;
  }

  /// The place of the next field.
  ///
  /// @return bytes from the beginning of the array
  public int position() {
    return at;
  }

  /// What is left.
  ///
  /// @return bytes
  public int remaining() {
    return end - at;
  }

  private int advance(long size, String field) throws EvidenceException {
    if (size > remaining()) {
      throw new EvidenceException(
          "%s is cut short: %s takes %s bytes at offset %s and %s are left"
              .formatted(name, field, size, at, remaining()));
    }
    int from = at;
    at += (int) size;
    return from;
  }

  /// Copies bytes.
  ///
  /// @param size not negative
  /// @param field its name, for errors
  /// @return new
  /// @throws EvidenceException if fewer are left
  public byte[] bytes(long size, String field) throws EvidenceException {
    int from = advance(size, field);
    return Arrays.copyOfRange(bytes, from, at);
  }

  /// An unsigned integer of 16 bits.
  ///
  /// @param field its name, for errors
  /// @return 0 to 65535
  /// @throws EvidenceException if too few bytes are left
  public int u16(String field) throws EvidenceException {
    return (int) LittleEndian.read(bytes, advance(2, field), 2);
  }

  /// An unsigned integer of 32 bits.
  ///
  /// @param field its name, for errors
  /// @return 0 to 2^32 - 1
  /// @throws EvidenceException if too few bytes are left
  public long u32(String field) throws EvidenceException {
    return LittleEndian.read(bytes, advance(4, field), 4);
  }

  /// A reader of a part of what is left, which this one passes over.
  ///
  /// @param size bytes
  /// @param part its name, for errors
  /// @return a view
  /// @throws EvidenceException if fewer are left
  public ByteReader part(long size, String part) throws EvidenceException {
    int from = advance(size, part);
    return new ByteReader(part, bytes, from, at);
  }

  /// Checks that nothing is left.
  ///
  /// @throws EvidenceException if something is
  public void finish() throws EvidenceException {
    if (remaining() > 0) {
      throw new EvidenceException("%s has %s bytes too many".formatted(name, remaining()));
    }
  }
}
