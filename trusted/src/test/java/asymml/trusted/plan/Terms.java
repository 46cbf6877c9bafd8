package asymml.trusted.plan;

import asymml.model.Graph;
import asymml.model.Node;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/// Terms of release for tests.
public final class Terms {
  /// All sets of channels that can be protected, apart from none.
  public static final List<Set<Channel>> PROTECTED =
      List.of(
          Set.of(Channel.RESIDUALS),
          Set.of(Channel.RESIDUALS, Channel.GRADIENTS),
          Set.of(Channel.RESIDUALS, Channel.GRADIENTS, Channel.WEIGHTS));

  private Terms() {}

  /// A bound for each channel and layer, no two alike.
  ///
  /// @param graph the network
  /// @return the bounds
  public static ReleaseTerms.Bounds bounds(Graph graph) {
    Map<Channel, Map<String, ClipNorm>> norms = new EnumMap<>(Channel.class);
    double norm = 1;
    for (Channel channel : Channel.values()) {
      Map<String, ClipNorm> byLayer = new LinkedHashMap<>();
      for (Node node : graph.nodes()) {
        byLayer.put(node.name(), new ClipNorm(norm++));
      }
      norms.put(channel, byLayer);
    }
    return new ReleaseTerms.Bounds(norms);
  }

  /// Terms that account for channels.
  ///
  /// @param graph the network
  /// @param channels what is protected
  /// @param basis of split layers
  /// @return terms at one noise multiplier
  public static ReleaseTerms.Accounted accounted(Graph graph, Set<Channel> channels, Basis basis) {
    return new ReleaseTerms.Accounted(
        new NoiseStrength.Multiplier(0.5), channels, basis, bounds(graph));
  }

  /// Terms of every kind.
  ///
  /// @param graph the network
  /// @return the terms
  public static Stream<ReleaseTerms> all(Graph graph) {
    return Stream.concat(
        Stream.of(
            new ReleaseTerms.Unaccounted(new NoiseStrength.Ratio(0.1), "a test"),
            new ReleaseTerms.Unaccounted(
                new NoiseStrength.Ratio(0.1), new NoiseStrength.Ratio(0.3), "a test")),
        PROTECTED.stream()
            .flatMap(channels ->
                Stream.of(Basis.PUBLIC, Basis.DP).map(basis -> accounted(graph, channels, basis))));
  }
}
