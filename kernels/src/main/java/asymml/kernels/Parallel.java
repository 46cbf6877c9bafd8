package asymml.kernels;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/// Runs numbered pieces of work on the caller and on daemon threads, [Kernels#threads()] in all.
/// How work is cut into pieces never depends on the number of threads, so results do not either.
final class Parallel {
  /// Elements in a piece: 256 KiB, which stays in a core's cache and outweighs the hand-over.
  static final int CHUNK = 1 << 16;

  /// Fewer pieces than this are done by the caller: waking another thread takes as long as a piece.
  private static final int WORTH_SHARING = 4;

  // Threads are made as they are needed and end after a minute without work.
  private static final ExecutorService WORKERS =
      Executors.newCachedThreadPool(
          Thread.ofPlatform().daemon().name("asymml-kernels-", 0).factory());

  private Parallel() {}

  /// Work on the elements from `from` to below `to`.
  interface Range {
    void run(long from, long to);
  }

  /// The number of [#CHUNK]s in so many elements.
  static int chunks(long size) {
    return Math.toIntExact((size + CHUNK - 1) / CHUNK);
  }

  /// Rows in a piece of a matrix with so many columns: about a [#CHUNK] of elements.
  static long rowsPerPiece(long columns) {
    return Math.max(1, CHUNK / columns);
  }

  /// Runs over all elements, one [#CHUNK] at a time; a chunk starts at a multiple of its size.
  static void overElements(long size, Range body) {
    overPieces(size, CHUNK, body);
  }

  /// Runs over all rows of a matrix, in pieces of about a [#CHUNK] of elements.
  static void overRows(long rows, long columns, Range body) {
    overPieces(rows, rowsPerPiece(columns), body);
  }

  private static void overPieces(long size, long piece, Range body) {
    int pieces = Math.toIntExact((size + piece - 1) / piece);
    IntConsumer one = i -> body.run(i * piece, Math.min(size, (i + 1) * piece));
    if (pieces < WORTH_SHARING) {
      for (int i = 0; i < pieces; i++) {
        one.accept(i);
      }
    } else {
      run(pieces, one);
    }
  }

  /// Runs pieces 0 to `pieces - 1`, each once, in any order, and returns when all are done.
  static void run(int pieces, IntConsumer body) {
    int threads = Math.min(Kernels.threads(), pieces);
    if (threads == 1) {
      for (int i = 0; i < pieces; i++) {
        body.accept(i);
      }
      return;
    }
    Batch batch = new Batch(pieces, body);
    for (int i = 1; i < threads; i++) {
      WORKERS.execute(batch);
    }
    batch.run();
    batch.await();
  }

  /// One call's pieces. A thread that comes late finds none left and touches no memory.
  private static final class Batch implements Runnable {
    private final int pieces;
    private final IntConsumer body;
    private final AtomicInteger next = new AtomicInteger();
    private final CountDownLatch unfinished;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

    Batch(int pieces, IntConsumer body) {
      this.pieces = pieces;
      this.body = body;
      this.unfinished = new CountDownLatch(pieces);
    }

    @Override
    public void run() {
      for (int i = next.getAndIncrement(); i < pieces; i = next.getAndIncrement()) {
        try {
          body.accept(i);
        } catch (RuntimeException | Error e) {
          failure.compareAndSet(null, e);
        } finally {
          unfinished.countDown();
        }
      }
    }

    /// Waits through interrupts, because other threads still write to the caller's memory.
    void await() {
      boolean interrupted = false;
      while (unfinished.getCount() > 0) {
        try {
          unfinished.await();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
      switch (failure.get()) {
        case null -> {}
        case Error e -> throw e;
        case Throwable e -> throw (RuntimeException) e;
      }
    }
  }
}
