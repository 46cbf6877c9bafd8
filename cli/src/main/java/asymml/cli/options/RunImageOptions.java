package asymml.cli.options;

import asymml.cli.terminal.DataOpening;
import asymml.session.DataSpec;
import asymml.session.Limit;
import asymml.session.TrainedRun;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import java.io.IOException;
import java.io.PrintWriter;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Which run a command reads, and which images run through its model.
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
public final class RunImageOptions {
  @Mixin private RunOptions run;

  @Option(
      names = "--data",
      paramLabel = "DATA",
      description = "Data set whose training split is used (default: that of the run).")
  private @Nullable String data;

  /// The run with its model, which the caller closes.
  ///
  /// @throws IOException one line, if there is no trained model
  public TrainedRun open() throws IOException {
    return run.open();
  }

  /// The training images, and one test image.
  ///
  /// @param opened the run
  /// @param out for progress
  /// @throws DataException if anything is wrong with them, or they do not fit the model
  public DataSet images(TrainedRun opened, PrintWriter out) throws DataException {
    DataSpec own = opened.spec().data();
    DataSpec images = own.withLimits(own.limitTrain(), new Limit(1));
    return opened.open(data == null ? images : images.withSource(data), DataOpening.reporter(out));
  }
}
