package asymml.cli;

import asymml.model.Graph;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.data.ImageSet;
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
import java.io.PrintWriter;

/// `--analyze-every`: analyses ranks after some of the epochs, and after the last.
///
/// @param every how many epochs apart, at least 1
/// @param config of the run
/// @param analysis what to do
/// @param images those the run trains on
/// @param layout where the files go
/// @param out gets a line for each
record EpochRanks(
    int every,
    TrainConfig config,
    RankAnalysis analysis,
    ImageSet images,
    RunLayout layout,
    PrintWriter out)
    implements EpochAnalysis {

  /// The analysis of a run.
  ///
  /// @param every how many epochs apart; 0 for none
  static EpochAnalysis of(int every, RunHeader header, RunLayout layout, PrintWriter out) {
    TrainConfig config = header.config();
    return every == 0
        ? EpochAnalysis.NONE
        : new EpochRanks(
            every,
            config,
            new RankAnalysis(
                header.plan(),
                config.rank(),
                config.decomposition(),
                RankCommand.IMAGES,
                config.labelSmoothing(),
                config.seed()),
            header.data().train(),
            layout,
            out);
  }

  @Override
  public void analyze(
      int epoch, long step, Graph graph, Parameters parameters, Normalization normalization)
      throws IOException, TrainingException {
    if (epoch % every != 0 && epoch != config.epochs()) {
      return;
    }
    RankReport report;
    try {
      report = analysis.of(graph, parameters, images, normalization, epoch, step);
    } catch (NonFiniteException e) {
      throw new TrainingException(
          "the activations are not finite after epoch " + epoch + ": lower --learning-rate");
    }
    new RankFiles(layout).write(RankFile.read(layout.rank()).with(report), graph.name());
    out.println(RankTable.line(report));
    out.flush();
    try {
      RankCommand.requireBounds(report);
    } catch (RunException e) {
      throw new TrainingException(String.valueOf(e.getMessage()));
    }
  }
}
