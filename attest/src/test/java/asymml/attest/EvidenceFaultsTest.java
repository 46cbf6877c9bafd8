package asymml.attest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.attest.amd.SigningKey;
import asymml.attest.amd.SnpCertificates;
import asymml.attest.source.ConfigfsTsm;
import asymml.attest.source.Gramine;
import asymml.attest.source.RawEvidence;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Faults of the file interfaces to a TEE: each ends in one line, and nothing is left behind.
class EvidenceFaultsTest {
  private static final Duration LONG = Duration.ofMinutes(2);
  private static final byte[] DATA = new byte[64];
  private static final byte[] EVIDENCE = "evidence".getBytes(StandardCharsets.US_ASCII);
  private static final String VCEK = "63da758de6644564adc5f4b93be8accd";

  @TempDir Path root;

  private CompletableFuture<byte[]> kernel() throws IOException {
    return new FakeTsm("sev_guest", EVIDENCE, new byte[0], 1).start(root);
  }

  private void assertNothingLeft() throws IOException {
    try (Stream<Path> left = Files.list(root.resolve("sys/kernel/config/tsm/report"))) {
      assertThat(left).isEmpty();
    }
  }

  private static FileSystemException error(Path file, String reason) {
    return new FileSystemException(file.toString(), null, reason);
  }

  @ParameterizedTest
  @ValueSource(strings = {"inblob", "outblob", "auxblob"})
  void a_busy_host_is_asked_again(String attribute) throws Exception {
    AtomicInteger times = new AtomicInteger();
    Path busy =
        FaultyFiles.of(
            root,
            (_, file) -> {
              if (file.endsWith(attribute) && times.incrementAndGet() <= 3) {
                throw error(file, "Device or resource busy");
              }
            });
    CompletableFuture<byte[]> written = kernel();
    RawEvidence evidence = new ConfigfsTsm(busy, LONG).get(DATA);
    assertThat(evidence.evidence()).isEqualTo(EVIDENCE);
    assertThat(written.get()).isEqualTo(DATA);
    assertThat(times).hasValue(4);
    assertNothingLeft();
  }

  @Test
  void a_host_that_stays_busy_ends_at_the_deadline() throws Exception {
    Path busy =
        FaultyFiles.of(
            root,
            (_, file) -> {
              if (file.endsWith("outblob")) {
                throw error(file, "Device or resource busy");
              }
            });
    CompletableFuture<byte[]> served = kernel();
    assertThatThrownBy(() -> new ConfigfsTsm(busy, Duration.ofSeconds(1)).get(DATA))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "%s gave no evidence within 1 s: the kernel or its host does not answer",
            root.resolve("sys/kernel/config/tsm/report"));
    assertThat(served).isNotCompletedExceptionally();
  }

  private void assertFails(FaultyFiles.Fault fault, String message) throws Exception {
    kernel();
    assertThatThrownBy(() -> new ConfigfsTsm(FaultyFiles.of(root, fault), LONG).get(DATA))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(message)
        .satisfies(e -> assertThat(e.getMessage()).hasLineCount(1));
  }

  @ParameterizedTest
  @CsvSource({"provider", "generation", "inblob", "outblob", "auxblob"})
  void whom_the_kernel_refuses_is_told_to_be_root(String attribute) throws Exception {
    assertFails(
        (_, file) -> {
          if (file.endsWith(attribute)) {
            throw new AccessDeniedException(file.toString());
          }
        },
        attribute + ": permission denied: evidence needs root");
  }

  @ParameterizedTest
  @CsvSource({
    "make, No such device or address, cannot be made: No such device or address (the kernel has no",
    "open, Input/output error, provider: Input/output error",
    "open, Invalid argument, provider: Invalid argument"
  })
  void other_errors_of_the_kernel_are_named(String operation, String reason, String message)
      throws Exception {
    assertFails(
        (found, file) -> {
          if (found.equals(operation)) {
            throw error(file, reason);
          }
        },
        message);
  }

  @Test
  void nobody_but_root_makes_an_entry() throws Exception {
    assertFails(
        (operation, file) -> {
          if (operation.equals("make")) {
            throw new AccessDeniedException(file.toString());
          }
        },
        ": permission denied: evidence needs root");
  }

  @Test
  void a_silent_gramine_ends_at_the_deadline() throws Exception {
    Path folder = Files.createDirectories(root.resolve("dev/attestation"));
    Files.writeString(folder.resolve("attestation_type"), "dcap");
    Files.createFile(folder.resolve("user_report_data"));
    assertThat(new ProcessBuilder("mkfifo", folder + "/quote").start().waitFor()).isZero();
    assertThatThrownBy(() -> new Gramine(root, Duration.ofSeconds(1)).get(DATA))
        .isInstanceOf(IOException.class)
        .hasMessage(
            folder + " gave no evidence within 1 s: the kernel or its host does not answer");
    assertThat(folder.resolve("user_report_data")).hasBinaryContent(DATA);
  }

  @Test
  void a_gramine_whose_files_are_missing_or_refused_is_explained() throws Exception {
    Path folder = Files.createDirectories(root.resolve("dev/attestation"));
    assertThatThrownBy(() -> new Gramine(root, LONG).get(DATA))
        .isInstanceOf(IOException.class)
        .hasMessage(folder + "/attestation_type: no such file");
    Files.writeString(folder.resolve("attestation_type"), "dcap\n");
    Path refusing =
        FaultyFiles.of(
            root,
            (_, file) -> {
              if (file.endsWith("user_report_data")) {
                throw new AccessDeniedException(file.toString());
              }
            });
    assertThatThrownBy(() -> new Gramine(refusing, LONG).get(DATA))
        .hasMessage(folder + "/user_report_data: permission denied: evidence needs root");
  }

  private static byte[] table(int offset, int length, int size) {
    return ByteBuffer.allocate(size)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(HexFormat.of().parseHex(VCEK))
        .putInt(offset)
        .putInt(length)
        .array();
  }

  /// Offsets and lengths that reach beyond the table, wrap around, or point at the table itself.
  @ParameterizedTest
  @CsvSource({
    "48, 2147483647",
    "2147483647, 1",
    "-1, 1",
    "48, -1",
    "-48, 96",
    "2147483600, 2147483600",
    "64, 1",
    "0, 64",
    "48, 0"
  })
  void a_certificate_table_with_hostile_offsets_is_handed_over_and_refused(int offset, int length)
      throws Exception {
    byte[] hostile = table(offset, length, 64);
    CompletableFuture<byte[]> served = new FakeTsm("sev_guest", EVIDENCE, hostile, 1).start(root);
    RawEvidence evidence = new ConfigfsTsm(root, LONG).get(DATA);
    served.get();
    assertThat(evidence.certificates()).isEqualTo(hostile);
    assertThatThrownBy(() -> SnpCertificates.table(evidence.certificates(), SigningKey.VCEK))
        .isInstanceOf(EvidenceException.class)
        .satisfies(e -> assertThat(e.getMessage()).isNotBlank().hasLineCount(1));
    assertNothingLeft();
  }

  @Test
  void an_answer_without_end_is_not_read_to_its_end() throws Exception {
    byte[] large = new byte[(1 << 20) + 1];
    CompletableFuture<byte[]> served = new FakeTsm("sev_guest", large, new byte[0], 1).start(root);
    assertThatThrownBy(() -> new ConfigfsTsm(root, LONG).get(DATA))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("outblob has more than 1048576 bytes");
    assertThat(served).isNotCompletedExceptionally();
  }
}
