package asymml.untrusted;

import asymml.wire.Deadline;
import asymml.wire.Link;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// Answers requests in their order, each when it has come to its end.
///
/// What is complete when it is handed over, and has nothing before it, is answered at once by the
/// caller's thread, as the CPU backend's calls all are where memory is shared. The rest waits for a
/// thread of its own, so that a device gets the next request while it works on this one, and a
/// result goes through the stream while the next one is computed.
final class Replies implements AutoCloseable {
  /// So many requests may be under way; the next one waits.
  static final int CAPACITY = 32;

  private static final Duration SEND_LIMIT = Duration.ofMinutes(10);

  /// The result of a request.
  ///
  /// @param slot its place
  /// @param memory what stands there
  record Result(Slot slot, MemorySegment memory) {}

  private record Pending(
      long sequence,
      Completion end,
      @Nullable Result result,
      List<Slot> operands,
      @Nullable String refusal) {

    boolean collides(@Nullable Slot nextResult, List<Slot> nextOperands) {
      boolean isRead = result != null && nextOperands.stream().anyMatch(result.slot::overlaps);
      boolean isWritten =
          nextResult != null
              && ((result != null && result.slot.overlaps(nextResult))
                  || operands.stream().anyMatch(nextResult::overlaps));
      return isRead || isWritten;
    }
  }

  private final Link link;
  private final LongSupplier cpuNanos;
  // The rest is guarded by this. A request is taken out once it is answered.
  private final Queue<Pending> pending = new ArrayDeque<>();
  private @Nullable Throwable failure;
  private boolean started;
  private boolean closed;

  /// @param link where to; nobody else sends while something is under way
  /// @param cpuNanos processor time of this process so far
  Replies(Link link, LongSupplier cpuNanos) {
    this.link = link;
    this.cpuNanos = cpuNanos;
  }

  /// Waits while a request under way writes what the next one reads or writes, or reads what that
  /// one writes: side by side they could change places.
  void awaitTurn(@Nullable Slot result, List<Slot> operands)
      throws ProtocolException, InterruptedException {
    synchronized (this) {
      while (pending.stream().anyMatch(p -> p.collides(result, operands))) {
        wait();
      }
      rethrow();
    }
  }

  /// Waits until all are answered.
  void drain() throws ProtocolException, InterruptedException {
    synchronized (this) {
      while (!pending.isEmpty()) {
        wait();
      }
      rethrow();
    }
  }

  /// Answers, at its end, that a request is done.
  ///
  /// @param result its result, or null if it has none
  /// @param operands what it reads
  void done(long sequence, Completion end, @Nullable Result result, List<Slot> operands)
      throws ProtocolException, InterruptedException {
    add(new Pending(sequence, end, result, operands, null));
  }

  /// Answers that a request is refused.
  void refused(long sequence, String reason) throws ProtocolException, InterruptedException {
    add(new Pending(sequence, Completion.DONE, null, List.of(), reason));
  }

  private void add(Pending next) throws ProtocolException, InterruptedException {
    synchronized (this) {
      while (pending.size() >= CAPACITY) {
        wait();
      }
      rethrow();
      boolean crosses = link.streamed() && next.result != null;
      if (crosses || !next.end.isDone() || !pending.isEmpty()) {
        pending.add(next);
        if (!started) {
          started = true;
          Thread.ofPlatform().daemon().name("replies").start(this::answerAll);
        }
        notifyAll();
        return;
      }
    }
    answer(next);
  }

  private void rethrow() throws ProtocolException {
    switch (failure) {
      case null -> {}
      case ProtocolException e -> throw e;
      case Throwable e -> throw new IllegalStateException("an answer failed: " + e, e);
    }
  }

  private void answerAll() {
    try {
      Pending next = first();
      while (next != null) {
        try {
          answer(next);
        } catch (ProtocolException | RuntimeException | Error e) {
          // Whatever it is ends the session; what is under way is still awaited here.
          fail(e);
        } finally {
          takeOut();
        }
        next = first();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized @Nullable Pending first() throws InterruptedException {
    while (pending.isEmpty() && !closed) {
      wait();
    }
    return pending.peek();
  }

  private synchronized void takeOut() {
    pending.remove();
    notifyAll();
  }

  // The session may wait for a request that never comes: closing the link ends that.
  private void fail(Throwable e) {
    synchronized (this) {
      if (failure == null) {
        failure = e;
      }
    }
    link.close();
  }

  private void answer(Pending request) throws ProtocolException {
    String refusal = request.refusal;
    try {
      request.end.await();
    } catch (DeviceException e) {
      refusal = String.valueOf(e.getMessage());
    }
    Deadline deadline = Deadline.in(SEND_LIMIT);
    if (refusal != null) {
      link.send(Message.Failed.because(request.sequence, refusal), deadline);
      return;
    }
    if (request.result != null && link.streamed()) {
      link.send(new Message.Payload(request.sequence, request.result.slot), deadline);
      link.sendTensor(request.result.memory, Deadline.in(SEND_LIMIT));
    }
    link.send(new Message.Done(request.sequence, cpuNanos.getAsLong()), Deadline.in(SEND_LIMIT));
  }

  /// Waits until nothing is under way, answered or not, and ends the thread. Idempotent.
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
      boolean interrupted = false;
      while (!pending.isEmpty()) {
        try {
          wait();
        } catch (InterruptedException e) {
          // The device writes to the caller's memory until the end.
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
