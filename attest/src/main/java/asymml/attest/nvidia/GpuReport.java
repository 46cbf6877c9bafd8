package asymml.attest.nvidia;

import asymml.attest.EvidenceException;
import asymml.attest.crypto.ByteReader;
import asymml.attest.crypto.Curve;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A report of an NVIDIA GPU: request and response of SPDM 1.1 (DMTF DSP0274) for all measurements.
/// Nothing of it is verified. Arrays are not changed after construction.
public final class GpuReport {
  private static final int VERSION = 0x11;
  private static final int REQUEST = 0xe0;
  private static final int RESPONSE = 0x60;
  private static final int NONCE = 32;
  private static final int DRIVER = 3;
  private static final int VBIOS = 6;

  private final byte[] bytes;
  private final byte[] requestNonce;
  private final List<byte[]> measurements = new ArrayList<>();
  private final Map<Integer, byte[]> opaque = new LinkedHashMap<>();
  private final int signed;
  private final byte[] signature;
  private final int trailing;

  private GpuReport(byte[] report) throws EvidenceException {
    bytes = report.clone();
    ByteReader in = new ByteReader("the GPU report", bytes);
    expect(in, REQUEST, "request");
    in.u16("parameters of the request");
    requestNonce = in.bytes(NONCE, "nonce of the request");
    in.bytes(1, "slot");
    expect(in, RESPONSE, "response");
    in.u16("parameters of the response");
    int blocks = in.bytes(1, "number of measurements")[0] & 0xff;
    byte[] length = in.bytes(3, "length of the measurements");
    int size = (length[0] & 0xff) | (length[1] & 0xff) << 8 | (length[2] & 0xff) << 16;
    ByteReader record = in.part(size, "the measurements");
    for (int i = 0; i < blocks; i++) {
      measurements.add(block(record));
    }
    record.finish();
    in.bytes(NONCE, "nonce of the response");
    ByteReader data = in.part(in.u16("length of the opaque data"), "the opaque data");
    while (data.remaining() > 0) {
      int type = data.u16("type of opaque data");
      opaque.putIfAbsent(
          type, data.bytes(data.u16("length of opaque data"), "opaque data " + type));
    }
    signed = in.position();
    signature = in.bytes(2L * Curve.P384.size(), "signature");
    trailing = in.remaining();
    if (trailing > 1) {
      throw new EvidenceException("the GPU report has %s bytes too many".formatted(trailing));
    }
  }

  /// Reads a report.
  ///
  /// @param bytes request and response; one byte may follow
  /// @return the report
  /// @throws EvidenceException if it is cut short or of another form
  public static GpuReport parse(byte[] bytes) throws EvidenceException {
    return new GpuReport(bytes);
  }

  private static void expect(ByteReader in, int code, String part) throws EvidenceException {
    int found = in.u16("code of the " + part);
    if (found != (code << 8 | VERSION)) {
      throw new EvidenceException(
          "SPDM %s with version and code %s, expected 11 %s"
              .formatted(
                  part,
                  HexFormat.of().toHexDigits((char) Integer.reverseBytes(found << 16)),
                  HexFormat.of().toHexDigits((byte) code)));
    }
  }

  private static byte[] block(ByteReader record) throws EvidenceException {
    record.bytes(2, "index and specification of a measurement");
    ByteReader block = record.part(record.u16("size of a measurement"), "a measurement");
    block.bytes(1, "type of a measurement");
    byte[] value = block.bytes(block.u16("size of a measured value"), "a measured value");
    block.finish();
    return value;
  }

  /// The nonce that was asked for.
  ///
  /// @return 32 bytes
  public byte[] requestNonce() {
    return requestNonce.clone();
  }

  /// What was measured. It means something only against NVIDIA's reference values.
  ///
  /// @return digests in order
  public List<byte[]> measurements() {
    return List.copyOf(measurements);
  }

  /// The driver's version.
  ///
  /// @return text; empty if the report does not say
  public String driver() {
    byte[] value = opaque.getOrDefault(DRIVER, new byte[0]);
    int end = 0;
    while (end < value.length && value[end] != 0) {
      end++;
    }
    return new String(value, 0, end, StandardCharsets.US_ASCII);
  }

  /// The version of the GPU's firmware.
  ///
  /// @return in hexadecimal; empty if the report does not say
  public String vbios() {
    return HexFormat.of().formatHex(opaque.getOrDefault(VBIOS, new byte[0]));
  }

  /// What follows the report.
  ///
  /// @return 0 or 1 byte
  public int trailingBytes() {
    return trailing;
  }

  byte[] signed() {
    return Arrays.copyOf(bytes, signed);
  }

  byte[] signature() {
    return signature;
  }
}
