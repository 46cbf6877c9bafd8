package asymml.attest.intel;

import asymml.attest.EvidenceException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/// Intel's levels of a kind of platform (PCS v4, TCB info version 3).
///
/// @param id `SGX` or `TDX`
/// @param issueDate when it was issued
/// @param nextUpdate until when it is valid
/// @param evaluation number of Intel's evaluation of TCBs
/// @param fmspc 6 bytes in hexadecimal, lower case
/// @param pceId 2 bytes in hexadecimal, lower case
/// @param levels highest first
/// @param module where no module is named; empty for SGX
/// @param modules TDX modules by their ids
record TcbInfo(
    String id,
    Instant issueDate,
    Instant nextUpdate,
    int evaluation,
    String fmspc,
    String pceId,
    List<Level> levels,
    Optional<Module> module,
    List<Module> modules) {
  private static final int COMPONENTS = 16;

  /// A level of a platform.
  ///
  /// @param sgx 16 security version numbers
  /// @param tdx 16 security version numbers; empty for SGX
  record Level(
      List<Integer> sgx, int pceSvn, List<Integer> tdx, TcbStatus status, List<String> advisories) {
    Level {
      sgx = List.copyOf(sgx);
      tdx = List.copyOf(tdx);
      advisories = List.copyOf(advisories);
    }
  }

  /// A TDX module.
  ///
  /// @param id for example `TDX_01`; empty for the one without a number
  @SuppressWarnings("ArrayRecordComponent") // Not compared.
  record Module(
      String id, byte[] mrSigner, byte[] attributes, byte[] attributesMask, List<SvnLevel> levels) {
    static Module of(JsonNode node, boolean numbered) throws EvidenceException {
      return new Module(
          numbered ? SignedJson.text(node, "id") : "",
          SignedJson.hex(node, "mrsigner", 48),
          SignedJson.hex(node, "attributes", 8),
          SignedJson.hex(node, "attributesMask", 8),
          numbered ? SvnLevel.of(node) : List.of());
    }
  }

  private static final Comparator<List<Integer>> BY_COMPONENTS =
      (a, b) -> {
        for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
          if (!a.get(i).equals(b.get(i))) {
            return Integer.compare(a.get(i), b.get(i));
          }
        }
        return Integer.compare(a.size(), b.size());
      };

  private static final Comparator<Level> HIGHEST_FIRST =
      Comparator.comparing(Level::sgx, BY_COMPONENTS)
          .thenComparingInt(Level::pceSvn)
          .thenComparing(Level::tdx, BY_COMPONENTS)
          .reversed();

  static TcbInfo parse(SignedJson json) throws EvidenceException {
    JsonNode node = json.parse();
    int version = SignedJson.integer(node, "version", 65535);
    if (version != 3) {
      throw new EvidenceException("TCB info version %s, expected 3".formatted(version));
    }
    String id = SignedJson.text(node, "id");
    boolean tdx = id.equals(Tee.TDX.name());
    List<Level> levels = new ArrayList<>();
    for (JsonNode level : SignedJson.list(node, "tcbLevels")) {
      JsonNode tcb = SignedJson.field(level, "tcb");
      levels.add(
          new Level(
              svns(tcb, "sgxtcbcomponents"),
              SignedJson.integer(tcb, "pcesvn", 65535),
              tdx ? svns(tcb, "tdxtcbcomponents") : List.of(),
              SignedJson.status(level),
              SignedJson.advisories(level)));
    }
    levels.sort(HIGHEST_FIRST);
    List<Module> modules = new ArrayList<>();
    if (tdx && node.has("tdxModuleIdentities")) {
      for (JsonNode module : SignedJson.list(node, "tdxModuleIdentities")) {
        modules.add(Module.of(module, true));
      }
    }
    return new TcbInfo(
        id,
        SignedJson.time(node, "issueDate"),
        SignedJson.time(node, "nextUpdate"),
        SignedJson.integer(node, "tcbEvaluationDataNumber", Integer.MAX_VALUE),
        HexFormat.of().formatHex(SignedJson.hex(node, "fmspc", 6)),
        HexFormat.of().formatHex(SignedJson.hex(node, "pceId", 2)),
        List.copyOf(levels),
        tdx ? Optional.of(Module.of(SignedJson.field(node, "tdxModule"), false)) : Optional.empty(),
        List.copyOf(modules));
  }

  private static List<Integer> svns(JsonNode tcb, String name) throws EvidenceException {
    List<Integer> svns = new ArrayList<>();
    for (JsonNode component : SignedJson.list(tcb, name)) {
      svns.add(SignedJson.integer(component, "svn", 255));
    }
    if (svns.size() != COMPONENTS) {
      throw new EvidenceException(
          "'%s' has %s components, expected 16".formatted(name, svns.size()));
    }
    return svns;
  }
}
