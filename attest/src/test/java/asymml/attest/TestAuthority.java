package asymml.attest;

import asymml.attest.crypto.Certificates;
import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// A certificate authority of tests, or what one has certified: a name with a key.
///
/// @param name common name
/// @param keys of P-256 or P-384
/// @param issued its certificate; null only while that is made
record TestAuthority(String name, KeyPair keys, @Nullable X509Certificate issued) {
  static final Instant BEGIN = Instant.parse("2020-01-01T00:00:00Z");
  static final Instant END = Instant.parse("2040-01-01T00:00:00Z");

  private static final DateTimeFormatter UTC_TIME =
      DateTimeFormatter.ofPattern("yyMMddHHmmss'Z'", Locale.ROOT).withZone(ZoneOffset.UTC);

  /// An extension by its OID, with the DER that stands in its OCTET STRING.
  @SuppressWarnings("ArrayRecordComponent") // Not compared.
  record Extension(String oid, byte[] value) {}

  private static KeyPair pair(int bits) {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(new ECGenParameterSpec("secp%sr1".formatted(bits)));
      return generator.generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  /// A root that has signed itself.
  static TestAuthority root(String name, int bits) throws EvidenceException {
    KeyPair keys = pair(bits);
    TestAuthority unsigned = new TestAuthority(name, keys, null);
    return new TestAuthority(
        name, keys, unsigned.certify(name, keys.getPublic(), 1, true, BEGIN, END, List.of()));
  }

  X509Certificate certificate() {
    return Objects.requireNonNull(issued);
  }

  /// An authority below this one.
  TestAuthority authority(String subject, int serial) throws EvidenceException {
    return issue(subject, serial, true, BEGIN, END, List.of());
  }

  TestAuthority issue(
      String subject,
      int serial,
      boolean authority,
      Instant begin,
      Instant end,
      List<Extension> extensions)
      throws EvidenceException {
    KeyPair made = pair(bits());
    return new TestAuthority(
        subject,
        made,
        certify(subject, made.getPublic(), serial, authority, begin, end, extensions));
  }

  private int bits() {
    return keys.getPublic().getEncoded().length > 100 ? 384 : 256;
  }

  private String hash() {
    return bits() == 384 ? "SHA384" : "SHA256";
  }

  private X509Certificate certify(
      String subject,
      PublicKey key,
      int serial,
      boolean authority,
      Instant begin,
      Instant end,
      List<Extension> extensions)
      throws EvidenceException {
    ByteArrayOutputStream list = new ByteArrayOutputStream();
    if (authority) {
      list.writeBytes(
          der(
              0x30,
              oid("2.5.29.19"),
              der(1, new byte[] {-1}),
              der(4, der(0x30, der(1, new byte[] {-1})))));
    }
    for (Extension each : extensions) {
      list.writeBytes(der(0x30, oid(each.oid), der(4, each.value)));
    }
    byte[] body =
        der(
            0x30,
            der(0xa0, integer(2)),
            integer(serial),
            algorithm(),
            distinguished(name),
            der(0x30, time(begin), time(end)),
            distinguished(subject),
            key.getEncoded(),
            list.size() == 0 ? new byte[0] : der(0xa3, der(0x30, list.toByteArray())));
    return Certificates.der(signed(body), subject);
  }

  /// A revocation list of this authority.
  byte[] crl(Instant begin, Instant end, int... revoked) {
    ByteArrayOutputStream list = new ByteArrayOutputStream();
    for (int serial : revoked) {
      list.writeBytes(der(0x30, integer(serial), time(begin)));
    }
    return signed(
        der(
            0x30,
            integer(1),
            algorithm(),
            distinguished(name),
            time(begin),
            time(end),
            revoked.length == 0 ? new byte[0] : der(0x30, list.toByteArray())));
  }

  private byte[] signed(byte[] body) {
    byte[] signature = sign(hash() + "withECDSA", body);
    byte[] bits = new byte[signature.length + 1];
    System.arraycopy(signature, 0, bits, 1, signature.length);
    return der(0x30, body, algorithm(), der(3, bits));
  }

  /// Signs as Intel, AMD and NVIDIA do: `r || s`.
  byte[] raw(byte[] data) {
    return sign(hash() + "withECDSAinP1363Format", data);
  }

  private byte[] sign(String algorithm, byte[] data) {
    try {
      Signature signer = Signature.getInstance(algorithm);
      signer.initSign(keys.getPrivate());
      signer.update(data);
      return signer.sign();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  /// `x || y` of the public key.
  byte[] rawKey() {
    byte[] encoded = keys.getPublic().getEncoded();
    return Arrays.copyOfRange(encoded, encoded.length - bits() / 4, encoded.length);
  }

  String pem() {
    try {
      return "-----BEGIN CERTIFICATE-----\n"
          + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(certificate().getEncoded())
          + "\n-----END CERTIFICATE-----\n";
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  private byte[] algorithm() {
    return der(0x30, oid(bits() == 384 ? "1.2.840.10045.4.3.3" : "1.2.840.10045.4.3.2"));
  }

  private static byte[] distinguished(String name) {
    return der(
        0x30,
        der(0x31, der(0x30, oid("2.5.4.3"), der(12, name.getBytes(StandardCharsets.US_ASCII)))));
  }

  private static byte[] time(Instant at) {
    return der(23, UTC_TIME.format(at).getBytes(StandardCharsets.US_ASCII));
  }

  private static byte[] integer(long value) {
    return der(2, BigInteger.valueOf(value).toByteArray());
  }

  private static byte[] oid(String text) {
    String[] arcs = text.split("\\.", -1);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(40 * Integer.parseInt(arcs[0]) + Integer.parseInt(arcs[1]));
    for (int i = 2; i < arcs.length; i++) {
      int arc = Integer.parseInt(arcs[i]);
      for (int shift = 28; shift > 0; shift -= 7) {
        if (arc >> shift != 0) {
          out.write(0x80 | (arc >> shift & 0x7f));
        }
      }
      out.write(arc & 0x7f);
    }
    return der(6, out.toByteArray());
  }

  private static byte[] der(int tag, byte[]... parts) {
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      content.writeBytes(part);
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(tag);
    if (content.size() < 0x80) {
      out.write(content.size());
    } else if (content.size() < 0x100) {
      out.write(0x81);
      out.write(content.size());
    } else {
      out.write(0x82);
      out.write(content.size() >> 8);
      out.write(content.size());
    }
    out.writeBytes(content.toByteArray());
    return out.toByteArray();
  }
}
