package asymml.cli;

import asymml.session.Finding;
import asymml.session.InvalidSpecException;
import asymml.session.Settings;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/// Findings about a specification as the user of the command line reads them: with the flags that
/// are wrong, and those that mend it.
final class UsageErrors {
  private static final Set<Finding.Kind> BREAKING =
      EnumSet.range(Finding.Kind.NOTHING_RELEASED, Finding.Kind.PRIVATE_RANK);

  private UsageErrors() {}

  /// What the options of a command ask for.
  ///
  /// @param command the command
  /// @param asked makes it of them
  /// @throws ParameterException with the rule that a value breaks
  static <T> T checked(CommandSpec command, Supplier<T> asked) {
    try {
      return asked.get();
    } catch (IllegalArgumentException e) {
      throw of(command, e);
    }
  }

  /// The same, with a name before the rule.
  static <T> T checked(CommandSpec command, String name, Supplier<T> asked) {
    try {
      return asked.get();
    } catch (IllegalArgumentException e) {
      throw new ParameterException(command.commandLine(), name + " " + e.getMessage(), e);
    }
  }

  /// The caller's mistake as wrong usage.
  ///
  /// @param command the command
  /// @param e with the rule that a value breaks
  static ParameterException of(CommandSpec command, IllegalArgumentException e) {
    String message =
        e instanceof InvalidSpecException invalid ? of(invalid) : String.valueOf(e.getMessage());
    return new ParameterException(command.commandLine(), message, e);
  }

  /// What is wrong in one line.
  ///
  /// @param e with one finding or several
  static String of(InvalidSpecException e) {
    return of(e, new Settings(Map.of()));
  }

  /// What is wrong in one line.
  ///
  /// @param e with one finding or several
  /// @param files what configuration files set, and the command line does not
  static String of(InvalidSpecException e, Settings files) {
    boolean accounting = e.findings().stream().allMatch(finding -> breaksGuarantee(finding.kind()));
    return (accounting ? "this run cannot be accounted for: " : "")
        + e.findings().stream()
            .map(finding -> of(finding) + where(finding, files))
            .collect(Collectors.joining("; "));
  }

  private static String where(Finding finding, Settings files) {
    return finding.setting() != null && files.values().containsKey(finding.setting())
        ? ", in the YAML file"
        : "";
  }

  private static String of(Finding finding) {
    String problem =
        finding.setting() == null ? finding.message() : finding.named("--" + finding.setting());
    @Nullable String remedy = remedy(finding.kind());
    return remedy == null ? problem : problem + " (use " + remedy + ")";
  }

  private static @Nullable String remedy(Finding.Kind kind) {
    return switch (kind) {
      case UNKNOWN_SETTING,
          UNREADABLE,
          OUT_OF_RANGE,
          CONTRADICTION,
          MISFIT,
          CHANGED_ON_RESUME,
          SAME_WORKER_TWICE ->
          null;
      case NOISE_GIVEN_TWICE -> "one of --noise-ratio and --noise-multiplier";
      case TARGET_WITHOUT_NOISE -> "--target-epsilon alone: the noise follows from it";
      case NO_MILESTONES -> "--milestones, such as 10,15";
      case NOT_TWO_WORKERS -> "--worker A --worker B";
      case TOO_MANY_WORKERS -> "a larger --batch-size";
      case TLS_WITHOUT_TRUST -> "--worker tls:HOST:PORT with --tls-trust FILE";
      case MASKS_ROUNDED -> "--wire float32";
      case NOTHING_TO_ROUND -> "--wire float32, or --worker tls:HOST:PORT";
      case MASKS_IN_CHUNKS -> "--chunks 1";
      case SAMPLED_WITHOUT_MASKS -> "--shield shares";
      case MASKS_UNPROTECTED -> "--protect gradients, or --dp-sgd, or leave --protect out";
      case PUBLIC_DATA_PRIVATE -> "other images with --public-data";
      case NOTHING_RELEASED ->
          "--mode asymml, or neither --protect nor --shield shares nor --target-epsilon";
      case PRIVATE_START -> "--init-public, if that is so";
      case ONE_WORKER -> "--shield shares, or --mode trusted-only";
      case INPUTS_UNPROTECTED -> "--mode asymml";
      case MIXED_EXAMPLES -> "--norm group";
      case NO_NOISE -> "--target-epsilon, --noise-multiplier or --noise-ratio";
      case SAMPLED_GRADIENT -> "--weight-gradient exact";
      case PRIVATE_CLIP_BOUND -> "--clip public or a number";
      case SAMPLING_REVEALED -> "--sampling shuffle, --dp-sgd, or with one worker --protect all";
      case DELTA_TOO_LARGE -> "a smaller --delta";
      case NO_PUBLIC_IMAGES -> "--public-data";
      case PUBLIC_SHAPE -> "--public-data with images of the same shape";
      case PREDICTABLE_NOISE -> "the platform's SecureRandom";
      case PRIVATE_BASIS -> "--basis public, --basis dp or --decomposer per-example";
      case PRIVATE_RANK -> "--rank with a number or a fraction";
    };
  }

  private static boolean breaksGuarantee(Finding.Kind kind) {
    return BREAKING.contains(kind);
  }
}
