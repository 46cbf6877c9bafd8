package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.attest.SimulatedOwner;
import asymml.attest.SimulatedTee;
import asymml.attest.release.Decision;
import asymml.attest.release.LeaseClient;
import asymml.attest.release.ReleaseException;
import asymml.attest.release.RequiredTee;
import asymml.attest.seal.DataKey;
import asymml.attest.seal.SealKind;
import asymml.attest.seal.SealedReader;
import asymml.attest.seal.SealedTree;
import asymml.session.ModelFormat;
import asymml.session.ResolvedRun;
import asymml.session.SessionListener;
import asymml.session.TrainedRun;
import asymml.session.TrainingResult;
import asymml.session.TrainingSession;
import asymml.session.TrainingSpec;
import asymml.session.WorkerChoice;
import asymml.session.WorkerSpec;
import asymml.session.owner.OwnedRun;
import asymml.session.owner.OwnerAccess;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.Trainer;
import asymml.untrusted.WorkerThread;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Whole runs on sealed images: a simulated guest of SEV-SNP asks a simulated owner for the key,
/// and trains with a real worker.
class SealedTrainingTest {
  private static final String ANY_RUN =
      """
      run:
        modes: any
        shields: any
        leastNoiseMultiplier: any
        releaseModel: false
      """;

  @TempDir static Path folder;

  private static SimulatedTee tee;
  private static Path guest;
  private static SealedImagesFolder images;

  @BeforeAll
  static void there_is_a_machine_and_images() throws Exception {
    tee = new SimulatedTee();
    guest = tee.guest(folder.resolve("guest"));
    images = SealedImagesFolder.draw(folder.resolve("images"), 12, 6);
  }

  private static TrainingSpec spec(String data, WorkerThread worker) {
    return spec(data)
        .withMode(Mode.ASYMML)
        .withWorkers(WorkerSpec.of(new WorkerChoice.Remote(worker.address())));
  }

  private static TrainingSpec spec(String data) {
    return TrainingSpec.defaults()
        .withData(data)
        .withMode(Mode.TRUSTED_ONLY)
        .withNoise(new NoiseStrength.None())
        .withBatchSize(4)
        .withEpochs(2)
        .withThreads(1);
  }

  private static OwnerAccess access(SimulatedOwner owner, Path root) {
    return new OwnerAccess(
        owner.address(), owner.tlsKey(), RequiredTee.SNP, root, Duration.ofMinutes(5));
  }

  /// What follows from data and weights; the rest are times.
  private static List<List<Object>> values(TrainingResult result) {
    return result.epochs().stream()
        .map((EpochMetrics m) ->
            Arrays.<Object>asList(
                m.epoch(),
                m.step(),
                m.trainLoss(),
                m.trainAccuracy(),
                m.testLoss(),
                m.testAccuracy()))
        .toList();
  }

  private static final class Steps implements SessionListener {
    private final AtomicInteger done = new AtomicInteger();

    @Override
    public void stepDone(EpochTotals totals) {
      done.incrementAndGet();
    }
  }

  @Test
  void a_sealed_run_has_the_metrics_of_a_clear_one_and_leaves_nothing_in_clear() throws Exception {
    Path own = Files.createDirectory(folder.resolve("whole"));
    DataKey key = DataKey.draw(new SecureRandom());
    Path sealed = own.resolve("images.sealed");
    SealedTree.seal(images.images(), sealed, key, new SecureRandom());
    List<List<Object>> clear;
    try (WorkerThread worker = new WorkerThread();
        TrainingSession session =
            TrainingSession.create(
                spec(images.images().toString(), worker), own.resolve("clear"))) {
      clear = values(session.train());
    }
    Path directory = own.resolve("run");
    try (SimulatedOwner owner = new SimulatedOwner(own, tee.policy() + ANY_RUN, key)) {
      try (WorkerThread worker = new WorkerThread();
          OwnedRun owned =
              OwnedRun.request(spec(sealed.toString(), worker), access(owner, guest))) {
        assertThat(owned.isSimulation()).isTrue();
        assertThat(owned.lines().getFirst())
            .startsWith("tee      SIMULATION: not protected: SEV-SNP guest 5151");
        ResolvedRun run = owned.open((_, _, _) -> {});
        Steps steps = new Steps();
        try (TrainingSession session = owned.create(run, directory)) {
          session.listener(steps).stopWhen(() -> steps.done.get() >= 4);
          assertThat(session.train().outcome()).isEqualTo(Trainer.Outcome.STOPPED);
        }
      }
      assertThat(owner.decision().granted()).isTrue();
      Files.writeString(directory.resolve(".sealing-torn"), "half of a sealed file");
      try (WorkerThread worker = new WorkerThread();
          OwnedRun owned =
              OwnedRun.request(spec(sealed.toString(), worker), access(owner, guest))) {
        try (TrainingSession session = owned.resume(owned.open((_, _, _) -> {}), directory)) {
          TrainingResult result = session.train();
          assertThat(values(result)).isEqualTo(clear);
          try (TrainedRun trained = session.trained()) {
            assertThat(trained.model().epoch()).isEqualTo(2);
          }
        }
      }
      List<String> reasons = owner.decision().reasons();
      assertThat(reasons).isEmpty();
      assertDirectory(directory, key, own);
    }
  }

  private static void assertDirectory(Path directory, DataKey key, Path own) throws Exception {
    try (Stream<Path> all = Files.walk(directory)) {
      assertThat(
              all.filter(Files::isRegularFile)
                  .map(file -> directory.relativize(file).toString())
                  .sorted())
          .containsExactly(
              ".lock",
              "checkpoint.safetensors.sealed",
              "config.yaml",
              "evidence/1/certificates.bin",
              "evidence/1/configuration.json",
              "evidence/1/decision.json",
              "evidence/1/evidence.bin",
              "evidence/2/certificates.bin",
              "evidence/2/configuration.json",
              "evidence/2/decision.json",
              "evidence/2/evidence.bin",
              "ledger.json.sealed",
              "metrics.jsonl.sealed",
              "run.json.sealed");
    }
    assertThat(RunFile.read(directory.resolve("evidence/2/decision.json")))
        .containsEntry("granted", true)
        .containsEntry("simulation", true)
        .containsEntry("evidence", "SEV-SNP guest " + "51".repeat(48));
    assertThat(Files.readAllBytes(directory.resolve("evidence/1/configuration.json")))
        .isEqualTo(Files.readAllBytes(directory.resolve("evidence/2/configuration.json")));
    key.write(own.resolve("data.key"));
    String hex = Files.readString(own.resolve("data.key")).strip().split(" ", -1)[1];
    images.canaries().put("key", HexFormat.of().parseHex(hex));
    images.canaries().put("key in hexadecimal", hex.getBytes(StandardCharsets.US_ASCII));
    images.canaries().put("a metric", "testLoss".getBytes(StandardCharsets.US_ASCII));
    try (SealedReader checkpoint =
        new SealedReader(directory.resolve("checkpoint.safetensors.sealed"), key)) {
      assertThat(checkpoint.kind()).isEqualTo(SealKind.CHECKPOINT);
      images.canaries().put("weights", checkpoint.read(checkpoint.length() / 2, 64));
    }
    assertThat(images.foundBelow(directory)).isEmpty();
    // The test would notice: the clear run has all but the key.
    assertThat(images.foundBelow(own.resolve("clear")))
        .anyMatch(found -> found.endsWith("canary-class"))
        .anyMatch(found -> found.endsWith("a metric"));
  }

  private void assertRefused(SimulatedOwner owner, Path root, TrainingSpec spec, String reason)
      throws Exception {
    assertThatThrownBy(() -> OwnedRun.request(spec, access(owner, root)))
        .isInstanceOf(ReleaseException.class)
        .hasMessage(owner.address() + ": refused, see the owner's log");
    Decision decision = owner.decision();
    assertThat(decision.granted()).isFalse();
    assertThat(decision.reasons()).anyMatch(each -> each.startsWith(reason));
  }

  @Test
  void another_program_a_debugger_a_replay_and_other_settings_get_no_key() throws Exception {
    Path own = Files.createDirectory(folder.resolve("refused"));
    TrainingSpec spec = spec("images.sealed");
    try (SimulatedOwner owner =
        new SimulatedOwner(
            own,
            tee.policy() + ANY_RUN.replace("modes: any", "modes: [trusted-only]"),
            DataKey.draw(new SecureRandom()))) {
      assertRefused(
          owner, tee.changedGuest(folder.resolve("changed")), spec, "identity not accepted");
      assertRefused(owner, tee.debuggedGuest(folder.resolve("debugged")), spec, "debug");
      assertRefused(owner, tee.replayingGuest(folder.resolve("replaying")), spec, "report data");
      assertRefused(
          owner,
          guest,
          spec.withMode(Mode.UNTRUSTED_ONLY)
              .withWorkers(WorkerSpec.of(WorkerChoice.parse("unix:" + own.resolve("w")))),
          "run mode");
      assertThatThrownBy(() -> OwnedRun.request(spec, access(owner, own)))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("there is no evidence of snp");
    }
  }

  /// Stopped after some of its steps, so that it has more to do.
  private static RunLayout some(OwnedRun owned, ResolvedRun run, Path directory, int steps)
      throws Exception {
    Steps done = new Steps();
    boolean resume = Files.exists(directory);
    try (TrainingSession session =
        resume ? owned.resume(run, directory) : owned.create(run, directory)) {
      session.listener(done).stopWhen(() -> done.done.get() >= steps);
      session.train();
      return session.layout();
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> all = Files.walk(from)) {
      for (Path each : all.toList()) {
        Files.copy(each, to.resolve(from.relativize(each)), StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }

  @Test
  void an_owner_who_counts_steps_lets_no_old_copy_and_no_second_process_go_on() throws Exception {
    Path own = Files.createDirectory(folder.resolve("counted"));
    DataKey key = DataKey.draw(new SecureRandom());
    Path sealed = own.resolve("images.sealed");
    SealedTree.seal(images.images(), sealed, key, new SecureRandom());
    String policy = tee.policy() + ANY_RUN + "  rollback: owner\n";
    try (SimulatedOwner owner = new SimulatedOwner(own, policy, key);
        WorkerThread first = new WorkerThread();
        WorkerThread second = new WorkerThread();
        WorkerThread third = new WorkerThread();
        WorkerThread fourth = new WorkerThread()) {
      Path directory = own.resolve("run");
      TrainingSpec spec = spec(sealed.toString(), first).withEpochs(6);
      RunLayout layout;
      try (OwnedRun owned = OwnedRun.request(spec, access(owner, guest))) {
        assertThat(owned.lines()).anyMatch(line -> line.contains("the owner counts steps"));
        layout = some(owned, owned.open((_, _, _) -> {}), directory, 4);
        assertThat(LedgerFile.read(layout).steps()).isEqualTo(4);
      }
      assertThat(Files.readString(own.resolve("leases")).lines().toList().getLast())
          .contains("\"steps\":4");
      Path copy = own.resolve("copy");
      copy(directory, copy);
      try (OwnedRun owned =
          OwnedRun.request(
              spec.withWorkers(WorkerSpec.of(new WorkerChoice.Remote(second.address()))),
              access(owner, guest))) {
        some(owned, owned.open((_, _, _) -> {}), directory, 5);
      }
      try (OwnedRun owned =
          OwnedRun.request(
              spec.withWorkers(WorkerSpec.of(new WorkerChoice.Remote(third.address()))),
              access(owner, guest))) {
        ResolvedRun run = owned.open((_, _, _) -> {});
        assertThatThrownBy(() -> some(owned, run, copy, 1))
            .isInstanceOf(IOException.class)
            .hasMessage(
                "this is an old copy of the run: its ledger lists 4 steps, and the owner has"
                    + " counted 9");
        // Nor is its model exported, though its ledger fits it.
        Path model = own.resolve("model.sealed");
        assertThatThrownBy(() -> owned.export(copy, ModelFormat.SAFETENSORS, model))
            .isInstanceOf(IOException.class)
            .hasMessage(
                "%s is an old copy of the run, or the run was killed: its ledger lists 4 steps, and"
                    + " the owner has counted 9; resume the newest copy, and export that",
                copy);
        assertThat(model).doesNotExist();
        owned.export(directory, ModelFormat.SAFETENSORS, model).close();
        assertThat(model).exists();
      }
      // Another process has gone on meanwhile.
      try (OwnedRun owned =
          OwnedRun.request(
              spec.withWorkers(WorkerSpec.of(new WorkerChoice.Remote(fourth.address()))),
              access(owner, guest))) {
        ResolvedRun run = owned.open((_, _, _) -> {});
        Steps done = new Steps();
        try (TrainingSession session = owned.resume(run, directory)) {
          session
              .listener(done)
              .stopWhen(() -> {
                if (done.done.get() == 1) {
                  counts(owner, key, directory);
                }
                return false;
              });
          assertThatThrownBy(session::train)
              .isInstanceOf(IOException.class)
              .hasMessageContaining("another process trains this run: the owner has counted 99");
        }
      }
    }
  }

  /// Somebody else with the key has the run's steps counted.
  private static void counts(SimulatedOwner owner, DataKey key, Path directory) {
    try (SealedReader checkpoint =
        new SealedReader(directory.resolve("checkpoint.safetensors.sealed"), key)) {
      LeaseClient other =
          new LeaseClient(
              owner.address(),
              owner.tlsKey(),
              key,
              checkpoint.metadata(),
              new SecureRandom(),
              Duration.ofMinutes(5));
      other.ask(other.ask(0, 0).steps(), 99);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void a_file_of_another_run_or_name_is_not_read() throws Exception {
    Path own = Files.createDirectory(folder.resolve("swapped"));
    DataKey key = DataKey.draw(new SecureRandom());
    Path sealed = own.resolve("images.sealed");
    SealedTree.seal(images.images(), sealed, key, new SecureRandom());
    TrainingSpec spec = spec(sealed.toString()).withEpochs(1);
    try (SimulatedOwner owner = new SimulatedOwner(own, tee.policy() + ANY_RUN, key);
        OwnedRun owned = OwnedRun.request(spec, access(owner, guest))) {
      ResolvedRun run = owned.open((_, _, _) -> {});
      RunLayout one = trained(owned, run, own.resolve("one"));
      RunLayout two = trained(owned, run, own.resolve("two"));
      byte[] metrics = Files.readAllBytes(one.metrics());
      Files.write(one.metrics(), Files.readAllBytes(two.metrics()));
      assertResumeRefused(owned, run, one);
      Files.write(one.metrics(), Files.readAllBytes(one.runFile()));
      assertResumeRefused(owned, run, one);
      metrics[metrics.length - 1] ^= 1;
      Files.write(one.metrics(), metrics);
      try (TrainingSession session = owned.resume(run, one.directory())) {
        assertThatThrownBy(session::train)
            .isInstanceOf(IOException.class)
            .hasMessageContaining("does not hold");
      }
      assertThatThrownBy(() -> TrainedRun.open(two.directory()))
          .hasMessageContaining("holds a sealed run");
      assertThatThrownBy(() -> TrainingSession.resume(run, two.directory()))
          .hasMessageContaining("holds a sealed run");
      assertThatThrownBy(() -> TrainingSession.create(run, two.directory()))
          .hasMessageContaining("already holds a run (checkpoint.safetensors.sealed)");
    }
  }

  private static RunLayout trained(OwnedRun owned, ResolvedRun run, Path directory)
      throws Exception {
    try (TrainingSession session = owned.create(run, directory)) {
      session.train();
      return session.layout();
    }
  }

  private static void assertResumeRefused(OwnedRun owned, ResolvedRun run, RunLayout layout)
      throws Exception {
    try (TrainingSession session = owned.resume(run, layout.directory())) {
      assertThatThrownBy(session::train)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("was sealed as another file, or is of another run");
    }
  }
}
