package asymml.session;

import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Epsilon;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.plan.Update;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainConfig.Schedule;
import asymml.wire.Encoding;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/// All that a training run is told, with nothing left open: which images, what is computed on them,
/// and by whom. Change [#defaults] by the methods that begin with `with`.
///
/// @param data which images
/// @param training what is computed
/// @param init what parameters it begins with
/// @param workers who computes the untrusted part
/// @param threads of this process and of each worker that it starts, 1 to 4096
/// @param analyzeEvery how many epochs apart ranks are analysed; 0 for never
public record TrainingSpec(
    DataSpec data,
    TrainConfig training,
    InitSpec init,
    WorkerSpec workers,
    int threads,
    int analyzeEvery) {
  /// The largest number of threads.
  public static final int MOST_THREADS = 4096;

  /// Checks the ranges above, and that the parts go together.
  ///
  /// @throws InvalidSpecException with all that does not hold
  public TrainingSpec {
    List<Finding> found = new ArrayList<>();
    if (threads < 1 || threads > MOST_THREADS) {
      found.add(
          Finding.of(
              Finding.Kind.OUT_OF_RANGE,
              "threads",
              "must be 1 to %s: %s".formatted(MOST_THREADS, threads)));
    }
    if (analyzeEvery < 0) {
      found.add(
          Finding.of(
              Finding.Kind.OUT_OF_RANGE,
              "analyze-every",
              "must be at least 0 epochs: " + analyzeEvery));
    }
    if (training.optimizer().schedule() == Schedule.STEP
        && training.optimizer().milestones().isEmpty()) {
      found.add(
          Finding.of(
              Finding.Kind.NO_MILESTONES,
              "schedule",
              "step needs milestones, the epochs at whose end the rate falls"));
    }
    if (training.optimizer().schedule() != Schedule.STEP
        && training.optimizer().factor() != Defaults.STEP_FACTOR) {
      found.add(
          Finding.of(
              Finding.Kind.CONTRADICTION,
              "step-factor",
              "has no effect but with the schedule step"));
    }
    if (data.decoding().randomCrop() && !training.augment()) {
      found.add(
          Finding.of(
              Finding.Kind.CONTRADICTION, SpecReader.RANDOM_CROP, "has no effect without augment"));
    }
    if (training.gradientNoise() instanceof NoiseStrength.Multiplier) {
      found.add(
          Finding.of(
              Finding.Kind.CONTRADICTION,
              "gradient-noise-ratio",
              "is a ratio: noise on output gradients takes no multiplier"));
    }
    if (init.file() != null && training.privacy().accounted() && !init.isPublic()) {
      found.add(
          Finding.of(
              Finding.Kind.PRIVATE_START,
              "init",
              "is part of what the account promises: it holds only if the file depends on no"
                  + " private image of this run, which must be declared"));
    }
    if (!training.frozen().isEmpty() && init.file() == null) {
      found.add(
          Finding.of(
              Finding.Kind.CONTRADICTION,
              "freeze",
              "leaves layers as the seed draws them: it is for a run that begins with the"
                  + " parameters of a file (init)"));
    }
    if (!training.frozen().isEmpty() && analyzeEvery > 0) {
      found.add(
          Finding.of(
              Finding.Kind.CONTRADICTION,
              "analyze-every",
              "needs the gradients of all linear layers, and frozen ones have none"));
    }
    if (init.file() == null && init.isPublic()) {
      found.add(
          Finding.of(Finding.Kind.CONTRADICTION, "init-public", "declares nothing without a file"));
    }
    found.addAll(workerFindings(training, workers));
    if (!found.isEmpty()) {
      throw new InvalidSpecException(found);
    }
  }

  private static List<Finding> workerFindings(TrainConfig training, WorkerSpec workers) {
    List<Finding> found = new ArrayList<>();
    boolean shares = training.shield().masks();
    if (workers.wire() != Encoding.FLOAT32) {
      if (shares) {
        found.add(
            Finding.of(
                Finding.Kind.MASKS_ROUNDED,
                "tensors cannot be rounded under masks: masks can only be removed in float32"));
      } else if (training.mode() == Mode.TRUSTED_ONLY
          || !workers.workers().stream()
              .allMatch(w -> w instanceof WorkerChoice.Remote remote && remote.isTls())) {
        found.add(
            Finding.of(
                Finding.Kind.NOTHING_TO_ROUND,
                "tensors are rounded for workers at TLS addresses: a worker on this machine shares"
                    + " memory, and nothing crosses a line"));
      }
    }
    if (training.mode() != Mode.TRUSTED_ONLY) {
      found.addAll(countFindings(training, workers.workers(), shares));
    }
    if (training.update() == Update.WORKER && training.mode() == Mode.ASYMML) {
      updateFinding(workers).ifPresent(found::add);
    }
    if (shares && workers.chunks() > 1) {
      found.add(
          Finding.of(
              Finding.Kind.MASKS_IN_CHUNKS,
              "chunks do not go with masks: masks are made for a whole batch"));
    }
    return found;
  }

  private static Optional<Finding> updateFinding(WorkerSpec workers) {
    String reason =
        workers.workers().size() > 1
            ? "goes with one worker: of several, none has the whole gradient"
            : workers.wire() != Encoding.FLOAT32
                ? "needs tensors in float32: weights that come back would be rounded (wire)"
                : workers.verification().share() > 0
                    ? "does not go with verify: results are checked against weights that the"
                        + " trusted side has"
                    : null;
    return Optional.ofNullable(reason)
        .map(why -> Finding.of(Finding.Kind.CONTRADICTION, "update", "worker " + why));
  }

  private static List<Finding> countFindings(
      TrainConfig training, List<WorkerChoice> workers, boolean shares) {
    if (shares && workers.size() != 2 && !isOneLocal(workers)) {
      return List.of(
          Finding.of(Finding.Kind.NOT_TWO_WORKERS, "masks need two workers that do not collude"));
    }
    if (!shares && workers.size() > training.batchSize()) {
      return List.of(
          Finding.of(
              Finding.Kind.TOO_MANY_WORKERS,
              "%s workers cannot share batches of %s images"
                  .formatted(workers.size(), training.batchSize())));
    }
    List<WorkerChoice> remote =
        workers.stream().filter(WorkerChoice.Remote.class::isInstance).toList();
    if (remote.stream().distinct().count() < remote.size()) {
      return List.of(
          Finding.of(
              Finding.Kind.SAME_WORKER_TWICE,
              shares
                  ? "the two workers are one: together the masked values and the masks are the"
                      + " values"
                  : "a worker is given twice: it would serve one connection alone"));
    }
    return List.of();
  }

  private static boolean isOneLocal(List<WorkerChoice> workers) {
    return workers.size() == 1 && workers.getFirst() instanceof WorkerChoice.Local;
  }

  /// A small network on generated images, with a worker process of its own.
  ///
  /// @return every default
  public static TrainingSpec defaults() {
    return Defaults.spec();
  }

  /// The workers of the run: those of [#workers], and under [Shield.Shares] two where one local one
  /// is given.
  ///
  /// @return at least one; none in a run that computes everything here
  public List<WorkerChoice> usedWorkers() {
    if (training.mode() == Mode.TRUSTED_ONLY) {
      return List.of();
    }
    List<WorkerChoice> given = workers.workers();
    return training.shield().masks() && isOneLocal(given)
        ? List.of(given.getFirst(), given.getFirst())
        : given;
  }

  /// The same with other images.
  ///
  /// @param data which images
  /// @return a new specification
  public TrainingSpec withData(DataSpec data) {
    return new TrainingSpec(data, training, init, workers, threads, analyzeEvery);
  }

  /// The same with other private images.
  ///
  /// @param source `generated`, `generated:SEED`, or a path
  /// @return a new specification
  public TrainingSpec withData(String source) {
    return withData(data.withSource(source));
  }

  /// The same with limits.
  ///
  /// @param train how many training images, at least 1
  /// @param test how many test images, at least 1
  /// @return a new specification
  public TrainingSpec withLimits(int train, int test) {
    return withData(data.withLimits(new Limit(train), new Limit(test)));
  }

  /// The same with another computation.
  ///
  /// @param training what is computed
  /// @return a new specification
  /// @throws InvalidSpecException if it does not go with the rest
  public TrainingSpec withTraining(TrainConfig training) {
    return new TrainingSpec(data, training, init, workers, threads, analyzeEvery);
  }

  private TrainingSpec training(UnaryOperator<TrainConfig> change) {
    try {
      return withTraining(change.apply(training));
    } catch (InvalidSpecException e) {
      throw e;
    } catch (IllegalArgumentException e) {
      throw new InvalidSpecException(Finding.Kind.CONTRADICTION, e);
    }
  }

  /// The same with another network.
  ///
  /// @param model a name of the zoo, or a description ([asymml.model.Architecture#of(String)])
  /// @return a new specification
  public TrainingSpec withModel(String model) {
    return training(t -> t.withModel(model));
  }

  /// The same with another normalisation.
  ///
  /// @param norm of the network
  /// @return a new specification
  public TrainingSpec withNorm(Zoo.Norm norm) {
    return training(t -> t.withNorm(norm));
  }

  /// The same in another mode.
  ///
  /// @param mode where linear layers run
  /// @return a new specification
  public TrainingSpec withMode(Mode mode) {
    return training(t -> t.withMode(mode));
  }

  /// The same with another rank.
  ///
  /// @param rank how many directions stay trusted
  /// @return a new specification
  public TrainingSpec withRank(RankPolicy rank) {
    return training(t -> t.withRank(rank));
  }

  /// The same with other layers that stay trusted whole.
  ///
  /// @param layers names of linear layers, [asymml.trusted.plan.Plan#FIRST] or `LAST`
  /// @return a new specification
  public TrainingSpec withTrustedLayers(List<String> layers) {
    return training(t -> t.withTrustedLayers(layers));
  }

  /// The same with another noise on residuals.
  ///
  /// @param noise its strength
  /// @return a new specification
  public TrainingSpec withNoise(NoiseStrength noise) {
    return training(t -> t.withNoise(noise));
  }

  /// The same with another length.
  ///
  /// @param epochs passes over the training images, at least 1
  /// @return a new specification
  public TrainingSpec withEpochs(int epochs) {
    return training(t -> t.withEpochs(epochs));
  }

  /// The same with another batch size.
  ///
  /// @param batchSize examples a step, at least 1
  /// @return a new specification
  public TrainingSpec withBatchSize(int batchSize) {
    return training(t -> t.withBatchSize(batchSize));
  }

  /// The same with other optimiser hyperparameters.
  ///
  /// @param optimizer learning rate, momentum, schedule
  /// @return a new specification
  public TrainingSpec withOptimizer(TrainConfig.Optimizer optimizer) {
    return training(t -> t.withOptimizer(optimizer));
  }

  /// The same with another seed.
  ///
  /// @param seed of initial weights, order, augmentation, dropout and the limits' choice; never of
  ///   noise
  /// @return a new specification
  public TrainingSpec withSeed(long seed) {
    return training(t -> t.withSeed(seed));
  }

  /// The same with an account of what it releases, with the default sampling, basis and clip bounds
  /// for the channels. The noise follows from the target; name it by [#withNoise] afterwards where
  /// there is none.
  ///
  /// @param target the epsilon that the channels together may cost, null for no limit
  /// @param channels what is protected; each brings those along that it rests on; none for the
  ///   default, residuals, or with masks also gradients
  /// @return a new specification
  public TrainingSpec withProtection(@Nullable Epsilon target, Channel... channels) {
    Set<Channel> protect = EnumSet.noneOf(Channel.class);
    for (Channel channel : channels) {
      protect.addAll(Defaults.with(channel));
    }
    if (protect.isEmpty()) {
      protect.addAll(Defaults.protect(target, training.shield()));
    }
    return withPrivacy(Defaults.privacy(protect, target));
  }

  /// The same with another account of what it releases. The noise becomes the default of such a
  /// run: what follows from a target, else none for a run that is accounted for, which must be
  /// given one by [#withNoise].
  ///
  /// @param privacy what the run accounts for
  /// @return a new specification
  public TrainingSpec withPrivacy(PrivacyConfig privacy) {
    return training(t -> t.withPrivacy(privacy).withNoise(Defaults.noise(privacy, t.shield())));
  }

  /// The same with another shield, and with its default rank, noise and, where nothing is protected
  /// yet, channels.
  ///
  /// @param shield what hides data from workers
  /// @return a new specification
  public TrainingSpec withShield(Shield shield) {
    return training(t -> {
      PrivacyConfig privacy =
          t.privacy().accounted()
              ? t.privacy()
              : Defaults.privacy(Defaults.protect(null, shield), null);
      return t.withPrivacy(privacy)
          .withShield(shield)
          .withRank(Defaults.rank(shield))
          .withNoise(Defaults.noise(privacy, shield));
    });
  }

  /// The same with other initial parameters.
  ///
  /// @param init where they are from
  /// @return a new specification
  public TrainingSpec withInit(InitSpec init) {
    return new TrainingSpec(data, training, init, workers, threads, analyzeEvery);
  }

  /// The same with other workers.
  ///
  /// @param workers who computes the untrusted part
  /// @return a new specification
  public TrainingSpec withWorkers(WorkerSpec workers) {
    return new TrainingSpec(data, training, init, workers, threads, analyzeEvery);
  }

  /// The same with another number of threads.
  ///
  /// @param threads of this process and of each worker that it starts
  /// @return a new specification
  public TrainingSpec withThreads(int threads) {
    return new TrainingSpec(data, training, init, workers, threads, analyzeEvery);
  }

  /// The same with rank analyses.
  ///
  /// @param epochs how many epochs apart; 0 for never
  /// @return a new specification
  public TrainingSpec withRankAnalysisEvery(int epochs) {
    return new TrainingSpec(data, training, init, workers, threads, epochs);
  }
}
