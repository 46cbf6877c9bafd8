package asymml.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Files in clear, and files of which the disk shows something else.
class PrivateStoreTest {
  @TempDir Path folder;

  private Path file = Path.of("");

  @BeforeEach
  void nameAFile() {
    file = folder.resolve("file");
  }

  /// Turns every bit around on the disk, and notes what it was told.
  private static final class Inverted implements PrivateStore {
    private long announced;
    private int written;

    private static byte[] inverted(byte[] bytes) {
      byte[] all = new byte[bytes.length];
      for (int i = 0; i < all.length; i++) {
        all[i] = (byte) ~bytes[i];
      }
      return all;
    }

    @Override
    public boolean isSealed() {
      return true;
    }

    @Override
    public void replace(Path file, long size, Body body) throws IOException {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      body.writeTo(Channels.newChannel(out));
      announced = size;
      written = out.size();
      Files.write(file, inverted(out.toByteArray()));
    }

    @Override
    public SeekableByteChannel open(Path file) throws IOException {
      Path plain = file.resolveSibling("plain");
      Files.write(plain, inverted(Files.readAllBytes(file)));
      return Files.newByteChannel(plain, StandardOpenOption.DELETE_ON_CLOSE);
    }
  }

  @Test
  void a_file_in_clear_is_its_owner_s_and_replaced_as_a_whole() throws IOException {
    ClearStore store = ClearStore.CLEAR;
    assertThat(store.isSealed()).isFalse();
    store.replace(file, new byte[] {1, 2, 3});
    assertThat(Files.readAllBytes(file)).containsExactly(1, 2, 3);
    assertThat(Files.getPosixFilePermissions(file))
        .isEqualTo(PosixFilePermissions.fromString("rw-------"));
    assertThatThrownBy(() ->
            store.replace(
                file,
                9,
                channel -> {
                  channel.write(ByteBuffer.allocate(1));
                  throw new IOException("the disk is full");
                }))
        .hasMessage("cannot write " + file + ": the disk is full");
    assertThat(store.content(file)).containsExactly(1, 2, 3);
    store.replace(file, new byte[0]);
    assertThat(store.content(file)).isEmpty();
  }

  @Test
  void a_file_that_is_not_there_is_named_with_the_reason() {
    assertThatThrownBy(() -> ClearStore.CLEAR.content(file))
        .isInstanceOf(IOException.class)
        .hasMessage("cannot read " + file + ": no such file or directory");
    assertThatThrownBy(() -> SafeTensors.read(new Inverted(), file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file.toString())
        .hasMessageNotContaining("\n");
  }

  @Test
  void tensors_are_the_same_in_any_store_and_their_size_is_announced() throws IOException {
    float[] values = new float[700_000];
    for (int i = 0; i < values.length; i++) {
      values[i] = i / 7f;
    }
    List<NamedTensor> tensors =
        List.of(
            NamedTensor.of("large", new int[] {700, 1000}, values),
            NamedTensor.of("small", new int[] {2}, new float[] {1, -0f}));
    Map<String, String> metadata = Map.of("note", "ünïcode");
    Inverted store = new Inverted();
    SafeTensors.write(store, file, metadata, tensors);
    assertThat(store.announced).isEqualTo(store.written).isEqualTo(Files.size(file));
    Path clear = folder.resolve("clear");
    SafeTensors.write(clear, metadata, tensors);
    assertThat(store.content(file)).isEqualTo(Files.readAllBytes(clear));
    SafeTensors.Contents contents = SafeTensors.read(store, file);
    assertThat(contents.metadata()).isEqualTo(metadata);
    assertThat(contents.sha256()).isEqualTo(SafeTensors.read(clear).sha256());
    assertThat(contents.tensors().getFirst().toArray()).isEqualTo(values);
    assertThatThrownBy(() -> SafeTensors.read(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("cannot use model file " + file);
  }
}
