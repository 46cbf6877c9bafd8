package asymml.attest;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/// A guest of SEV-SNP on a Genoa that does not exist, made of nothing, under a root of tests.
final class SyntheticGuest {
  private static final int SIZE = 1184;
  private static final int SIGNED = 0x2a0;
  private static final int POLICY = 0x08;
  private static final int ALGORITHM = 0x34;
  private static final int CURRENT_TCB = 0x38;
  private static final int REPORT_DATA = 0x50;
  private static final int MEASUREMENT = 0x90;
  private static final int REPORTED_TCB = 0x180;
  private static final int CPUID = 0x188;
  private static final int CHIP_ID = 0x1a0;

  /// SMT allowed, the reserved bit that is one.
  private static final long PLAIN_POLICY = 0x30000;

  private static final long DEBUG_POLICY = PLAIN_POLICY | 1L << 19;
  private static final byte[] TCB = {10, 0, 0, 0, 0, 0, 23, 84};
  private static final String ARC = "1.3.6.1.4.1.3704.1.";
  private static final String VCEK = "63da758de6644564adc5f4b93be8accd";
  private static final String ASK = "4ab7b379bbac4fe4a02f05aef327c782";

  private final TestAuthority ark = TestAuthority.root("ARK-Genoa", 384);
  private final TestAuthority ask = ark.authority("SEV-Genoa", 2);
  private final byte[] chip = new byte[64];
  private final TestAuthority vcek;

  SyntheticGuest() throws EvidenceException {
    Arrays.fill(chip, (byte) 7);
    vcek =
        ask.issue(
            "SEV-VCEK",
            0,
            false,
            TestAuthority.BEGIN,
            TestAuthority.END,
            List.of(
                svn("3.1", TCB[0]),
                svn("3.2", TCB[1]),
                svn("3.3", TCB[6]),
                svn("3.8", TCB[7]),
                new TestAuthority.Extension(ARC + "4", chip)));
  }

  /// A DER INTEGER.
  private static TestAuthority.Extension svn(String arc, byte value) {
    return new TestAuthority.Extension(ARC + arc, new byte[] {2, 1, value});
  }

  /// A signed report.
  byte[] report(byte[] reportData, byte[] measurement, boolean debug) {
    ByteBuffer report = ByteBuffer.allocate(SIZE).order(ByteOrder.LITTLE_ENDIAN);
    report.putInt(0, 3).putLong(POLICY, debug ? DEBUG_POLICY : PLAIN_POLICY).putInt(ALGORITHM, 1);
    report.put(CURRENT_TCB, TCB).put(REPORTED_TCB, TCB);
    report.put(REPORT_DATA, reportData).put(MEASUREMENT, measurement);
    // Family 19h, model 11h, stepping 1.
    report.put(CPUID, new byte[] {0x19, 0x11, 1}).put(CHIP_ID, chip);
    byte[] raw = vcek.raw(Arrays.copyOf(report.array(), SIGNED));
    for (int i = 0; i < 48; i++) {
      report.put(SIGNED + i, raw[47 - i]);
      report.put(SIGNED + 72 + i, raw[95 - i]);
    }
    return report.array();
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

  /// A policy that accepts a measurement of this guest, under its own root.
  String policy(byte[] measurement) {
    return "platforms: any\nsnp:\n- measurement: '%s'\n  products: [genoa]\n  minimumTcb: any\n"
            .formatted(HexFormat.of().formatHex(measurement))
        + "simulation:\n  genoa: |\n    %s\n".formatted(ark.pem().replace("\n", "\n    "));
  }
}
