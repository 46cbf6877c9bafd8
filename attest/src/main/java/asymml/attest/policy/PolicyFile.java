package asymml.attest.policy;

import asymml.attest.EvidenceException;
import asymml.attest.amd.Product;
import asymml.attest.amd.TcbVersion;
import asymml.attest.crypto.Certificates;
import asymml.attest.intel.TcbStatus;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/// Reads policies from YAML. Unknown keys are refused, and what opens a door is written in words.
public final class PolicyFile {
  private static final int DEFAULT_SKEW_SECONDS = 60;
  private static final int SGX_DIGEST = 32;
  private static final int DIGEST = 48;

  private static final YAMLMapper YAML =
      YAMLMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private PolicyFile() {}

  private interface Reader<T> {
    T read(PolicyNode node) throws EvidenceException;
  }

  /// Parses a policy.
  ///
  /// @param yaml its text
  /// @return the policy
  /// @throws EvidenceException one line that names the key at fault
  public static Policy parse(String yaml) throws EvidenceException {
    JsonNode tree;
    try {
      tree = YAML.readTree(yaml);
    } catch (JacksonException e) {
      throw new EvidenceException(
          "the policy is no YAML: %s (line %s)"
              .formatted(
                  String.valueOf(e.getOriginalMessage()).lines().findFirst().orElse(""),
                  e.getLocation() == null ? "?" : e.getLocation().getLineNr()),
          e);
    }
    PolicyNode root =
        new PolicyNode("", tree)
            .mapping(
                Set.of(
                    "sgx",
                    "tdx",
                    "snp",
                    "tcb",
                    "collateral",
                    "revocation",
                    "clockSkewSeconds",
                    "platforms",
                    "run",
                    "simulation"));
    return new Policy(
        all(root, "sgx", PolicyFile::sgx),
        all(root, "tdx", PolicyFile::tdx),
        all(root, "snp", PolicyFile::snp),
        one(root, "tcb", TcbRule.DEFAULT, PolicyFile::tcb),
        one(root, "collateral", Optional.empty(), PolicyFile::maxAge),
        one(root, "revocation", true, PolicyFile::revocation),
        Duration.ofSeconds(
            one(root, "clockSkewSeconds", DEFAULT_SKEW_SECONDS, n -> n.integer(0, 86400))),
        platforms(
            root.required(
                "platforms", "list the PPIDs and chip ids of your machines, or write any")),
        one(root, "run", Optional.empty(), n -> Optional.of(RunBounds.read(n))),
        one(root, "simulation", Policy.Simulation.NONE, PolicyFile::simulation));
  }

  private static <T> T one(PolicyNode parent, String key, T absent, Reader<T> reader)
      throws EvidenceException {
    Optional<PolicyNode> node = parent.optional(key);
    return node.isEmpty() ? absent : reader.read(node.get());
  }

  private static <T> List<T> all(PolicyNode parent, String key, Reader<T> reader)
      throws EvidenceException {
    List<T> all = new ArrayList<>();
    Optional<PolicyNode> node = parent.optional(key);
    if (node.isPresent()) {
      for (PolicyNode each : node.get().list()) {
        all.add(reader.read(each));
      }
    }
    return all;
  }

  private static SgxIdentity sgx(PolicyNode node) throws EvidenceException {
    node.mapping(Set.of("mrenclave", "mrsigner", "isvProdId", "isvSvn"));
    if (node.optional("mrenclave").isPresent() == node.optional("mrsigner").isPresent()) {
      throw node.error("needs mrenclave, or mrsigner with isvProdId and isvSvn, and not both");
    }
    if (node.optional("mrenclave").isPresent()) {
      node.mapping(Set.of("mrenclave"));
      return new SgxIdentity(
          Optional.of(node.required("mrenclave", "").hex(SGX_DIGEST)), Optional.empty());
    }
    return new SgxIdentity(
        Optional.empty(),
        Optional.of(
            new SgxIdentity.Signer(
                node.required("mrsigner", "").hex(SGX_DIGEST),
                node.required("isvProdId", "a signer has many products").integer(0, 65535),
                node.required("isvSvn", "the least version").integer(0, 65535))));
  }

  private static TdxIdentity tdx(PolicyNode node) throws EvidenceException {
    node.mapping(Set.of("mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3", "mrconfigid", "mrservicetd"));
    List<Optional<String>> rtmr = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      rtmr.add(node.required("rtmr" + i, "its value, or any").hexOrAny(DIGEST));
    }
    return new TdxIdentity(
        node.required("mrtd", "the TD's measurement").hex(DIGEST),
        rtmr,
        one(node, "mrconfigid", Optional.empty(), n -> n.hexOrAny(DIGEST)),
        one(node, "mrservicetd", Optional.empty(), n -> Optional.of(n.hex(DIGEST))));
  }

  private static SnpIdentity snp(PolicyNode node) throws EvidenceException {
    node.mapping(
        Set.of(
            "measurement",
            "hostData",
            "idKeyDigest",
            "vmpl",
            "products",
            "minimumTcb",
            "maskedChipId"));
    Set<Product> products = EnumSet.noneOf(Product.class);
    for (PolicyNode each : node.required("products", "[genoa, turin], for example").list()) {
      products.add(product(each, each.text()));
    }
    if (products.isEmpty()) {
      throw node.error("needs at least one of its products");
    }
    return new SnpIdentity(
        node.required("measurement", "the guest's").hex(DIGEST),
        one(node, "hostData", Optional.empty(), n -> n.hexOrAny(32)),
        one(node, "idKeyDigest", Optional.empty(), n -> n.hexOrAny(DIGEST)),
        one(node, "vmpl", 0, n -> n.integer(0, 3)),
        products,
        minimumTcb(
            node.required("minimumTcb", "the least firmware of each product, or any"), products),
        one(node, "maskedChipId", false, PolicyNode::truth));
  }

  private static Product product(PolicyNode node, String label) throws EvidenceException {
    return Product.named(label)
        .orElseThrow(() ->
            node.error(
                "is none of %s: %s"
                    .formatted(
                        Arrays.stream(Product.values()).map(Product::label).toList(), label)));
  }

  private static Map<Product, TcbVersion> minimumTcb(PolicyNode node, Set<Product> products)
      throws EvidenceException {
    Map<Product, TcbVersion> least = new EnumMap<>(Product.class);
    if (node.isAny()) {
      return least;
    }
    node.mapping(Set.copyOf(Arrays.stream(Product.values()).map(Product::label).toList()));
    for (Product product : products) {
      PolicyNode each =
          node.required(product.label(), "the least firmware of " + product.label())
              .mapping(Set.of("fmc", "bootLoader", "tee", "snp", "microcode"));
      least.put(
          product,
          new TcbVersion(
              one(each, "fmc", 0, n -> n.integer(0, 255)),
              each.required("bootLoader", "0 to 255").integer(0, 255),
              each.required("tee", "0 to 255").integer(0, 255),
              each.required("snp", "0 to 255").integer(0, 255),
              each.required("microcode", "0 to 255").integer(0, 255)));
    }
    return least;
  }

  private static TcbRule tcb(PolicyNode node) throws EvidenceException {
    node.mapping(Set.of("accept", "acceptAdvisories", "minimumEvaluation"));
    Set<TcbStatus> accept = EnumSet.noneOf(TcbStatus.class);
    for (PolicyNode each : all(node, "accept", n -> n)) {
      accept.add(status(each));
    }
    Set<String> advisories = new HashSet<>(all(node, "acceptAdvisories", PolicyNode::text));
    return new TcbRule(
        node.optional("accept").isPresent() ? accept : TcbRule.DEFAULT.accept(),
        advisories,
        one(node, "minimumEvaluation", 0, n -> n.integer(0, Integer.MAX_VALUE)));
  }

  private static TcbStatus status(PolicyNode node) throws EvidenceException {
    String word = node.text();
    return Arrays.stream(TcbStatus.values())
        .filter(s -> s.policyWord().equals(Optional.of(word)))
        .findFirst()
        .orElseThrow(() ->
            node.error(
                "is none of %s: %s"
                    .formatted(
                        Arrays.stream(TcbStatus.values())
                            .flatMap(s -> s.policyWord().stream())
                            .toList(),
                        word)));
  }

  private static Optional<Duration> maxAge(PolicyNode node) throws EvidenceException {
    node.mapping(Set.of("maxAgeDays"));
    return one(
        node,
        "maxAgeDays",
        Optional.empty(),
        n -> Optional.of(Duration.ofDays(n.integer(1, 3650))));
  }

  private static boolean revocation(PolicyNode node) throws EvidenceException {
    return switch (node.text()) {
      case "required" -> true;
      case "unavailable-accepted" -> false;
      default -> throw node.error("must be required or unavailable-accepted: " + node.text());
    };
  }

  private static Optional<Set<String>> platforms(PolicyNode node) throws EvidenceException {
    if (node.isAny()) {
      return Optional.empty();
    }
    Set<String> ids = new HashSet<>();
    for (PolicyNode each : node.list()) {
      // A PPID of Intel's, or a chip id of AMD's.
      ids.add(each.text().length() == 32 ? each.hex(16) : each.hex(64));
    }
    return Optional.of(ids);
  }

  private static Policy.Simulation simulation(PolicyNode node) throws EvidenceException {
    node.mapping(Set.of("intel", "milan", "genoa", "turin"));
    Map<Product, X509Certificate> amd = new EnumMap<>(Product.class);
    for (Product product : Product.values()) {
      Optional<PolicyNode> root = node.optional(product.label());
      if (root.isPresent()) {
        amd.put(product, certificate(root.get()));
      }
    }
    return new Policy.Simulation(
        one(node, "intel", Optional.empty(), n -> Optional.of(certificate(n))), amd);
  }

  private static X509Certificate certificate(PolicyNode node) throws EvidenceException {
    return Certificates.one(
        node.text().strip().getBytes(StandardCharsets.US_ASCII), "policy key " + node.path());
  }
}
