package asymml.session.owner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.attest.seal.DataKey;
import asymml.attest.seal.SealKind;
import asymml.attest.seal.SealedReader;
import asymml.model.PrivateStore;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunFile;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Files of a run, sealed.
class SealedStoreTest {
  @TempDir Path folder;

  private final SecureRandom random = new SecureRandom();
  private final DataKey key = DataKey.draw(random);
  private final PrivateStore store = SealedStore.begin(key, random);

  @AfterEach
  void close() {
    key.close();
  }

  private RunLayout layout() {
    return new RunLayout(folder, store);
  }

  private static byte[] content(int size) {
    byte[] bytes = new byte[size];
    for (int i = 0; i < size; i++) {
      bytes[i] = (byte) (i * 31 + i / 251);
    }
    return bytes;
  }

  @Test
  void a_file_is_read_at_any_place_and_its_content_is_nowhere_in_clear() throws IOException {
    byte[] plain = content(200_000);
    Path file = layout().checkpoint();
    assertThat(file.getFileName()).hasToString("checkpoint.safetensors.sealed");
    store.replace(file, plain);
    assertThat(Files.getPosixFilePermissions(file))
        .isEqualTo(PosixFilePermissions.fromString("rw-------"));
    assertThat(store.content(file)).isEqualTo(plain);
    assertThat(new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1))
        .doesNotContain(new String(plain, 1000, 32, StandardCharsets.ISO_8859_1));
    try (SeekableByteChannel channel = store.open(file)) {
      assertThat(channel.size()).isEqualTo(plain.length);
      ByteBuffer part = ByteBuffer.allocate(70_000);
      channel.position(65_000);
      while (part.hasRemaining()) {
        assertThat(channel.read(part)).isPositive();
      }
      assertThat(part.array()).isEqualTo(Arrays.copyOfRange(plain, 65_000, 135_000));
      assertThat(channel.position()).isEqualTo(135_000);
      assertThat(channel.position(plain.length).read(ByteBuffer.allocate(1))).isEqualTo(-1);
      assertThatThrownBy(() -> channel.position(-1)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> channel.write(ByteBuffer.allocate(1)))
          .isInstanceOf(NonWritableChannelException.class);
      assertThatThrownBy(() -> channel.truncate(0)).isInstanceOf(NonWritableChannelException.class);
    }
  }

  @Test
  void a_file_says_what_it_is_and_stands_in_for_no_other() throws IOException {
    store.replace(layout().checkpoint(), content(10));
    store.replace(layout().ledger(), content(10));
    try (SealedReader reader = new SealedReader(layout().ledger(), key)) {
      assertThat(reader.kind()).isEqualTo(SealKind.LEDGER);
      assertThat(reader.kind().isOfRun()).isTrue();
    }
    Files.copy(layout().ledger(), layout().metrics());
    assertThatThrownBy(() -> store.content(layout().metrics()))
        .hasMessageContaining("was sealed as another file, or is of another run");
    PrivateStore other = SealedStore.begin(key, random);
    assertThatThrownBy(() -> other.content(layout().ledger()))
        .hasMessageContaining("is of another run");
    PrivateStore same = SealedStore.resume(key, random, folder);
    assertThat(same.content(layout().ledger())).isEqualTo(content(10));
    Files.copy(layout().ledger(), folder.resolve("checkpoint.safetensors.copy"));
    Files.move(
        folder.resolve("checkpoint.safetensors.copy"),
        layout().checkpoint(),
        StandardCopyOption.REPLACE_EXISTING);
    assertThatThrownBy(() -> SealedStore.resume(key, random, folder))
        .hasMessageContaining("is no checkpoint of a sealed run");
    assertThatThrownBy(() -> SealedStore.resume(key, random, folder.resolve("none")))
        .hasMessageContaining("holds no sealed run");
    assertThatThrownBy(() -> store.replace(folder.resolve("rank.json"), content(1)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("a sealed run has no file rank.json");
  }

  @Test
  void a_write_that_fails_leaves_the_old_file_and_what_is_torn_is_removed() throws IOException {
    store.replace(layout().checkpoint(), content(10));
    assertThatThrownBy(() ->
            store.replace(
                layout().checkpoint(),
                100,
                channel -> {
                  channel.write(ByteBuffer.allocate(5));
                  throw new IOException("no more");
                }))
        .hasMessageContaining("cannot write " + layout().checkpoint() + ": no more");
    assertThat(store.content(layout().checkpoint())).isEqualTo(content(10));
    Files.writeString(folder.resolve(".sealing-1"), "torn");
    SealedStore.clean(folder);
    try (Stream<Path> all = Files.list(folder)) {
      assertThat(all).containsExactly(layout().checkpoint());
    }
  }

  @Test
  void metrics_and_record_are_those_of_a_run_in_clear() throws IOException {
    EpochMetrics first = new EpochMetrics(1, 10, 0.5, 0.5, 0.25, 0.75, 0.1, 1, 1, 1, 1, 1);
    EpochMetrics second = new EpochMetrics(2, 20, null, null, 0.25, 0.75, 0.1, 1, 1, 1, 1, 1);
    assertThat(MetricsLog.readAll(layout())).isEmpty();
    try (MetricsLog log = MetricsLog.open(layout())) {
      log.append(first);
    }
    try (MetricsLog log = MetricsLog.open(layout())) {
      log.append(second);
    }
    assertThat(MetricsLog.readAll(layout())).containsExactly(first, second);
    assertThat(MetricsLog.truncateAfter(layout(), 1)).containsExactly(first);
    assertThat(MetricsLog.readAll(layout())).containsExactly(first);
    RunFile.write(store, layout().runFile(), Map.of("list", List.of("a", 1)));
    assertThat(RunFile.read(store, layout().runFile())).isEqualTo(Map.of("list", List.of("a", 1)));
  }
}
