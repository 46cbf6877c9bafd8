package asymml.attest.policy;

import asymml.attest.Finding;
import asymml.attest.Problem;
import asymml.attest.intel.TdReport;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/// A trust domain that is accepted. All digests are of 48 bytes in hexadecimal.
///
/// @param mrTd of its initial memory
/// @param rtmr of registers 0 to 3; an empty one is any
/// @param mrConfigId what the host gave at launch; empty is any
/// @param mrServiceTd of the service TDs that may move it; empty: it must not be movable
public record TdxIdentity(
    String mrTd,
    List<Optional<String>> rtmr,
    Optional<String> mrConfigId,
    Optional<String> mrServiceTd) {
  /// Copies the list.
  public TdxIdentity {
    rtmr = List.copyOf(rtmr);
    if (rtmr.size() != 4) {
      throw new IllegalArgumentException("a TD has 4 registers: " + rtmr.size());
    }
  }

  List<Finding> check(TdReport report, String key) {
    HexFormat hex = HexFormat.of();
    List<Finding> refused = new ArrayList<>();
    compare(refused, "MRTD", hex.formatHex(report.mrTd()), Optional.of(mrTd), key + ".mrtd");
    for (int i = 0; i < rtmr.size(); i++) {
      String found = hex.formatHex(report.rtmr().get(i));
      compare(refused, "RTMR" + i, found, rtmr.get(i), key + ".rtmr" + i);
    }
    String config = hex.formatHex(report.mrConfigId());
    compare(refused, "MRCONFIGID", config, mrConfigId, key + ".mrconfigid");
    if (!report.septVeDisabled()) {
      refused.add(
          Finding.of(
              Problem.SEPT_VE, "attributes " + hex.formatHex(report.attributes()), "bit 28"));
    }
    if (report.migratable() && mrServiceTd.isEmpty()) {
      refused.add(
          Finding.refused(
              Problem.MIGRATABLE,
              "attributes " + hex.formatHex(report.attributes()),
              "bit 29 off, or named service TDs",
              key + ".mrservicetd"));
    }
    mrServiceTd.ifPresent(expected ->
        compare(
            refused,
            "MRSERVICETD",
            report.mrServiceTd().map(hex::formatHex).orElse("none (TD report 1.0)"),
            Optional.of(expected),
            key + ".mrservicetd"));
    return refused;
  }

  private static void compare(
      List<Finding> refused, String name, String found, Optional<String> expected, String key) {
    if (expected.isPresent() && !expected.get().equals(found)) {
      refused.add(Finding.refused(Problem.IDENTITY, name + " " + found, expected.get(), key));
    }
  }
}
