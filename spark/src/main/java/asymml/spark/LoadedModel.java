package asymml.spark;

import asymml.kernels.Kernels;
import asymml.session.TrainedRun;
import asymml.session.TrainedRun.Prediction;
import asymml.trusted.data.DataException;
import java.io.IOException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// A trained model in an executor, loaded once for each task that runs at a time. It runs wholly in
/// that process: nothing is released.
final class LoadedModel {
  /// The logarithm that stands for a probability of 0: that of the smallest `double`.
  static final double LOG_ZERO = Math.log(Double.MIN_VALUE);

  /// An executor's JVM serves one application, and tasks have no other place in common.
  private static final Pool<RunFiles, TrainedRun> POOL =
      new Pool<>("asymml-model", LoadedModel::open);

  private LoadedModel() {}

  /// The logarithms of the probabilities of an image's classes.
  ///
  /// @param files of the run
  /// @param length of the result
  /// @param image bytes of a JPEG or PNG file
  /// @return by the label's number; [#LOG_ZERO] for labels that are none of the model's classes
  /// @throws DataException if there is no image, or it does not fit the model
  static double[] logProbabilities(RunFiles files, int length, byte @Nullable [] image)
      throws Exception {
    if (image == null) {
      throw new DataException("a row has no image: leave it out, or fill it");
    }
    return POOL.with(
        files,
        run -> {
          double[] logarithms = new double[length];
          Arrays.fill(logarithms, LOG_ZERO);
          for (Prediction prediction : run.predict(run.pixels("the image of a row", image))) {
            logarithms[Integer.parseInt(prediction.className())] =
                Math.max(LOG_ZERO, Math.log(prediction.probability()));
          }
          return logarithms;
        });
  }

  private static TrainedRun open(RunFiles files) throws IOException {
    Kernels.setThreads(1);
    return files.open();
  }
}
