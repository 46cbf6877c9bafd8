package asymml.attest.source;

import asymml.attest.EvidenceException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// Asks files that can block without end, where nothing interrupts them: the thread that asks is
/// then left behind.
final class TimeLimit {
  private TimeLimit() {}

  /// Runs a task on a thread of its own.
  ///
  /// @param limit how long to wait for it
  /// @param from what is asked, for messages
  /// @throws IOException one line, if the files fail or the limit is over
  /// @throws EvidenceException as the task
  static RawEvidence ask(Duration limit, String from, Callable<RawEvidence> task)
      throws IOException, EvidenceException, InterruptedException {
    FutureTask<RawEvidence> future = new FutureTask<>(task);
    Thread thread = Thread.ofPlatform().daemon().name("evidence").start(future);
    try {
      return future.get(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      throw new IOException(
          "%s gave no evidence within %s s: the kernel or its host does not answer"
              .formatted(from, limit.toSeconds()),
          e);
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case FileSystemException file -> throw new IOException(line(file), file);
        case IOException io -> throw new IOException(from + ": " + io.getMessage(), io);
        case EvidenceException evidence ->
            throw new EvidenceException(String.valueOf(evidence.getMessage()), evidence);
        case InterruptedException _ -> throw new InterruptedException();
        case null, default -> throw new IllegalStateException(e);
      }
    } finally {
      thread.interrupt();
    }
  }

  /// Some of these exceptions name a file alone.
  private static String line(FileSystemException e) {
    String reason =
        switch (e) {
          case AccessDeniedException _ -> "permission denied: evidence needs root";
          case NoSuchFileException _ -> "no such file";
          default -> e.getReason() == null ? e.getClass().getSimpleName() : e.getReason();
        };
    return e.getFile() + ": " + reason;
  }
}
