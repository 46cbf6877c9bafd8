package asymml.attest.policy;

import asymml.attest.EvidenceException;
import asymml.attest.Finding;
import asymml.attest.Problem;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// What may be trained with a key: the policy's section `run`. It bounds what a trainer declares
/// ([RunConfiguration]); that the trainer does what it declares follows from its measurement.
///
/// @param modes accepted values of the setting `mode`; empty is any
/// @param shields accepted values of `shield`; empty is any
/// @param protect channels that must be accounted for
/// @param leastNoiseMultiplier least value of `noise-multiplier`; empty is any
/// @param greatestEpsilon greatest value of `target-epsilon`; empty is any
/// @param greatestDelta greatest value of `delta` at which that epsilon is stated; there if
///   `greatestEpsilon` is
/// @param releaseModel whether the trained model may be written in clear
/// @param countsSteps whether the owner counts the steps of runs, so that an old copy of one cannot
///   be resumed
public record RunBounds(
    Optional<Set<String>> modes,
    Optional<Set<String>> shields,
    Set<String> protect,
    Optional<Double> leastNoiseMultiplier,
    Optional<Double> greatestEpsilon,
    Optional<Double> greatestDelta,
    boolean releaseModel,
    boolean countsSteps) {
  /// Values of the setting `mode`.
  public static final Set<String> MODES =
      ordered("asymml", "trusted-only", "untrusted-only", "dp-only");

  /// Values of the setting `shield`.
  public static final Set<String> SHIELDS = ordered("residual", "shares");

  /// Values of the setting `protect`. Where weights are protected, a worker's whole view is.
  public static final Set<String> CHANNELS = ordered("residuals", "gradients", "weights");

  /// The setting that says whether the trained model is written in clear.
  public static final String RELEASE_MODEL = "release-model";

  private static final double MOST_NOISE = 1e12;
  private static final double MOST_EPSILON = 1e6;

  /// Hostile text is shown up to this.
  private static final int MOST_SHOWN = 80;

  /// Copies the sets.
  public RunBounds {
    modes = modes.map(Set::copyOf);
    shields = shields.map(Set::copyOf);
    protect = Set.copyOf(protect);
  }

  /// Whether an epsilon of these runs is that of all that a worker sees.
  ///
  /// @return false if it is that of the channels in `protect` alone
  public boolean coversWholeView() {
    return protect.containsAll(CHANNELS);
  }

  private static Set<String> ordered(String... words) {
    return new LinkedHashSet<>(List.of(words));
  }

  /// Cuts long text.
  static String shortened(String text) {
    return text.length() <= MOST_SHOWN ? text : text.substring(0, MOST_SHOWN) + "...";
  }

  static RunBounds read(PolicyNode node) throws EvidenceException {
    node.mapping(
        Set.of(
            "modes",
            "shields",
            "protect",
            "leastNoiseMultiplier",
            "greatestEpsilon",
            "greatestDelta",
            "releaseModel",
            "rollback"));
    Optional<PolicyNode> noise = node.optional("leastNoiseMultiplier");
    Optional<PolicyNode> epsilon = node.optional("greatestEpsilon");
    if (noise.isEmpty() && epsilon.isEmpty()) {
      throw node.error("needs leastNoiseMultiplier or greatestEpsilon: a number, or any");
    }
    RunBounds bounds =
        new RunBounds(
            wordsOrAny(node.required("modes", "some of %s, or any".formatted(MODES)), MODES),
            wordsOrAny(node.required("shields", "some of %s, or any".formatted(SHIELDS)), SHIELDS),
            node.optional("protect").isPresent()
                ? words(node.required("protect", ""), CHANNELS)
                : Set.of(),
            numberOrAny(noise, 0, MOST_NOISE),
            numberOrAny(epsilon, 0, MOST_EPSILON),
            numberOrAny(node.optional("greatestDelta"), 0, 1),
            node.required("releaseModel", "true or false: may the trained model be in clear?")
                .truth(),
            node.optional("rollback").isPresent()
                && rollback(node.required("rollback", "owner or none")));
    if (bounds.greatestEpsilon.isPresent() && bounds.greatestDelta.isEmpty()) {
      throw node.error("needs greatestDelta, a number: an epsilon is stated at a delta");
    }
    if (bounds.greatestEpsilon.isEmpty() && bounds.greatestDelta.isPresent()) {
      throw node.error("has greatestDelta without a number for greatestEpsilon");
    }
    if ((bounds.greatestEpsilon.isPresent() || bounds.leastNoiseMultiplier.isPresent())
        && bounds.protect.isEmpty()) {
      throw node.error(
          "needs protect, some of %s: noise and epsilon are those of the channels that are"
                  .formatted(CHANNELS)
              + " accounted for, and of no others");
    }
    return bounds;
  }

  private static boolean rollback(PolicyNode node) throws EvidenceException {
    return switch (node.text()) {
      case "owner" -> true;
      case "none" -> false;
      default -> throw node.error("must be owner or none: " + shortened(node.text()));
    };
  }

  private static Optional<Double> numberOrAny(Optional<PolicyNode> node, double least, double most)
      throws EvidenceException {
    return node.isEmpty() || node.get().isAny()
        ? Optional.empty()
        : Optional.of(node.get().number(least, most));
  }

  private static Optional<Set<String>> wordsOrAny(PolicyNode node, Set<String> known)
      throws EvidenceException {
    return node.isAny() ? Optional.empty() : Optional.of(words(node, known));
  }

  private static Set<String> words(PolicyNode node, Set<String> known) throws EvidenceException {
    Set<String> words = new LinkedHashSet<>();
    for (PolicyNode each : node.list()) {
      if (!known.contains(each.text())) {
        throw each.error("is none of %s: %s".formatted(known, shortened(each.text())));
      }
      words.add(each.text());
    }
    if (words.isEmpty()) {
      throw node.error("needs at least one of " + known);
    }
    return words;
  }

  /// Compares a declaration with the bounds. What is bounded and not declared is refused.
  ///
  /// @param run what the trainer declares
  /// @return all that exceeds a bound; empty if nothing does
  public List<Finding> check(RunConfiguration run) {
    List<Finding> found = new ArrayList<>();
    modes.ifPresent(all -> oneOf(found, run, "mode", all, "run.modes"));
    shields.ifPresent(all -> oneOf(found, run, "shield", all, "run.shields"));
    if (!run.texts("protect").containsAll(protect)) {
      found.add(refused(run, "protect", "all of " + sorted(protect), "run.protect"));
    }
    leastNoiseMultiplier.ifPresent(least -> {
      if (run.number("noise-multiplier").filter(z -> z >= least).isEmpty()) {
        found.add(
            refused(run, "noise-multiplier", "at least " + least, "run.leastNoiseMultiplier"));
      }
    });
    greatestEpsilon.ifPresent(
        most -> atMost(found, run, "target-epsilon", most, "run.greatestEpsilon"));
    greatestDelta.ifPresent(most -> atMost(found, run, "delta", most, "run.greatestDelta"));
    Optional<Boolean> released = run.truth(RELEASE_MODEL);
    if (released.isEmpty()) {
      found.add(refused(run, RELEASE_MODEL, "true or false", "run.releaseModel"));
    } else if (released.get() && !releaseModel) {
      found.add(refused(run, RELEASE_MODEL, "false", "run.releaseModel"));
    } else if (released.get()
        && greatestEpsilon.isPresent()
        && !run.truth("dp-sgd").orElse(false)) {
      // Only DP-SGD's epsilon covers the trained model.
      found.add(
          refused(
              run,
              "dp-sgd",
              "true, since otherwise no epsilon covers the released model",
              "run.greatestEpsilon"));
    }
    return found;
  }

  private static void oneOf(
      List<Finding> found, RunConfiguration run, String setting, Set<String> all, String key) {
    if (run.text(setting).filter(all::contains).isEmpty()) {
      found.add(refused(run, setting, "one of " + sorted(all), key));
    }
  }

  private static void atMost(
      List<Finding> found, RunConfiguration run, String setting, double most, String key) {
    // Zero and below are no epsilon or delta of a run, and what is below it is no tighter bound.
    if (run.number(setting).filter(value -> value > 0 && value <= most).isEmpty()) {
      found.add(refused(run, setting, "above 0 and at most " + most, key));
    }
  }

  private static List<String> sorted(Set<String> words) {
    return words.stream().sorted().toList();
  }

  private static Finding refused(
      RunConfiguration run, String setting, String expected, String key) {
    return new Finding(Problem.RUN, setting, run.shown(setting), expected, key);
  }
}
