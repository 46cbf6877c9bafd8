package asymml.attest.intel;

import asymml.attest.crypto.LittleEndian;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/// The report of a trust domain, version 1.0 (584 bytes) or 1.5 (648 bytes). Arrays that accessors
/// return are copies.
public final class TdReport {
  static final int SIZE_1_0 = 584;
  static final int SIZE_1_5 = 648;

  private static final int DIGEST = 48;
  private static final int ATTRIBUTES = 120;
  private static final int SEPT_VE_DISABLE = 28;
  private static final int MIGRATABLE = 29;

  private final byte[] bytes;

  TdReport(byte[] bytes) {
    if (bytes.length != SIZE_1_0 && bytes.length != SIZE_1_5) {
      throw new IllegalArgumentException("a TD report has 584 or 648 bytes: " + bytes.length);
    }
    this.bytes = bytes.clone();
  }

  private byte[] field(int offset, int size) {
    return Arrays.copyOfRange(bytes, offset, offset + size);
  }

  private boolean attribute(int bit) {
    return (LittleEndian.read(bytes, ATTRIBUTES, 8) >> bit & 1) == 1;
  }

  /// The report's version.
  ///
  /// @return `1.0` or `1.5`
  public String version() {
    return bytes.length == SIZE_1_0 ? "1.0" : "1.5";
  }

  /// Security version numbers of the TDX module and the platform when the TD was launched.
  ///
  /// @return 16 bytes
  public byte[] teeTcbSvn() {
    return field(0, 16);
  }

  /// The digest of the TDX module.
  ///
  /// @return 48 bytes
  public byte[] mrSeam() {
    return field(16, DIGEST);
  }

  byte[] mrSignerSeam() {
    return field(64, DIGEST);
  }

  byte[] seamAttributes() {
    return field(112, 8);
  }

  /// The TD's attributes.
  ///
  /// @return 8 bytes
  public byte[] attributes() {
    return field(ATTRIBUTES, 8);
  }

  /// Whether the TD's memory may be read from outside.
  ///
  /// @return true if any of the debug group of attributes is set
  public boolean debug() {
    return bytes[ATTRIBUTES] != 0;
  }

  /// Whether the hypervisor is kept from causing exceptions on the TD's memory.
  ///
  /// @return attribute SEPT_VE_DISABLE
  public boolean septVeDisabled() {
    return attribute(SEPT_VE_DISABLE);
  }

  /// Whether the TD can be moved to another machine.
  ///
  /// @return attribute MIGRATABLE
  public boolean migratable() {
    return attribute(MIGRATABLE);
  }

  /// Extended features that the TD may use.
  ///
  /// @return 8 bytes
  public byte[] xfam() {
    return field(128, 8);
  }

  /// The digest of the TD's initial memory.
  ///
  /// @return 48 bytes
  public byte[] mrTd() {
    return field(136, DIGEST);
  }

  /// What the host gave at launch.
  ///
  /// @return 48 bytes
  public byte[] mrConfigId() {
    return field(184, DIGEST);
  }

  /// Measurement registers that software in the TD extends.
  ///
  /// @return RTMR 0 to 3, 48 bytes each
  public List<byte[]> rtmr() {
    return IntStream.range(0, 4).mapToObj(i -> field(328 + DIGEST * i, DIGEST)).toList();
  }

  /// What the TD wanted to have in the report.
  ///
  /// @return 64 bytes
  public byte[] reportData() {
    return field(520, 64);
  }

  /// As [#teeTcbSvn], now: the TDX module can be updated under a running TD.
  ///
  /// @return 16 bytes; empty in version 1.0
  public Optional<byte[]> teeTcbSvn2() {
    return bytes.length == SIZE_1_0 ? Optional.empty() : Optional.of(field(584, 16));
  }

  /// The digest of service TDs that are bound, such as migration TDs.
  ///
  /// @return 48 bytes; empty in version 1.0
  public Optional<byte[]> mrServiceTd() {
    return bytes.length == SIZE_1_0 ? Optional.empty() : Optional.of(field(600, DIGEST));
  }
}
