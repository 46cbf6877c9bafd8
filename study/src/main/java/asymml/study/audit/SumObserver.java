package asymml.study.audit;

import asymml.kernels.Tensor;
import asymml.privacy.Ledger;
import asymml.trusted.draw.PoissonDraw;
import asymml.trusted.train.AuditStep;
import asymml.trusted.train.TrainingException;
import asymml.wire.ProtocolException;
import java.util.Arrays;

/// Sees the noised sum of gradients of each step, from which the released model is made. The canary
/// of a number has the place of that number.
///
/// @param step makes the steps; closed with this
/// @param canaries that it is made with
record SumObserver(AuditStep step, Canaries canaries) implements StepObserver, AutoCloseable {
  /// What a step is accounted for.
  Ledger ledger() {
    return step.ledger();
  }

  @Override
  public double[][] scores(boolean[][] there) throws ProtocolException, TrainingException {
    double[][] scores = new double[there.length][];
    for (int i = 0; i < there.length; i++) {
      step.run(places(there[i], step.slots()));
      scores[i] = scores(canaries, mean());
    }
    return scores;
  }

  /// The canaries that are there, in their places.
  static int[] places(boolean[] there, int slots) {
    int[] places = new int[slots];
    Arrays.fill(places, PoissonDraw.NULL_EXAMPLE);
    for (int i = 0; i < there.length; i++) {
      if (there[i]) {
        places[i] = i;
      }
    }
    return places;
  }

  private float[] mean() {
    Tensor gradient = step.parameters().gradient(Canaries.weight(Canaries.HIDDEN));
    return gradient.toArray();
  }

  /// The score of each canary.
  ///
  /// @param mean the noised sum over the expected number, all of them
  static double[] scores(Canaries canaries, float[] mean) {
    double[] scores = new double[Canaries.COUNT];
    for (int i = 0; i < scores.length; i++) {
      scores[i] = Canaries.COUNT * canaries.score(i, mean);
    }
    return scores;
  }

  @Override
  public void close() {
    step.close();
  }
}
