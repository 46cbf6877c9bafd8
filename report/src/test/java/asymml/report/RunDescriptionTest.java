package asymml.report;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.trusted.plan.Mode;
import asymml.trusted.train.TrainConfig;
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
