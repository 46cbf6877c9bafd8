package asymml.attest.intel;

import asymml.attest.EvidenceException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/// A level of an enclave or a TDX module.
///
/// @param isvSvn the least security version number
/// @param status what Intel says of it
/// @param advisories Intel's security advisories
record SvnLevel(int isvSvn, TcbStatus status, List<String> advisories) {
  SvnLevel {
    advisories = List.copyOf(advisories);
  }

  /// The levels of an identity, highest first.
  static List<SvnLevel> of(JsonNode identity) throws EvidenceException {
    List<SvnLevel> levels = new ArrayList<>();
    for (JsonNode level : SignedJson.list(identity, "tcbLevels")) {
      levels.add(
          new SvnLevel(
              SignedJson.integer(SignedJson.field(level, "tcb"), "isvsvn", 65535),
              SignedJson.status(level),
              SignedJson.advisories(level)));
    }
    levels.sort(Comparator.comparingInt(SvnLevel::isvSvn).reversed());
    return List.copyOf(levels);
  }

  static Optional<SvnLevel> met(List<SvnLevel> levels, int isvSvn) {
    return levels.stream().filter(level -> level.isvSvn <= isvSvn).findFirst();
  }
}
