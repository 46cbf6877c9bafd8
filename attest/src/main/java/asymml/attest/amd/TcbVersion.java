package asymml.attest.amd;

import asymml.attest.crypto.LittleEndian;
import java.util.LinkedHashMap;
import java.util.Map;

/// Security version numbers of a processor's firmware, each 0 to 255.
///
/// @param fmc first mutable code; Turin only, else 0
/// @param bootLoader of the secure processor
/// @param tee operating system of the secure processor
/// @param snp firmware
/// @param microcode patch level
public record TcbVersion(int fmc, int bootLoader, int tee, int snp, int microcode) {
  /// Unpacks a report's field.
  ///
  /// @param raw 8 bytes
  /// @param offset of the first
  /// @param product whose layout it has
  /// @return the numbers
  static TcbVersion of(byte[] raw, int offset, Product product) {
    int first = product == Product.TURIN ? 1 : 0;
    int snp = product == Product.TURIN ? 3 : 6;
    return new TcbVersion(
        product == Product.TURIN ? at(raw, offset) : 0,
        at(raw, offset + first),
        at(raw, offset + first + 1),
        at(raw, offset + snp),
        at(raw, offset + 7));
  }

  private static int at(byte[] raw, int offset) {
    return (int) LittleEndian.read(raw, offset, 1);
  }

  /// Whether no number is below another's.
  ///
  /// @param least the minimum
  /// @return true if each is as high
  public boolean isAtLeast(TcbVersion least) {
    return fmc >= least.fmc
        && bootLoader >= least.bootLoader
        && tee >= least.tee
        && snp >= least.snp
        && microcode >= least.microcode;
  }

  /// The numbers by name.
  ///
  /// @return in the order of the components
  public Map<String, Integer> parts() {
    Map<String, Integer> parts = new LinkedHashMap<>();
    parts.put("fmc", fmc);
    parts.put("bootLoader", bootLoader);
    parts.put("tee", tee);
    parts.put("snp", snp);
    parts.put("microcode", microcode);
    return parts;
  }

  @Override
  public String toString() {
    return "fmc %s, boot loader %s, tee %s, snp %s, microcode %s"
        .formatted(fmc, bootLoader, tee, snp, microcode);
  }
}
