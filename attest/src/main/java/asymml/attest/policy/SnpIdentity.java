package asymml.attest.policy;

import asymml.attest.Finding;
import asymml.attest.Problem;
import asymml.attest.amd.Product;
import asymml.attest.amd.SnpReport;
import asymml.attest.amd.SnpResult;
import asymml.attest.amd.TcbVersion;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// A guest that is accepted. All digests are in hexadecimal.
///
/// @param measurement of its initial memory, 48 bytes
/// @param hostData what the host gave at launch, 32 bytes; empty is any
/// @param idKeyDigest of the key that signed its ID block, 48 bytes; empty is any
/// @param vmpl the privilege level that asked for the report
/// @param products the processors that are accepted
/// @param minimumTcb the least firmware of each of them; a product that is missing may have any
/// @param maskedChipId whether a report of a chip may leave the chip's identity out
public record SnpIdentity(
    String measurement,
    Optional<String> hostData,
    Optional<String> idKeyDigest,
    int vmpl,
    Set<Product> products,
    Map<Product, TcbVersion> minimumTcb,
    boolean maskedChipId) {
  /// Copies the collections.
  public SnpIdentity {
    products = Set.copyOf(products);
    minimumTcb = Map.copyOf(minimumTcb);
  }

  List<Finding> check(SnpResult result, String key) {
    SnpReport report = result.report();
    HexFormat hex = HexFormat.of();
    List<Finding> refused = new ArrayList<>();
    compare(
        refused,
        "measurement",
        hex.formatHex(report.measurement()),
        Optional.of(measurement),
        key + ".measurement");
    compare(refused, "HOST_DATA", hex.formatHex(report.hostData()), hostData, key + ".hostData");
    compare(
        refused,
        "ID key digest",
        hex.formatHex(report.idKeyDigest()),
        idKeyDigest,
        key + ".idKeyDigest");
    if (report.vmpl() != vmpl) {
      String found = String.valueOf(report.vmpl());
      refused.add(new Finding(Problem.VMPL, found, found, String.valueOf(vmpl), key + ".vmpl"));
    }
    result.product().ifPresent(product -> product(refused, report, product, key));
    return refused;
  }

  private void product(List<Finding> refused, SnpReport report, Product product, String key) {
    if (!products.contains(product)) {
      refused.add(
          Finding.refused(
              Problem.PRODUCT,
              product.label(),
              products.stream().map(Product::label).sorted().toList().toString(),
              key + ".products"));
    }
    TcbVersion least = minimumTcb.get(product);
    if (least != null && !report.reportedTcb(product).isAtLeast(least)) {
      refused.add(
          Finding.refused(
              Problem.MINIMUM_TCB,
              report.reportedTcb(product).toString(),
              "at least " + least,
              key + ".minimumTcb." + product.label()));
    }
  }

  private static void compare(
      List<Finding> refused, String name, String found, Optional<String> expected, String key) {
    if (expected.isPresent() && !expected.get().equals(found)) {
      refused.add(Finding.refused(Problem.IDENTITY, name + " " + found, expected.get(), key));
    }
  }
}
