package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.Graph;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.train.TrainConfig;
import java.util.List;
import org.junit.jupiter.api.Test;

class RunDescriptionTest {
  private static String plan(Mode mode) {
    TrainConfig config = PlantedRun.CONFIG.withMode(mode);
    return RunDescription.plan(PlantedRun.graph(), config, PlantedRun.plan(mode));
  }

  @Test
  void a_split_plan_tells_ranks_and_what_stays_trusted() {
    assertThat(plan(Mode.ASYMML))
        .isEqualTo(
            "asymml: of 4 linear layers 2 split (shared, rank 2: 2 to 2), 2 trusted conv1 fc");
  }

  @Test
  void noise_alone_keeps_no_rank() {
    assertThat(plan(Mode.DP_ONLY)).contains("2 split (shared, rank 0: 0 to 0)");
  }

  @Test
  void other_plans_count_their_layers() {
    assertThat(plan(Mode.TRUSTED_ONLY)).isEqualTo("trusted-only: of 4 linear layers 4 trusted");
    assertThat(plan(Mode.UNTRUSTED_ONLY))
        .isEqualTo("untrusted-only: of 4 linear layers 4 untrusted");
  }

  @Test
  void a_plan_is_told_with_what_it_saves() {
    Graph wide = Zoo.build("vgg16", new Shape(32, 32, 3), 10, Zoo.Norm.BATCH);
    assertThat(cost(wide, Mode.ASYMML, "1/8"))
        .matches(
            "the trusted side takes an estimated 0\\.\\d\\d to 0\\.\\d\\d of the processor time of"
                + " --mode trusted-only \\(asymml bench measures it\\)");
  }

  @Test
  void a_plan_that_costs_more_than_it_saves_is_told_so() {
    Graph narrow = Zoo.build("resnet20", new Shape(32, 32, 3), 10, Zoo.Norm.BATCH);
    assertThat(cost(narrow, Mode.ASYMML, "schedule:2:32"))
        .endsWith(": splitting saves no time; --plan auto splits only layers where it does");
  }

  private static String cost(Graph graph, Mode mode, String rank) {
    TrainConfig config = PlantedRun.CONFIG.withBatchSize(128).withMode(mode);
    return RunDescription.cost(
        graph,
        config,
        Plan.of(
            graph,
            mode,
            config.decomposition(),
            RankPolicy.parse(rank),
            List.of(Plan.FIRST, Plan.LAST)));
  }

  @Test
  void a_model_is_told_with_its_size() {
    long parameters =
        PlantedRun.graph().parameters().stream()
            .filter(p -> p.kind().trained())
            .mapToLong(p -> p.size())
            .sum();
    assertThat(RunDescription.parameterCount(PlantedRun.graph())).isEqualTo(parameters);
    assertThat(RunDescription.model(PlantedRun.graph(), PlantedRun.CONFIG))
        .startsWith("cnn, batch norm, " + Figures.scaled(parameters).strip() + " parameters, ");
  }
}
