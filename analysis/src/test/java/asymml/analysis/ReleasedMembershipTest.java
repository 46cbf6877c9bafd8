package asymml.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.analysis.Engine.Net;
import asymml.analysis.ReleasedMembership.Shadow;
import asymml.analysis.ReleasedMembership.Training;
import asymml.analysis.score.SpanScores;
import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.Linear;
import asymml.model.Shape;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// Linear models of random labels, which can only be learned by heart. The seeds are fixed.
class ReleasedMembershipTest {
  private static final int CANDIDATES = 24;
  private static final int CLASSES = 3;
  private static final Training LONG = new Training(4, 60, new float[] {0.05f}, 0.9f, 1e-4f);

  private final SplittableRandom random = new SplittableRandom(17);
  private final NaiveEngine engine = new NaiveEngine();
  private final Maps images = Planted.normal(random, CANDIDATES, 4, 4, 2);
  private final int[] labels = random.ints(CANDIDATES, 0, CLASSES).toArray();

  private static Graph graph(int inputs, int classes) {
    GraphBuilder graph = new GraphBuilder(new Shape(1, 1, inputs));
    graph.add("fc", new Linear(classes));
    return graph.build("linear");
  }

  private static Graph model() {
    GraphBuilder graph = new GraphBuilder(new Shape(4, 4, 2));
    graph.add("flat", new Flatten());
    graph.add("fc", new Linear(CLASSES));
    return graph.build("model");
  }

  private Net identity(int size) {
    Net net = engine.build(graph(size, size), 0);
    float[] weights = new float[size * size];
    for (int i = 0; i < size; i++) {
      weights[i * size + i] = 1;
    }
    net.set("fc.weight", weights);
    return net;
  }

  @Test
  void confidence_is_the_log_odds_of_the_own_class() {
    try (Net net = identity(3)) {
      Maps logits = new Maps(3, 1, 1, 3, new float[] {1, 2, 3, 0, 0, 0, -5, 40, 7});
      double[] found = ReleasedMembership.confidence(net, logits, new int[] {2, 1, 0}, 2);
      double others = Math.log(Math.exp(1) + Math.exp(2));
      assertThat(found).hasSize(3);
      assertThat(found[0]).isCloseTo(3 - others, within(1e-9));
      assertThat(found[1]).isCloseTo(-Math.log(2), within(1e-9)); // p = 1/3
      assertThat(found[2]).isCloseTo(-45, within(1e-6));
    }
  }

  @Test
  void confidence_stays_finite_where_a_probability_does_not() {
    try (Net net = identity(2)) {
      Maps logits = new Maps(2, 1, 1, 2, new float[] {2000, 0, 2000, 0});
      assertThat(ReleasedMembership.confidence(net, logits, new int[] {0, 1}, 1))
          .containsExactly(2000, -2000);
    }
  }

  @Test
  void the_gradient_of_the_loss_is_the_probability_less_one_at_the_label() {
    Maps logits = new Maps(2, 1, 1, 2, new float[] {0, 0, 1000, 0});
    Maps dy = ReleasedMembership.lossGradient(logits, new int[] {1, 0});
    assertThat(dy.values()).containsExactly(0.25f, -0.25f, 0, 0);
  }

  @Test
  void the_gradient_of_the_loss_matches_finite_differences() {
    Maps logits = Planted.normal(random, 3, 1, 1, 4);
    int[] own = {2, 0, 3};
    Maps dy = ReleasedMembership.lossGradient(logits, own);
    for (int i = 0; i < 12; i++) {
      float value = logits.values()[i];
      logits.values()[i] = value + 1e-2f;
      double above = loss(logits, own);
      logits.values()[i] = value - 1e-2f;
      double below = loss(logits, own);
      logits.values()[i] = value;
      assertThat((above - below) / 2e-2).isCloseTo(dy.values()[i], within(1e-3));
    }
  }

  private static double loss(Maps logits, int[] own) {
    double sum = 0;
    int classes = logits.exampleSize();
    for (int n = 0; n < own.length; n++) {
      double all = 0;
      for (int k = 0; k < classes; k++) {
        all += Math.exp(logits.values()[n * classes + k]);
      }
      sum += Math.log(all) - logits.values()[n * classes + own[n]];
    }
    return sum / own.length;
  }

  @Test
  void a_released_model_is_loaded_with_all_its_parameters() {
    Map<String, float[]> parameters = new HashMap<>();
    parameters.put("fc.weight", new float[] {1, 2, 3, 4});
    parameters.put("fc.bias", new float[] {5, 6});
    try (Net net = ReleasedMembership.load(engine, graph(2, 2), parameters)) {
      assertThat(net.infer(new Maps(1, 1, 1, 2, new float[] {1, 1})).values())
          .containsExactly(8, 13);
    }
    parameters.remove("fc.bias");
    assertThatThrownBy(() -> ReleasedMembership.load(engine, graph(2, 2), parameters))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the released model has no fc.bias");
  }

  private List<Shadow> shadows(int count, long seed) {
    return ReleasedMembership.shadows(engine, model(), images, labels, count, LONG, seed);
  }

  @Test
  void shadows_come_in_pairs_that_share_the_candidates_between_them() {
    List<Shadow> shadows = shadows(4, 1);
    assertThat(shadows).hasSize(4);
    for (int pair = 0; pair < 4; pair += 2) {
      for (int i = 0; i < CANDIDATES; i++) {
        assertThat(shadows.get(pair).member()[i]).isNotEqualTo(shadows.get(pair + 1).member()[i]);
      }
    }
    assertThat(shadows.get(0).member()).isNotEqualTo(shadows.get(2).member());
    assertThat(members(shadows.getFirst())).hasSize(CANDIDATES / 2);
    assertThat(engine.open()).isZero();
  }

  private static int[] members(Shadow shadow) {
    return IntStream.range(0, shadow.member().length).filter(i -> shadow.member()[i]).toArray();
  }

  @Test
  void the_same_seed_gives_the_same_shadows() {
    Shadow first = shadows(2, 9).getFirst();
    Shadow again = shadows(2, 9).getFirst();
    assertThat(again.member()).isEqualTo(first.member());
    assertThat(again.confidence()).isEqualTo(first.confidence());
    assertThat(shadows(2, 10).getFirst().confidence()).isNotEqualTo(first.confidence());
  }

  @Test
  void shadows_are_surer_of_what_they_were_trained_on() {
    Shadow shadow = shadows(2, 2).getFirst();
    List<Double> own = new ArrayList<>();
    List<Double> others = new ArrayList<>();
    for (int i = 0; i < CANDIDATES; i++) {
      (shadow.member()[i] ? own : others).add(shadow.confidence()[i]);
    }
    assertThat(own).allMatch(confidence -> confidence > 0); // learned by heart
    assertThat(SpanScores.auc(array(own), array(others))).isGreaterThan(0.9);
  }

  private static double[] array(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).toArray();
  }

  private double auc(Shadow victim, List<Shadow> shadows) {
    double[] scores = ReleasedMembership.scores(victim.confidence(), shadows);
    List<Double> own = new ArrayList<>();
    List<Double> others = new ArrayList<>();
    for (int i = 0; i < CANDIDATES; i++) {
      (victim.member()[i] ? own : others).add(scores[i]);
    }
    return SpanScores.auc(array(own), array(others));
  }

  @Test
  void members_of_a_model_that_learned_by_heart_are_found() {
    assertThat(auc(shadows(2, 77).getFirst(), shadows(8, 3))).isGreaterThan(0.95);
  }

  /// Of 12 and 12 that tell nothing the AUC has deviation 0.12: 0.14 to 0.86 holds three of them,
  /// and the seed is fixed.
  @Test
  void a_model_that_was_not_trained_has_no_members() {
    Shadow victim = shadows(2, 77).getFirst();
    double[] unrelated = new double[CANDIDATES];
    try (Net net = engine.build(model(), 5)) {
      System.arraycopy(
          ReleasedMembership.confidence(net, images, labels, 4), 0, unrelated, 0, CANDIDATES);
    }
    assertThat(auc(new Shadow(victim.member(), unrelated), shadows(8, 3))).isBetween(0.14, 0.86);
  }

  @Test
  void the_score_is_the_log_ratio_of_two_normal_laws() {
    // In 3 +- 1 (variance 2 with one degree of freedom), out -1 +- 2 (variance 8).
    List<Shadow> shadows =
        List.of(shadow(true, 4), shadow(true, 2), shadow(false, 1), shadow(false, -3));
    double x = 2.5;
    double expected = (x + 1) * (x + 1) / 16 - (x - 3) * (x - 3) / 4 + 0.5 * Math.log(8 / 2.0);
    assertThat(ReleasedMembership.scores(new double[] {x}, shadows)[0])
        .isCloseTo(expected, within(1e-12));
  }

  private static Shadow shadow(boolean member, double confidence) {
    return new Shadow(new boolean[] {member}, new double[] {confidence});
  }

  @Test
  void a_candidate_without_both_kinds_of_shadows_is_refused() {
    assertThatThrownBy(() ->
            ReleasedMembership.scores(new double[] {1}, List.of(shadow(true, 1), shadow(true, 2))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("candidate 0 needs shadows that had it and others");
  }
}
