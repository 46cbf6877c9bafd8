package asymml.attest.intel;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

/// Intel's algorithm for the TCB status (PCS v4, "Get TCB info"; Intel TDX DCAP quote verification
/// library).
///
/// @param status of platform, TDX module and quoting enclave together
/// @param advisories of all of them, each once
/// @param moduleFault what is wrong with the TDX module: found and expected; empty if nothing
record TcbEvaluation(TcbStatus status, List<String> advisories, List<String> moduleFault) {
  private record Part(TcbStatus status, List<String> advisories) {
    static final Part UNMET = new Part(TcbStatus.NOT_SUPPORTED, List.of());

    static Part of(List<SvnLevel> levels, int svn) {
      return SvnLevel.met(levels, svn).map(l -> new Part(l.status(), l.advisories())).orElse(UNMET);
    }
  }

  static TcbEvaluation of(Quote quote, PckCertificate pck, TcbInfo info, QeIdentity identity) {
    List<TcbInfo.Level> met =
        info.levels().stream()
            .filter(l -> covers(pck.componentSvns(), l.sgx(), 0) && l.pceSvn() <= pck.pceSvn())
            .toList();
    Part enclave = Part.of(identity.levels(), quote.quotingEnclave().isvSvn());
    if (quote.td().isEmpty()) {
      return combined(platform(met.stream().findFirst()), List.of(enclave), List.of());
    }
    TdReport td = quote.td().get();
    List<Integer> svn = unsigned(td.teeTcbSvn());
    // With a numbered module, its identity covers the first two numbers.
    int from = svn.get(1) > 0 ? 2 : 0;
    Part platform = platform(met.stream().filter(l -> covers(svn, l.tdx(), from)).findFirst());
    Optional<TcbInfo.Module> module = module(info, svn.get(1));
    List<String> fault = fault(td, module, svn.get(1));
    List<Part> parts = new ArrayList<>();
    if (svn.get(1) > 0) {
      parts.add(module.map(m -> Part.of(m.levels(), svn.getFirst())).orElse(Part.UNMET));
    }
    parts.add(enclave);
    TcbEvaluation all = combined(platform, parts, fault);
    boolean relaunch =
        all.status.isOutOfDate()
            && parts.size() == 2
            && parts.getFirst().status == TcbStatus.OUT_OF_DATE
            && !met.getFirst().status().isOutOfDate()
            && enclave.status != TcbStatus.OUT_OF_DATE
            && isNewest(td, module.orElseThrow(), info);
    return relaunch
        ? new TcbEvaluation(
            all.status == TcbStatus.OUT_OF_DATE
                ? TcbStatus.TD_RELAUNCH_ADVISED
                : TcbStatus.TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED,
            all.advisories,
            fault)
        : all;
  }

  private static Part platform(Optional<TcbInfo.Level> level) {
    return level.map(l -> new Part(l.status(), l.advisories())).orElse(Part.UNMET);
  }

  private static boolean covers(List<Integer> svns, List<Integer> least, int from) {
    return IntStream.range(from, least.size()).allMatch(i -> svns.get(i) >= least.get(i));
  }

  private static List<Integer> unsigned(byte[] svns) {
    return IntStream.range(0, svns.length).mapToObj(i -> svns[i] & 0xff).toList();
  }

  private static TcbEvaluation combined(Part platform, List<Part> parts, List<String> fault) {
    TcbStatus status = platform.status;
    Set<String> advisories = new LinkedHashSet<>(platform.advisories);
    for (Part part : parts) {
      status = status.with(part.status);
      advisories.addAll(part.advisories);
    }
    return new TcbEvaluation(status, List.copyOf(advisories), fault);
  }

  private static String moduleId(int version) {
    return "TDX_" + HexFormat.of().toHexDigits((byte) version).toUpperCase(Locale.ROOT);
  }

  private static Optional<TcbInfo.Module> module(TcbInfo info, int version) {
    return version == 0
        ? info.module()
        : info.modules().stream()
            .filter(m -> m.id().equalsIgnoreCase(moduleId(version)))
            .findFirst();
  }

  private static List<String> fault(TdReport td, Optional<TcbInfo.Module> found, int version) {
    if (found.isEmpty()) {
      return List.of("module " + moduleId(version), "one that the TCB info lists");
    }
    TcbInfo.Module module = found.get();
    HexFormat hex = HexFormat.of();
    byte[] attributes = td.seamAttributes();
    if (!Arrays.equals(td.mrSignerSeam(), module.mrSigner())) {
      return List.of(
          "MRSIGNERSEAM " + hex.formatHex(td.mrSignerSeam()), hex.formatHex(module.mrSigner()));
    }
    if (!Masked.equal(attributes, module.attributes(), module.attributesMask())
        || !Arrays.equals(attributes, new byte[attributes.length])) {
      return List.of(
          "SEAMATTRIBUTES " + hex.formatHex(attributes),
          hex.formatHex(module.attributes()) + " and zero");
    }
    return List.of();
  }

  /// Whether what runs now, under the TD, is of the newest levels.
  private static boolean isNewest(TdReport td, TcbInfo.Module module, TcbInfo info) {
    if (td.teeTcbSvn2().isEmpty() || module.levels().isEmpty()) {
      return false;
    }
    List<Integer> now = unsigned(td.teeTcbSvn2().get());
    return now.getFirst() >= module.levels().getFirst().isvSvn()
        && now.get(2) >= info.levels().getFirst().tdx().get(2);
  }
}
