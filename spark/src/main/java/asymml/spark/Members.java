package asymml.spark;

import asymml.session.StageMember;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/// The members of an executor, with their networks: one for each task that runs at a time, used
/// again from stage to stage.
///
/// @param member with networks
/// @param thread to which their memory belongs
record Members(StageMember member, ExecutorService thread) {
  /// An executor's JVM serves one application, and tasks have no other place in common.
  private static final Deque<Members> IDLE = new ArrayDeque<>();

  /// What a task has a member do.
  interface Work<T> {
    T apply(StageMember member) throws Exception;
  }

  /// Has a member work, an idle one or a new one. After a failure it is closed.
  ///
  /// @param job what members are for; idle ones for another job are closed
  /// @throws Exception what the work throws
  static <T> T with(StageMember.Job job, Work<T> work) throws Exception {
    Members own = take(job);
    boolean done = false;
    try {
      T result = call(own.thread, () -> work.apply(own.member));
      done = true;
      return result;
    } finally {
      if (done) {
        synchronized (IDLE) {
          IDLE.push(own);
        }
      } else {
        own.close();
      }
    }
  }

  private static Members take(StageMember.Job job) throws Exception {
    List<Members> others = new ArrayList<>();
    Members found = null;
    synchronized (IDLE) {
      for (Iterator<Members> idle = IDLE.iterator(); idle.hasNext(); ) {
        Members next = idle.next();
        if (!next.member.isFor(job)) {
          idle.remove();
          others.add(next);
        } else if (found == null) {
          idle.remove();
          found = next;
        }
      }
    }
    others.forEach(Members::close);
    return found == null ? open(job) : found;
  }

  private static Members open(StageMember.Job job) throws Exception {
    ExecutorService thread =
        Executors.newSingleThreadExecutor(task -> {
          Thread created = new Thread(task, "asymml-member");
          created.setDaemon(true);
          return created;
        });
    boolean opened = false;
    try {
      StageMember member = call(thread, () -> StageMember.open(job));
      opened = true;
      return new Members(member, thread);
    } finally {
      if (!opened) {
        thread.shutdown();
      }
    }
  }

  private static <T> T call(ExecutorService thread, Callable<T> work) throws Exception {
    try {
      return thread.submit(work).get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Exception cause) {
        throw cause;
      }
      throw e;
    }
  }

  private void close() {
    thread.execute(member::close);
    thread.shutdown();
  }

  /// Closes those that are idle.
  static void closeIdle() {
    List<Members> all;
    synchronized (IDLE) {
      all = new ArrayList<>(IDLE);
      IDLE.clear();
    }
    all.forEach(Members::close);
  }
}
