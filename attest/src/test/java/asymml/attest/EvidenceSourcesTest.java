package asymml.attest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.attest.amd.SigningKey;
import asymml.attest.amd.SnpCertificates;
import asymml.attest.amd.SnpReport;
import asymml.attest.policy.Evidence;
import asymml.attest.policy.EvidenceVerifier;
import asymml.attest.policy.PolicyFile;
import asymml.attest.source.ConfigfsTsm;
import asymml.attest.source.EvidenceSource;
import asymml.attest.source.Gramine;
import asymml.attest.source.None;
import asymml.attest.source.RawEvidence;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.FutureTask;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Evidence sources against a file tree in which a thread plays the kernel or Gramine.
class EvidenceSourcesTest {
  private static final Duration LONG = Duration.ofMinutes(2);
  private static final byte[] DATA = new byte[64];
  private static final byte[] EVIDENCE = "evidence".getBytes(StandardCharsets.US_ASCII);

  static {
    for (int i = 0; i < DATA.length; i++) {
      DATA[i] = (byte) i;
    }
  }

  @TempDir Path root;

  private EvidenceSource tsm() throws IOException {
    return EvidenceSource.find(root, LONG);
  }

  private void assertRemoved() throws IOException {
    try (Stream<Path> left = Files.list(root.resolve("sys/kernel/config/tsm/report"))) {
      assertThat(left).isEmpty();
    }
  }

  @Test
  void the_kernel_gives_evidence_about_the_report_data() throws Exception {
    CompletableFuture<byte[]> written =
        new FakeTsm("tdx_guest", EVIDENCE, new byte[0], 1).start(root);
    RawEvidence evidence = tsm().get(DATA);
    assertThat(evidence.provider()).isEqualTo("tdx_guest");
    assertThat(evidence.evidence()).isEqualTo(EVIDENCE);
    assertThat(evidence.certificates()).isEmpty();
    assertThat(written.get()).isEqualTo(DATA);
    assertRemoved();
  }

  @Test
  void recorded_evidence_of_a_genoa_guest_is_verified_with_its_certificate_table()
      throws Exception {
    Specimen specimen = Specimen.named("genoa-v3");
    byte[] outblob = Files.readAllBytes(specimen.path("snp/genoa-v3/tsm/outblob"));
    byte[] auxblob = Files.readAllBytes(specimen.path("snp/genoa-v3/tsm/auxblob"));
    CompletableFuture<byte[]> written = new FakeTsm("sev_guest", outblob, auxblob, 1).start(root);
    RawEvidence evidence = tsm().get(DATA);
    written.get();
    Evidence snp =
        new Evidence.Snp(
            SnpReport.parse(evidence.evidence()),
            SnpCertificates.table(evidence.certificates(), SigningKey.VCEK));
    assertThat(
            EvidenceVerifier.verify(
                    snp, PolicyFile.parse(specimen.policy()), specimen.at(), Optional.empty())
                .reasons())
        .isEmpty();
    assertThat(
            EvidenceVerifier.verify(
                    snp, PolicyFile.parse(specimen.policy()), specimen.at(), Optional.of(DATA))
                .reasons())
        .extracting(Finding::name)
        .containsExactly("report data");
    assertRemoved();
  }

  private void assertRefused(FakeTsm kernel, String message) throws Exception {
    CompletableFuture<byte[]> served = kernel.start(root);
    assertThatThrownBy(() -> tsm().get(DATA))
        .isInstanceOfAny(IOException.class, EvidenceException.class)
        .hasMessageContaining(message)
        .satisfies(e -> assertThat(e.getMessage()).hasLineCount(1));
    served.get();
    assertRemoved();
  }

  @Test
  void an_empty_answer_is_explained() throws Exception {
    assertRefused(
        new FakeTsm("tdx_guest", new byte[0], new byte[0], 1), "quoting service cannot be reached");
  }

  @Test
  void evidence_that_somebody_else_may_have_asked_for_is_discarded() throws Exception {
    assertRefused(new FakeTsm("sev_guest", EVIDENCE, new byte[0], 2), "is 2, expected 1");
  }

  @Test
  void an_unknown_provider_is_named() throws Exception {
    assertRefused(
        new FakeTsm("other", EVIDENCE, new byte[0], 1), "'other', expected tdx_guest or sev_guest");
  }

  @Test
  void silence_ends_at_the_deadline() throws Exception {
    CompletableFuture<byte[]> written = new FakeTsm("tdx_guest", null, new byte[0], 1).start(root);
    ConfigfsTsm silent = new ConfigfsTsm(root, Duration.ofSeconds(2));
    assertThatThrownBy(() -> silent.get(DATA))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("gave no evidence within 2 s");
    assertThat(written.get()).isEqualTo(DATA);
  }

  @Test
  void a_folder_that_is_none_of_configfs_is_left_as_it_was() throws Exception {
    Files.createDirectories(root.resolve("sys/kernel/config/tsm/report"));
    assertThatThrownBy(() -> tsm().get(DATA))
        .hasMessageContaining("its folder is none of configfs");
    assertRemoved();
  }

  @Test
  void without_configfs_its_mount_is_explained() {
    assertThatThrownBy(() -> new ConfigfsTsm(root, LONG).get(DATA))
        .hasMessageContaining("mount -t configfs");
  }

  private static void pipe(Path path) throws Exception {
    assertThat(new ProcessBuilder("mkfifo", path.toString()).start().waitFor()).isZero();
  }

  private EvidenceSource gramine(String type) throws Exception {
    Path folder = Files.createDirectories(root.resolve("dev/attestation"));
    Files.writeString(folder.resolve("attestation_type"), type);
    pipe(folder.resolve("user_report_data"));
    pipe(folder.resolve("quote"));
    EvidenceSource source = EvidenceSource.find(root, LONG);
    assertThat(source).isInstanceOf(Gramine.class);
    return source;
  }

  private FutureTask<byte[]> gramineAnswers(byte[] quote) {
    FutureTask<byte[]> task =
        new FutureTask<>(() -> {
          Path folder = root.resolve("dev/attestation");
          byte[] data = Files.readAllBytes(folder.resolve("user_report_data"));
          Files.write(folder.resolve("quote"), quote);
          return data;
        });
    Thread.ofPlatform().daemon().start(task);
    return task;
  }

  @Test
  void gramine_gives_a_quote_about_the_report_data() throws Exception {
    EvidenceSource source = gramine("dcap");
    FutureTask<byte[]> written = gramineAnswers(EVIDENCE);
    assertThat(source.get(DATA).evidence()).isEqualTo(EVIDENCE);
    assertThat(written.get()).isEqualTo(DATA);
  }

  @Test
  void gramine_without_a_quote_or_without_attestation_is_explained() throws Exception {
    EvidenceSource source = gramine("dcap");
    FutureTask<byte[]> served = gramineAnswers(new byte[0]);
    assertThatThrownBy(() -> source.get(DATA)).hasMessageContaining("quoting service");
    served.get();
    Files.writeString(root.resolve("dev/attestation/attestation_type"), "none\n");
    assertThatThrownBy(() -> source.get(DATA)).hasMessageContaining("is 'none', expected dcap");
  }

  @Test
  void without_a_tee_there_is_none() throws Exception {
    assertThat(tsm()).isInstanceOf(None.class);
    assertThatThrownBy(() -> tsm().get(DATA)).hasMessageContaining("not running in a TEE");
    Path tag = root.resolve("sys/class/dmi/id/chassis_asset_tag");
    Files.createDirectories(tag.getParent());
    Files.writeString(tag, EvidenceSource.AZURE + "\n");
    assertThatThrownBy(() -> tsm().get(DATA)).hasMessageContaining("paravisor");
  }

  @Test
  void report_data_of_another_size_is_the_callers_mistake() {
    assertThatThrownBy(() -> new ConfigfsTsm(root, LONG).get(new byte[63]))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Gramine(root, LONG).get(new byte[65]))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
