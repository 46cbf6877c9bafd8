package asymml.trusted.train;

import asymml.kernels.Elementwise;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.data.Batch;
import asymml.trusted.network.Network;
import asymml.wire.ProtocolException;

/// The gradients of one batch's loss: forward, loss, backward.
///
/// @param run what is computed
/// @param networks planned for the sizes of its batches
record BatchStep(RunPlan run, PlannedSizes networks) {
  /// Computes the parameters' gradients.
  ///
  /// @param batch of a planned size
  /// @param step from 0
  /// @param prepare runs when the images are in place
  /// @return loss and hits
  /// @throws ProtocolException if a worker fails
  /// @throws TrainingException if training diverged
  SoftmaxCrossEntropy.Result gradients(Batch batch, long step, Runnable prepare)
      throws ProtocolException, TrainingException {
    Network network = networks.of(batch.size());
    network.load(batch.images());
    prepare.run();
    try {
      network.forward(step);
      SoftmaxCrossEntropy.Result result = loss(network, batch.labels(), step);
      network.backward();
      return result;
    } catch (NonFiniteException e) {
      throw Divergence.at(step, "the activations are no longer finite", e);
    }
  }

  private SoftmaxCrossEntropy.Result loss(Network network, int[] labels, long step)
      throws TrainingException {
    if (!Elementwise.allFinite(network.logits())) {
      throw Divergence.at(step, "the outputs are no longer finite", null);
    }
    // How many were drawn is private: the gradient is over the expected number.
    double divisor = run.isPoisson() ? run.batchSize() : labels.length;
    return SoftmaxCrossEntropy.evaluate(
        network.logits(), labels, run.loss(), divisor, network.logitsGradient());
  }
}
