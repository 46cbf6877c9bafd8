package asymml.trusted.train;

import asymml.kernels.SoftmaxCrossEntropy;
import asymml.privacy.Release;
import asymml.trusted.boundary.NullExamples;
import asymml.trusted.boundary.SumNoise;
import asymml.trusted.data.Batch;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.network.Network;
import asymml.trusted.ops.CountedPlaces;
import asymml.trusted.ops.JointClip;
import asymml.wire.ProtocolException;

/// One step of DP-SGD: a logical batch in physical ones, whose clipped gradients are summed, noised
/// once and divided by the expected number of examples.
///
/// @param network planned for a physical batch, gives each example's gradients
/// @param clip sums them
/// @param release the Gaussian mechanism on the sum
/// @param noise adds it
/// @param batches physical batches of a step, at least 1
/// @param expected B, the expected number of examples of a step
/// @param terms of the loss
record DpSgdStep(
    Network network,
    JointClip clip,
    Release release,
    SumNoise noise,
    int batches,
    int expected,
    SoftmaxCrossEntropy.Terms terms) {
  /// What surrounds the physical batches.
  interface Hooks {
    /// A physical batch begins.
    ///
    /// @param none which of its places hold no example, or none that counts
    /// @param first whether it is the first of the step
    void begin(NullExamples none, boolean first);

    /// All physical batches are done, and the noise follows.
    void beforeNoise();
  }

  /// Computes the parameters' gradients.
  ///
  /// @param loader gives physical batches
  /// @param step from 0
  /// @param hooks what surrounds the physical batches
  /// @return loss and hits of all of them, means over their views, hits rounded down; PRIVATE
  /// @throws ProtocolException if a worker fails
  SoftmaxCrossEntropy.Result run(BatchLoader loader, long step, Hooks hooks)
      throws ProtocolException {
    double loss = 0;
    int examples = 0;
    int correct = 0;
    clip.begin();
    for (int i = 0; i < batches; i++) {
      Batch batch = loader.next();
      CountedPlaces places = new CountedPlaces(batch.labels(), clip.views());
      hooks.begin(places, i == 0);
      network.load(batch.images());
      if (i == 0) {
        network.forward(step);
      } else {
        network.forwardFurther(step);
      }
      places.dropUnlessFinite(network.logits());
      SoftmaxCrossEntropy.Result result =
          SoftmaxCrossEntropy.evaluate(
              network.logits(), places.labels(), terms, clip.views(), network.logitsGradient());
      network.backward();
      clip.add(places);
      loss += result.lossSum();
      examples += result.examples();
      correct += result.correct();
    }
    hooks.beforeNoise();
    clip.finish(release, noise, expected);
    int views = clip.views();
    return new SoftmaxCrossEntropy.Result(loss / views, examples / views, correct / views);
  }
}
