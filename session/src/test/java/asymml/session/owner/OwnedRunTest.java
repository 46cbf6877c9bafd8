package asymml.session.owner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.attest.EvidenceException;
import asymml.attest.release.Acceptance;
import asymml.attest.release.KeyGrant;
import asymml.attest.release.OwnerAddress;
import asymml.attest.release.RequiredTee;
import asymml.attest.seal.DataKey;
import asymml.attest.seal.SealKind;
import asymml.attest.seal.SealedReader;
import asymml.attest.seal.SealedTree;
import asymml.attest.source.RawEvidence;
import asymml.interop.InitialWeights;
import asymml.session.InvalidSpecException;
import asymml.session.ModelFormat;
import asymml.session.ResolvedRun;
import asymml.session.TrainedRun;
import asymml.session.TrainingResult;
import asymml.session.TrainingSession;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataException;
import asymml.trusted.plan.Mode;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPairGenerator;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Runs whose key is there already: what they read and write. How a key is got is tested with whole
/// TEEs elsewhere.
class OwnedRunTest {
  private static final Acceptance GENUINE =
      new Acceptance(false, false, "TDX domain 91eb", "UpToDate");
  private static final Acceptance SIMULATED = new Acceptance(true, true, "SEV-SNP guest 5151", "");

  @TempDir static Path shared;

  private static PublicKey ownerKey;

  @TempDir Path folder;

  @BeforeAll
  static void there_are_images() throws Exception {
    ownerKey = KeyPairGenerator.getInstance("EC").generateKeyPair().getPublic();
    Random random = new Random(3);
    for (int i = 0; i < 12; i++) {
      BufferedImage image = new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB);
      for (int p = 0; p < 64; p++) {
        image.setRGB(p % 8, p / 8, random.nextInt(1 << 24));
      }
      Path target =
          Files.createDirectories(
              shared
                  .resolve(i < 8 ? "images/train" : "images/test")
                  .resolve(i % 2 == 0 ? "a" : "b"));
      ImageIO.write(image, "png", target.resolve(i + ".png").toFile());
    }
  }

  private TrainingSpec spec() {
    return TrainingSpec.defaults()
        .withData(folder.resolve("images.sealed").toString())
        .withMode(Mode.TRUSTED_ONLY)
        .withBatchSize(4)
        .withEpochs(2)
        .withThreads(1);
  }

  private OwnedRun owned(DataKey key, Acceptance acceptance, Path root) throws EvidenceException {
    return new OwnedRun(
        spec(),
        new OwnerAccess(
            OwnerAddress.parse("tls:localhost:1"),
            ownerKey,
            RequiredTee.TDX,
            root,
            Duration.ofSeconds(1)),
        Declaration.of(spec()),
        new KeyGrant(
            key, acceptance, new RawEvidence("tdx_guest", new byte[] {4, 0, 2, 0}, new byte[0])));
  }

  private DataKey sealed() throws IOException {
    DataKey key = DataKey.draw(new SecureRandom());
    SealedTree.seal(
        shared.resolve("images"), folder.resolve("images.sealed"), key, new SecureRandom());
    return key;
  }

  private static List<List<Double>> losses(TrainingResult result) {
    return result.epochs().stream()
        .map((EpochMetrics m) -> List.of(m.testLoss(), m.testAccuracy()))
        .toList();
  }

  @Test
  void a_run_is_written_sealed_resumed_and_exported_sealed() throws Exception {
    Path directory = folder.resolve("run");
    List<List<Double>> clear;
    try (TrainingSession session =
        TrainingSession.create(
            ResolvedRun.open(spec().withData(shared.resolve("images").toString()), (_, _, _) -> {}),
            folder.resolve("clear"))) {
      clear = losses(session.train());
    }
    try (DataKey key = sealed();
        OwnedRun owned = owned(key, GENUINE, Path.of("/"))) {
      ResolvedRun run = owned.open((_, _, _) -> {});
      assertThat(run.describeSizes()).startsWith("images.sealed: 8 training and 4 test images");
      int[] asked = {0};
      try (TrainingSession session = owned.create(run, directory)) {
        session.stopWhen(() -> ++asked[0] > 2).train();
      }
      ResolvedRun longer = ResolvedRun.of(spec().withEpochs(3), run.data(), null);
      assertThatThrownBy(() -> owned.resume(longer, directory))
          .isInstanceOf(InvalidSpecException.class)
          .hasMessageContaining("it began with 2 and is to have 3");
      try (TrainingSession session = owned.resume(run, directory)) {
        assertThat(losses(session.train())).isEqualTo(clear);
        RunLayout layout = session.layout();
        assertThat(RunFile.read(layout.store(), layout.runFile()))
            .containsEntry("outcome", "finished")
            .containsEntry(
                "trustedProcess", "TDX domain 91eb, TCB UpToDate, accepted by the owner");
      }
      assertThat(directory.resolve("evidence/2/decision.json")).isRegularFile();
      assertThat(directory.resolve("evidence/1/certificates.bin")).doesNotExist();
      assertThat(RunFile.read(directory.resolve("evidence/1/decision.json")))
          .containsEntry("simulation", false)
          .containsEntry("tcbStatus", "UpToDate")
          .containsEntry("owner", "tls:localhost:1");
      Path exported = folder.resolve("model.sealed");
      try (TrainedRun trained = owned.export(directory, ModelFormat.SAFETENSORS, exported);
          SealedReader reader = new SealedReader(exported, key)) {
        assertThat(trained.model().epoch()).isEqualTo(2);
        assertThat(reader.kind()).isEqualTo(SealKind.MODEL);
        Path opened = folder.resolve("model.safetensors");
        Files.write(opened, reader.read(0, (int) reader.length()));
        assertThat(InitialWeights.read(opened, run.graph()).values()).isNotEmpty();
      }
      assertThatThrownBy(() -> owned.export(folder.resolve("clear"), ModelFormat.ONNX, exported))
          .hasMessageContaining("holds no sealed run");
    }
  }

  @Test
  void a_run_in_a_directory_named_by_the_time_is_sealed_too() throws Exception {
    try (DataKey key = sealed();
        OwnedRun owned = owned(key, GENUINE, Path.of("/"));
        TrainingSession session =
            owned.createUnder(owned.open((_, _, _) -> {}), folder.resolve("runs"))) {
      assertThat(session.layout().directory().getFileName().toString())
          .endsWith("-cnn-trusted-only");
      assertThat(session.layout().store().isSealed()).isTrue();
    }
  }

  @Test
  void a_simulation_says_so_whoever_makes_it_one() throws Exception {
    try (DataKey key = DataKey.draw(new SecureRandom())) {
      OwnedRun byPolicy = owned(key, SIMULATED, Path.of("/"));
      OwnedRun byRoot = owned(key, GENUINE, folder);
      OwnedRun genuine = owned(key, GENUINE, Path.of("/etc/.."));
      assertThat(byPolicy.isSimulation()).isTrue();
      assertThat(byRoot.isSimulation()).isTrue();
      assertThat(genuine.isSimulation()).isFalse();
      assertThat(byRoot.protection())
          .isEqualTo(
              "SIMULATION: not protected: TDX domain 91eb, TCB UpToDate, accepted by the owner");
      assertThat(byPolicy.lines()).anyMatch(line -> line.contains("the owner counts steps"));
      assertThat(genuine.lines())
          .contains("tee      TDX domain 91eb, TCB UpToDate, accepted by the owner")
          .anyMatch(line -> line.startsWith("rollback not prevented"));
    }
  }

  @Test
  void without_evidence_nobody_is_asked_and_a_damaged_folder_names_no_file() throws Exception {
    OwnerAccess access =
        new OwnerAccess(
            OwnerAddress.parse("tls:localhost:1"),
            ownerKey,
            RequiredTee.SGX,
            folder,
            Duration.ofSeconds(1));
    assertThatThrownBy(() -> OwnedRun.request(spec(), access))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("there is no evidence of sgx, without which the owner releases no");
    assertThatThrownBy(() -> OwnedRun.request(spec().withData("generated"), access))
        .isInstanceOf(InvalidSpecException.class);
    assertThatThrownBy(() ->
            new OwnerAccess(
                access.address(), ownerKey, RequiredTee.SGX, folder, Duration.ofMillis(1)))
        .isInstanceOf(IllegalArgumentException.class);
    Path images = Files.createDirectories(folder.resolve("bad/train/secret"));
    Files.writeString(images.resolve("x.png"), "no image", StandardCharsets.US_ASCII);
    try (DataKey key = DataKey.draw(new SecureRandom());
        OwnedRun owned = owned(key, GENUINE, Path.of("/"))) {
      SealedTree.seal(
          folder.resolve("bad"), folder.resolve("images.sealed"), key, new SecureRandom());
      assertThatThrownBy(() -> owned.open((_, _, _) -> {}))
          .isInstanceOf(DataException.class)
          .hasMessageStartingWith("images.sealed holds no <split>/<class>/<image>")
          .hasMessageNotContaining("secret");
    }
  }
}
