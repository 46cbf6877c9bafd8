package asymml.attest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.attest.seal.DataKey;
import asymml.attest.seal.SealException;
import asymml.attest.seal.SealKind;
import asymml.attest.seal.SealedReader;
import asymml.attest.seal.SealedTree;
import asymml.attest.seal.SealedWriter;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SealedFilesTest {
  private static final int CHUNK = 1 << 16;
  private static final int HEADER = 96;
  private static final SecureRandom RANDOM = new SecureRandom();

  private final DataKey key = DataKey.draw(RANDOM);

  @TempDir Path folder;

  private static byte[] content(int size, long seed) {
    byte[] bytes = new byte[size];
    new SplittableRandom(seed).nextBytes(bytes);
    return bytes;
  }

  private Path sealed(String name, byte[] plain) throws IOException {
    Path source = Files.write(folder.resolve(name + ".plain"), plain);
    Path target = folder.resolve(name);
    SealedTree.sealFile(source, target, key, RANDOM);
    return target;
  }

  private byte[] all(Path file) throws IOException {
    try (SealedReader reader = new SealedReader(file, key)) {
      return reader.read(0, (int) reader.length());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 200_003})
  void a_file_of_any_size_is_sealed_and_opened(int size) throws IOException {
    byte[] plain = content(size, size);
    Path file = sealed("a", plain);
    assertThat(all(file)).isEqualTo(plain);
    int chunks = Math.max(1, Math.ceilDiv(size, CHUNK));
    assertThat(Files.size(file)).isEqualTo(HEADER + size + 16L * chunks);
  }

  @Test
  void any_part_is_read_without_the_rest() throws IOException {
    byte[] plain = content(5 * CHUNK + 77, 3);
    Path file = sealed("a", plain);
    SplittableRandom random = new SplittableRandom(5);
    try (SealedReader reader = new SealedReader(file, key)) {
      for (int i = 0; i < 200; i++) {
        int from = random.nextInt(plain.length);
        int size = random.nextInt(Math.min(plain.length - from, 2 * CHUNK));
        assertThat(reader.read(from, size)).isEqualTo(Arrays.copyOfRange(plain, from, from + size));
      }
      assertThatThrownBy(() -> reader.read(plain.length - 1, 2))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
    // A damaged chunk spoils itself and no other.
    byte[] bytes = Files.readAllBytes(file);
    bytes[HEADER + 2 * (CHUNK + 16) + 9] ^= 1;
    Files.write(file, bytes);
    try (SealedReader reader = new SealedReader(file, key)) {
      assertThat(reader.read(0, 2 * CHUNK)).isEqualTo(Arrays.copyOf(plain, 2 * CHUNK));
      assertThatThrownBy(() -> reader.read(2 * CHUNK - 1, 2))
          .isInstanceOf(SealException.class)
          .hasMessageContaining("chunk 2 of 6 does not hold");
    }
  }

  @Test
  void a_device_is_neither_replaced_nor_read_and_a_link_is_followed() throws Exception {
    Path source = Files.write(folder.resolve("source"), content(10, 4));
    Path device = Path.of("/dev/null");
    assertThatThrownBy(() -> SealedTree.sealFile(source, device, key, RANDOM))
        .isInstanceOf(SealException.class)
        .hasMessage("/dev/null is no regular file: it cannot be replaced");
    assertThatThrownBy(() -> SealedTree.sealFile(device, folder.resolve("x"), key, RANDOM))
        .isInstanceOf(SealException.class)
        .hasMessage("/dev/null is neither a file nor a folder: it cannot be sealed");
    assertThatThrownBy(() -> all(device))
        .isInstanceOf(SealException.class)
        .hasMessage("/dev/null is no sealed file: it is no regular file");

    Path target = Files.createFile(folder.resolve("target"));
    Path link = Files.createSymbolicLink(folder.resolve("link"), target);
    SealedTree.sealFile(source, link, key, RANDOM);
    assertThat(link).isSymbolicLink();
    assertThat(all(target)).isEqualTo(content(10, 4));
    Files.delete(target);
    assertThatThrownBy(() -> SealedTree.sealFile(source, link, key, RANDOM))
        .isInstanceOf(SealException.class)
        .hasMessage(link + " is no regular file: it cannot be replaced");
    assertThat(link).isSymbolicLink();
  }

  private void assertRefused(Path file, byte[] bytes, String why) throws IOException {
    Files.write(file, bytes);
    assertThatThrownBy(() -> all(file))
        .as(why)
        .isInstanceOf(SealException.class)
        .satisfies(e -> assertThat(e.getMessage()).startsWith(file + ":").hasLineCount(1));
  }

  @Test
  void a_flipped_bit_anywhere_is_refused() throws IOException {
    Path file = sealed("a", content(CHUNK + 100, 1));
    byte[] bytes = Files.readAllBytes(file);
    SplittableRandom random = new SplittableRandom(17);
    for (int at = 0; at < bytes.length; at += at < HEADER + 16 ? 1 : 1 + random.nextInt(2000)) {
      byte[] flipped = bytes.clone();
      flipped[at] ^= (byte) (1 << random.nextInt(8));
      assertRefused(file, flipped, "byte " + at);
    }
    Files.write(file, bytes);
    assertThat(all(file)).hasSize(CHUNK + 100);
  }

  @Test
  void cuts_additions_and_other_orders_are_refused() throws IOException {
    byte[] plain = content(3 * CHUNK, 1);
    Path file = sealed("a", plain);
    byte[] bytes = Files.readAllBytes(file);
    for (int length :
        new int[] {0, 1, 7, 8, 50, 95, 96, 97, HEADER + CHUNK + 16, bytes.length - 1}) {
      assertRefused(file, Arrays.copyOf(bytes, length), "cut to " + length);
    }
    assertRefused(file, Arrays.copyOf(bytes, bytes.length + 1), "one byte more");
    byte[] swapped = bytes.clone();
    System.arraycopy(bytes, HEADER, swapped, HEADER + CHUNK + 16, CHUNK + 16);
    System.arraycopy(bytes, HEADER + CHUNK + 16, swapped, HEADER, CHUNK + 16);
    assertRefused(file, swapped, "chunks swapped");
    byte[] other = Files.readAllBytes(sealed("b", plain));
    byte[] spliced = bytes.clone();
    System.arraycopy(other, HEADER, spliced, HEADER, CHUNK + 16);
    assertRefused(file, spliced, "a chunk of another file");
  }

  @Test
  void the_same_content_is_never_sealed_to_the_same_bytes() throws IOException {
    byte[] a = Files.readAllBytes(sealed("a", new byte[1000]));
    byte[] b = Files.readAllBytes(sealed("b", new byte[1000]));
    assertThat(Arrays.copyOfRange(a, HEADER, a.length))
        .isNotEqualTo(Arrays.copyOfRange(b, HEADER, b.length));
  }

  @Test
  void another_key_is_named() throws IOException {
    Path file = sealed("a", new byte[10]);
    try (DataKey other = DataKey.draw(RANDOM)) {
      assertThatThrownBy(() -> new SealedReader(file, other))
          .isInstanceOf(SealException.class)
          .hasMessageContaining("sealed under the data key");
    }
  }

  @Test
  void a_file_that_was_not_finished_leaves_nothing() throws IOException {
    Path target = folder.resolve("a");
    byte[] none = {};
    try (SealedWriter out = new SealedWriter(target, key, RANDOM, SealKind.FILE, 100, none)) {
      out.write(new byte[99]);
      assertThatThrownBy(out::finish).hasMessageContaining("other than the 100 bytes");
    }
    try (SealedWriter out = new SealedWriter(target, key, RANDOM, SealKind.FILE, CHUNK, none)) {
      assertThatThrownBy(
              () -> {
                out.write(new byte[2 * CHUNK]);
                out.finish();
              })
          .hasMessageContaining("other than the 65536 bytes");
    }
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left).isEmpty();
    }
  }

  @Test
  void a_key_file_is_its_owners_alone_and_never_overwritten() throws IOException {
    Path file = folder.resolve("data.key");
    key.write(file);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
    try (DataKey read = DataKey.read(file)) {
      assertThat(read.id()).isEqualTo(key.id());
      assertThatThrownBy(() -> read.write(file)).hasMessageContaining("never overwritten");
    }
    Files.writeString(file, "asymml-data-key-1 00\n");
    assertThatThrownBy(() -> DataKey.read(file))
        .isInstanceOf(SealException.class)
        .hasMessageContaining("is no data key");
    assertThatThrownBy(() -> DataKey.read(folder.resolve("none")))
        .hasMessageContaining("asymml owner init");
  }

  @Test
  void a_folder_is_sealed_with_its_names() throws IOException {
    Path source = folder.resolve("set");
    Files.createDirectories(source.resolve("a-cat-at-home/deep"));
    byte[] large = content(2 * CHUNK, 9);
    Files.write(source.resolve("a-cat-at-home/1.png"), large);
    Files.write(source.resolve("a-cat-at-home/deep/2.png"), new byte[0]);
    Files.writeString(source.resolve("Hündin.txt"), "a text in clear");
    Path target = folder.resolve("set.sealed");
    assertThat(SealedTree.seal(source, target, key, RANDOM)).isEqualTo(3);
    try (SealedTree tree = SealedTree.open(target, key)) {
      assertThat(tree.names())
          .containsExactlyInAnyOrder(
              "a-cat-at-home/1.png", "a-cat-at-home/deep/2.png", "Hündin.txt");
      assertThat(tree.read("a-cat-at-home/1.png", 0, large.length)).isEqualTo(large);
      assertThat(tree.size("a-cat-at-home/deep/2.png")).isZero();
      assertThat(tree.read("Hündin.txt", 1, 2)).isEqualTo(" t".getBytes(StandardCharsets.UTF_8));
      assertThatThrownBy(() -> tree.read("Hündin.txt", 14, 2))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
    String bytes = new String(Files.readAllBytes(target), StandardCharsets.ISO_8859_1);
    // Words so long that random bytes do not contain them.
    assertThat(bytes).doesNotContain("a-cat-at-home", "ndin.txt", "a text in clear");
    Files.createSymbolicLink(source.resolve("link"), Path.of("Hündin.txt"));
    assertThatThrownBy(() -> SealedTree.seal(source, target, key, RANDOM))
        .hasMessageContaining("neither a file nor a folder");
  }

  /// A sealed folder whose index says anything: its maker has the key, and is not believed.
  private Path tree(List<String> names, long size, byte[] content) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream index = new DataOutputStream(bytes);
    index.writeInt(names.size());
    for (String name : names) {
      byte[] encoded = name.getBytes(StandardCharsets.UTF_8);
      index.writeShort(encoded.length);
      index.write(encoded);
      index.writeLong(size);
    }
    index.writeLong(bytes.size());
    Path target = folder.resolve("tree");
    try (SealedWriter out =
        new SealedWriter(
            target, key, RANDOM, SealKind.TREE, content.length + bytes.size(), new byte[0])) {
      out.write(content);
      out.write(bytes.toByteArray());
      out.finish();
    }
    return target;
  }

  @Test
  void an_index_that_leads_out_of_its_folder_or_its_file_is_refused() throws IOException {
    byte[] content = new byte[10];
    SealedTree.open(tree(List.of("a/b"), 10, content), key).close();
    for (String name : List.of("../a", "/a", "a//b", "a/..", "", ".", "a\0b")) {
      Path file = tree(List.of(name), 10, content);
      assertThatThrownBy(() -> SealedTree.open(file, key))
          .as(name)
          .isInstanceOf(SealException.class)
          .hasMessageContaining("no relative path");
    }
    for (long size : new long[] {-1, 9, 11, Long.MAX_VALUE}) {
      Path file = tree(List.of("a"), size, content);
      assertThatThrownBy(() -> SealedTree.open(file, key)).isInstanceOf(SealException.class);
    }
    Path twice = tree(List.of("a", "a"), 5, content);
    assertThatThrownBy(() -> SealedTree.open(twice, key)).hasMessageContaining("twice");
    Path single = sealed("single", content);
    assertThatThrownBy(() -> SealedTree.open(single, key)).hasMessageContaining("one sealed file");
  }
}
