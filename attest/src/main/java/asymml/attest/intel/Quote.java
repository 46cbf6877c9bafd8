package asymml.attest.intel;

import asymml.attest.EvidenceException;
import asymml.attest.crypto.ByteReader;
import asymml.attest.crypto.Curve;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A quote of SGX (version 3) or TDX (versions 4 and 5; SGX too), as a quoting enclave wrote it
/// (Intel, SGX and TDX DCAP quote libraries, appendices A). Nothing of it is verified. Arrays are
/// not changed after construction.
public final class Quote {
  private static final int ECDSA_P256 = 2;
  private static final int TDX = 0x81;
  private static final int SIGNATURE = 64;
  private static final int NESTED = 6;
  private static final String INTEL = "939a7233f79c4ca9940a0db3957f0607";

  private final byte[] bytes;
  private final int version;
  private final @Nullable EnclaveReport enclave;
  private final @Nullable TdReport td;
  private final int signed;
  private final byte[] signature;
  private final byte[] attestationKey;
  private final EnclaveReport quotingEnclave;
  private final byte[] quotingEnclaveSignature;
  private final byte[] authenticationData;
  private final int certificationType;
  private final byte[] certificationData;
  private final int trailing;

  private Quote(byte[] quote) throws EvidenceException {
    bytes = quote.clone();
    ByteReader in = new ByteReader("the quote", bytes);
    version = in.u16("version");
    if (version < 3 || version > 5) {
      throw new EvidenceException("quote version %s, expected 3, 4 or 5".formatted(version));
    }
    boolean tdx = tdx(in);
    byte[] body = in.bytes(bodySize(in, tdx), "body");
    enclave = body.length == EnclaveReport.SIZE ? new EnclaveReport(body) : null;
    td = enclave == null ? new TdReport(body) : null;
    signed = in.position();

    ByteReader data = in.part(in.u32("length of the signature data"), "the signature data");
    trailing = in.remaining();
    signature = data.bytes(SIGNATURE, "quote signature");
    attestationKey = data.bytes(2L * Curve.P256.size(), "attestation key");
    ByteReader certification = version == 3 ? data : nested(data);
    quotingEnclave = new EnclaveReport(certification.bytes(EnclaveReport.SIZE, "QE report"));
    quotingEnclaveSignature = certification.bytes(SIGNATURE, "QE report signature");
    authenticationData =
        certification.bytes(
            certification.u16("length of the QE authentication data"), "QE authentication data");
    certificationType = certification.u16("type of the certification data");
    certificationData =
        certification.bytes(
            certification.u32("length of the certification data"), "certification data");
    certification.finish();
    data.finish();
  }

  /// Reads a quote.
  ///
  /// @param bytes the quote; what follows it is ignored, since quoting services fill up
  /// @return the quote
  /// @throws EvidenceException if it is cut short, or of a form that is not known
  public static Quote parse(byte[] bytes) throws EvidenceException {
    return new Quote(bytes);
  }

  /// Reads the header behind the version.
  private boolean tdx(ByteReader in) throws EvidenceException {
    int keyType = in.u16("attestation key type");
    if (keyType != ECDSA_P256) {
      throw new EvidenceException(
          "attestation key type %s, expected 2 (ECDSA P-256)".formatted(keyType));
    }
    long tee = in.u32("TEE type");
    if (tee != 0 && (tee != TDX || version == 3)) {
      throw new EvidenceException(
          "TEE type %s in a quote of version %s, expected %s"
              .formatted(tee, version, version == 3 ? "0" : "0 (SGX) or 129 (TDX)"));
    }
    in.u32("QE and PCE SVN");
    String vendor = HexFormat.of().formatHex(in.bytes(16, "QE vendor"));
    if (!vendor.equals(INTEL)) {
      throw new EvidenceException("QE vendor %s, expected Intel's %s".formatted(vendor, INTEL));
    }
    in.bytes(20, "user data");
    return tee == TDX;
  }

  private long bodySize(ByteReader in, boolean tdx) throws EvidenceException {
    if (version < 5) {
      return tdx ? TdReport.SIZE_1_0 : EnclaveReport.SIZE;
    }
    int type = in.u16("body type");
    long size = in.u32("body size");
    int expected =
        switch (type) {
          case 1 -> EnclaveReport.SIZE;
          case 2 -> TdReport.SIZE_1_0;
          case 3 -> TdReport.SIZE_1_5;
          default ->
              throw new EvidenceException("quote body type %s, expected 1, 2 or 3".formatted(type));
        };
    if (size != expected || tdx == (type == 1)) {
      throw new EvidenceException(
          "a quote body of type %s and %s bytes in a quote of %s"
              .formatted(type, size, tdx ? "TDX" : "SGX"));
    }
    return size;
  }

  private static ByteReader nested(ByteReader data) throws EvidenceException {
    int type = data.u16("type of the outer certification data");
    if (type != NESTED) {
      throw new EvidenceException(
          "certification data of type %s, expected 6 (QE report)".formatted(type));
    }
    return data.part(
        data.u32("length of the outer certification data"), "the outer certification data");
  }

  /// The quote's version.
  ///
  /// @return 3, 4 or 5
  public int version() {
    return version;
  }

  /// What it is of.
  ///
  /// @return by its body
  public Tee tee() {
    return enclave == null ? Tee.TDX : Tee.SGX;
  }

  /// The report of the enclave.
  ///
  /// @return empty in a quote of TDX
  public Optional<EnclaveReport> enclave() {
    return Optional.ofNullable(enclave);
  }

  /// The report of the trust domain.
  ///
  /// @return empty in a quote of SGX
  public Optional<TdReport> td() {
    return Optional.ofNullable(td);
  }

  /// What its software wanted to have in the quote.
  ///
  /// @return 64 bytes
  public byte[] reportData() {
    return enclave()
        .map(EnclaveReport::reportData)
        .or(() -> td().map(TdReport::reportData))
        .orElseThrow();
  }

  /// Whether its memory may be read from outside.
  ///
  /// @return attribute DEBUG
  public boolean debug() {
    return enclave().map(EnclaveReport::debug).or(() -> td().map(TdReport::debug)).orElseThrow();
  }

  /// The kind of certification data.
  ///
  /// @return 5 is a chain of certificates; 1 to 3 name the platform without one
  public int certificationType() {
    return certificationType;
  }

  /// What follows the quote.
  ///
  /// @return bytes
  public int trailingBytes() {
    return trailing;
  }

  byte[] signed() {
    return Arrays.copyOf(bytes, signed);
  }

  byte[] signature() {
    return signature;
  }

  byte[] attestationKey() {
    return attestationKey;
  }

  EnclaveReport quotingEnclave() {
    return quotingEnclave;
  }

  byte[] quotingEnclaveSignature() {
    return quotingEnclaveSignature;
  }

  byte[] authenticationData() {
    return authenticationData;
  }

  byte[] certificationData() {
    return certificationData;
  }
}
