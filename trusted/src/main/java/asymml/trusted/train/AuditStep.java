package asymml.trusted.train;

import asymml.kernels.Closer;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.privacy.Ledger;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.ops.Parameters;
import asymml.trusted.split.Workers;
import asymml.wire.ProtocolException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Single steps of DP-SGD as a run makes them, for audits: the same plan, network, clipping and
/// noise, on images whose presence the audit decides. Parameters are not changed, nothing is
/// written.
///
/// Images, network and pixel constants are the audit's own: none of them is private.
public final class AuditStep implements AutoCloseable {
  private final RunPlan run;
  private final Parameters parameters;
  private final AccountedExecution execution;
  private final Closer owned = new Closer();
  private long steps;

  /// Plans the steps.
  ///
  /// @param config of the run, with DP-SGD and a logical batch of all images: each is drawn for
  ///   sure, unless it is not there
  /// @param graph the network, of the shape and classes of the images
  /// @param images that can take part
  /// @param normalization of their pixels
  /// @param workers who compute the untrusted parts; needed unless the plan is all trusted
  /// @throws IllegalArgumentException if the settings are none of DP-SGD or do not fit together
  /// @throws ProtocolException if a worker refuses an operation
  public AuditStep(
      TrainConfig config,
      Graph graph,
      ImageSet images,
      Normalization normalization,
      @Nullable Workers workers)
      throws ProtocolException {
    DpSgd dpSgd = config.privacy().dpSgd();
    if (dpSgd == null || dpSgd.logicalBatchSize() != images.size()) {
      throw new IllegalArgumentException(
          "an audited step is one of DP-SGD, of a logical batch of all %s images"
              .formatted(images.size()));
    }
    run =
        RunPlan.of(
            config,
            new DataSet("canaries", images, images, normalization, false, 0),
            TrainedModel.Description.of(config.model(), config.norm(), images, normalization),
            graph);
    try (Closer opened = new Closer()) {
      parameters = opened.own(new Parameters(graph, new Initializer(config.seed()), true));
      execution =
          opened.own(
              workers == null
                  ? new DpSgdExecution(run, dpSgd, parameters, null)
                  : new SplitExecution(run, parameters, Optional.empty(), workers, null));
      owned.own(parameters);
      owned.own(execution);
      opened.release();
    }
  }

  /// What a step is accounted for.
  ///
  /// @return the ledger of one step
  public Ledger ledger() {
    return execution.accounting().ledger(1);
  }

  /// How many places a step has.
  ///
  /// @return at least the number of images
  public int slots() {
    return execution.slots();
  }

  /// The parameters, and after [#run] the gradients that a run would apply.
  ///
  /// @return as the network has them; not to be changed
  public Parameters parameters() {
    return parameters;
  }

  /// Makes a step.
  ///
  /// @param places which image each place holds, or [asymml.trusted.draw.PoissonDraw#NULL_EXAMPLE]
  /// @throws IllegalArgumentException if there are not [#slots] of them
  /// @throws ProtocolException if a worker fails
  /// @throws TrainingException if the step is not finite
  public void run(int[] places) throws ProtocolException, TrainingException {
    if (places.length != slots()) {
      throw new IllegalArgumentException(
          "a step has %s places: %s".formatted(slots(), places.length));
    }
    try (BatchLoader loader =
        new BatchLoader(
            run.data().train(),
            run.normalization(),
            Augmentation.none().withViews(run.augmentation().views()),
            places,
            execution.physicalBatch(),
            0,
            0)) {
      execution.gradients(loader, steps++);
    }
  }

  /// Zeroes and frees everything.
  @Override
  public void close() {
    owned.close();
  }
}
