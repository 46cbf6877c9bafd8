package asymml.study.attack;

import asymml.session.ResolvedRun;
import asymml.session.SessionListener;
import asymml.session.TrainingSession;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataSet;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/// A short run with workers of its own, one of which records.
///
/// @param layout where it was
/// @param recording what that worker recorded
/// @param trainAccuracy of the last epoch; empty if training diverged
/// @param drawn which examples the places of the first epoch held, where sampling was random; else
///   empty
record RecordedRun(
    RunLayout layout, Path recording, OptionalDouble trainAccuracy, List<Integer> drawn) {
  /// The first step and the weights after it, of 20 million parameters.
  private static final long LIMIT_BYTES = 400_000_000;

  /// Trains.
  ///
  /// @param spec of the run
  /// @param which of the workers records, from 0
  /// @param data its images, as [#resolved] takes them
  /// @param directory to create
  /// @throws IOException if files or the worker fail
  /// @throws TrainingException if the run cannot be trained for another reason than divergence
  static RecordedRun of(TrainingSpec spec, int which, DataSet data, Path directory)
      throws IOException, TrainingException {
    Path recording = directory.resolve("view.rec");
    List<String> record =
        List.of("--record", recording.toString(), "--record-limit", Long.toString(LIMIT_BYTES));
    TrainingSpec recorded =
        spec.withWorkers(
            spec.workers()
                .withLocalArguments(which == 0 ? List.of(record) : List.of(List.of(), record)));
    RunLayout layout = new RunLayout(directory);
    List<Integer> drawn = new ArrayList<>();
    SessionListener draws =
        new SessionListener() {
          @Override
          public void examplesDrawn(int[] places) {
            if (drawn.isEmpty()) {
              Arrays.stream(places).forEach(drawn::add);
            }
          }
        };
    try (TrainingSession session = TrainingSession.create(resolved(recorded, data), directory)) {
      @Nullable Double accuracy = session.listener(draws).train().lastEpoch().trainAccuracy();
      return new RecordedRun(
          layout,
          recording,
          accuracy == null ? OptionalDouble.empty() : OptionalDouble.of(accuracy),
          List.copyOf(drawn));
    } catch (TrainingException e) {
      if (!e.diverged()) {
        throw e;
      }
      // An answer: with so much noise it does not train. The first steps were recorded.
      return new RecordedRun(layout, recording, OptionalDouble.empty(), List.copyOf(drawn));
    }
  }

  /// What is run.
  ///
  /// @param spec of the run
  /// @param data what it trains on, and test images that serve as the public ones of a run that is
  ///   accounted for. Such a run must not be tested on them; what tests find is not used, so that
  ///   training images do
  /// @return the run on these images
  static ResolvedRun resolved(TrainingSpec spec, DataSet data) {
    DataSet own =
        new DataSet(
            data.name(),
            data.train(),
            data.train(),
            data.normalization(),
            data.flip(),
            data.cropPadding());
    return ResolvedRun.of(spec, own, data.test());
  }
}
