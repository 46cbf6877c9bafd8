package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.data.DataSet;
import asymml.trusted.plan.Plan;
import asymml.trusted.rank.RankAnalysis;
import asymml.trusted.rank.RankReport;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TinyRuns.Course;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EpochAnalysisTest {
  private static final DataSet DATA = TinyRuns.data(22, 6, 4);
  private static final TrainConfig CONFIG = TinyRuns.config(3, 8);

  @TempDir Path folder;

  private Trainer.Outcome run(RunLayout layout, boolean resume, EpochAnalysis analysis)
      throws Exception {
    Course course = Course.toTheEnd();
    try (Trainer trainer = new Trainer(CONFIG, DATA, null, null)) {
      return trainer.run(layout, resume, course, analysis, course);
    }
  }

  @Test
  void training_goes_on_to_the_bit_as_if_nobody_had_looked() throws Exception {
    RunLayout plain = TinyRuns.layout(folder.resolve("plain"));
    TinyRuns.run(CONFIG, DATA, plain, false, Course.toTheEnd());
    RunLayout looked = TinyRuns.layout(folder.resolve("looked"));
    List<RankReport> reports = new ArrayList<>();
    run(
        looked,
        false,
        (epoch, step, graph, parameters, normalization) ->
            reports.add(
                new RankAnalysis(
                        Plan.trusted(graph),
                        CONFIG.rank(),
                        CONFIG.decomposition(),
                        2,
                        CONFIG.labelSmoothing(),
                        CONFIG.seed())
                    .of(graph, parameters, DATA.train(), normalization, epoch, step)));
    assertThat(TinyRuns.trace(looked)).isEqualTo(TinyRuns.trace(plain));
    assertThat(reports).extracting(RankReport::epoch).containsExactly(1, 2, 3);
    assertThat(reports).extracting(RankReport::step).containsExactly(3L, 6L, 9L);
    assertThat(reports).allMatch(r -> r.violations().isEmpty());
    assertThat(reports.getFirst().layers()).isNotEqualTo(reports.getLast().layers());
  }

  @Test
  void it_is_asked_when_the_checkpoint_of_the_epoch_is_written() throws Exception {
    RunLayout layout = TinyRuns.layout(folder.resolve("order"));
    List<Integer> saved = new ArrayList<>();
    run(
        layout,
        false,
        (_, _, _, _, _) -> {
          try (TrainedModel model = TrainedModel.read(layout.checkpoint())) {
            saved.add(model.epoch());
          }
        });
    assertThat(saved).containsExactly(1, 2, 3);
  }

  @Test
  void what_it_forbids_ends_the_run_and_the_run_can_go_on() throws Exception {
    RunLayout plain = TinyRuns.layout(folder.resolve("whole"));
    TinyRuns.run(CONFIG, DATA, plain, false, Course.toTheEnd());
    RunLayout layout = TinyRuns.layout(folder.resolve("stopped"));
    assertThatThrownBy(() ->
            run(
                layout,
                false,
                (epoch, _, _, _, _) -> {
                  throw new TrainingException("broken after epoch " + epoch);
                }))
        .isInstanceOf(TrainingException.class)
        .hasMessage("broken after epoch 1");
    assertThat(Files.exists(layout.checkpoint())).isTrue();
    run(layout, true, EpochAnalysis.NONE);
    assertThat(TinyRuns.trace(layout)).isEqualTo(TinyRuns.trace(plain));
  }
}
