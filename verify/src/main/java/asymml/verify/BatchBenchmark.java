package asymml.verify;

import asymml.model.Shape;
import asymml.trusted.data.Augmentation;
import asymml.trusted.data.BatchLoader;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/// The images that are normalised, flipped, shifted and assembled to batches in a second.
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@OperationsPerInvocation(BatchBenchmark.IMAGES)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class BatchBenchmark {
  static final int IMAGES = 2048;

  private static final int BATCH = 128;
  private static final Shape SHAPE = new Shape(32, 32, 3);

  private final ImageSet images =
      ImageSet.of(SHAPE, List.of("a"), new int[IMAGES], new byte[IMAGES * SHAPE.size()]);
  private final Normalization normalization = Normalization.of(images);
  private final int[] order = IntStream.range(0, IMAGES).toArray();

  /// Used by JMH.
  public BatchBenchmark() {}

  /// A pass over all images.
  ///
  /// @return how many batches there were
  @Benchmark
  public int assemble() {
    int batches = 0;
    try (BatchLoader loader =
        new BatchLoader(images, normalization, new Augmentation(true, 4), order, BATCH, 1, 0)) {
      while (loader.hasNext()) {
        loader.next();
        batches++;
      }
    }
    return batches;
  }
}
