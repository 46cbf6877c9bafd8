package asymml.spark;

import asymml.session.ResolvedRun;
import asymml.session.Settings;
import asymml.session.StageMember;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.Normalization;
import asymml.trusted.train.GradientStage;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainingException;
import asymml.wire.ProtocolException;
import java.io.IOException;
import java.io.Serializable;
import java.util.HashSet;
import java.util.Set;
import java.util.UUID;
import org.apache.spark.SparkException;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.util.DoubleAccumulator;
import org.apache.spark.util.LongAccumulator;
import org.jspecify.annotations.Nullable;

/// A logical step as a Spark stage: parameters are broadcast, each partition sums the gradients of
/// its examples, sums come back by `treeReduce`. A task asks the driver before it releases anything,
/// so that an attempt that Spark repeats is counted again, or refused.
final class SparkStage implements GradientStage, AsymmlPlugin.Desk, AutoCloseable {
  /// Examples computed at a time, at most, where nothing is accounted for.
  private static final int PHYSICAL_BATCH = 128;

  private final JavaSparkContext spark;
  private final ResolvedRun run;
  private final ImageParts train;
  private final ImageParts test;
  private final String id = UUID.randomUUID().toString();
  private final boolean asks;
  private final DoubleAccumulator loss;
  private final LongAccumulator images;
  private final LongAccumulator bytes;
  private StageMember.@Nullable Job job;

  // Guarded by this: threads of Spark ask.
  private final Set<Integer> begun = new HashSet<>();
  private long current = -1;
  private boolean lost;
  private @Nullable Repeats repeats;

  /// A stage on images that are there.
  ///
  /// @param spark with the plugin
  /// @param run what is trained
  /// @param train its training images
  /// @param test its test images
  SparkStage(JavaSparkContext spark, ResolvedRun run, ImageParts train, ImageParts test) {
    this.spark = spark;
    this.run = run;
    this.train = train;
    this.test = test;
    asks = run.needsWorker() || run.spec().training().privacy().accounted();
    loss = spark.sc().doubleAccumulator("asymml training loss, summed");
    images = spark.sc().longAccumulator("asymml training images");
    bytes = spark.sc().longAccumulator("asymml bytes released to workers");
    AsymmlPlugin.open(id, this);
  }

  /// What a task of a step gives.
  ///
  /// @param sums null if training diverged
  /// @param diverged how
  private record Outcome(@Nullable Sums sums, @Nullable String diverged) implements Serializable {
    private static final long serialVersionUID = 1;

    Outcome plus(Outcome other) {
      if (sums == null || other.sums == null) {
        return sums == null ? this : other;
      }
      return new Outcome(sums.plus(other.sums), null);
    }
  }

  /// What each task of a step carries.
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  private record Task(
      StageMember.Job job,
      String run,
      boolean asks,
      long step,
      int[] examples,
      long augmentationSeed,
      Broadcast<float[]> parameters,
      DoubleAccumulator loss,
      LongAccumulator images,
      LongAccumulator bytes)
      implements Serializable {
    private static final long serialVersionUID = 1;

    Outcome run(Part part) throws Exception {
      if (asks && !AsymmlPlugin.ask(run, step, TaskContext.getPartitionId())) {
        throw new IllegalStateException("step %s is lost: it may not release again".formatted(step));
      }
      try {
        Sums sums =
            Members.with(
                job,
                member ->
                    member.sum(parameters.value(), part.images(), examples, augmentationSeed));
        loss.add(sums.lossSum());
        images.add(sums.examples());
        bytes.add(sums.bytesOut());
        return new Outcome(sums, null);
      } catch (TrainingException e) {
        return new Outcome(null, e.getMessage());
      }
    }
  }

  private StageMember.Job job(Terms terms) {
    if (job == null || !job.terms().equals(terms)) {
      job = newJob(terms);
    }
    return job;
  }

  private StageMember.Job newJob(Terms terms) {
    TrainConfig config = run.spec().training();
    Normalization normalization = run.normalization();
    Augmentation augmentation =
        config.augment()
            ? run.graph().beginsWithScattering()
                ? run.data().augmentation().flipsOnly()
                : run.data().augmentation()
            : Augmentation.none();
    int share = Math.ceilDiv(config.batchSize(), Math.max(1, train.parts().getNumPartitions()));
    return new StageMember.Job(
        Settings.of(run.spec()).yaml(),
        run.data().train().classNames(),
        run.graph().input().height(),
        run.graph().input().width(),
        run.graph().input().channels(),
        normalization.mean(),
        normalization.standardDeviation(),
        augmentation.flip(),
        augmentation.cropPadding(),
        config.privacy().accounted() ? config.batchSize() : Math.min(PHYSICAL_BATCH, share),
        terms);
  }

  @Override
  public @Nullable Sums gradients(Step step, float[] parameters, Repeats repeats)
      throws ProtocolException, TrainingException {
    synchronized (this) {
      begun.clear();
      current = step.number();
      lost = false;
      this.repeats = repeats;
    }
    Broadcast<float[]> broadcast = spark.broadcast(parameters);
    try {
      spark.setJobGroup(id, "asymml step " + step.number());
      Task task =
          new Task(
              job(step.terms()),
              id,
              asks,
              step.number(),
              step.examples().stream().mapToInt(i -> i).toArray(),
              step.augmentationSeed(),
              broadcast,
              loss,
              images,
              bytes);
      Outcome outcome = train.parts().map(task::run).treeReduce(Outcome::plus);
      if (outcome.sums == null) {
        throw TrainingException.diverged(String.valueOf(outcome.diverged), null);
      }
      return outcome.sums;
    } catch (Exception e) {
      if (e instanceof TrainingException diverged) {
        throw diverged;
      }
      if (isLost()) {
        return null;
      }
      throw failed("step " + step.number(), e);
    } finally {
      synchronized (this) {
        current = -1;
        this.repeats = null;
      }
      broadcast.destroy();
      spark.clearJobGroup();
    }
  }

  private synchronized boolean isLost() {
    return lost;
  }

  /// Spark says what went wrong over many lines.
  private static ProtocolException failed(String what, Exception e) {
    if (!(e instanceof SparkException) && e instanceof RuntimeException bug) {
      throw bug;
    }
    String why = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    return new ProtocolException(
        ProtocolException.Reason.CLOSED, "Spark could not compute %s: %s".formatted(what, why), e);
  }

  @Override
  public synchronized boolean permit(long step, int partition) throws IOException {
    if (step != current || repeats == null || lost) {
      return false;
    }
    if (begun.add(partition)) {
      return true;
    }
    if (repeats.permit()) {
      return true;
    }
    lost = true;
    spark.cancelJobGroup(id);
    return false;
  }

  @Override
  public Score score(float[] parameters) throws ProtocolException, TrainingException {
    StageMember.@Nullable Job own = job;
    if (own == null) {
      throw new IllegalStateException("no step was done");
    }
    Broadcast<float[]> broadcast = spark.broadcast(parameters);
    try {
      double[] sums =
          test.parts()
              .map(part ->
                  Members.with(own, member -> member.score(broadcast.value(), part.images())))
              .treeReduce((a, b) -> new double[] {a[0] + b[0], a[1] + b[1], a[2] + b[2]});
      return new Score(sums[0] / sums[2], sums[1] / sums[2]);
    } catch (Exception e) {
      throw failed("the test accuracy", e);
    } finally {
      broadcast.destroy();
    }
  }

  /// No further task may release. The images stay.
  @Override
  public void close() {
    AsymmlPlugin.close(id);
  }
}
