package asymml.trusted.train;

import asymml.kernels.Closer;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Layer.BatchNorm;
import asymml.model.Parameter;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.draw.Shuffle;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.Parameters;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Tests a model that was trained under noise without noise: the running statistics of its batch
/// norms, which were gathered under noise, are first replaced by those of clean passes over the
/// training images. Wholly on the trusted side: nothing is sent to a worker. PRIVATE: so are the
/// results.
///
/// The new statistics are the means over batches of what training would take from each ("precise
/// batch norm", Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3). Group norm
/// keeps none, so that nothing changes there.
public final class CleanEvaluation {
  private CleanEvaluation() {}

  /// Replaces the statistics and tests.
  ///
  /// @param model not changed
  /// @param data its training images give the statistics, without augmentation; the test images are
  ///   scored
  /// @param batchSize examples at a time, at least 1; fewer if there are no more training images.
  ///   Training images that do not fill a batch are left out: its statistics would be others.
  /// @param seed of the training images' order
  /// @param progress hears how far each of the two passes is
  /// @return loss and accuracy on the test images
  /// @throws TrainingException if the network's outputs are not finite
  public static Evaluator.Score score(
      TrainedModel model, DataSet data, int batchSize, long seed, Evaluator.Progress progress)
      throws TrainingException {
    int batch = Math.min(batchSize, data.train().size());
    try (Parameters parameters = recalibrated(model, data.train(), batch, seed, progress);
        Evaluator evaluator = new Evaluator(model.graph(), parameters, batch)) {
      return evaluator.score(data.test(), model.description().normalization(), progress);
    }
  }

  /// The model's parameters with statistics of clean passes.
  ///
  /// @return a copy, which the caller closes
  static Parameters recalibrated(
      TrainedModel model, ImageSet images, int batch, long seed, Evaluator.Progress progress) {
    try (Closer opened = new Closer()) {
      Parameters parameters = opened.own(copy(model));
      recalibrate(model, parameters, images, batch, seed, progress);
      opened.release();
      return parameters;
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

  /// A running statistic `[C]` and the sum of what the batches' own were.
  private static final class Statistic {
    private final Tensor value;
    private final float momentum;
    private final double[] sum;

    Statistic(Tensor value, float momentum) {
      this.value = value;
      this.momentum = momentum;
      this.sum = new double[Math.toIntExact(value.size())];
    }

    /// From 0, what a pass leaves is the momentum's share of the batch's own statistic.
    void begin() {
      value.fill(0);
    }

    void end() {
      for (int c = 0; c < sum.length; c++) {
        sum[c] += (double) value.get(c) / momentum;
      }
    }

    void setToMean(int batches) {
      for (int c = 0; c < sum.length; c++) {
        value.set(c, (float) (sum[c] / batches));
      }
    }
  }

  private static void recalibrate(
      TrainedModel model,
      Parameters parameters,
      ImageSet images,
      int batch,
      long seed,
      Evaluator.Progress progress) {
    List<Statistic> statistics = statistics(model.graph(), parameters);
    if (statistics.isEmpty()) {
      return;
    }
    int batches = images.size() / batch;
    // Files come class by class; a batch is to be a sample of all.
    int[] order = Arrays.copyOf(Shuffle.order(images.size(), seed), batches * batch);
    try (TrustedNetwork network =
            TrustedNetwork.forTraining(model.graph(), batch, parameters, seed);
        BatchLoader loader =
            new BatchLoader(
                images,
                model.description().normalization(),
                Augmentation.none(),
                order,
                batch,
                seed,
                0)) {
      for (int done = batch; loader.hasNext(); done += batch) {
        statistics.forEach(Statistic::begin);
        network.input().copyFrom(loader.next().images());
        network.forward(0);
        statistics.forEach(Statistic::end);
        progress.update(done, order.length);
      }
    }
    statistics.forEach(statistic -> statistic.setToMean(batches));
    parameters.changed();
  }

  private static List<Statistic> statistics(Graph graph, Parameters parameters) {
    List<Statistic> statistics = new ArrayList<>();
    for (int i = 0; i < graph.nodes().size(); i++) {
      if (graph.nodes().get(i).layer() instanceof BatchNorm(float _, float momentum)) {
        for (Parameter p : graph.parameters(i)) {
          if (!p.kind().trained() && !p.frozen()) {
            statistics.add(new Statistic(parameters.value(p.name()), momentum));
          }
        }
      }
    }
    return statistics;
  }
}
