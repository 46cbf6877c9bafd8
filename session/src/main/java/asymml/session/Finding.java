package asymml.session;

import org.jspecify.annotations.Nullable;

/// Something that is wrong with a specification or settings.
///
/// @param kind what kind of thing; programs switch over it
/// @param setting the key of [Settings] that it concerns, null if it concerns several
/// @param problem in half a sentence, which follows the setting's name
public record Finding(Kind kind, @Nullable String setting, String problem) {
  /// What is wrong.
  public enum Kind {
    /// A setting that does not exist.
    UNKNOWN_SETTING,
    /// A value that cannot be read.
    UNREADABLE,
    /// A value outside its range.
    OUT_OF_RANGE,
    /// Noise as a multiplier and as a ratio.
    NOISE_GIVEN_TWICE,
    /// A target epsilon with a noise of 0.
    TARGET_WITHOUT_NOISE,
    /// A step schedule without milestones.
    NO_MILESTONES,
    /// Masks without two workers.
    NOT_TWO_WORKERS,
    /// More workers than examples of a batch.
    TOO_MANY_WORKERS,
    /// One remote worker given twice.
    SAME_WORKER_TWICE,
    /// A TLS worker without a certificate to accept, or the reverse.
    TLS_WITHOUT_TRUST,
    /// Tensors rounded where masks need float32.
    MASKS_ROUNDED,
    /// Tensors rounded though no worker is at the other end of a line.
    NOTHING_TO_ROUND,
    /// Chunks with masks, which are made for a whole batch.
    MASKS_IN_CHUNKS,
    /// A sampled weight gradient without masks.
    SAMPLED_WITHOUT_MASKS,
    /// Masks whose two channels are not both accounted for.
    MASKS_UNPROTECTED,
    /// Settings that contradict each other in another way.
    CONTRADICTION,
    /// A resumed run that would compute something else.
    CHANGED_ON_RESUME,
    /// A model, a plan and images that do not fit together.
    MISFIT,
    /// Public images that are the private ones.
    PUBLIC_DATA_PRIVATE,
    /// Accounting for a run that releases nothing.
    NOTHING_RELEASED,
    /// Initial parameters that may depend on private images of an accounted run.
    PRIVATE_START,
    /// DP-SGD with one worker, from which nothing hides the values.
    ONE_WORKER,
    /// Accounting for inputs that are sent unprotected.
    INPUTS_UNPROTECTED,
    /// Batch normalisation, which mixes examples.
    MIXED_EXAMPLES,
    /// Accounting without noise.
    NO_NOISE,
    /// A weight gradient from sampled positions that breaks its bound.
    SAMPLED_GRADIENT,
    /// A clip bound that follows private data.
    PRIVATE_CLIP_BOUND,
    /// Poisson sampling where it amplifies nothing.
    SAMPLING_REVEALED,
    /// A delta too large for the number of examples.
    DELTA_TOO_LARGE,
    /// No public images though some are needed.
    NO_PUBLIC_IMAGES,
    /// Public images of another shape.
    PUBLIC_SHAPE,
    /// Noise from a generator that could be seeded.
    PREDICTABLE_NOISE,
    /// Shared bases fitted to private batches.
    PRIVATE_BASIS,
    /// A rank that follows private data.
    PRIVATE_RANK
  }

  /// A finding about one setting.
  ///
  /// @param kind what kind of thing
  /// @param setting the key of [Settings]
  /// @param problem in half a sentence
  /// @return the finding
  static Finding of(Kind kind, String setting, String problem) {
    return new Finding(kind, setting, problem);
  }

  /// A finding about several settings.
  ///
  /// @param kind what kind of thing
  /// @param problem in half a sentence
  /// @return the finding
  static Finding of(Kind kind, String problem) {
    return new Finding(kind, null, problem);
  }

  /// The problem with the name of the setting.
  ///
  /// @return one line
  public String message() {
    return setting == null ? problem : named(setting);
  }

  /// The problem with another name for the setting.
  ///
  /// @param name what the reader calls it
  /// @return one line
  public String named(String name) {
    return name + (kind == Kind.UNREADABLE ? ": " : " ") + problem;
  }
}
