package asymml.trusted.train;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.model.Initializer;
import asymml.model.Parameter;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.data.ImageSet;
import asymml.trusted.ops.Parameters;
import asymml.trusted.passes.ResidualNorms;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import java.util.List;
import java.util.stream.IntStream;

/// Takes [ResidualNorms] of a trained model over a set of images, wholly on the trusted side:
/// nothing is sent to a worker. PRIVATE: so are the results.
public final class ResidualSurvey {
  private ResidualSurvey() {}

  /// Runs the images forward once, without augmentation. The last ones are left out where they do
  /// not fill a batch, whose statistics would be others.
  ///
  /// @param model not changed
  /// @param images at least one
  /// @param plan which layers' inputs would be released, and how they are decomposed
  /// @param ranks the ranks to measure
  /// @param batchSize examples at a time, at least 1; fewer if there are no more images
  /// @param progress hears how far it is
  /// @return one entry for each input that would be released, in graph order
  /// @throws IllegalArgumentException if the plan splits no layer, or there is no rank
  /// @throws TrainingException if a parameter or an activation is NaN or infinite
  public static List<ResidualNorms.Place> of(
      TrainedModel model,
      ImageSet images,
      Plan plan,
      List<RankPolicy> ranks,
      int batchSize,
      Evaluator.Progress progress)
      throws TrainingException {
    requireFinite(model.parameters());
    int batch = Math.min(batchSize, images.size());
    int measured = images.size() / batch * batch;
    try (Parameters parameters = copy(model);
        ResidualNorms norms = new ResidualNorms(model.graph(), plan, ranks, batch, parameters);
        BatchLoader loader =
            new BatchLoader(
                images,
                model.description().normalization(),
                Augmentation.none(),
                IntStream.range(0, measured).toArray(),
                batch,
                0,
                0)) {
      for (int done = batch; loader.hasNext(); done += batch) {
        norms.measure(loader.next().images());
        progress.update(done, measured);
      }
      return norms.places();
    } catch (NonFiniteException e) {
      throw new TrainingException(
          "the activations are not finite: training of this model diverged; lower the learning"
              + " rate",
          e);
    }
  }

  /// The activations can look right all the same: a fused ReLU and a maximum turn NaN into 0.
  private static void requireFinite(Parameters parameters) throws TrainingException {
    for (Parameter p : parameters.all()) {
      if (!Elementwise.allFinite(parameters.value(p.name()))) {
        throw new TrainingException(
            p.name() + " is not finite: training of this model diverged; lower the learning rate");
      }
    }
  }

  /// With gradients, without which no network is planned for the statistics of its batches.
  private static Parameters copy(TrainedModel model) {
    Parameters copy = new Parameters(model.graph(), new Initializer(0), true);
    for (Parameter p : copy.all()) {
      Tensor value = copy.value(p.name());
      value.copyFrom(model.parameters().value(p.name()));
    }
    copy.changed();
    return copy;
  }
}
