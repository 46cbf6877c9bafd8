package asymml.attest.amd;

import asymml.attest.EvidenceException;
import asymml.attest.crypto.LittleEndian;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;

/// An attestation report of SEV-SNP, version 2, 3 or 5, as the secure processor wrote it. Arrays
/// that accessors return are copies.
public final class SnpReport {
  /// The size of every report.
  public static final int SIZE = 1184;

  /// What is signed: everything before the signature.
  static final int SIGNED = 0x2a0;

  private static final int ECDSA_P384_SHA384 = 1;
  private static final int DEBUG = 19;
  private static final int MIGRATION_AGENT = 18;

  private final byte[] bytes;

  private SnpReport(byte[] bytes) {
    this.bytes = bytes;
  }

  /// Reads a report.
  ///
  /// @param bytes exactly 1,184
  /// @return the report; nothing of it is verified
  /// @throws EvidenceException if size, version or signature algorithm are others than known
  public static SnpReport parse(byte[] bytes) throws EvidenceException {
    if (bytes.length != SIZE) {
      throw new EvidenceException(
          "an SNP report has %s bytes, found %s".formatted(SIZE, bytes.length));
    }
    SnpReport report = new SnpReport(bytes.clone());
    int version = report.version();
    if (version != 2 && version != 3 && version != 5) {
      throw new EvidenceException(
          "SNP report version %s, expected 2, 3 or 5".formatted(Integer.toUnsignedString(version)));
    }
    long algorithm = report.integer(0x34, 4);
    if (algorithm != ECDSA_P384_SHA384) {
      throw new EvidenceException(
          "SNP report signature algorithm %s, expected 1 (ECDSA P-384 with SHA-384)"
              .formatted(algorithm));
    }
    return report;
  }

  private long integer(int offset, int size) {
    return LittleEndian.read(bytes, offset, size);
  }

  private byte[] field(int offset, int size) {
    return Arrays.copyOfRange(bytes, offset, offset + size);
  }

  /// The report's version.
  ///
  /// @return 2, 3 or 5
  public int version() {
    return (int) integer(0, 4);
  }

  /// The guest's security version number.
  ///
  /// @return unsigned, 32 bits
  public long guestSvn() {
    return integer(0x04, 4);
  }

  /// What the guest's owner asked for at launch.
  ///
  /// @return 64 bits
  public long policy() {
    return integer(0x08, 8);
  }

  /// Whether the host may read the guest's memory.
  ///
  /// @return bit 19 of the policy
  public boolean debug() {
    return (policy() >> DEBUG & 1) == 1;
  }

  /// Whether a migration agent may move the guest.
  ///
  /// @return bit 18 of the policy
  public boolean migrationAgent() {
    return (policy() >> MIGRATION_AGENT & 1) == 1;
  }

  /// The family that the ID block named.
  ///
  /// @return 16 bytes
  public byte[] familyId() {
    return field(0x10, 16);
  }

  /// The image that the ID block named.
  ///
  /// @return 16 bytes
  public byte[] imageId() {
    return field(0x20, 16);
  }

  /// The privilege level that asked for the report.
  ///
  /// @return unsigned, 32 bits; 0 is the highest privilege
  public long vmpl() {
    return integer(0x30, 4);
  }

  /// What the platform has switched on.
  ///
  /// @return 64 bits
  public long platformInfo() {
    return integer(0x40, 8);
  }

  /// Which key signed the report.
  ///
  /// @return by bits 4:2 of the flags
  public SigningKey signingKey() {
    return switch ((int) integer(0x48, 4) >> 2 & 7) {
      case 0 -> SigningKey.VCEK;
      case 1 -> SigningKey.VLEK;
      case 7 -> SigningKey.NONE;
      default -> SigningKey.UNKNOWN;
    };
  }

  /// Whether the report leaves the chip's identity out.
  ///
  /// @return bit 1 of the flags
  public boolean chipIdMasked() {
    return (integer(0x48, 4) >> 1 & 1) == 1;
  }

  /// What the guest wanted to have in the report.
  ///
  /// @return 64 bytes
  public byte[] reportData() {
    return field(0x50, 64);
  }

  /// The digest of the guest's initial memory.
  ///
  /// @return 48 bytes
  public byte[] measurement() {
    return field(0x90, 48);
  }

  /// What the host gave at launch.
  ///
  /// @return 32 bytes
  public byte[] hostData() {
    return field(0xc0, 32);
  }

  /// The digest of the key that signed the ID block.
  ///
  /// @return 48 bytes, 0 without an ID block
  public byte[] idKeyDigest() {
    return field(0xe0, 48);
  }

  /// The chip.
  ///
  /// @return 64 bytes, 0 where masked
  public byte[] chipId() {
    return field(0x1a0, 64);
  }

  /// The TCB that the signing key was derived for.
  ///
  /// @param product whose layout the field has
  /// @return unpacked
  public TcbVersion reportedTcb(Product product) {
    return TcbVersion.of(bytes, 0x180, product);
  }

  /// The processor's CPUID, from version 3 on.
  ///
  /// @return family, model and stepping in hexadecimal; empty in version 2
  public Optional<String> cpuid() {
    return version() < 3
        ? Optional.empty()
        : Optional.of(HexFormat.of().formatHex(field(0x188, 3)));
  }

  /// The processor's generation as the report says it.
  ///
  /// @return empty in version 2, and if this program does not know the processor
  public Optional<Product> product() {
    return version() < 3
        ? Optional.empty()
        : Product.of((int) integer(0x188, 1), (int) integer(0x189, 1));
  }

  /// The bytes under the signature.
  byte[] signed() {
    return field(0, SIGNED);
  }

  /// The signature as the processor writes it: r and s of 72 bytes, little endian, and zeros.
  byte[] signature() {
    return field(SIGNED, SIZE - SIGNED);
  }
}
