package asymml.trusted.plan;

import java.math.BigDecimal;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// How many directions of a layer's input stay on the trusted side, for all layers of a network:
/// what a user asks for. A plan resolves it to a [Rank] for each layer.
public sealed interface RankPolicy {
  /// The smallest rank that a fraction or an energy bound gives: one direction alone retains too
  /// little.
  int MIN_RANK = 2;

  /// The rank of one layer.
  ///
  /// @param layer the layer's place among the linear layers of its network, trusted ones included,
  ///   from 0
  /// @param channels C of its input
  /// @return at most C directions
  Rank resolve(int layer, int channels);

  /// Refuses what a network has no layers for.
  ///
  /// @param layers how many linear layers the network has
  /// @throws IllegalArgumentException if there are ranks of more layers
  default void check(int layers) {}

  /// The same rank in every layer; 0 is noise alone (mode `dp-only`).
  ///
  /// @param value at least 0
  record Fixed(int value) implements RankPolicy {
    /// Checks the range.
    public Fixed {
      if (value < 0) {
        throw new IllegalArgumentException("rank must be at least 0: " + value);
      }
    }

    @Override
    public Rank resolve(int layer, int channels) {
      return new Rank.Fixed(Math.min(value, channels));
    }

    @Override
    public String toString() {
      return Integer.toString(value);
    }
  }

  /// The paper's code: starts small at the first layer, doubles layer by layer, up to a cap
  /// (3LegRace, arXiv 2110.01229).
  ///
  /// @param start rank of layer 0, at least 1
  /// @param cap largest rank, at least `start`
  record Schedule(int start, int cap) implements RankPolicy {
    /// Checks the ranges.
    public Schedule {
      if (start < 1 || cap < start) {
        throw new IllegalArgumentException(
            "a rank schedule needs 1 <= start <= cap: " + start + ", " + cap);
      }
    }

    @Override
    public Rank resolve(int layer, int channels) {
      long doubled = layer >= 30 ? cap : (long) start << layer;
      return new Rank.Fixed((int) Math.min(channels, Math.min(cap, doubled)));
    }

    @Override
    public String toString() {
      return "schedule:" + start + ":" + cap;
    }
  }

  /// A fraction of the input channels, at least [#MIN_RANK].
  ///
  /// @param numerator at least 1
  /// @param denominator at least the numerator
  record Fraction(int numerator, int denominator) implements RankPolicy {
    /// Checks the ranges.
    public Fraction {
      if (numerator < 1 || denominator < numerator) {
        throw new IllegalArgumentException(
            "a rank fraction must be in (0, 1]: " + numerator + "/" + denominator);
      }
    }

    @Override
    public Rank resolve(int layer, int channels) {
      return new Rank.Fixed(directions(channels));
    }

    private int directions(int channels) {
      long share = (long) channels * numerator / denominator;
      return (int) Math.min(channels, Math.max(MIN_RANK, share));
    }

    @Override
    public String toString() {
      return numerator + "/" + denominator;
    }
  }

  /// The smallest rank whose residual has at most a share of the input's energy; measured when the
  /// basis is refreshed.
  ///
  /// @param residualShare largest `|residual|^2 / |X|^2`, in (0, 1)
  /// @param cap upper limit
  record Energy(double residualShare, Fraction cap) implements RankPolicy {
    /// Checks the range.
    public Energy {
      if (!(residualShare > 0 && residualShare < 1)) {
        throw new IllegalArgumentException(
            "the residual's share of the energy must be in (0, 1): " + residualShare);
      }
    }

    @Override
    public Rank resolve(int layer, int channels) {
      return new Rank.Energy(residualShare, cap.directions(channels));
    }

    @Override
    public String toString() {
      // Plain digits: what is printed can be parsed again.
      return "energy:"
          + BigDecimal.valueOf(residualShare).stripTrailingZeros().toPlainString()
          + ":"
          + cap;
    }
  }

  /// A number for each linear layer, as a planner finds them.
  ///
  /// @param ranks by the layer's place, each at least 0; the last one holds for all that follow
  record PerLayer(List<Integer> ranks) implements RankPolicy {
    /// Checks the ranges.
    public PerLayer {
      ranks = List.copyOf(ranks);
      if (ranks.isEmpty() || ranks.stream().anyMatch(rank -> rank < 0)) {
        throw new IllegalArgumentException("ranks by layer must be at least 0: " + ranks);
      }
    }

    @Override
    public void check(int layers) {
      if (ranks.size() > layers) {
        throw new IllegalArgumentException(
            "rank %s has %s numbers, and the network has %s linear layers: give one for each, or"
                    .formatted(this, ranks.size(), layers)
                + " fewer, the last of which holds for all that follow");
      }
    }

    @Override
    public Rank resolve(int layer, int channels) {
      return new Rank.Fixed(Math.min(channels, ranks.get(Math.min(layer, ranks.size() - 1))));
    }

    @Override
    public String toString() {
      return "layers:" + ranks.stream().map(String::valueOf).collect(Collectors.joining(":"));
    }
  }

  /// Reads a policy as the command line writes it: `8`, `1/8`, `schedule:2:32`, `energy:0.1:1/2`
  /// (`schedule` and `energy:0.1` take the values shown for the rest), `layers:0:4:8`.
  ///
  /// @param text what the user wrote
  /// @return the policy
  /// @throws IllegalArgumentException with the accepted forms
  static RankPolicy parse(String text) {
    Matcher m = Forms.POLICY.matcher(text.strip());
    if (!m.matches()) {
      throw new IllegalArgumentException(
          "rank '" + text + "' is none of 8, 1/8, schedule:2:32, energy:0.1:1/2, layers:4:8");
    }
    if (m.group("rank") != null) {
      return new Fixed(Integer.parseInt(m.group("rank")));
    }
    if (m.group("over") != null) {
      return fraction(m.group("over"));
    }
    if (m.group("share") != null) {
      String cap = m.group("cap");
      return new Energy(
          Double.parseDouble(m.group("share")), cap == null ? new Fraction(1, 2) : fraction(cap));
    }
    if (m.group("each") != null) {
      return new PerLayer(Stream.of(m.group("each").split(":")).map(Integer::valueOf).toList());
    }
    return m.group("start") == null
        ? new Schedule(2, 32)
        : new Schedule(Integer.parseInt(m.group("start")), Integer.parseInt(m.group("limit")));
  }

  private static Fraction fraction(String text) {
    int slash = text.indexOf('/');
    return new Fraction(
        Integer.parseInt(text.substring(0, slash)), Integer.parseInt(text.substring(slash + 1)));
  }

  /// The grammar of [#parse].
  final class Forms {
    private static final Pattern POLICY =
        Pattern.compile(
            "(?<rank>\\d{1,6})|(?<over>\\d{1,6}/\\d{1,6})"
                + "|schedule(:(?<start>\\d{1,6}):(?<limit>\\d{1,6}))?"
                + "|layers:(?<each>\\d{1,6}(:\\d{1,6}){0,999})"
                + "|energy:(?<share>\\d*\\.?\\d+)(:(?<cap>\\d{1,6}/\\d{1,6}))?");

    private Forms() {}
  }
}
