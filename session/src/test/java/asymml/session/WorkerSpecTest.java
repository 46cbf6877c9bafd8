package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import asymml.trusted.check.Verification;
import asymml.wire.Encoding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WorkerSpecTest {
  private static final List<WorkerChoice> TLS = List.of(WorkerChoice.parse("tls:a.example:7000"));
  private static final TlsKey KEY = new TlsKey(Path.of("t.p12"), Path.of("password"));
  private static final WorkerSpec SPEC =
      new WorkerSpec(
          TLS,
          Path.of("w.pem"),
          KEY,
          true,
          Encoding.BFLOAT16,
          2,
          Verification.EVERY,
          Duration.ofSeconds(9),
          List.of(List.of("--record")));

  @TempDir Path folder;

  @Test
  void what_is_for_tls_addresses_goes_with_them() {
    WorkerSpec local = SPEC.withWorkers(WorkerSpec.local().workers(), null);
    assertThat(local)
        .isEqualTo(
            new WorkerSpec(
                WorkerSpec.local().workers(),
                null,
                null,
                false,
                Encoding.BFLOAT16,
                2,
                Verification.EVERY,
                Duration.ofSeconds(9),
                List.of(List.of("--record"))));
    assertThat(SPEC.withWorkers(TLS, Path.of("w.pem"))).isEqualTo(SPEC);
  }

  @Test
  void a_changed_part_leaves_the_others() {
    WorkerSpec changed =
        SPEC.withTlsKey(null)
            .withWire(Encoding.FLOAT32)
            .withChunks(1)
            .withVerification(Verification.OFF)
            .withTimeout(Duration.ofSeconds(60))
            .withLocalArguments(List.of());
    assertThat(changed)
        .isEqualTo(
            new WorkerSpec(
                TLS,
                Path.of("w.pem"),
                null,
                true,
                Encoding.FLOAT32,
                1,
                Verification.OFF,
                Duration.ofSeconds(60),
                List.of()));
    assertThat(
            changed
                .withTlsKey(KEY)
                .withWire(Encoding.BFLOAT16)
                .withChunks(2)
                .withVerification(Verification.EVERY)
                .withTimeout(Duration.ofSeconds(9))
                .withLocalArguments(List.of(List.of("--record"))))
        .isEqualTo(SPEC);
  }

  @Test
  void a_key_and_expired_certificates_are_for_tls_addresses() {
    assertThatThrownBy(() -> WorkerSpec.local().withTlsKey(KEY))
        .isInstanceOf(InvalidSpecException.class)
        .hasMessage("tls-keystore goes with a worker at a TLS address");
    InvalidSpecException e =
        catchThrowableOfType(
            InvalidSpecException.class,
            () -> Settings.parse("run.yaml", "tls-allow-expired: true").spec());
    assertThat(e).isNotNull();
    assertThat(e.findings())
        .containsExactly(
            Finding.of(
                Finding.Kind.TLS_WITHOUT_TRUST,
                "tls-allow-expired",
                "goes with a worker at a TLS address"));
  }

  @Test
  void certificates_are_read_before_anything_else_is_done() throws Exception {
    WorkerSpec.local().requireTrust(); // has none to read
    Path missing = folder.resolve("missing.pem");
    Path empty = Files.writeString(folder.resolve("empty.pem"), "no certificate\n");
    for (Path file : List.of(missing, empty)) {
      assertThatThrownBy(() -> WorkerSpec.local().withWorkers(TLS, file).requireTrust())
          .isInstanceOf(IOException.class)
          .hasMessageContaining(file.getFileName().toString())
          .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
    }
  }
}
