package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Graph;
import asymml.model.Layer;
import asymml.model.Node;
import asymml.model.Parameter;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.Ledger;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyEvent;
import asymml.privacy.PrivacyStatement;
import asymml.privacy.Release;
import asymml.privacy.SamplingRate;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Trusted;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.plan.Terms;
import asymml.trusted.train.PrivacyConfig.Drawing;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What a run costs, found again from network and settings alone: which tensors are sent, how large
/// they are, which noise they get, and what that composes to. 1000 examples, 50 a step, 2 epochs.
class ReleaseCostTest {
  private static final int STEPS = 40;
  private static final int EPOCHS = 2;

  /// Steps 0, 10, 20 and 30.
  private static final int RENEWALS = 4;

  private static final double DELTA = 1e-5;

  private static final List<Set<Channel>> PROTECTED = Terms.PROTECTED;

  private final Map<Double, Double> known = new HashMap<>();

  /// One run, and where it sends what.
  record Case(
      Graph graph,
      Plan plan,
      Set<Channel> channels,
      Drawing drawing,
      Basis basis,
      NoiseStrength noise,
      Shield shield) {
    Accounting accounting() {
      TrainConfig config =
          PrivacyRuns.clean()
              .with(PrivacyRuns.protecting(channels, null, drawing, basis))
              .with(noise)
              .config()
              .withShield(shield);
      return Accounting.of(
          config, graph, plan, PrivacyRuns.EXAMPLES, () -> Terms.bounds(graph), null);
    }

    boolean covers(Channel channel) {
      return channels.contains(channel);
    }

    private Stream<Integer> nodes() {
      return Stream.iterate(0, i -> i < graph.nodes().size(), i -> i + 1);
    }

    private boolean isRemote(int i) {
      Node node = graph.nodes().get(i);
      return node.layer() instanceof Layer.LinearLayer
          && !(plan.placement(node.name()) instanceof Trusted);
    }

    private Split split(int i) {
      return (Split) plan.placement(graph.nodes().get(i).name());
    }

    private int source(int i) {
      return graph.nodes().get(i).inputs().getFirst();
    }

    /// The layers that first read each input that is sent.
    Collection<Integer> firstReaders() {
      Map<Integer, Integer> readers = new LinkedHashMap<>();
      nodes().filter(this::isRemote).forEach(i -> readers.putIfAbsent(source(i), i));
      return readers.values();
    }

    List<Integer> senders() {
      return nodes()
          .filter(this::isRemote)
          .filter(i -> !shield.masks() || source(i) != Graph.INPUT)
          .toList();
    }

    /// The sizes of the noised tensors of a step, by channel.
    Map<Channel, List<Long>> noised(boolean renews) {
      Map<Channel, List<Long>> sizes = new EnumMap<>(Channel.class);
      for (Channel channel : Channel.values()) {
        sizes.put(channel, new ArrayList<>());
      }
      for (int i : firstReaders()) {
        of(sizes, Channel.RESIDUALS).add((long) graph.inputShape(i).size());
        long c = graph.inputShape(i).channels();
        if (renews && basis == Basis.DP && split(i).sharesBasis()) {
          of(sizes, Channel.BASIS).add(c * (c + 1) / 2);
        }
      }
      if (covers(Channel.GRADIENTS)) {
        senders().forEach(i -> of(sizes, Channel.GRADIENTS).add((long) graph.shape(i).size()));
      }
      if (covers(Channel.WEIGHTS)) {
        for (int i = 0; i < graph.nodes().size(); i++) {
          // All that is not the worker's own product of what it has.
          boolean workers = isRemote(i) && !shield.masks() && !split(i).keepsPart();
          long values =
              graph.parameters(i).stream()
                  .filter(p -> p.kind().trained() && !(workers && p.kind().weight()))
                  .mapToLong(Parameter::size)
                  .sum();
          if (values > 0) {
            of(sizes, Channel.WEIGHTS).add(values);
          }
        }
      }
      return sizes;
    }

    double multiplier(Channel channel, long size) {
      double z =
          switch (noise) {
            case NoiseStrength.Multiplier(double own) -> own;
            case NoiseStrength.Ratio(double rho) -> rho / Math.sqrt((double) size);
            case NoiseStrength.None _ -> 0;
          };
      boolean mask =
          shield.masks() && (channel == Channel.RESIDUALS || channel == Channel.GRADIENTS);
      return mask && covers(Channel.WEIGHTS) ? 10 * z : z;
    }

    /// `sum 1/z^2` of a step.
    double inverseSquares(boolean renews, Set<Channel> which) {
      return noised(renews).entrySet().stream()
          .filter(entry -> which.contains(entry.getKey()))
          .flatMap(entry -> entry.getValue().stream().map(size -> multiplier(entry.getKey(), size)))
          .mapToDouble(z -> 1 / (z * z))
          .sum();
    }

    @Override
    public String toString() {
      return "%s, %s, %s, %s, %s, %s, %s"
          .formatted(
              graph.name(),
              plan.layers().values().stream().distinct().toList(),
              channels,
              drawing,
              basis,
              noise,
              shield);
    }
  }

  private static List<Long> of(Map<Channel, List<Long>> sizes, Channel channel) {
    return sizes.computeIfAbsent(channel, _ -> new ArrayList<>());
  }

  private static List<Graph> graphs() {
    return Stream.of("cnn", "resnet20")
        .map(name -> Zoo.build(name, PrivacyRuns.SHAPE, 10, Zoo.Norm.GROUP))
        .toList();
  }

  private static List<Plan> plans(Graph graph) {
    List<Plan> plans = new ArrayList<>();
    for (String rank : List.of("0", "1/8", "layers:0:0:4:0", "layers:4:0")) {
      for (Decomposition decomposition : Decomposition.values()) {
        for (List<String> trusted :
            List.of(List.<String>of(), List.of(Plan.FIRST), List.of(Plan.FIRST, Plan.LAST))) {
          plans.add(Plan.of(graph, Mode.ASYMML, decomposition, RankPolicy.parse(rank), trusted));
        }
      }
    }
    return plans;
  }

  static Stream<Case> shuffled() {
    List<Case> cases = new ArrayList<>();
    for (Graph graph : graphs()) {
      for (Plan plan : plans(graph)) {
        for (Set<Channel> channels : PROTECTED) {
          for (Basis basis : List.of(Basis.PUBLIC, Basis.DP)) {
            for (NoiseStrength noise :
                List.of(new NoiseStrength.Multiplier(20), new NoiseStrength.Ratio(900))) {
              for (Shield shield : List.of(new Shield.Residual(), new Shield.Shares(1))) {
                if (!shield.masks() || channels.contains(Channel.GRADIENTS)) {
                  cases.add(new Case(graph, plan, channels, Drawing.SHUFFLE, basis, noise, shield));
                }
              }
            }
          }
        }
      }
    }
    return cases.stream();
  }

  /// `delta(epsilon)` of a Gaussian mechanism of sensitivity mu, by Simpson's rule on its
  /// definition: the integral of `phi(x - mu) - e^epsilon phi(x)` where that is positive.
  private static double delta(double mu, double epsilon) {
    double from = epsilon / mu + mu / 2;
    int intervals = 400;
    double width = 14.0 / intervals;
    double sum = 0;
    for (int i = 0; i <= intervals; i++) {
      double x = from + i * width;
      double density = Math.exp(-(x - mu) * (x - mu) / 2) / Math.sqrt(2 * Math.PI);
      double value = density * -Math.expm1(epsilon - mu * x + mu * mu / 2);
      sum += value * (i == 0 || i == intervals ? 1 : i % 2 == 1 ? 4 : 2);
    }
    return sum * width / 3;
  }

  private static double epsilon(double mu, double delta) {
    double low = 0;
    double high = 1000;
    for (int i = 0; i < 60; i++) {
      double middle = (low + high) / 2;
      if (delta(mu, middle) > delta) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return high;
  }

  private static Epsilon reported(Ledger ledger, Set<Channel> which) {
    return ledger.epsilon(r -> which.contains(r.channel()), new PldAccountant());
  }

  private void assertCost(Case run, Ledger ledger, Set<Channel> which) {
    // An example is in one step an epoch, and that may be one that renews bases.
    double mu = Math.sqrt(EPOCHS * run.inverseSquares(true, which));
    double expected = mu == 0 ? 0 : known.computeIfAbsent(mu, m -> epsilon(m, DELTA));
    double found = reported(ledger, which).value();
    assertThat(found).as("%s of %s", which, run).isCloseTo(expected, within(1e-4 * expected));
    assertThat(found).isGreaterThanOrEqualTo(expected * (1 - 1e-7));
  }

  @Test
  void every_channel_costs_what_its_tensors_compose_to_and_what_is_not_covered_everything() {
    List<Case> cases = shuffled().toList();
    Map<Double, Integer> distinct = new LinkedHashMap<>();
    for (Case run : cases) {
      Ledger ledger = run.accounting().ledger(STEPS);
      for (Channel channel : List.of(Channel.RESIDUALS, Channel.GRADIENTS)) {
        if (run.covers(channel)) {
          assertCost(run, ledger, Set.of(channel));
        } else {
          assertThat(reported(ledger, Set.of(channel)))
              .as("%s of %s", channel, run)
              .isEqualTo(Epsilon.INFINITE);
        }
      }
      boolean shares = run.plan().sharesBases();
      if (run.covers(Channel.WEIGHTS)) {
        assertCost(run, ledger, Set.of(Channel.WEIGHTS));
        assertCost(run, ledger, Set.of(Channel.values()));
        distinct.merge(reported(ledger, Set.of(Channel.values())).value(), 1, Integer::sum);
      } else {
        // What is sent of weights carries private data, and so does a basis fitted through them.
        for (Set<Channel> whole : List.of(Set.of(Channel.WEIGHTS), Set.of(Channel.values()))) {
          assertThat(reported(ledger, whole)).as("%s", run).isEqualTo(Epsilon.INFINITE);
        }
        if (run.basis() == Basis.PUBLIC) {
          assertThat(reported(ledger, Set.of(Channel.BASIS)))
              .isEqualTo(shares ? Epsilon.INFINITE : Epsilon.ZERO);
        }
      }
      if (run.basis() == Basis.DP) {
        assertCost(run, ledger, Set.of(Channel.BASIS));
      }
    }
    System.out.println(cases.size() + " runs, " + distinct.size() + " costs");
    assertThat(cases).hasSize(2 * 24 * (1 + 2 + 2) * 4);
    assertThat(distinct).hasSizeGreaterThan(40);
  }

  @Test
  void each_tensor_is_released_once_with_its_size_its_noise_and_its_layer_s_bound() {
    for (Case run : shuffled().toList()) {
      Accounting accounting = run.accounting();
      for (boolean renews : new boolean[] {false, true}) {
        Map<Channel, List<Long>> expected = run.noised(renews);
        Map<Channel, List<Long>> found = new EnumMap<>(Channel.class);
        for (Channel channel : Channel.values()) {
          found.put(channel, new ArrayList<>());
        }
        for (Release release : accounting.releases().releases(renews)) {
          if (release.mechanism() instanceof Release.Gaussian(var clip, var z)) {
            of(found, release.channel()).add(release.values());
            assertThat(z.value())
                .as("%s of %s", release, run)
                .isCloseTo(
                    run.multiplier(release.channel(), release.values()), within(1e-12 * z.value()));
            boolean masked =
                run.shield().masks()
                    && Set.of(Channel.RESIDUALS, Channel.GRADIENTS).contains(release.channel());
            assertThat(clip.value())
                .isEqualTo(
                    masked
                        ? Shield.Shares.NORM
                        : Terms.bounds(run.graph()).of(release.channel(), release.layer()).value());
          }
        }
        assertThat(found).as("%s", run).isEqualTo(expected);
      }
    }
  }

  @Test
  void a_run_that_is_not_covered_is_said_to_be_infinite_whatever_its_channels_cost() {
    for (Case run : shuffled().filter(c -> c.graph().name().equals("cnn")).toList()) {
      PrivacyStatement statement =
          PrivacyStatement.of(run.accounting().ledger(STEPS), new PldAccountant());
      assertThat(statement.view().isFinite()).as("%s", run).isEqualTo(run.covers(Channel.WEIGHTS));
      assertThat(statement.residuals().isFinite()).isTrue();
      for (PrivacyStatement.ChannelCost cost : statement.channels()) {
        assertThat(statement.view()).isGreaterThanOrEqualTo(cost.epsilon());
        assertThat(cost.noiseMultipliers().isEmpty())
            .as("noise on %s of %s", cost.channel(), run)
            .isEqualTo(run.noised(true).getOrDefault(cost.channel(), List.of()).isEmpty());
        if (!cost.epsilon().isFinite()) {
          assertThat(cost.reasons()).isNotEmpty();
        }
      }
    }
  }

  /// What is sampled is a step, with all that it releases.
  @ParameterizedTest
  @EnumSource(
      value = Basis.class,
      names = {"PUBLIC", "DP"})
  void a_sampled_run_is_the_composition_of_its_sampled_steps(Basis basis) {
    Graph graph = graphs().getFirst();
    for (String rank : List.of("0", "1/8")) {
      Plan plan =
          Plan.of(
              graph,
              Mode.ASYMML,
              Decomposition.SHARED,
              RankPolicy.parse(rank),
              List.of(Plan.FIRST));
      Case run =
          new Case(
              graph,
              plan,
              PrivacyRuns.ALL,
              Drawing.POISSON,
              basis,
              new NoiseStrength.Multiplier(3),
              new Shield.Residual());
      Set<Channel> all = Set.of(Channel.values());
      List<PrivacyEvent> parts = new ArrayList<>();
      parts.add(sampled(run.inverseSquares(false, all), STEPS - RENEWALS));
      parts.add(sampled(run.inverseSquares(true, all), RENEWALS));
      double expected =
          new PldAccountant().epsilon(new PrivacyEvent.Composed(parts), new Delta(DELTA)).value();
      double found = reported(run.accounting().ledger(STEPS), all).value();
      // Overflow of the slots takes up to a hundredth of delta.
      assertThat(found).isBetween(expected * (1 - 1e-4), expected * 1.003);
      // Sampling one example in twenty is worth something, and less than not taking part.
      double unsampled = epsilon(Math.sqrt(STEPS * run.inverseSquares(true, all)), DELTA);
      assertThat(found).isBetween(0.0, unsampled / 2);
    }
  }

  private static PrivacyEvent sampled(double inverseSquares, long steps) {
    double rate = (double) PrivacyRuns.BATCH / PrivacyRuns.EXAMPLES;
    return new PrivacyEvent.SelfComposed(
        new PrivacyEvent.PoissonSampled(
            new SamplingRate(rate),
            new PrivacyEvent.Gaussian(new NoiseMultiplier(1 / Math.sqrt(inverseSquares)))),
        steps);
  }

  /// Noise whose samples end at 10 sigma hides nothing of an example that is further away.
  @ParameterizedTest
  @ValueSource(doubles = {0.01, 0.05, 0.09})
  void noise_that_ends_before_an_example_s_part_covers_nothing(double z) {
    Graph graph = graphs().getFirst();
    for (Shield shield : List.of(new Shield.Residual(), new Shield.Shares(1))) {
      double noise = shield.masks() ? z / 10 : z;
      Case run =
          new Case(
              graph,
              plans(graph).getLast(),
              PrivacyRuns.ALL,
              Drawing.SHUFFLE,
              Basis.PUBLIC,
              new NoiseStrength.Multiplier(noise),
              shield);
      Ledger ledger = run.accounting().ledger(1);
      assertThat(reported(ledger, Set.of(Channel.values()))).isEqualTo(Epsilon.INFINITE);
      assertThat(reported(ledger, Set.of(Channel.RESIDUALS))).isEqualTo(Epsilon.INFINITE);
    }
  }

  @Test
  void a_longer_run_never_costs_less() {
    Graph graph = graphs().getFirst();
    for (Drawing drawing : Drawing.values()) {
      Case run =
          new Case(
              graph,
              plans(graph).getLast(),
              PrivacyRuns.ALL,
              drawing,
              Basis.DP,
              new NoiseStrength.Multiplier(8),
              new Shield.Residual());
      Accounting accounting = run.accounting();
      double before = 0;
      for (long steps : new long[] {1, 2, 19, 20, 21, 40}) {
        double cost = reported(accounting.ledger(steps), Set.of(Channel.values())).value();
        assertThat(cost).as("%d steps, %s", steps, drawing).isGreaterThanOrEqualTo(before);
        before = cost;
      }
      assertThat(reported(accounting.ledger(0), Set.of(Channel.values()))).isEqualTo(Epsilon.ZERO);
    }
  }
}
