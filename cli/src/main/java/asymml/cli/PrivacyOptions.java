package asymml.cli;

import asymml.privacy.Channel;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.trusted.plan.Basis;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.PrivacyConfig.Clip;
import asymml.trusted.train.PrivacyConfig.Drawing;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// The settings of a training run that is accounted for.
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class PrivacyOptions {
  static final String PROTECT = "protect";
  static final String SAMPLING = "sampling";
  static final String BASIS = "basis";
  static final String CLIP = "clip";

  private static final String NONE = "none";
  private static final String ALL = "all";

  @Mixin ShieldOptions shield;

  @Option(
      names = "--" + PROTECT,
      paramLabel = "CHANNELS",
      split = ",",
      description = {
        "What is clipped, noised and accounted for: none; residuals; gradients (and residuals);"
            + " weights (and both); or all, that is the worker's whole view (default: none, with"
            + " --target-epsilon residuals, with --shield shares gradients)."
      })
  @Nullable List<String> protect;

  @Option(
      names = "--target-epsilon",
      paramLabel = "E",
      description =
          "Budget of what is protected: without a noise setting the noise follows from it, with one"
              + " the run ends at the last step inside it (default: no budget).")
  @Nullable Double targetEpsilon;

  @Option(
      names = "--delta",
      paramLabel = "D",
      defaultValue = "0.00001",
      description = "Delta at which epsilon is stated (default: ${DEFAULT-VALUE}).")
  double delta;

  @Option(
      names = "--" + SAMPLING,
      paramLabel = "KIND",
      converter = DrawingConverter.class,
      description =
          "poisson (each image independently, in secret; only where the whole view is protected) or shuffle"
              + " (nothing is amplified) (default: poisson with --protect all, else shuffle).")
  @Nullable Drawing sampling;

  @Option(
      names = "--" + BASIS,
      paramLabel = "KIND",
      converter = BasisConverter.class,
      description =
          "What a shared basis is fitted to: batch (private), public (see --public-data) or dp"
              + " (noised second moments of batches) (default: batch, in a run that is accounted"
              + " for public).")
  @Nullable Basis basis;

  @Option(
      names = "--" + CLIP,
      paramLabel = "BOUNDS",
      converter = ClipConverter.class,
      description =
          "Clip bounds: median (follows private data), public (medians over --public-data), or"
              + " numbers R[:G[:W]] for residuals, gradients and summed weight gradients"
              + " (default: median, in a run that is accounted for public).")
  @Nullable Clip clip;

  @Option(
      names = "--public-data",
      paramLabel = "DATA",
      defaultValue = "generated:2",
      description =
          "Public images of the same shape, for clip norms and bases of a run that is"
              + " accounted for (default: ${DEFAULT-VALUE}).")
  String publicData;

  /// Whether the run is accounted for.
  ///
  /// @throws IllegalArgumentException if a channel is unknown
  boolean accounted() {
    return !channels().isEmpty();
  }

  /// The protected channels: each brings those along that it rests on.
  ///
  /// @throws IllegalArgumentException if a channel is unknown
  private Set<Channel> channels() {
    Set<Channel> channels = EnumSet.noneOf(Channel.class);
    List<String> names =
        protect != null
            ? protect
            : List.of(
                shield.shares()
                    ? Channel.GRADIENTS.label()
                    : targetEpsilon == null ? NONE : Channel.RESIDUALS.label());
    for (String name : names) {
      switch (name) {
        case NONE -> {}
        case "residuals" -> channels.add(Channel.RESIDUALS);
        case "gradients" -> channels.addAll(Set.of(Channel.RESIDUALS, Channel.GRADIENTS));
        case "weights", ALL ->
            channels.addAll(Set.of(Channel.RESIDUALS, Channel.GRADIENTS, Channel.WEIGHTS));
        default ->
            throw new IllegalArgumentException(
                "--protect '%s' is none of none, residuals, gradients, weights, all"
                    .formatted(name));
      }
    }
    return channels;
  }

  /// The channels as `--protect` takes them.
  List<String> protectedChannels() {
    List<String> labels = new ArrayList<>();
    channels().forEach(channel -> labels.add(channel.label()));
    return labels.isEmpty() ? List.of(NONE) : labels;
  }

  Drawing sampling() {
    return sampling != null
        ? sampling
        : channels().contains(Channel.WEIGHTS) ? Drawing.POISSON : Drawing.SHUFFLE;
  }

  Basis basis() {
    return basis != null ? basis : accounted() ? Basis.PUBLIC : Basis.BATCH;
  }

  Clip clip() {
    return clip != null ? clip : accounted() ? new Clip.Public() : new Clip.Median();
  }

  /// What the run accounts for.
  ///
  /// @throws IllegalArgumentException with the rule that a value breaks
  PrivacyConfig config() {
    return new PrivacyConfig(
        channels(),
        targetEpsilon == null ? null : new Epsilon(targetEpsilon),
        new Delta(delta),
        sampling(),
        basis(),
        clip());
  }

  static final class DrawingConverter implements ITypeConverter<Drawing> {
    @Override
    public Drawing convert(String text) {
      return Labels.choice(text, Drawing.values(), Drawing::label);
    }
  }

  static final class BasisConverter implements ITypeConverter<Basis> {
    @Override
    public Basis convert(String text) {
      return Labels.choice(text, Basis.values(), Basis::label);
    }
  }

  static final class ClipConverter implements ITypeConverter<Clip> {
    @Override
    public Clip convert(String text) {
      try {
        return Clip.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}
