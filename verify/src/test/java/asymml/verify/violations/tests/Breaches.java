package asymml.verify.violations.tests;

import static org.junit.jupiter.api.Assertions.assertTimeout;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Timeout;

/// What tests must not do: each marked line breaks the rule of its mark.
final class Breaches {
  private Breaches() {}

  static void waits() throws InterruptedException {
    Thread.sleep(50); // breach: no test sleeps
    TimeUnit.MILLISECONDS.sleep(50); // breach: no test sleeps
    LockSupport.parkNanos(50); // breach: no test sleeps
    CompletableFuture.delayedExecutor(50, TimeUnit.MILLISECONDS); // breach: no test sleeps
  }

  static long measures() {
    long start = System.nanoTime(); // breach: no test measures time
    return start - System.currentTimeMillis(); // breach: no test measures time
  }

  @Timeout(1) // breach: no test limits time
  static void limits() {
    assertTimeout(Duration.ofMillis(1), () -> {}); // breach: no test limits time
    Assertions.assertThat(new CompletableFuture<>())
        .succeedsWithin(Duration.ZERO); // breach: no test limits time
  }
}
