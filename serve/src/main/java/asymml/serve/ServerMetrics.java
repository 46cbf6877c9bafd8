package asymml.serve;

import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAdder;

/// What the server has done, in Prometheus' text format. Nothing depends on what an image shows.
final class ServerMetrics {
  /// Upper bounds in seconds.
  private static final double[] BUCKETS = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30
  };

  private static final double NANOS = 1e9;

  /// What kinds of requests there are.
  enum Endpoint {
    INFER,
    CLASSIFY,
    STATUS,
    /// What no other is, with requests that are no HTTP.
    OTHER;

    String label() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private record Answered(Endpoint endpoint, int status) implements Comparable<Answered> {
    @Override
    public int compareTo(Answered other) {
      int first = endpoint.compareTo(other.endpoint);
      return first == 0 ? Integer.compare(status, other.status) : first;
    }
  }

  private static final class Times {
    final AtomicLongArray counts = new AtomicLongArray(BUCKETS.length + 1);
    final AtomicLong nanos = new AtomicLong();

    void add(long elapsed) {
      int at = 0;
      while (at < BUCKETS.length && elapsed > BUCKETS[at] * NANOS) {
        at++;
      }
      counts.incrementAndGet(at);
      nanos.addAndGet(elapsed);
    }
  }

  private final Map<Answered, LongAdder> answered = new ConcurrentSkipListMap<>();
  private final Map<Endpoint, Times> times = new ConcurrentSkipListMap<>();
  private final LongAdder images = new LongAdder();
  private final LongAdder batches = new LongAdder();

  /// A request was answered, in so many nanoseconds.
  void answered(Endpoint endpoint, int status, long nanos) {
    answered.computeIfAbsent(new Answered(endpoint, status), _ -> new LongAdder()).increment();
    times.computeIfAbsent(endpoint, _ -> new Times()).add(nanos);
  }

  /// A batch of so many images was classified.
  void classified(int count) {
    batches.increment();
    images.add(count);
  }

  /// All metrics.
  ///
  /// @param gauges further ones by their names
  /// @return lines of the text format 0.0.4
  String text(Map<String, Long> gauges) {
    StringBuilder text = new StringBuilder();
    text.append("# TYPE asymml_requests_total counter\n");
    answered.forEach((key, count) ->
        text.append(
            "asymml_requests_total{endpoint=\"%s\",status=\"%s\"} %s\n"
                .formatted(key.endpoint.label(), key.status, count.sum())));
    text.append("# TYPE asymml_request_seconds histogram\n");
    times.forEach((endpoint, all) -> append(text, endpoint.label(), all));
    append(text, "asymml_images_total", "counter", images.sum());
    append(text, "asymml_batches_total", "counter", batches.sum());
    gauges.forEach((name, value) -> append(text, name, "gauge", value));
    return text.toString();
  }

  private static void append(StringBuilder text, String name, String type, long value) {
    text.append("# TYPE %s %s\n%s %s\n".formatted(name, type, name, value));
  }

  private static void append(StringBuilder text, String endpoint, Times all) {
    long sum = 0;
    for (int i = 0; i <= BUCKETS.length; i++) {
      sum += all.counts.get(i);
      text.append(
          "asymml_request_seconds_bucket{endpoint=\"%s\",le=\"%s\"} %s\n"
              .formatted(endpoint, i < BUCKETS.length ? BUCKETS[i] : "+Inf", sum));
    }
    text.append(
        "asymml_request_seconds_sum{endpoint=\"%s\"} %s\n"
            .formatted(endpoint, all.nanos.get() / NANOS));
    text.append("asymml_request_seconds_count{endpoint=\"%s\"} %s\n".formatted(endpoint, sum));
  }
}
