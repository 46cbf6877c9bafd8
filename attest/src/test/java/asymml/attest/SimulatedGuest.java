package asymml.attest;

import asymml.attest.crypto.Certificates;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;

/// A Genoa guest that does not exist, made of a real report, under a root of tests.
final class SimulatedGuest {
  private static final int REPORT_DATA = 0x50;
  private static final int SIGNED = 0x2a0;
  private static final String VCEK = "63da758de6644564adc5f4b93be8accd";
  private static final String ASK = "4ab7b379bbac4fe4a02f05aef327c782";

  final Specimen specimen = Specimen.named("genoa-v3");
  final TestAuthority ark = TestAuthority.root("ARK-Genoa", 384);
  final TestAuthority ask = ark.authority("SEV-Genoa", 2);
  final TestAuthority vcek;

  SimulatedGuest() throws Exception {
    X509Certificate real = Certificates.der(specimen.file("vek"), "VCEK");
    List<TestAuthority.Extension> extensions = new ArrayList<>();
    for (String arc : List.of("2", "3.1", "3.2", "3.3", "3.8", "4")) {
      String oid = "1.3.6.1.4.1.3704.1." + arc;
      extensions.add(
          new TestAuthority.Extension(
              oid, Objects.requireNonNull(Certificates.extension(real, oid))));
    }
    vcek = ask.issue("SEV-VCEK", 0, false, TestAuthority.BEGIN, TestAuthority.END, extensions);
  }

  /// A report about 64 bytes.
  byte[] report(byte[] reportData) throws Exception {
    byte[] report = specimen.bytes();
    System.arraycopy(reportData, 0, report, REPORT_DATA, 64);
    byte[] raw = vcek.raw(Arrays.copyOf(report, SIGNED));
    Arrays.fill(report, SIGNED, report.length, (byte) 0);
    for (int i = 0; i < 48; i++) {
      report[SIGNED + i] = raw[47 - i];
      report[SIGNED + 72 + i] = raw[95 - i];
    }
    return report;
  }

  /// The host's certificate table.
  byte[] table() throws Exception {
    byte[] first = vcek.certificate().getEncoded();
    byte[] second = ask.certificate().getEncoded();
    int begin = 3 * 24;
    ByteArrayOutputStream table = new ByteArrayOutputStream();
    table.writeBytes(entry(VCEK, begin, first.length));
    table.writeBytes(entry(ASK, begin + first.length, second.length));
    table.writeBytes(new byte[24]);
    table.writeBytes(first);
    table.writeBytes(second);
    return table.toByteArray();
  }

  private static byte[] entry(String guid, int offset, int length) {
    return ByteBuffer.allocate(24)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(HexFormat.of().parseHex(guid))
        .putInt(offset)
        .putInt(length)
        .array();
  }

  /// The section of a policy that names the root.
  String simulation() {
    return "simulation:\n  genoa: |\n    " + ark.pem().replace("\n", "\n    ") + "\n";
  }
}
