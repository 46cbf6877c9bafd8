package asymml.trusted.data;

import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.trusted.draw.PoissonDraw;
import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.NoSuchElementException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Assembles the batches of one pass over an image set, two ahead of the reader on a thread of its
/// own. The reader is one thread. Same arguments, same batches, to the bit: an example's
/// augmentation depends on the augmentation seed and its index alone. Where there are several views
/// of each image, an example has as many places in a batch, one after the other. An image that can
/// no longer be decoded ends the pass, or is a null example from then on
/// ([Decoding.OnBadImage#SKIP]).
///
/// The buffers are planned once and used in turn. They lie in a shared arena, because the
/// assembling thread writes what the reader reads; [#close] zeroes them.
public final class BatchLoader implements AutoCloseable {
  /// One with the reader, two being filled or waiting: one slow batch does not stall training.
  private static final int BUFFERS = 3;

  private static final long CLOSE_TIMEOUT_SECONDS = 60;

  private final ImageSet images;
  private final int[] order;
  private final int batchSize;
  private final int views;
  private final int batches;
  private final BatchAssembler assembler;
  private final Arena arena = Arena.ofShared();
  private final Tensor[] buffers = new Tensor[BUFFERS];
  private final ArrayDeque<Future<Batch>> pending = new ArrayDeque<>(BUFFERS);
  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(task -> {
        Thread created = new Thread(task, "asymml-batches");
        created.setDaemon(true);
        return created;
      });

  private int nextBatch;
  private int nextToAssemble;
  private boolean closed;

  /// Starts assembling.
  ///
  /// @param images where the examples come from
  /// @param normalization of the network's training split
  /// @param augmentation how to vary the images
  /// @param order indices of examples in the order to serve, a permutation or any selection;
  ///   copied; [PoissonDraw#NULL_EXAMPLE] stands for a null example, an image of zeros
  /// @param batchSize examples per batch, at least 1; the last batch may be smaller
  /// @param augmentationSeed seeds the variation; a new one for each epoch
  /// @param firstBatch the number of the batch to start at, from 0 to the number of batches: a
  ///   resumed epoch continues with the batches it would have had
  /// @throws IllegalArgumentException if a range above is violated
  public BatchLoader(
      ImageSet images,
      Normalization normalization,
      Augmentation augmentation,
      int[] order,
      int batchSize,
      long augmentationSeed,
      int firstBatch) {
    this(images, normalization, augmentation, order, batchSize, augmentationSeed, firstBatch, null);
  }

  /// Starts assembling, with features in the place of images.
  ///
  /// @param images where the examples come from
  /// @param normalization of the network's training split
  /// @param augmentation how to vary the images: with features, by flips alone
  /// @param order indices of examples in the order to serve, a permutation or any selection;
  ///   copied; [PoissonDraw#NULL_EXAMPLE] stands for a null example, an image of zeros
  /// @param batchSize examples per batch, at least 1; the last batch may be smaller
  /// @param augmentationSeed seeds the variation; a new one for each epoch
  /// @param firstBatch the number of the batch to start at, from 0 to the number of batches
  /// @param features of these very images under this normalization, which must not be used by
  ///   others until [#close]; null to serve images
  /// @throws IllegalArgumentException if a range above is violated
  public BatchLoader(
      ImageSet images,
      Normalization normalization,
      Augmentation augmentation,
      int[] order,
      int batchSize,
      long augmentationSeed,
      int firstBatch,
      @Nullable FeatureCache features) {
    if (batchSize < 1) {
      throw new IllegalArgumentException("a batch has at least one example: " + batchSize);
    }
    if (Arrays.stream(order).anyMatch(i -> i < PoissonDraw.NULL_EXAMPLE || i >= images.size())) {
      throw new IllegalArgumentException("the order names an example outside " + images);
    }
    this.images = images;
    this.order = order.clone();
    this.batchSize = batchSize;
    views = augmentation.views();
    batches = Math.ceilDiv(order.length, batchSize);
    if (firstBatch < 0 || firstBatch > batches) {
      throw new IllegalArgumentException(
          "the first batch is one of 0 .. " + batches + ": " + firstBatch);
    }
    assembler = new BatchAssembler(images, normalization, augmentation, augmentationSeed, features);
    nextBatch = firstBatch;
    nextToAssemble = firstBatch;
    Shape shape = assembler.shape();
    int largest = Math.max(1, Math.min(batchSize, order.length));
    for (int b = 0; b < BUFFERS; b++) {
      buffers[b] =
          Tensor.allocate(arena, largest * views, shape.height(), shape.width(), shape.channels());
    }
    for (int b = 0; b < BUFFERS; b++) {
      assembleAhead();
    }
  }

  /// Whether there is another batch.
  ///
  /// @return true until the last batch was returned
  public boolean hasNext() {
    return nextBatch < batches;
  }

  /// The next batch, waiting for it if need be. It invalidates the one before.
  ///
  /// @return a view of a buffer of this loader
  /// @throws NoSuchElementException after the last batch
  /// @throws ImageLostException if an image is read from a file that cannot be decoded any more,
  ///   unless such images are left out
  /// @throws IllegalStateException after [#close], or if this thread is interrupted before or while
  ///   it waits
  public Batch next() {
    if (closed) {
      throw new IllegalStateException("the batch loader is closed");
    }
    if (!hasNext()) {
      throw new NoSuchElementException("all " + batches + " batches have been served");
    }
    // A future that is done would not look; whether an interrupt counts must not depend on that.
    if (Thread.currentThread().isInterrupted()) {
      throw new IllegalStateException("interrupted before waiting for a batch");
    }
    // Only now is the buffer of the batch before free; before the first there is none to free.
    if (pending.size() < BUFFERS) {
      assembleAhead();
    }
    // Taken off the queue only when it came: an interrupted wait loses no batch.
    Batch batch = await(pending.element());
    pending.remove();
    nextBatch++;
    return batch;
  }

  private void assembleAhead() {
    if (nextToAssemble < batches) {
      int number = nextToAssemble++;
      pending.add(thread.submit(() -> assemble(number)));
    }
  }

  private Batch assemble(int number) {
    int from = number * batchSize;
    int[] examples = Arrays.copyOfRange(order, from, Math.min(order.length, from + batchSize));
    int[] indices = new int[examples.length * views];
    Arrays.setAll(indices, i -> examples[i / views]);
    Tensor target = buffers[number % BUFFERS].examples(0, indices.length);
    assembler.assemble(indices, target);
    int[] labels =
        Arrays.stream(indices)
            .map(
                i -> i == PoissonDraw.NULL_EXAMPLE ? SoftmaxCrossEntropy.NO_LABEL : images.label(i))
            .toArray();
    return new Batch(indices, labels, target);
  }

  private static Batch await(Future<Batch> batch) {
    try {
      return batch.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for a batch", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof ImageLostException lost) {
        throw lost;
      }
      throw new IllegalStateException("assembling a batch failed", e.getCause());
    }
  }

  /// Ends the assembling thread, zeroes the buffers and frees them. Batches become invalid. Does
  /// nothing the second time.
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    thread.shutdownNow();
    awaitEnd();
    for (Tensor buffer : buffers) {
      buffer.fill(0);
    }
    assembler.clear();
    arena.close();
  }

  /// Waits even if interrupted: memory must not be freed under a thread that writes to it.
  private void awaitEnd() {
    boolean interrupted = false;
    boolean ended = false;
    while (!ended) {
      try {
        if (!thread.awaitTermination(CLOSE_TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
          throw new IllegalStateException("the batch thread does not end");
        }
        ended = true;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
