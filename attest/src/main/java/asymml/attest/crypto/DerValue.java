package asymml.attest.crypto;

import asymml.attest.EvidenceException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// One value of DER (X.690) with a tag of one byte and a definite length, as far as certificate
/// extensions need it.
///
/// @param tag with class and form
/// @param content without tag and length
@SuppressWarnings("ArrayRecordComponent") // Not compared.
public record DerValue(int tag, byte[] content) {
  /// OBJECT IDENTIFIER.
  public static final int OID = 6;

  /// BIT STRING.
  public static final int BITS = 3;

  /// OCTET STRING.
  public static final int OCTETS = 4;

  /// INTEGER.
  public static final int INTEGER = 2;

  /// ENUMERATED.
  public static final int ENUMERATED = 10;

  /// IA5String.
  public static final int IA5 = 22;

  /// SEQUENCE.
  public static final int SEQUENCE = 0x30;

  /// Reads one value and nothing after it.
  ///
  /// @param bytes all of it
  /// @return the value
  /// @throws EvidenceException if it is none, or something follows
  public static DerValue read(byte[] bytes) throws EvidenceException {
    List<DerValue> all = all(bytes);
    if (all.size() != 1) {
      throw new EvidenceException("a DER value was expected, found " + all.size());
    }
    return all.getFirst();
  }

  private static List<DerValue> all(byte[] bytes) throws EvidenceException {
    List<DerValue> values = new ArrayList<>();
    int at = 0;
    while (at < bytes.length) {
      int tag = bytes[at++] & 0xff;
      if ((tag & 0x1f) == 0x1f) {
        throw new EvidenceException("a DER tag of several bytes");
      }
      if (at >= bytes.length) {
        throw new EvidenceException("a DER value without length");
      }
      int length = bytes[at++] & 0xff;
      if (length > 0x82 || length == 0x80) {
        throw new EvidenceException("a DER value that is too long or of indefinite length");
      }
      if (length > 0x80) {
        int octets = length - 0x80;
        length = 0;
        for (int i = 0; i < octets; i++) {
          if (at >= bytes.length) {
            throw new EvidenceException("a DER length that is cut short");
          }
          length = length << 8 | (bytes[at++] & 0xff);
        }
      }
      if (length > bytes.length - at) {
        throw new EvidenceException(
            "a DER value of %s bytes where %s are left".formatted(length, bytes.length - at));
      }
      values.add(new DerValue(tag, Arrays.copyOfRange(bytes, at, at + length)));
      at += length;
    }
    return values;
  }

  private void require(int expected, String what) throws EvidenceException {
    if (tag != expected) {
      throw new EvidenceException("%s: DER tag %s, expected %s".formatted(what, tag, expected));
    }
  }

  /// The values in a sequence.
  ///
  /// @param what its name, for errors
  /// @return in order
  /// @throws EvidenceException if it is none
  public List<DerValue> sequence(String what) throws EvidenceException {
    require(SEQUENCE, what);
    return all(content);
  }

  /// An object identifier.
  ///
  /// @return in dots
  /// @throws EvidenceException if it is none
  public String oid() throws EvidenceException {
    require(OID, "object identifier");
    StringBuilder text = new StringBuilder();
    BigInteger arc = BigInteger.ZERO;
    boolean first = true;
    for (int i = 0; i < content.length; i++) {
      arc = arc.shiftLeft(7).or(BigInteger.valueOf(content[i] & 0x7f));
      if ((content[i] & 0x80) != 0) {
        continue;
      }
      if (first) {
        int root = Math.min(arc.bitLength() > 8 ? 2 : arc.intValue() / 40, 2);
        text.append(root).append('.').append(arc.subtract(BigInteger.valueOf(40L * root)));
        first = false;
      } else {
        text.append('.').append(arc);
      }
      arc = BigInteger.ZERO;
    }
    return text.toString();
  }

  /// A small integer, or an enumerated value.
  ///
  /// @param most the largest allowed
  /// @param what its name, for errors
  /// @return 0 to `most`
  /// @throws EvidenceException if it is none or out of range
  public int integer(int most, String what) throws EvidenceException {
    if (tag != ENUMERATED) {
      require(INTEGER, what);
    }
    if (content.length == 0 || content.length > 4) {
      throw new EvidenceException(what + ": an integer of " + content.length + " bytes");
    }
    int value = new BigInteger(content).intValue();
    if (value < 0 || value > most) {
      throw new EvidenceException("%s: %s is not in 0..%s".formatted(what, value, most));
    }
    return value;
  }

  /// Bytes.
  ///
  /// @param size how many
  /// @param what its name, for errors
  /// @return a copy
  /// @throws EvidenceException if it is no octet string of that size
  public byte[] octets(int size, String what) throws EvidenceException {
    require(OCTETS, what);
    if (content.length != size) {
      throw new EvidenceException(
          "%s: %s bytes, expected %s".formatted(what, content.length, size));
    }
    return content.clone();
  }

  /// Text.
  ///
  /// @param what its name, for errors
  /// @return of ASCII characters
  /// @throws EvidenceException if it is no IA5String
  public String text(String what) throws EvidenceException {
    require(IA5, what);
    return new String(content, StandardCharsets.US_ASCII);
  }
}
