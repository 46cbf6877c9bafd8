package asymml.spark;

import asymml.session.ResolvedRun;
import asymml.session.StageMember;
import asymml.trusted.train.GradientStage;
import asymml.trusted.train.TrainingException;
import asymml.wire.ProtocolException;
import java.io.Serializable;
import org.apache.spark.SparkException;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.util.DoubleAccumulator;
import org.apache.spark.util.LongAccumulator;
import org.jspecify.annotations.Nullable;

/// A logical step as a Spark stage: parameters are broadcast, each partition sums the gradients of
/// its examples, sums come back by `treeReduce`. Of each partition one attempt counts, whichever
/// Spark takes; where examples are drawn, another attempt draws anew.
final class SparkStage implements GradientStage, AutoCloseable {
  private static final StageTimes.Task NO_TIME = new StageTimes.Task(0, 0);

  private final JavaSparkContext spark;
  private final ImageParts train;
  private final ImageParts test;
  private final StageMember.Job job;
  private final DoubleAccumulator loss;
  private final LongAccumulator images;
  private final StageTimes times = new StageTimes(System::nanoTime);

  /// A stage on images that are there.
  ///
  /// @param spark computes it
  /// @param run what is trained
  /// @param train its training images
  /// @param test its test images
  SparkStage(JavaSparkContext spark, ResolvedRun run, ImageParts train, ImageParts test) {
    this.spark = spark;
    this.train = train;
    this.test = test;
    job = StageMember.Job.of(run);
    loss = spark.sc().doubleAccumulator("asymml training loss, summed");
    images = spark.sc().longAccumulator("asymml training images");
  }

  /// What a task gives.
  ///
  /// @param value null if training diverged
  /// @param diverged how
  /// @param spent what the slowest task took
  private record Outcome<T extends Serializable>(
      @Nullable T value, @Nullable String diverged, StageTimes.Task spent) implements Serializable {
    private static final long serialVersionUID = 1;

    interface Sum<T> {
      T of(T a, T b);
    }

    Outcome<T> plus(Outcome<T> other, Sum<T> sum) {
      if (value == null || other.value == null) {
        return value == null ? this : other;
      }
      return new Outcome<>(sum.of(value, other.value), null, spent.slower(other.spent));
    }

    T orThrow() throws TrainingException {
      if (value == null) {
        throw TrainingException.diverged(String.valueOf(diverged), null);
      }
      return value;
    }
  }

  /// What each task of a step carries.
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  private record Task(
      StageMember.Job job,
      @Nullable Draws draws,
      int[] examples,
      long augmentationSeed,
      Broadcast<float[]> parameters,
      DoubleAccumulator loss,
      LongAccumulator images)
      implements Serializable {
    private static final long serialVersionUID = 1;

    Outcome<Sums> run(StageMember.Images part) throws Exception {
      long begun = System.nanoTime();
      float[] values = parameters.value();
      long fetched = System.nanoTime();
      try {
        Sums sums =
            Members.with(
                job, member -> member.sum(values, part, draws, examples, augmentationSeed));
        loss.add(sums.lossSum());
        images.add(sums.examples());
        return new Outcome<>(
            sums, null, new StageTimes.Task(fetched - begun, System.nanoTime() - fetched));
      } catch (TrainingException e) {
        // Another attempt would diverge too.
        return new Outcome<>(null, e.getMessage(), NO_TIME);
      }
    }
  }

  /// What each task of an evaluation carries.
  private record Test(StageMember.Job job, Broadcast<float[]> parameters) implements Serializable {
    private static final long serialVersionUID = 1;

    Outcome<double[]> run(StageMember.Images part) throws Exception {
      try {
        return new Outcome<>(
            Members.with(job, member -> member.score(parameters.value(), part)), null, NO_TIME);
      } catch (TrainingException e) {
        return new Outcome<>(null, e.getMessage(), NO_TIME);
      }
    }
  }

  @Override
  public Sums gradients(Step step, float[] parameters) throws ProtocolException, TrainingException {
    times.updated();
    long begun = times.now();
    Broadcast<float[]> broadcast = spark.broadcast(parameters);
    long sent = times.now();
    try {
      spark.setJobDescription("asymml step " + step.number());
      Task task =
          new Task(
              job,
              step.draws(),
              step.examples().stream().mapToInt(i -> i).toArray(),
              step.augmentationSeed(),
              broadcast,
              loss,
              images);
      Outcome<Sums> all = train.parts().map(task::run).treeReduce((a, b) -> a.plus(b, Sums::plus));
      Sums sums = all.orThrow();
      times.staged(begun, sent, all.spent);
      times.sends(
          (long) Float.BYTES * parameters.length,
          (long) Double.BYTES * sums.gradients().length,
          train.parts().getNumPartitions());
      return sums;
    } catch (Exception e) {
      // Spark throws checked exceptions that it does not declare.
      throw failed("step " + step.number(), e);
    } finally {
      broadcast.destroy();
    }
  }

  @Override
  public Score score(float[] parameters) throws ProtocolException, TrainingException {
    times.updated();
    Broadcast<float[]> broadcast = spark.broadcast(parameters);
    try {
      spark.setJobDescription("asymml test");
      Test task = new Test(job, broadcast);
      double[] sums =
          test.parts()
              .map(task::run)
              .treeReduce((a, b) ->
                  a.plus(b, (x, y) -> new double[] {x[0] + y[0], x[1] + y[1], x[2] + y[2]}))
              .orThrow();
      return new Score(sums[0] / sums[2], sums[1] / sums[2]);
    } catch (Exception e) {
      // Spark throws checked exceptions that it does not declare.
      throw failed("the test accuracy", e);
    } finally {
      broadcast.destroy();
    }
  }

  /// Where the time of its steps went.
  StageTimes times() {
    return times;
  }

  /// Spark says what went wrong over many lines.
  private static ProtocolException failed(String what, Exception e) throws TrainingException {
    if (e instanceof TrainingException diverged) {
      throw diverged;
    }
    if (!(e instanceof SparkException) && e instanceof RuntimeException bug) {
      throw bug;
    }
    String why = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    return new ProtocolException(
        ProtocolException.Reason.CLOSED, "Spark could not compute %s: %s".formatted(what, why), e);
  }

  /// Frees the networks of this process, if it has some. The images stay.
  @Override
  public void close() {
    Members.closeIdle();
  }
}
