package asymml.serve;

import asymml.session.InvalidSpecException;
import asymml.session.TrainedRun.Prediction;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// Images that wait to be classified, from many requests, by one thread, some at a time. A place is
/// taken before an image is decoded and given back when its request has been answered.
final class BatchQueue {
  /// Classifies images together.
  interface Model {
    /// As [ServedModel#classify].
    List<List<Prediction>> classify(List<byte[]> pixels) throws IOException;
  }

  private record Job(
      List<byte[]> pixels, long deadline, CompletableFuture<List<List<Prediction>>> answer) {}

  private final int capacity;
  private final int batchSize;
  private final long wait;
  private final long timeout;
  private final ServerMetrics metrics;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Deque<Job> jobs = new ArrayDeque<>();
  private int waiting; // images of the jobs
  private int taken; // places
  private boolean closed;

  /// @param limits size and times
  /// @param batchSize images that are classified together, unless one request has more
  /// @param metrics hears of batches
  BatchQueue(ServeLimits limits, int batchSize, ServerMetrics metrics) {
    capacity = limits.queuedImages();
    this.batchSize = batchSize;
    wait = limits.batchWait().toNanos();
    timeout = limits.requestTimeout().toNanos();
    this.metrics = metrics;
  }

  /// Takes places.
  ///
  /// @param images how many, at least 1
  /// @throws Refusal if there are not so many
  Place reserve(int images) throws Refusal {
    if (images > capacity) {
      throw Refusal.badRequest("a request has at most %s images: %s".formatted(capacity, images));
    }
    lock.lock();
    try {
      if (closed) {
        throw Refusal.unavailable("the server is stopping");
      }
      if (taken + images > capacity) {
        throw Refusal.unavailable(
            "the queue of %s images is full: try again later".formatted(capacity));
      }
      taken += images;
      return new Place(images);
    } finally {
      lock.unlock();
    }
  }

  /// How many places are taken.
  int taken() {
    lock.lock();
    try {
      return taken;
    } finally {
      lock.unlock();
    }
  }

  int capacity() {
    return capacity;
  }

  /// The places of one request.
  final class Place implements AutoCloseable {
    private int images;

    private Place(int images) {
      this.images = images;
    }

    /// Lets images wait for their turn.
    ///
    /// @param pixels as many as places
    /// @return the predictions of each; a [Refusal] if the server stops or their time is over
    CompletableFuture<List<List<Prediction>>> submit(List<byte[]> pixels) {
      Job job = new Job(pixels, System.nanoTime() + timeout, new CompletableFuture<>());
      lock.lock();
      try {
        if (closed) {
          job.answer.completeExceptionally(Refusal.unavailable("the server is stopping"));
        } else {
          jobs.add(job);
          waiting += pixels.size();
          changed.signalAll();
        }
      } finally {
        lock.unlock();
      }
      return job.answer;
    }

    @Override
    public void close() {
      lock.lock();
      try {
        taken -= images;
        images = 0;
      } finally {
        lock.unlock();
      }
    }
  }

  /// Classifies what comes, on this thread, until the queue is closed and empty.
  ///
  /// @throws IOException if the model fails; all that wait have then been refused
  void run(Model model) throws IOException {
    boolean done = false;
    try {
      while (true) {
        List<Job> batch = next();
        if (batch.isEmpty()) {
          done = true;
          return;
        }
        classify(model, batch);
      }
    } finally {
      close();
      if (!done) {
        refuseAll();
      }
    }
  }

  private List<Job> next() {
    lock.lock();
    try {
      while (jobs.isEmpty() && !closed) {
        changed.awaitUninterruptibly();
      }
      awaitFullBatch();
      List<Job> batch = new ArrayList<>();
      int images = 0;
      while (!jobs.isEmpty()
          && (batch.isEmpty() || images + jobs.getFirst().pixels.size() <= batchSize)) {
        Job job = jobs.removeFirst();
        waiting -= job.pixels.size();
        images += job.pixels.size();
        batch.add(job);
      }
      return batch;
    } finally {
      lock.unlock();
    }
  }

  private void awaitFullBatch() {
    long left = wait;
    while (left > 0 && waiting < batchSize && !closed) {
      try {
        left = changed.awaitNanos(left);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private void classify(Model model, List<Job> batch) throws IOException {
    List<Job> timely = new ArrayList<>();
    for (Job job : batch) {
      if (System.nanoTime() - job.deadline > 0) {
        job.answer.completeExceptionally(
            Refusal.unavailable(
                "waited more than %s s in the queue: try again later"
                    .formatted(Duration.ofNanos(timeout).toSeconds())));
      } else {
        timely.add(job);
      }
    }
    if (timely.isEmpty()) {
      return;
    }
    List<List<Prediction>> all;
    try {
      all = model.classify(timely.stream().flatMap(job -> job.pixels.stream()).toList());
    } catch (InvalidSpecException e) {
      refused(model, timely, e);
      return;
    } catch (IOException | RuntimeException | Error e) {
      timely.forEach(BatchQueue::failed);
      throw e;
    }
    metrics.classified(all.size());
    int at = 0;
    for (Job job : timely) {
      job.answer.complete(all.subList(at, at + job.pixels.size()));
      at += job.pixels.size();
    }
  }

  /// One of the requests has images that are not to be classified: each is asked alone.
  private void refused(Model model, List<Job> batch, InvalidSpecException e) throws IOException {
    if (batch.size() == 1) {
      batch
          .getFirst()
          .answer
          .completeExceptionally(Refusal.badRequest(String.valueOf(e.getMessage())));
      return;
    }
    for (Job job : batch) {
      classify(model, List.of(job));
    }
  }

  private static void failed(Job job) {
    job.answer.completeExceptionally(
        Refusal.unavailable("the model cannot be computed any more: the server is stopping"));
  }

  private void refuseAll() {
    lock.lock();
    try {
      jobs.forEach(BatchQueue::failed);
      jobs.clear();
      waiting = 0;
    } finally {
      lock.unlock();
    }
  }

  /// Takes no more. What waits is still classified. Idempotent.
  void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
