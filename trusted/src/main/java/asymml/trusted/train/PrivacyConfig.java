package asymml.trusted.train;

import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.trusted.plan.Basis;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// What a run is to account for.
///
/// @param protect the channels that get a mechanism; empty if nothing is accounted for, else with
///   residuals, and with gradients where weights are
/// @param target the epsilon that the protected channels together may cost; null for no limit
/// @param delta at which epsilon is stated; above 0 and below 1
/// @param drawing how the examples of a step are chosen
/// @param basis what shared bases are fitted to
/// @param clip where clip bounds come from; with DP-SGD not used
/// @param dpSgd with it, all channels are protected by DP-SGD, and so is the trained model; else
///   null
public record PrivacyConfig(
    Set<Channel> protect,
    @Nullable Epsilon target,
    Delta delta,
    Drawing drawing,
    Basis basis,
    Clip clip,
    @Nullable DpSgd dpSgd) {
  /// Nothing is accounted for.
  public static final PrivacyConfig NONE =
      new PrivacyConfig(
          Set.of(), null, new Delta(1e-5), Drawing.SHUFFLE, Basis.BATCH, new Clip.Median());

  /// What is to be accounted for without DP-SGD.
  ///
  /// @param protect the channels that get a mechanism
  /// @param target the epsilon that the protected channels together may cost; null for no limit
  /// @param delta at which epsilon is stated; above 0 and below 1
  /// @param drawing how the examples of a step are chosen
  /// @param basis what shared bases are fitted to
  /// @param clip where clip bounds come from
  public PrivacyConfig(
      Set<Channel> protect,
      @Nullable Epsilon target,
      Delta delta,
      Drawing drawing,
      Basis basis,
      Clip clip) {
    this(protect, target, delta, drawing, basis, clip, null);
  }

  /// DP-SGD.
  ///
  /// @param dpSgd its settings
  /// @param target the epsilon that the run may cost; null for no limit
  /// @param delta at which epsilon is stated; above 0 and below 1
  /// @return all channels protected
  public static PrivacyConfig of(DpSgd dpSgd, @Nullable Epsilon target, Delta delta) {
    return new PrivacyConfig(
        EnumSet.of(Channel.RESIDUALS, Channel.GRADIENTS, Channel.WEIGHTS),
        target,
        delta,
        Drawing.POISSON,
        Basis.PUBLIC,
        new Clip.Public(),
        dpSgd);
  }

  /// How the examples of a step are chosen.
  public enum Drawing {
    /// A random partition of the data set an epoch; nothing is amplified.
    SHUFFLE,
    /// Each example independently, in secret.
    POISSON;

    /// The name as the command line writes it.
    ///
    /// @return `shuffle` or `poisson`
    public String label() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /// Where clip bounds come from.
  public sealed interface Clip {
    /// A running median of the norms seen: data-dependent.
    record Median() implements Clip {
      @Override
      public String toString() {
        return "median";
      }
    }

    /// Medians over public images.
    record Public() implements Clip {
      @Override
      public String toString() {
        return "public";
      }
    }

    /// Numbers, from [#LEAST] to [#MOST].
    ///
    /// @param residuals for every residual
    /// @param gradients for every output gradient; null: from public images
    /// @param weights for every layer's summed gradient; null: from public images, as where those
    ///   of gradients are
    record Fixed(ClipNorm residuals, @Nullable ClipNorm gradients, @Nullable ClipNorm weights)
        implements Clip {
      /// The smallest bound.
      public static final double LEAST = 1e-12;

      /// The largest bound.
      public static final double MOST = 1e12;

      /// Checks the ranges, and that bounds are left out from the end only, as the text has them.
      public Fixed {
        requireUsable(residuals);
        requireUsable(gradients);
        requireUsable(weights);
        if (gradients == null && weights != null) {
          throw new IllegalArgumentException("a clip bound of weights needs one of gradients");
        }
      }

      private static void requireUsable(@Nullable ClipNorm bound) {
        if (bound != null && !(bound.value() >= LEAST && bound.value() <= MOST)) {
          throw new IllegalArgumentException(
              "a clip bound must be from 1e-12 to 1e12: " + bound.value());
        }
      }

      @Override
      public String toString() {
        return residuals.value()
            + (gradients == null ? "" : ":" + gradients.value())
            + (weights == null ? "" : ":" + weights.value());
      }
    }

    /// Reads what [#toString] writes.
    ///
    /// @param text `median`, `public`, or one to three numbers with colons: the bounds of
    ///   residuals, gradients and weights
    /// @return the bounds' source
    /// @throws IllegalArgumentException if it is none of these
    static Clip parse(String text) {
      if (text.equals("median")) {
        return new Median();
      }
      if (text.equals("public")) {
        return new Public();
      }
      String[] parts = text.split(":", -1);
      try {
        if (parts.length <= 3) {
          return new Fixed(
              new ClipNorm(Double.parseDouble(parts[0])),
              parts.length > 1 ? new ClipNorm(Double.parseDouble(parts[1])) : null,
              parts.length > 2 ? new ClipNorm(Double.parseDouble(parts[2])) : null);
        }
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(wrong(text), e);
      }
      throw new IllegalArgumentException(wrong(text));
    }

    private static String wrong(String text) {
      return "clip '"
          + text
          + "' is neither median nor public nor bounds from 1e-12 to 1e12 such as 20 or 20:0.01:0.05";
    }
  }

  /// Checks the rules above and copies the set.
  ///
  /// @throws IllegalArgumentException naming the rule that is broken
  public PrivacyConfig {
    protect = Set.copyOf(protect);
    if (!(delta.value() > 0 && delta.value() < 1)) {
      throw new IllegalArgumentException("delta must be above 0 and below 1: " + delta.value());
    }
    if (target != null && (!target.isFinite() || target.value() == 0)) {
      throw new IllegalArgumentException("a target epsilon must be above 0 and finite");
    }
    if (dpSgd != null && (!protect.contains(Channel.WEIGHTS) || drawing != Drawing.POISSON)) {
      throw new IllegalArgumentException(
          "DP-SGD protects all channels, and draws its batches by Poisson sampling");
    }
    if (protect.isEmpty()) {
      if (target != null
          || drawing != Drawing.SHUFFLE
          || basis != Basis.BATCH
          || !(clip instanceof Clip.Median)) {
        throw new IllegalArgumentException(
            "a target epsilon, Poisson sampling, a basis that is not fitted to batches and a clip"
                + " bound that is not a running median belong to a run that is accounted for: name"
                + " what it protects");
      }
    } else if (!protect.contains(Channel.RESIDUALS)) {
      throw new IllegalArgumentException("residuals are always protected: " + labels(protect));
    } else if (protect.contains(Channel.WEIGHTS) && !protect.contains(Channel.GRADIENTS)) {
      throw new IllegalArgumentException(
          "weights can only be protected together with gradients: the worker computes its part of"
              + " a weight gradient from them");
    }
  }

  /// Whether anything is accounted for.
  ///
  /// @return false for [#NONE] and its like
  public boolean accounted() {
    return !protect.isEmpty();
  }

  private static String labels(Set<Channel> channels) {
    return channels.isEmpty()
        ? "none"
        : EnumSet.copyOf(channels).stream().map(Channel::label).collect(Collectors.joining(","));
  }

  @Override
  public String toString() {
    return "protect %s, target %s, delta %s, %s, basis %s, %s"
        .formatted(
            labels(protect),
            target == null ? "none" : target.value(),
            delta.value(),
            drawing.label(),
            basis.label(),
            dpSgd == null ? "clip " + clip : dpSgd);
  }
}
