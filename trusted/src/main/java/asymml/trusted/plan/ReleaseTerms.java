package asymml.trusted.plan;

import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.NoiseMultiplier;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/// On what terms tensors are released: data beside the plan.
public sealed interface ReleaseTerms {
  /// Nothing is accounted for: residuals and output gradients get noise around bounds that follow
  /// the data, the rest is sent unprotected.
  ///
  /// @param residuals strength of the noise on residuals
  /// @param gradients strength of the noise on output gradients
  /// @param reason why the residuals' noise guarantees nothing
  record Unaccounted(NoiseStrength residuals, NoiseStrength gradients, String reason)
      implements ReleaseTerms {
    /// The same with output gradients sent unprotected.
    ///
    /// @param residuals strength of the noise on residuals
    /// @param reason why it guarantees nothing
    public Unaccounted(NoiseStrength residuals, String reason) {
      this(residuals, new NoiseStrength.None(), reason);
    }
  }

  /// What is released through a protected channel is clipped to a fixed bound, noised and accounted
  /// for.
  ///
  /// @param noise its strength, the same on every release; not [NoiseStrength.None]
  /// @param channels which are protected; residuals always are, and weights only with gradients,
  ///   since the worker's part of a weight gradient is a function of both that it holds
  /// @param basis what shared bases are fitted to, where there are any
  /// @param bounds the clip bounds; with [Shield.Shares] those of residuals and gradients are not
  ///   asked for
  /// @param shield what hides the data; with [Shield.Shares] the noise is that of the masks
  record Accounted(
      NoiseStrength noise, Set<Channel> channels, Basis basis, Bounds bounds, Shield shield)
      implements ReleaseTerms {
    /// The terms of a single worker.
    ///
    /// @param noise its strength
    /// @param channels which are protected
    /// @param basis what shared bases are fitted to
    /// @param bounds the clip bounds
    public Accounted(NoiseStrength noise, Set<Channel> channels, Basis basis, Bounds bounds) {
      this(noise, channels, basis, bounds, new Shield.Residual());
    }

    /// Checks the rules above and copies the set.
    ///
    /// @throws IllegalArgumentException naming the rule that is broken
    public Accounted {
      channels = Set.copyOf(channels);
      if (noise instanceof NoiseStrength.None) {
        throw new IllegalArgumentException("nothing can be accounted for without noise");
      }
      if (!channels.contains(Channel.RESIDUALS)) {
        throw new IllegalArgumentException("residuals are always protected: " + channels);
      }
      if (channels.contains(Channel.WEIGHTS) && !channels.contains(Channel.GRADIENTS)) {
        throw new IllegalArgumentException(
            "weights can only be protected together with gradients: " + channels);
      }
      if (shield.masks() && !channels.contains(Channel.GRADIENTS)) {
        throw new IllegalArgumentException("masks always hide gradients, too: " + channels);
      }
    }
  }

  /// DP-SGD: one joint Gaussian release a step covers the gradients of all trained parameters, and
  /// masks cover what workers receive. Batches are drawn by Poisson sampling.
  ///
  /// @param noise z of the sum of all gradients, each of norm at most 1
  /// @param views K, how many places of a batch an example has, at least 1; each masked tensor has
  ///   a part of norm 1 in each of them
  /// @param masksShare s, what masks may cost beside that noise: with n masked tensors of an
  ///   example in a step, their noise multiplier is `z sqrt(n / s)`, so that all releases of the
  ///   step compose to `z / sqrt(1 + s)`; above 0
  /// @param basis what shared bases are fitted to, where there are any; [Basis#PUBLIC], if so
  /// @param shield what hides the data from workers, where there are any; [Shield.Shares], if so
  record DpSgd(NoiseMultiplier noise, int views, double masksShare, Basis basis, Shield shield)
      implements ReleaseTerms {
    /// Checks views and share.
    public DpSgd {
      if (views < 1) {
        throw new IllegalArgumentException("an example has at least 1 view: " + views);
      }
      if (!(masksShare > 0) || Double.isInfinite(masksShare)) {
        throw new IllegalArgumentException("the masks' share must be above 0: " + masksShare);
      }
    }

    /// The noise multiplier of each masked tensor.
    ///
    /// @param tensors how many of an example are masked in a step, at least 1
    /// @return z of the masks
    NoiseMultiplier masks(int tensors) {
      return new NoiseMultiplier(noise.value() * Math.sqrt(tensors / masksShare));
    }
  }

  /// Clip bounds, by channel and by the name of the layer (of residuals and bases: of the first
  /// layer that reads the input).
  ///
  /// @param norms one for each release that gets noise
  record Bounds(Map<Channel, Map<String, ClipNorm>> norms) {
    /// Copies the maps.
    public Bounds {
      norms =
          norms.entrySet().stream()
              .collect(
                  Collectors.toUnmodifiableMap(
                      Map.Entry::getKey, entry -> Map.copyOf(entry.getValue())));
    }

    /// A bound.
    ///
    /// @param channel of the release
    /// @param layer its layer
    /// @return C
    /// @throws IllegalArgumentException if there is none
    public ClipNorm of(Channel channel, String layer) {
      ClipNorm norm = norms.getOrDefault(channel, Map.of()).get(layer);
      if (norm == null) {
        throw new IllegalArgumentException(
            "there is no clip bound for the %s of %s".formatted(channel.label(), layer));
      }
      return norm;
    }
  }
}
