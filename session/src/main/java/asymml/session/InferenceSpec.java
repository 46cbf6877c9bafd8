package asymml.session;

import asymml.privacy.Channel;
import asymml.trusted.plan.Mode;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.TrainConfig;
import java.util.ArrayList;
import java.util.List;

/// How a trained model runs together with workers. It is told by the settings that training has,
/// too; those that concern training alone are not looked at.
///
/// @param settings where linear layers run (mode, decomposer, rank, trusted layers), what hides
///   their inputs (noise, shield), what is accounted for (protection of residuals, delta, clip
///   bound, basis, public images), the workers, the threads, and the batch size
public record InferenceSpec(TrainingSpec settings) {
  /// The settings that inference has, by their names in [Settings].
  public static final List<String> SETTINGS =
      List.of(
          "mode",
          "decomposer",
          "rank",
          "trusted-layers",
          "noise-ratio",
          "noise-multiplier",
          "shield",
          "protect",
          "delta",
          "basis",
          "clip",
          "public-data",
          "worker",
          "tls-trust",
          "tls-allow-expired",
          "tls-keystore",
          "tls-password-file",
          "wire",
          "chunks",
          "verify",
          "worker-timeout");

  /// Checks that there is something to split, and that nothing is asked for that inference does not
  /// have.
  ///
  /// @throws InvalidSpecException with all that does not hold
  public InferenceSpec {
    TrainConfig config = settings.training();
    PrivacyConfig privacy = config.privacy();
    List<Finding> found = new ArrayList<>();
    if (config.mode() == Mode.TRUSTED_ONLY) {
      found.add(
          Finding.of(
              Finding.Kind.CONTRADICTION,
              "mode",
              "trusted-only computes all here: it has no worker"));
    }
    if (privacy.dpSgd() != null) {
      found.add(
          Finding.of(Finding.Kind.CONTRADICTION, "dp-sgd", "trains: at inference nothing is"));
    }
    if (privacy.target() != null) {
      found.add(
          Finding.of(
              Finding.Kind.CONTRADICTION,
              "target-epsilon",
              "is a budget of training: give inference its noise"));
    }
    if (privacy.protect().contains(Channel.WEIGHTS)
        || (privacy.protect().contains(Channel.GRADIENTS) && !config.shield().masks())) {
      found.add(
          Finding.of(
              Finding.Kind.CONTRADICTION,
              "protect",
              "can be none or residuals at inference: no gradient is sent, and the weights are the"
                  + " trained model's"));
    }
    if (!found.isEmpty()) {
      throw new InvalidSpecException(found);
    }
  }

  /// What [TrainingSpec#defaults] and these say.
  ///
  /// @param settings as above
  /// @return a specification
  public static InferenceSpec of(TrainingSpec settings) {
    return new InferenceSpec(settings);
  }

  /// Images at a time; batches that are not full are filled up with null examples.
  ///
  /// @return at least 1
  public int batchSize() {
    return settings.training().batchSize();
  }
}
