package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import asymml.model.Zoo;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.check.Verification;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.Shield;
import asymml.trusted.run.RunLayout;
import asymml.trusted.split.Workers;
import asymml.wire.Encoding;
import asymml.wire.Message;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WorkerPoolTest {
  private static final TrainingSpec SPEC =
      TrainingSpec.defaults().withNorm(Zoo.Norm.GROUP).withThreads(1);

  @TempDir Path folder;

  private FakeWorker fake(String name) throws Exception {
    return FakeWorker.start(folder.resolve(name));
  }

  private WorkerPool open(TrainingSpec spec, WorkerChoice... choices) throws IOException {
    return WorkerPool.open(spec.withWorkers(WorkerSpec.of(choices)), new RunLayout(folder));
  }

  @Test
  void a_worker_that_somebody_else_has_started_is_connected_described_and_left() throws Exception {
    FakeWorker fake = fake("w");
    try (WorkerPool pool = open(SPEC, fake.choice())) {
      assertThat(pool.describe())
          .containsExactly("UNTRUSTED: fake, float32, unix:" + folder.resolve("w"));
      Workers parties = pool.parties();
      assertThat(parties.all()).hasSize(1);
      assertThat(parties.isUnpredictable()).isTrue();
      assertThat(fake.isConnected()).isTrue();
      assertThat(new RunLayout(folder).workerLog(0)).doesNotExist();
    }
    fake.awaitLeft();
  }

  @Test
  void workers_that_share_batches_are_numbered_and_said_to_collude() throws Exception {
    List<FakeWorker> fakes = List.of(fake("a"), fake("b"), fake("c"));
    try (WorkerPool pool =
        open(SPEC, fakes.stream().map(FakeWorker::choice).toArray(WorkerChoice[]::new))) {
      assertThat(pool.describe())
          .hasSize(4)
          .satisfies(lines -> {
            for (int i = 0; i < 3; i++) {
              assertThat(lines.get(i)).startsWith("UNTRUSTED, %d of 3: fake".formatted(i + 1));
            }
          })
          .last()
          .asString()
          .contains("colluding");
      assertThat(pool.parties().all())
          .extracting(party -> party.worker().name())
          .containsExactly("worker 1 of 3", "worker 2 of 3", "worker 3 of 3");
    }
    for (FakeWorker fake : fakes) {
      fake.awaitLeft();
    }
  }

  @Test
  void a_worker_alone_has_no_number() throws Exception {
    FakeWorker fake = fake("w");
    try (WorkerPool pool = open(SPEC, fake.choice())) {
      RemoteWorker remote = pool.parties().all().getFirst().worker();
      assertThat(remote.name()).isEqualTo("the worker");
    }
  }

  @Test
  void when_one_worker_is_not_there_the_others_are_left() throws Exception {
    FakeWorker first = fake("first");
    FakeWorker second = fake("second");
    Path nobody = folder.resolve("nobody");
    assertThatThrownBy(
            () -> open(SPEC, first.choice(), second.choice(), WorkerChoice.parse("unix:" + nobody)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no worker listens on unix:" + nobody);
    first.awaitLeft();
    second.awaitLeft();
  }

  @Test
  void a_worker_of_another_protocol_is_refused() throws Exception {
    FakeWorker old = FakeWorker.start(folder.resolve("old"), Message.PROTOCOL_VERSION + 1);
    assertThatThrownBy(() -> open(SPEC, old.choice()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("protocol");
    old.awaitLeft();
  }

  @Test
  void under_masks_a_worker_that_does_not_show_its_precision_gets_nothing() throws Exception {
    FakeWorker masked = fake("masked");
    FakeWorker masks = fake("masks");
    assertThatThrownBy(() ->
            open(
                SPEC.withWorkers(WorkerSpec.of(masked.choice(), masks.choice()))
                    .withShield(new Shield.Shares(1)),
                masked.choice(),
                masks.choice()))
        .isInstanceOf(IOException.class)
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
    masked.awaitLeft();
    masks.awaitLeft();
  }

  @Test
  void a_run_without_untrusted_part_connects_to_nobody() throws Exception {
    FakeWorker fake = fake("w");
    try (WorkerPool pool = open(SPEC.withMode(Mode.TRUSTED_ONLY), fake.choice())) {
      assertThat(pool.describe()).isEmpty();
    }
    // It still waits for its first trainer.
    try (WorkerPool pool = open(SPEC, fake.choice())) {
      assertThat(pool.describe()).hasSize(1);
    }
  }

  @Test
  void a_missing_certificate_file_is_told_before_anyone_is_connected() throws Exception {
    Path missing = folder.resolve("missing.pem");
    WorkerSpec tls =
        WorkerSpec.local().withWorkers(List.of(WorkerChoice.parse("tls:localhost:1")), missing);
    assertThatThrownBy(() -> WorkerPool.open(SPEC.withWorkers(tls), new RunLayout(folder)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("missing.pem");
  }

  @Test
  void a_pool_that_is_closed_has_no_workers() throws Exception {
    FakeWorker fake = fake("w");
    WorkerPool pool = open(SPEC, fake.choice());
    pool.close();
    pool.close();
    fake.awaitLeft();
    assertThat(pool.describe()).isEmpty();
    assertThatThrownBy(pool::parties).isInstanceOf(IllegalStateException.class);
  }

  private static List<Finding.Kind> refused(
      List<WorkerChoice> workers, @Nullable Path trust, int chunks, Duration timeout) {
    InvalidSpecException e =
        catchThrowableOfType(
            InvalidSpecException.class,
            () ->
                new WorkerSpec(
                    workers,
                    trust,
                    null,
                    false,
                    Encoding.FLOAT32,
                    chunks,
                    Verification.OFF,
                    timeout,
                    List.of()));
    return e == null ? List.of() : e.findings().stream().map(Finding::kind).toList();
  }

  @Test
  void a_specification_of_workers_keeps_its_ranges() {
    List<WorkerChoice> local = WorkerSpec.local().workers();
    Duration minute = Duration.ofMinutes(1);
    List<Finding.Kind> range = List.of(Finding.Kind.OUT_OF_RANGE);
    assertThat(refused(List.of(), null, 1, minute)).isEqualTo(range);
    assertThat(refused(local, null, 0, minute)).isEqualTo(range);
    assertThat(refused(local, null, 1, minute)).isEmpty();
    assertThat(refused(local, null, 16, minute)).isEmpty();
    assertThat(refused(local, null, 17, minute)).isEqualTo(range);
    assertThat(refused(local, null, 1, Duration.ofMillis(999))).isEqualTo(range);
    assertThat(refused(local, null, 1, Duration.ofSeconds(1))).isEmpty();
    assertThat(refused(local, null, 1, Duration.ofMinutes(-1))).isEqualTo(range);
  }

  @ParameterizedTest
  @CsvSource({
    "local, false, true",
    "local, true, false",
    "unix:/w, true, false",
    "tls:a:1, false, false",
    "tls:a:1, true, true",
  })
  void a_certificate_goes_with_tls_addresses_and_with_nothing_else(
      String worker, boolean trust, boolean accepted) {
    assertThat(
            refused(
                List.of(WorkerChoice.parse(worker)),
                trust ? Path.of("w.pem") : null,
                1,
                Duration.ofSeconds(5)))
        .isEqualTo(accepted ? List.of() : List.of(Finding.Kind.TLS_WITHOUT_TRUST));
  }

  @Test
  void options_of_started_workers_are_copied() {
    List<String> options = new ArrayList<>(List.of("--record"));
    WorkerSpec spec = WorkerSpec.local().withLocalArguments(List.of(options));
    options.add("more");
    assertThat(spec.localArguments()).containsExactly(List.of("--record"));
  }
}
