package asymml.attest;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.attest.crypto.Certificates;
import asymml.attest.intel.Collateral;
import asymml.attest.intel.Quote;
import asymml.attest.policy.Evidence;
import asymml.attest.policy.EvidenceVerifier;
import asymml.attest.policy.PolicyFile;
import asymml.attest.policy.Verdict;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.UnaryOperator;

/// Evidence of a platform that does not exist, made of a real quote.
final class SimulatedPlatform {
  static final Instant AT = Instant.parse("2025-06-20T00:00:00Z");
  static final Instant BEFORE = Instant.parse("2025-06-01T00:00:00Z");
  static final Instant AFTER = Instant.parse("2025-07-19T10:00:00Z");

  /// In the quote: header of 48 bytes, then the enclave report.
  private static final int REPORT_DATA = 48 + 320;

  private static final int ATTRIBUTES = 48 + 48;
  private static final String SGX_EXTENSION = "1.2.840.113741.1.13.1";
  static final int PCK_SERIAL = 11;
  static final int CA_SERIAL = 12;
  static final int SIGNER_SERIAL = 13;

  final Specimen specimen = Specimen.named("sgx-v3-phala");
  final TestAuthority root = TestAuthority.root("Intel SGX Root CA", 256);
  TestAuthority ca = root.authority("Intel SGX PCK Processor CA", CA_SERIAL);
  final TestAuthority signer =
      root.issue(
          "Intel SGX TCB Signing",
          SIGNER_SERIAL,
          false,
          TestAuthority.BEGIN,
          TestAuthority.END,
          List.of());
  TestAuthority pck = pck(ca);
  UnaryOperator<String> tcbInfo = t -> t.replaceAll("\"tcbStatus\":\"\\w+\"", UP_TO_DATE);
  UnaryOperator<String> identity = t -> t;
  byte[] pckCrl = ca.crl(BEFORE, AFTER);
  byte[] rootCrl = root.crl(BEFORE, AFTER);

  boolean debug;

  private static final String UP_TO_DATE = "\"tcbStatus\":\"UpToDate\"";

  SimulatedPlatform() throws Exception {}

  TestAuthority pck(TestAuthority issuer) throws Exception {
    Quote real = Quote.parse(specimen.bytes());
    assertThat(real.certificationType()).isEqualTo(5);
    byte[] all = specimen.bytes();
    String text = new String(all, StandardCharsets.ISO_8859_1);
    int begin = text.indexOf("-----BEGIN");
    int end = text.indexOf("-----END CERTIFICATE-----") + 25;
    X509Certificate leaf =
        Certificates.one(Arrays.copyOfRange(all, begin, end), "the specimen's PCK");
    byte[] extension = Objects.requireNonNull(Certificates.extension(leaf, SGX_EXTENSION));
    return issuer.issue(
        "Intel SGX PCK Certificate",
        PCK_SERIAL,
        false,
        TestAuthority.BEGIN,
        TestAuthority.END,
        List.of(new TestAuthority.Extension(SGX_EXTENSION, extension)));
  }

  byte[] quote() throws Exception {
    return quote(Arrays.copyOfRange(specimen.bytes(), REPORT_DATA, REPORT_DATA + 64));
  }

  /// A quote about 64 bytes.
  byte[] quote(byte[] reportData) throws Exception {
    TestAuthority attestation = TestAuthority.root("attestation key", 256);
    byte[] real = specimen.bytes();
    byte[] signed = Arrays.copyOf(real, 432);
    System.arraycopy(reportData, 0, signed, REPORT_DATA, 64);
    signed[ATTRIBUTES] |= (byte) (debug ? 2 : 0);
    byte[] qeReport = Arrays.copyOfRange(real, 564, 948);
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(attestation.rawKey());
    System.arraycopy(Arrays.copyOf(digest, 64), 0, qeReport, 320, 64);
    byte[] chain = (pck.pem() + ca.pem() + root.pem()).getBytes(StandardCharsets.US_ASCII);
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    data.writeBytes(attestation.raw(signed));
    data.writeBytes(attestation.rawKey());
    data.writeBytes(qeReport);
    data.writeBytes(pck.raw(qeReport));
    data.writeBytes(new byte[] {0, 0, 5, 0});
    data.writeBytes(length(chain.length));
    data.writeBytes(chain);
    ByteArrayOutputStream quote = new ByteArrayOutputStream();
    quote.writeBytes(signed);
    quote.writeBytes(length(data.size()));
    quote.writeBytes(data.toByteArray());
    return quote.toByteArray();
  }

  private static byte[] length(int size) {
    return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(size).array();
  }

  private byte[] reply(byte[] real, String name, UnaryOperator<String> edit) {
    String text = new String(real, StandardCharsets.US_ASCII).strip();
    int begin = text.indexOf(':') + 1;
    String object = edit.apply(text.substring(begin, text.lastIndexOf(",\"signature\"")));
    String signature =
        HexFormat.of().formatHex(signer.raw(object.getBytes(StandardCharsets.US_ASCII)));
    return "{\"%s\":%s,\"signature\":\"%s\"}"
        .formatted(name, object, signature)
        .getBytes(StandardCharsets.US_ASCII);
  }

  Collateral collateral() throws Exception {
    Collateral real = specimen.collateral().orElseThrow();
    return new Collateral(
        Optional.of(reply(real.tcbInfo().orElseThrow(), "tcbInfo", tcbInfo)),
        Optional.of(reply(real.qeIdentity().orElseThrow(), "enclaveIdentity", identity)),
        Optional.of((signer.pem() + root.pem()).getBytes(StandardCharsets.US_ASCII)),
        Optional.of(pckCrl),
        Optional.of(rootCrl));
  }

  /// The section of a policy that names the root.
  String simulation() {
    return "simulation:\n  intel: |\n    " + root.pem().replace("\n", "\n    ") + "\n";
  }

  /// Writes the collateral as a folder.
  void write(Path folder) throws Exception {
    Collateral all = collateral();
    Files.createDirectories(folder);
    Files.write(folder.resolve(Collateral.TCB_INFO), all.tcbInfo().orElseThrow());
    Files.write(folder.resolve(Collateral.QE_IDENTITY), all.qeIdentity().orElseThrow());
    Files.write(folder.resolve(Collateral.SIGNING_CHAIN), all.signingChain().orElseThrow());
    Files.write(folder.resolve(Collateral.PCK_CRL), all.pckCrl().orElseThrow());
    Files.write(folder.resolve(Collateral.ROOT_CRL), all.rootCrl().orElseThrow());
  }

  Verdict verdict(boolean named, Instant at) throws Exception {
    return EvidenceVerifier.verify(
        new Evidence.Intel(Quote.parse(quote()), Optional.of(collateral())),
        PolicyFile.parse("clockSkewSeconds: 0\n" + specimen.policy() + (named ? simulation() : "")),
        at,
        Optional.empty());
  }

  List<String> names() throws Exception {
    return names(AT);
  }

  List<String> names(Instant at) throws Exception {
    return verdict(true, at).reasons().stream().map(Finding::name).toList();
  }
}
