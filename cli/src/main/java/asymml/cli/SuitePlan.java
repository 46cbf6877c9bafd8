package asymml.cli;

import java.util.List;
import java.util.Map;

/// One way to train that the suite attacks.
///
/// @param name of letters, digits, points and dashes, for files
/// @param words what it is
/// @param settings of `train` in which it differs from the suite's others
/// @param view of which worker, where there are two: 0 for the one with masked values, 1 for the
///   one with the masks
record SuitePlan(String name, String words, Map<String, Object> settings, int view) {
  SuitePlan(String name, String words, Map<String, Object> settings) {
    this(name, words, settings, 0);
  }

  /// The default, one without protection, and changes to the default one at a time.
  static List<SuitePlan> all() {
    return List.of(
        new SuitePlan(
            "unprotected",
            "all layers at the worker, exact inputs, weights and gradients: no privacy",
            Map.of("mode", "untrusted-only")),
        new SuitePlan(
            "base",
            "the default: rank 1/8, noise 0.1 of the residual, first and last layer trusted,"
                + " gradients exact",
            Map.of()),
        new SuitePlan(
            "nothing-trusted",
            "as base, but first and last layer split like the others",
            Map.of("trusted-layers", "none")),
        noise("0", "as base, without noise"),
        noise("0.3", "as base, noise 0.3 of the residual"),
        noise("1", "as base, noise as large as the residual"),
        noise("3", "as base, noise 3 times the residual"),
        new SuitePlan("rank-1-16", "as base, rank 1/16", Map.of("rank", "1/16")),
        new SuitePlan("rank-1-4", "as base, rank 1/4", Map.of("rank", "1/4")),
        new SuitePlan(
            "gradients-noised",
            "as base, noise 0.3 of residuals and of output gradients; with the group norm, the"
                + " public bounds and bases that this needs",
            Map.of("protect", "gradients", "norm", "group", "noise-ratio", "0.3")),
        shares(
            "shares-values",
            "two workers, masks with noise multiplier 10, group norm: what the worker with masked"
                + " values sees",
            0),
        shares("shares-masks", "the same: what the worker with the masks sees", 1));
  }

  private static SuitePlan shares(String name, String words, int view) {
    return new SuitePlan(
        name, words, Map.of("shield", "shares", "norm", "group", "noise-multiplier", "10"), view);
  }

  private static SuitePlan noise(String ratio, String words) {
    return new SuitePlan("noise-" + ratio, words, Map.of("noise-ratio", ratio));
  }
}
