package asymml.session;

import asymml.model.Graph;
import asymml.model.Shape;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.DataArchive;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.data.Progress;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Update;
import asymml.trusted.train.DpSgd;
import asymml.trusted.train.FormalCheck;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainedModel;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A specification with its data opened: the network, and where each of its layers runs. Nothing
/// has been released yet, and nothing that is accounted for can turn out not to be accountable
/// later.
public final class ResolvedRun {
  /// Sides of images for which the models of the zoo differ in their layers.
  private static final int[] SIDES = {64, 32};

  private final TrainingSpec spec;
  private final DataSet data;

  private final DataWords words;
  private final @Nullable ImageSet publicImages;
  private final Graph graph;
  private final Plan plan;

  private ResolvedRun(
      TrainingSpec spec,
      DataSet opened,
      DataSet data,
      @Nullable ImageSet publicImages,
      Graph graph,
      Plan plan) {
    this.spec = spec;
    this.data = data;
    words = DataWords.of(spec.training(), opened, data);
    this.publicImages = publicImages;
    this.graph = graph;
    this.plan = plan;
  }

  /// Opens the data of a specification, the public images too where the run needs some, and checks
  /// that the run can begin.
  ///
  /// @param spec what to run
  /// @param progress hears how far the decoding of images is
  /// @return the run
  /// @throws DataException if anything is wrong with the data
  /// @throws InvalidSpecException if model, plan and images do not fit together, or the run cannot
  ///   be accounted for
  public static ResolvedRun open(TrainingSpec spec, Progress progress) throws DataException {
    requireLayers(spec.training());
    return open(spec, spec.data().open(spec.training().seed(), progress), progress);
  }

  /// The same with private images of an archive in place of those that the specification names.
  ///
  /// @param spec what to run
  /// @param archive the private images; stays open
  /// @param progress hears how far the decoding of images is
  /// @return the run
  /// @throws DataException if anything is wrong with the data
  /// @throws InvalidSpecException if model, plan and images do not fit together, or the run cannot
  ///   be accounted for
  public static ResolvedRun open(TrainingSpec spec, DataArchive archive, Progress progress)
      throws DataException {
    requireLayers(spec.training());
    return open(spec, spec.data().open(archive, spec.training().seed(), progress), progress);
  }

  private static ResolvedRun open(TrainingSpec spec, DataSet opened, Progress progress)
      throws DataException {
    DataSet data = counted(spec, opened);
    // The plan first: a name that is not there shows before public images are decoded.
    Graph graph = graph(spec.training(), data);
    Plan plan = plan(spec.training(), graph);
    ImageSet publicImages = null;
    if (spec.training().needsPublicImages(plan)) {
      DataSet open =
          spec.data()
              .publicImages()
              .withLimits(Limit.NONE, new Limit(1))
              .open(spec.training().seed(), progress);
      requirePublic(spec.data(), data, open);
      publicImages = open.train();
    }
    return checked(new ResolvedRun(spec, opened, data, publicImages, graph, plan));
  }

  /// A run on data that is open already.
  ///
  /// @param spec what to run; its own [TrainingSpec#data] is not opened
  /// @param opened what on
  /// @param publicImages for clip bounds and bases of a run that is accounted for; null where it
  ///   needs none
  /// @return the run
  /// @throws InvalidSpecException if model, plan and images do not fit together, or the run cannot
  ///   be accounted for
  public static ResolvedRun of(TrainingSpec spec, DataSet opened, @Nullable ImageSet publicImages) {
    DataSet data = counted(spec, opened);
    Graph graph = graph(spec.training(), data);
    Plan plan = plan(spec.training(), graph);
    return checked(
        new ResolvedRun(
            spec,
            opened,
            data,
            spec.training().needsPublicImages(plan) ? publicImages : null,
            graph,
            plan));
  }

  /// The data of a run: validation images are set aside, and in a run that is accounted for each
  /// training image counts once: a guarantee is for one example, and an image in two would have
  /// twice the sensitivity.
  private static DataSet counted(TrainingSpec spec, DataSet opened) {
    DataSet data;
    try {
      data = spec.training().split(opened);
      var _ = spec.training().classWeights().of(data.train());
    } catch (IllegalArgumentException e) {
      throw new InvalidSpecException(Finding.Kind.MISFIT, e);
    }
    // Whoever describes images that lie elsewhere has compared them.
    return spec.training().privacy().accounted() && !data.train().isElsewhere()
        ? data.withTrain(data.train().distinct())
        : data;
  }

  private static Graph graph(TrainConfig config, DataSet data) {
    try {
      return TrainedModel.Description.of(
              config.model(), config.norm(), data.train(), data.normalization())
          .graph()
          .frozen(config.frozen());
    } catch (IllegalArgumentException e) {
      throw new InvalidSpecException(Finding.Kind.MISFIT, e);
    }
  }

  /// Refuses names of layers that the model has for no images, before any are read. Layers go by
  /// the model and by whether images are large.
  private static void requireLayers(TrainConfig config) {
    @Nullable IllegalArgumentException refused = null;
    for (int side : SIDES) {
      try {
        var _ = reachable(config, config.model().graph(new Shape(side, side, 3), 2, config.norm()));
        return;
      } catch (IllegalArgumentException e) {
        refused = e;
      }
    }
    if (refused != null) {
      throw new InvalidSpecException(Finding.Kind.MISFIT, refused);
    }
  }

  private static Plan plan(TrainConfig config, Graph graph) {
    try {
      return reachable(config, graph);
    } catch (IllegalArgumentException e) {
      throw new InvalidSpecException(Finding.Kind.MISFIT, e);
    }
  }

  /// The plan; a rank that no layer reaches is a mistake, and not what the run would have.
  private static Plan reachable(TrainConfig config, Graph graph) {
    Plan plan =
        Plan.of(graph, config.mode(), config.decomposition(), config.rank(), config.trustedLayers())
            .updatedBy(graph, config.update());
    int most =
        plan.layers().values().stream()
            .mapToInt(layer -> layer instanceof Placement.Split split ? split.rank().most() : 0)
            .max()
            .orElse(0);
    if (config.mode() == Mode.ASYMML
        && config.update() == Update.WORKER
        && plan.heldWeights().isEmpty()) {
      throw new IllegalArgumentException(
          "the worker would update no weights, since no layer keeps a part of its input: use"
              + " update trusted, or a rank above 0");
    }
    if (config.mode() == Mode.ASYMML
        && config.rank() instanceof RankPolicy.Fixed(int value)
        && most > 0
        && value > most) {
      throw new IllegalArgumentException(
          "rank %s is above the directions of every layer that is split: give at most %s"
              .formatted(value, most));
    }
    return plan;
  }

  private static void requirePublic(DataSpec spec, DataSet data, DataSet opened) {
    if (spec.publicSource().equals(spec.source())
        || (spec.publicSource().startsWith("generated") && opened.name().equals(data.name()))) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.PUBLIC_DATA_PRIVATE,
              "public-data",
              "names the private images: give others, that are no secret"));
    }
  }

  private static ResolvedRun checked(ResolvedRun run) {
    if (run.graph.beginsWithScattering() && run.data.train().cutsAtRandom()) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.MISFIT,
              SpecReader.RANDOM_CROP,
              "does not go with a scattering transform, whose features are computed once"));
    }
    requireDifferentViews(run);
    @Nullable Shape shape = run.publicImages == null ? null : run.publicImages.shape();
    List<FormalCheck.Finding> found =
        FormalCheck.check(
            run.spec.training(), run.graph, run.plan, run.data.train().size(), shape, true);
    if (!found.isEmpty()) {
      throw new InvalidSpecException(found.stream().map(FormalFindings::of).toList());
    }
    if (run.publicImages != null) {
      requireOthers(run.publicImages, run.data);
    }
    return run;
  }

  /// Views that are all alike would cost their time and give nothing.
  private static void requireDifferentViews(ResolvedRun run) {
    @Nullable DpSgd dpSgd = run.spec.training().privacy().dpSgd();
    Augmentation own = run.data.augmentation().suiting(run.graph);
    if (dpSgd != null && dpSgd.views() > 1 && !own.varies()) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.MISFIT,
              SpecReader.AUGMENTATION_MULTIPLICITY,
              "is %s, but images of %s are not varied, so that all views of one are alike: give 1"
                  .formatted(dpSgd.views(), run.data.name())));
    }
  }

  /// Bounds and bases would be statistics of the private images that are among the public ones.
  private static void requireOthers(ImageSet publicImages, DataSet data) {
    int shared = publicImages.sharedWith(data.train(), data.heldOut(), data.test());
    if (shared > 0) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.PUBLIC_DATA_PRIVATE,
              "public-data",
              "has %s images of %s that are training or test images of this run"
                  .formatted(shared, publicImages.size())));
    }
  }

  /// What the run was told.
  ///
  /// @return its specification
  public TrainingSpec spec() {
    return spec;
  }

  /// What it trains and tests on.
  ///
  /// @return the limited splits, with validation images where the run sets some aside; in a run
  ///   that is accounted for without training images whose pixels another has
  public DataSet data() {
    return data;
  }

  /// What clip bounds and bases come from.
  ///
  /// @return null if the run needs no public images
  public @Nullable ImageSet publicImages() {
    return publicImages;
  }

  /// The network.
  ///
  /// @return its layers
  public Graph graph() {
    return graph;
  }

  /// Where its linear layers run.
  ///
  /// @return a placement for each
  public Plan plan() {
    return plan;
  }

  /// How pixels are normalised: in a run that is accounted for by constants, since the statistics
  /// of private pixels would be a release of their own.
  ///
  /// @return of each channel
  public Normalization normalization() {
    return spec.training().privacy().accounted()
        ? Normalization.constant(data.train().shape().channels())
        : data.normalization();
  }

  /// The data in words.
  ///
  /// @return name, sizes, shape and classes in one line
  public String describeData() {
    return words.all();
  }

  /// The images that are left out so far because they are bad ([asymml.trusted.data.Decoding]): at
  /// first those that were found when the data were opened, later also those that were lost since.
  ///
  /// @return a part of a line with their number and the first names; empty if there are none
  public String describeLeftOut() {
    return data.leftOut().isEmpty() ? "" : ImageSet.describeLeftOut(data.leftOut());
  }

  /// The data in words that say nothing of their contents.
  ///
  /// @return name, sizes, shape and number of classes in one line
  public String describeSizes() {
    return words.sizes();
  }

  /// Whether any layer needs a worker.
  ///
  /// @return false if nothing is released
  public boolean needsWorker() {
    return plan.needsWorker();
  }
}
