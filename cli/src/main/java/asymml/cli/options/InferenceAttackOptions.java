package asymml.cli.options;

import asymml.session.InferenceSpec;
import asymml.session.Settings;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// How the inference that is attacked is split, by the names of [Settings].
public final class InferenceAttackOptions {
  private static final String BATCH = "32";

  @Option(
      names = "--inference",
      description = {
        "Instead of a recording: have 32 test images of the run in --truth classified through the"
            + " split by a worker that records, and attack that: subspace, membership and a"
            + " decoder."
      })
  private boolean inference;

  @Option(
      names = "--rank",
      paramLabel = "RANK",
      description = "With --inference: rank of the trusted part (default: 1/8).")
  private @Nullable String rank;

  @Option(
      names = "--noise-ratio",
      paramLabel = "RHO",
      description = "With --inference: noise on residuals (default: 0.1).")
  private @Nullable String noiseRatio;

  @Option(
      names = "--shield",
      paramLabel = "KIND",
      description =
          "With --inference: residual or shares, of which the worker with masked values records"
              + " (default: residual).")
  private @Nullable String shield;

  /// Whether inference is attacked.
  public boolean isAsked() {
    return inference;
  }

  /// The first option that has no effect otherwise.
  public @Nullable String ignored() {
    return inference
        ? null
        : rank != null
            ? "--rank"
            : noiseRatio != null ? "--noise-ratio" : shield != null ? "--shield" : null;
  }

  /// How the model is split.
  ///
  /// @throws asymml.session.InvalidSpecException if a value is wrong, or two contradict each other
  public InferenceSpec spec() {
    Map<String, Object> values = new LinkedHashMap<>();
    put(values, "rank", rank);
    put(values, "noise-ratio", noiseRatio);
    put(values, "shield", shield);
    values.put("batch-size", BATCH);
    return InferenceSpec.of(new Settings(values).spec());
  }

  private static void put(Map<String, Object> values, String key, @Nullable String value) {
    if (value != null) {
      values.put(key, value);
    }
  }
}
