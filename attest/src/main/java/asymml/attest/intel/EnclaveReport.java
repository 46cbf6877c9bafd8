package asymml.attest.intel;

import asymml.attest.crypto.LittleEndian;
import java.util.Arrays;

/// The report of an enclave, 384 bytes. Arrays that accessors return are copies.
public final class EnclaveReport {
  /// The size of every report.
  public static final int SIZE = 384;

  private static final int ATTRIBUTES = 48;
  private static final int DEBUG = 2;

  private final byte[] bytes;

  EnclaveReport(byte[] bytes) {
    if (bytes.length != SIZE) {
      throw new IllegalArgumentException("an enclave report has 384 bytes: " + bytes.length);
    }
    this.bytes = bytes.clone();
  }

  private byte[] field(int offset, int size) {
    return Arrays.copyOfRange(bytes, offset, offset + size);
  }

  byte[] bytes() {
    return bytes.clone();
  }

  long miscSelect() {
    return LittleEndian.read(bytes, 16, 4);
  }

  /// Flags and XFRM.
  ///
  /// @return 16 bytes
  public byte[] attributes() {
    return field(ATTRIBUTES, 16);
  }

  /// Whether the enclave's memory may be read from outside.
  ///
  /// @return attribute DEBUG
  public boolean debug() {
    return (bytes[ATTRIBUTES] & DEBUG) != 0;
  }

  /// The digest of the enclave's initial memory.
  ///
  /// @return 32 bytes
  public byte[] mrEnclave() {
    return field(64, 32);
  }

  /// The digest of the key that signed the enclave.
  ///
  /// @return 32 bytes
  public byte[] mrSigner() {
    return field(128, 32);
  }

  /// The signer's product number.
  ///
  /// @return 0 to 65535
  public int isvProdId() {
    return (int) LittleEndian.read(bytes, 256, 2);
  }

  /// The signer's security version number.
  ///
  /// @return 0 to 65535
  public int isvSvn() {
    return (int) LittleEndian.read(bytes, 258, 2);
  }

  /// What the enclave wanted to have in the report.
  ///
  /// @return 64 bytes
  public byte[] reportData() {
    return field(320, 64);
  }
}
