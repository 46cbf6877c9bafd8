package asymml.spark;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/// What tasks of an executor use again: values whose memory belongs to one thread, one value for
/// each task that runs at a time.
///
/// @param <K> what a value is for
/// @param <V> such as a network
final class Pool<K, V extends AutoCloseable> {
  private final String name;
  private final Opener<K, V> opener;
  private final Deque<Entry<K, V>> idle = new ArrayDeque<>();

  /// An empty one.
  ///
  /// @param name of its threads
  /// @param opener of values
  Pool(String name, Opener<K, V> opener) {
    this.name = name;
    this.opener = opener;
  }

  /// Creates values.
  interface Opener<K, V> {
    V open(K key) throws Exception;
  }

  /// What is done with a value.
  interface Work<V, T> {
    T apply(V value) throws Exception;
  }

  private record Entry<K, V extends AutoCloseable>(K key, V value, ExecutorService thread) {
    void close() {
      thread.execute(() -> {
        try {
          value.close();
        } catch (Exception e) {
          // Nobody waits for it, and nothing else uses the value.
          throw new IllegalStateException("a value that is no longer used cannot be closed", e);
        }
      });
      thread.shutdown();
    }
  }

  /// Has an idle value or a new one do some work, in its thread. After a failure it is closed.
  ///
  /// @param key what the value is for; idle ones for another key are closed
  /// @throws Exception what the work throws
  <T> T with(K key, Work<V, T> work) throws Exception {
    Entry<K, V> own = take(key);
    boolean done = false;
    try {
      T result = call(own.thread, () -> work.apply(own.value));
      done = true;
      return result;
    } finally {
      if (done) {
        synchronized (idle) {
          idle.push(own);
        }
      } else {
        own.close();
      }
    }
  }

  private Entry<K, V> take(K key) throws Exception {
    List<Entry<K, V>> others = new ArrayList<>();
    Entry<K, V> found = null;
    synchronized (idle) {
      for (Entry<K, V> next : List.copyOf(idle)) {
        if (!next.key.equals(key)) {
          idle.remove(next);
          others.add(next);
        } else if (found == null) {
          idle.remove(next);
          found = next;
        }
      }
    }
    others.forEach(Entry::close);
    return found == null ? open(key) : found;
  }

  private Entry<K, V> open(K key) throws Exception {
    ExecutorService thread =
        Executors.newSingleThreadExecutor(task -> {
          Thread created = new Thread(task, name);
          created.setDaemon(true);
          return created;
        });
    boolean opened = false;
    try {
      V value = call(thread, () -> opener.open(key));
      opened = true;
      return new Entry<>(key, value, thread);
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

  /// Closes the values that are idle.
  void closeIdle() {
    List<Entry<K, V>> all;
    synchronized (idle) {
      all = new ArrayList<>(idle);
      idle.clear();
    }
    all.forEach(Entry::close);
  }
}
