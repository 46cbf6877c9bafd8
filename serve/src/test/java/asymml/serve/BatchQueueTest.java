package asymml.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.session.Finding;
import asymml.session.InvalidSpecException;
import asymml.session.TrainedRun.Prediction;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class BatchQueueTest {
  private static final ServeLimits LIMITS =
      new ServeLimits(8, 1024, 1, Duration.ofHours(1), Duration.ZERO);

  private final ServerMetrics metrics = new ServerMetrics();
  private final BatchQueue queue = new BatchQueue(LIMITS, 4, metrics);
  private final List<Integer> batches = new ArrayList<>();

  /// Images of one byte, the first of which is a number.
  private static List<byte[]> images(int first, int count) {
    return IntStream.range(first, first + count).mapToObj(i -> new byte[] {(byte) i}).toList();
  }

  private List<List<Prediction>> numbers(List<byte[]> pixels) {
    batches.add(pixels.size());
    return pixels.stream()
        .map(image -> List.of(new Prediction(Integer.toString(image[0]), 1)))
        .toList();
  }

  private CompletableFuture<List<List<Prediction>>> submit(int first, int count) throws Refusal {
    return queue.reserve(count).submit(images(first, count));
  }

  private static List<String> names(CompletableFuture<List<List<Prediction>>> answer) {
    return answer.join().stream().map(all -> all.getFirst().className()).toList();
  }

  private static Refusal refusal(CompletableFuture<?> answer) {
    try {
      throw new AssertionError("not refused: " + answer.join());
    } catch (CompletionException e) {
      return (Refusal) Objects.requireNonNull(e.getCause());
    }
  }

  @Test
  void requests_share_batches_and_each_gets_its_own_answer() throws Exception {
    CompletableFuture<List<List<Prediction>>> a = submit(1, 1);
    CompletableFuture<List<List<Prediction>>> b = submit(2, 2);
    CompletableFuture<List<List<Prediction>>> c = submit(4, 3);
    CompletableFuture<List<List<Prediction>>> d = submit(7, 1);
    queue.close();
    queue.run(this::numbers);
    assertThat(batches).containsExactly(3, 4);
    assertThat(names(a)).containsExactly("1");
    assertThat(names(b)).containsExactly("2", "3");
    assertThat(names(c)).containsExactly("4", "5", "6");
    assertThat(names(d)).containsExactly("7");
    assertThat(metrics.text(java.util.Map.of()))
        .contains("asymml_images_total 7\n", "asymml_batches_total 2\n");
  }

  @Test
  void a_request_with_more_images_than_a_batch_is_one_batch() throws Exception {
    CompletableFuture<List<List<Prediction>>> large = submit(0, 7);
    queue.close();
    queue.run(this::numbers);
    assertThat(batches).containsExactly(7);
    assertThat(names(large)).hasSize(7);
  }

  @Test
  void a_batch_waits_for_further_images_until_it_is_full() throws Exception {
    BatchQueue waiting =
        new BatchQueue(
            new ServeLimits(8, 1024, 1, Duration.ofHours(1), Duration.ofSeconds(1)), 2, metrics);
    CompletableFuture<List<List<Prediction>>> first = waiting.reserve(1).submit(images(1, 1));
    Thread runner = Thread.ofPlatform().start(() -> runQuietly(waiting));
    CompletableFuture<List<List<Prediction>>> second = waiting.reserve(1).submit(images(2, 1));
    assertThat(names(first)).containsExactly("1");
    assertThat(names(second)).containsExactly("2");
    waiting.close();
    runner.join();
    assertThat(batches.stream().mapToInt(Integer::intValue).sum()).isEqualTo(2);
  }

  private void runQuietly(BatchQueue some) {
    try {
      some.run(this::numbers);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void a_full_queue_refuses_and_takes_again_when_places_are_given_back() throws Exception {
    BatchQueue.Place place = queue.reserve(8);
    assertThat(queue.taken()).isEqualTo(8);
    assertThatThrownBy(() -> queue.reserve(1))
        .isInstanceOfSatisfying(Refusal.class, r -> assertThat(r.status()).isEqualTo(503))
        .hasMessage("the queue of 8 images is full: try again later");
    place.close();
    place.close();
    assertThat(queue.taken()).isZero();
    queue.reserve(8);
    assertThatThrownBy(() -> queue.reserve(9))
        .isInstanceOfSatisfying(Refusal.class, r -> assertThat(r.status()).isEqualTo(400))
        .hasMessage("a request has at most 8 images: 9");
  }

  @Test
  void a_closed_queue_answers_what_waits_and_refuses_the_rest() throws Exception {
    BatchQueue.Place late = queue.reserve(1);
    CompletableFuture<List<List<Prediction>>> waits = submit(1, 1);
    queue.close();
    assertThat(refusal(late.submit(images(2, 1))).status()).isEqualTo(503);
    assertThatThrownBy(() -> queue.reserve(1)).hasMessage("the server is stopping");
    queue.run(this::numbers);
    assertThat(names(waits)).containsExactly("1");
  }

  @Test
  void a_model_that_fails_ends_it_and_refuses_all_that_wait() throws Exception {
    CompletableFuture<List<List<Prediction>>> first = submit(1, 4);
    CompletableFuture<List<List<Prediction>>> second = submit(5, 4);
    assertThatThrownBy(() ->
            queue.run(_ -> {
              throw new IOException("the worker has gone");
            }))
        .hasMessage("the worker has gone");
    assertThat(refusal(first).status()).isEqualTo(503);
    assertThat(refusal(second).status()).isEqualTo(503);
    assertThatThrownBy(() -> queue.reserve(1)).hasMessage("the server is stopping");
  }

  @Test
  void images_that_must_not_be_classified_are_refused_and_their_neighbours_are_not()
      throws Exception {
    CompletableFuture<List<List<Prediction>>> good = submit(1, 1);
    CompletableFuture<List<List<Prediction>>> bad = submit(13, 1);
    CompletableFuture<List<List<Prediction>>> other = submit(2, 1);
    queue.close();
    queue.run(pixels -> {
      if (pixels.stream().anyMatch(image -> image[0] == 13)) {
        throw new InvalidSpecException(
            new Finding(Finding.Kind.PUBLIC_DATA_PRIVATE, "public-data", "has it"));
      }
      return numbers(pixels);
    });
    assertThat(names(good)).containsExactly("1");
    assertThat(names(other)).containsExactly("2");
    assertThat(refusal(bad).status()).isEqualTo(400);
  }
}
