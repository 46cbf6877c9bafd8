package asymml.serve;

import java.time.Duration;

/// What a server takes at most, so that no number or kind of requests takes all memory.
///
/// @param queuedImages images that wait or are being classified, 1 to 65536; beyond, requests are
///   answered with 503
/// @param bodyBytes of one request's body, 1 KiB to 1 GiB
/// @param connections at the same time, 1 to 65536; beyond, they wait to be accepted
/// @param requestTimeout for a request to be there and for it to wait in the queue, 1 to 3600 s; as
///   long a connection may be silent
/// @param batchWait how long a batch that is not full waits for further images, 0 to 1000 ms
public record ServeLimits(
    int queuedImages, int bodyBytes, int connections, Duration requestTimeout, Duration batchWait) {
  private static final int MOST = 65536;
  private static final int LEAST_BODY = 1 << 10;
  private static final int MOST_BODY = 1 << 30;
  private static final Duration LONGEST_REQUEST = Duration.ofHours(1);
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(1);

  /// 256 images, 8 MiB a body, 256 connections, 30 s, 5 ms.
  public static final ServeLimits DEFAULT =
      new ServeLimits(256, 8 << 20, 256, Duration.ofSeconds(30), Duration.ofMillis(5));

  /// Checks the ranges.
  public ServeLimits {
    requireRange("images in the queue", queuedImages, 1, MOST);
    requireRange("bytes of a body", bodyBytes, LEAST_BODY, MOST_BODY);
    requireRange("connections", connections, 1, MOST);
    if (requestTimeout.compareTo(Duration.ofSeconds(1)) < 0
        || requestTimeout.compareTo(LONGEST_REQUEST) > 0) {
      throw new IllegalArgumentException(
          "a request may take 1 to 3600 s: " + requestTimeout.toSeconds());
    }
    if (batchWait.isNegative() || batchWait.compareTo(LONGEST_WAIT) > 0) {
      throw new IllegalArgumentException(
          "a batch waits 0 to 1000 ms for further images: " + batchWait.toMillis());
    }
  }

  private static void requireRange(String what, int value, int least, int most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          "%s must be %s to %s: %s".formatted(what, least, most, value));
    }
  }
}
