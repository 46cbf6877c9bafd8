package asymml.session;

import asymml.model.Graph;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.data.Normalization;
import asymml.trusted.ops.Parameters;
import asymml.trusted.rank.RankAnalysis;
import asymml.trusted.rank.RankFile;
import asymml.trusted.rank.RankReport;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.EpochAnalysis;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.util.List;

/// Analyses ranks after some of the epochs, and after the last.
///
/// @param run what trains
/// @param analysis what to do
/// @param layout where the file goes
/// @param listener hears of each
record EpochRanks(
    ResolvedRun run, RankAnalysis analysis, RunLayout layout, SessionListener listener)
    implements EpochAnalysis {
  /// Images that are decomposed: seconds for a small network, and the medians have settled.
  private static final int IMAGES = 8;

  /// The analysis of a run; none if it asks for none.
  static EpochAnalysis of(ResolvedRun run, RunLayout layout, SessionListener listener) {
    TrainConfig config = run.spec().training();
    return run.spec().analyzeEvery() == 0
        ? EpochAnalysis.NONE
        : new EpochRanks(
            run,
            new RankAnalysis(
                run.plan(),
                config.rank(),
                config.decomposition(),
                IMAGES,
                config.labelSmoothing(),
                config.seed()),
            layout,
            listener);
  }

  @Override
  public void analyze(
      int epoch, long step, Graph graph, Parameters parameters, Normalization normalization)
      throws IOException, TrainingException {
    TrainingSpec spec = run.spec();
    if (epoch % spec.analyzeEvery() != 0 && epoch != spec.training().epochs()) {
      return;
    }
    RankReport report;
    try {
      report = analysis.of(graph, parameters, run.data().train(), normalization, epoch, step);
    } catch (NonFiniteException e) {
      throw new TrainingException(
          "the activations are not finite after epoch " + epoch + ": training diverged");
    }
    RankFile.read(layout.rank()).with(report).write(layout.rank());
    listener.ranksAnalysed(report, graph.name(), layout);
    List<String> violations = report.violations();
    if (!violations.isEmpty()) {
      throw new TrainingException("a bound on ranks is broken: " + String.join("; ", violations));
    }
  }
}
