package asymml.study.audit;

import asymml.trusted.train.TrainingException;
import java.io.IOException;

/// Steps of DP-SGD with canaries, and what an observer makes of what each step releases.
interface StepObserver {
  /// Makes steps.
  ///
  /// @param there which canaries are there, `[steps][]`
  /// @return a score for each of them: about 1 if it is there, 0 if not, but for noise
  /// @throws IOException if a worker fails
  /// @throws TrainingException if a step is not finite
  double[][] scores(boolean[][] there) throws IOException, TrainingException;
}
