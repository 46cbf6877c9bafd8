package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.Graph;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Epsilon;
import asymml.privacy.Ledger;
import asymml.privacy.PldAccountant;
import asymml.privacy.Release;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.plan.Terms;
import asymml.trusted.train.FormalCheck.Finding;
import asymml.trusted.train.FormalCheck.Rule;
import asymml.trusted.train.PrivacyConfig.Clip;
import asymml.trusted.train.PrivacyConfig.Drawing;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/// The formal check, the release plan and the ledger are three pieces of code with one rule: what
/// the first lets pass, the others cover.
class AccountableRunsTest {
  private record Run(TrainConfig config, Graph graph, Plan plan) {
    List<Finding> findings() {
      return FormalCheck.check(config, graph, plan, PrivacyRuns.EXAMPLES, PrivacyRuns.SHAPE, true);
    }

    Accounting accounting() {
      return Accounting.of(
          config, graph, plan, PrivacyRuns.EXAMPLES, () -> Terms.bounds(graph), null);
    }

    Set<Rule> rules() {
      Set<Rule> rules = EnumSet.noneOf(Rule.class);
      findings().forEach(finding -> rules.add(finding.rule()));
      return rules;
    }
  }

  /// Each setting in every combination that a configuration can hold.
  private static List<Run> runs() {
    List<Run> runs = new ArrayList<>();
    for (Set<Channel> channels : Terms.PROTECTED) {
      for (Drawing drawing : Drawing.values()) {
        for (Basis basis : Basis.values()) {
          for (Clip clip : List.of(new Clip.Public(), new Clip.Median(), Clip.parse("20:1"))) {
            PrivacyConfig own = PrivacyRuns.protecting(channels, null, drawing, basis);
            PrivacyConfig privacy =
                new PrivacyConfig(channels, own.target(), own.delta(), drawing, basis, clip);
            settings(runs, privacy);
          }
        }
      }
    }
    return runs;
  }

  private static void settings(List<Run> runs, PrivacyConfig privacy) {
    for (Zoo.Norm norm : Zoo.Norm.values()) {
      for (Mode mode : List.of(Mode.ASYMML, Mode.DP_ONLY)) {
        for (Decomposition decomposition : Decomposition.values()) {
          for (String rank : List.of("0", "1/8", "energy:0.1", "layers:0:0:4")) {
            for (Shield shield :
                List.of(new Shield.Residual(), new Shield.Shares(1), new Shield.Shares(0.5))) {
              if (!shield.masks() || privacy.protect().contains(Channel.GRADIENTS)) {
                PrivacyRuns run =
                    PrivacyRuns.clean()
                        .with(norm)
                        .with(mode)
                        .with(decomposition)
                        .with(privacy)
                        .with(new NoiseStrength.Multiplier(4))
                        .withRank(rank);
                runs.add(new Run(run.config().withShield(shield), run.graph(), run.plan()));
              }
            }
          }
        }
      }
    }
  }

  /// What makes a mechanism's promise untrue even where a plan of its releases can be written down.
  private static final Set<Rule> BEYOND_THE_PLAN =
      EnumSet.of(Rule.PRIVATE_CLIP_BOUND, Rule.SAMPLING_REVEALED);

  @Test
  void what_the_formal_check_finds_is_what_no_release_plan_covers() {
    int accepted = 0;
    Set<Rule> seen = new TreeSet<>();
    List<Run> runs = runs();
    for (Run run : runs) {
      Set<Rule> rules = run.rules();
      seen.addAll(rules);
      Set<Rule> ofThePlan = EnumSet.allOf(Rule.class);
      ofThePlan.retainAll(rules);
      ofThePlan.removeAll(BEYOND_THE_PLAN);
      boolean planned = isPlanned(run);
      assertThat(planned)
          .as("%s with %s: %s", run.config(), run.plan(), rules)
          .isEqualTo(ofThePlan.isEmpty());
      accepted += rules.isEmpty() ? 1 : 0;
    }
    System.out.println(runs.size() + " runs, " + accepted + " accepted");
    assertThat(accepted).isBetween(100, runs.size() / 2);
    assertThat(seen)
        .contains(
            Rule.MIXED_EXAMPLES,
            Rule.PRIVATE_BASIS,
            Rule.PRIVATE_RANK,
            Rule.SAMPLED_GRADIENT,
            Rule.PRIVATE_CLIP_BOUND,
            Rule.SAMPLING_REVEALED);
  }

  private static boolean isPlanned(Run run) {
    try {
      var _ = run.accounting();
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  @Test
  void a_run_that_passes_is_finite_as_a_whole_exactly_if_everything_is_protected() {
    int finite = 0;
    for (Run run : runs()) {
      if (!run.rules().isEmpty()) {
        continue;
      }
      Ledger ledger = run.accounting().ledger(1);
      boolean everything = run.config().privacy().protect().contains(Channel.WEIGHTS);
      boolean covered =
          ledger.entries().stream()
              .flatMap(entry -> entry.releases().stream())
              .noneMatch(release -> release.mechanism() instanceof Release.Uncovered);
      assertThat(covered).as("%s", run.config()).isEqualTo(everything);
      if (run.config().privacy().drawing() == Drawing.SHUFFLE) {
        Epsilon whole = ledger.epsilon(_ -> true, new PldAccountant());
        assertThat(whole.isFinite()).isEqualTo(everything);
        finite += whole.isFinite() ? 1 : 0;
      }
      // Sampling is worth something only where the draw shows in nothing that is sent.
      if (run.config().privacy().drawing() == Drawing.POISSON) {
        assertThat(everything).as("%s", run.config()).isTrue();
      }
    }
    assertThat(finite).isPositive();
  }

  /// Residuals at rank 0 are the data themselves, with noise: the modes differ in name alone.
  @Test
  void noise_alone_costs_the_same_by_whatever_name() {
    for (Set<Channel> channels : Terms.PROTECTED) {
      PrivacyRuns run =
          PrivacyRuns.clean()
              .with(PrivacyRuns.protecting(channels, null, Drawing.SHUFFLE, Basis.PUBLIC));
      PrivacyRuns byRank = run.withRank("0");
      PrivacyRuns byMode = run.with(Mode.DP_ONLY);
      assertThat(new Run(byRank.config(), byRank.graph(), byRank.plan()).accounting().ledger(40))
          .isEqualTo(
              new Run(byMode.config(), byMode.graph(), byMode.plan()).accounting().ledger(40));
    }
  }

  /// A layer more at the workers is a layer more that is paid for.
  @Test
  void fewer_trusted_layers_never_cost_less_at_rank_0_of_the_rest() {
    Graph graph = PrivacyRuns.clean().graph();
    PrivacyConfig residuals =
        PrivacyRuns.protecting(Set.of(Channel.RESIDUALS), null, Drawing.SHUFFLE, Basis.PUBLIC);
    TrainConfig config = PrivacyRuns.clean().with(residuals).config();
    List<String> names =
        graph.linearLayers().stream().map(i -> graph.nodes().get(i).name()).toList();
    double before = 0;
    for (int sent = 1; sent <= names.size(); sent++) {
      List<String> kept = names.subList(sent, names.size());
      Plan plan = Plan.of(graph, Mode.ASYMML, Decomposition.SHARED, RankPolicy.parse("0"), kept);
      double cost =
          new Run(config, graph, plan)
              .accounting()
              .ledger(40)
              .epsilon(r -> r.channel() == Channel.RESIDUALS, new PldAccountant())
              .value();
      assertThat(cost).as("%d layers sent", sent).isGreaterThan(before);
      before = cost;
    }
  }
}
