package asymml.session.owner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.attest.SimulatedOwner;
import asymml.attest.SimulatedTee;
import asymml.attest.release.LeaseClient;
import asymml.attest.release.RequiredTee;
import asymml.attest.seal.DataKey;
import asymml.attest.seal.SealedTree;
import asymml.session.ResolvedRun;
import asymml.session.SessionListener;
import asymml.session.Settings;
import asymml.session.TrainingResult;
import asymml.session.TrainingSession;
import asymml.session.TrainingSpec;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.EpochTotals;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Runs whose steps an owner counts, with DP-SGD: what is counted is spent, whatever becomes of it.
class CountedRunTest {
  private static final String POLICY =
      """
      run:
        modes: [trusted-only]
        shields: any
        protect: [residuals, gradients, weights]
        greatestEpsilon: 50
        greatestDelta: 0.01
        releaseModel: false
        rollback: owner
      """;
  private static final String SETTINGS =
      """
      mode: trusted-only
      dp-sgd: true
      norm: group
      target-epsilon: 50
      delta: 0.01
      logical-batch-size: 4
      batch-size: 4
      epochs: 3
      threads: 1
      """;

  @TempDir Path folder;

  private final SecureRandom random = new SecureRandom();
  private final DataKey key = DataKey.draw(random);

  @BeforeEach
  void an_owner_seals_images() throws Exception {
    Random pixels = new Random(9);
    for (int i = 0; i < 32; i++) {
      BufferedImage image = new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB);
      for (int p = 0; p < 64; p++) {
        image.setRGB(p % 8, p / 8, pixels.nextInt(1 << 24));
      }
      Path split = folder.resolve(i < 24 ? "images/train" : "images/test");
      Path target = Files.createDirectories(split.resolve(i % 2 == 0 ? "a" : "b"));
      ImageIO.write(image, "png", target.resolve(i + ".png").toFile());
    }
    SealedTree.seal(folder.resolve("images"), folder.resolve("images.sealed"), key, random);
  }

  private TrainingSpec spec() {
    return Settings.parse("run.yaml", SETTINGS)
        .spec()
        .withData(folder.resolve("images.sealed").toString());
  }

  private OwnerAccess access(SimulatedOwner owner, Path guest) {
    return new OwnerAccess(
        owner.address(), owner.tlsKey(), RequiredTee.SNP, guest, Duration.ofMinutes(5));
  }

  /// What a test does in place of a kill.
  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  /// Dies in the middle of an epoch.
  private record DiesAfter(int steps) implements SessionListener {
    @Override
    public void stepDone(EpochTotals totals) {
      if (totals.batches() == steps) {
        throw new Killed();
      }
    }
  }

  @Test
  void what_was_counted_before_a_kill_is_spent_and_the_budget_holds() throws Exception {
    SimulatedTee tee = new SimulatedTee();
    Path guest = tee.guest(folder.resolve("guest"));
    Path directory = folder.resolve("run");
    try (SimulatedOwner owner = new SimulatedOwner(folder, tee.policy() + POLICY, key);
        OwnedRun owned = OwnedRun.request(spec(), access(owner, guest))) {
      ResolvedRun run = owned.open((_, _, _) -> {});
      RunLayout layout;
      try (TrainingSession session = owned.create(run, directory)) {
        layout = session.layout();
        session.listener(new DiesAfter(2));
        assertThatThrownBy(session::train).isInstanceOf(Killed.class);
      }
      // All six steps of the epoch were counted, before the first one.
      assertThat(Files.readString(folder.resolve("leases"))).contains("\"steps\":6}");
      assertThat(LedgerFile.read(layout).steps()).isEqualTo(6);
      byte[] old = Files.readAllBytes(layout.ledger());
      try (TrainingSession session = owned.resume(run, directory)) {
        TrainingResult result = session.train();
        // Four steps were lost; the others of the run were made.
        assertThat(result.epochs()).hasSize(3);
        assertThat(result.statement()).isNotNull();
        assertThat(LedgerFile.read(layout).steps()).isEqualTo(18);
      }
      assertThat(Files.readString(folder.resolve("leases")).lines().toList().getLast())
          .contains("\"steps\":18");
      Files.write(layout.ledger(), old);
      try (TrainingSession session = owned.resume(run, directory)) {
        assertThatThrownBy(session::train)
            .isInstanceOf(IOException.class)
            .hasMessageContaining("this is an old copy of the run: its ledger lists 6 steps");
      }
    }
  }

  @Test
  void an_owner_whose_file_is_older_than_the_run_is_noticed() throws Exception {
    OwnerLease lease;
    try (SimulatedOwner owner = new SimulatedOwner(folder, "platforms: any\n" + POLICY, key)) {
      lease =
          new OwnerLease(
              new LeaseClient(
                  owner.address(),
                  owner.tlsKey(),
                  key,
                  new byte[16],
                  random,
                  Duration.ofMinutes(5)));
      assertThat(lease.counted(0, 64)).isZero();
      lease.change(0, 10);
      assertThat(lease.counted(10, 64)).isEqualTo(10);
      assertThat(lease.counted(4, 6)).isEqualTo(10);
      assertThatThrownBy(() -> lease.counted(4, 5)).hasMessageContaining("an old copy of the run");
      assertThatThrownBy(() -> lease.counted(11, 64))
          .hasMessageContaining("the owner's file of leases is an old one");
      assertThatThrownBy(() -> lease.change(9, 12))
          .hasMessage(
              "another process trains this run: the owner has counted 10 steps, this process 9");
    }
    // The owner has gone.
    assertThatThrownBy(() -> lease.change(10, 12))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("tls:127.0.0.1:");
  }
}
