package asymml.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SequencedMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafeTensorsTest {
  private static final long SEED = 20260101;

  @TempDir private Path directory;

  /// Written by hand from the format's description; SHA-256 of the eight bytes by `sha256sum`.
  @Test
  void the_bytes_are_those_the_format_asks_for() throws IOException {
    Path file = directory.resolve("m.safetensors");
    SafeTensors.write(
        file,
        Map.of("epoch", "3"),
        List.of(NamedTensor.of("w", new int[] {1, 2}, new float[] {1, -2})));
    String header =
        "{\"__metadata__\":{\"epoch\":\"3\",\"sha256\":"
            + "\"ee4ac73c2bd27756ab82780f27c73a7bc4d3f0bb6acb37e008bc27eccd7e588b\"},"
            + "\"w\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}";
    byte[] bytes = Files.readAllBytes(file);
    long length = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    assertThat(length % 8).isZero();
    String stored = new String(bytes, 8, (int) length, StandardCharsets.UTF_8);
    assertThat(stored.strip()).isEqualTo(header);
    byte[] data = Arrays.copyOfRange(bytes, 8 + (int) length, bytes.length);
    assertThat(data).containsExactly(0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0);
  }

  @Test
  void what_is_written_reads_back_to_the_bit() throws IOException {
    Path file = directory.resolve("m.safetensors");
    float[] odd = {Float.NaN, Float.NEGATIVE_INFINITY, -0f, Float.MIN_VALUE, 1e38f, 0.1f};
    Map<String, String> metadata = Map.of("klasse", "Möwe \"a\"\n", "step", "12");
    SafeTensors.write(
        file,
        metadata,
        List.of(
            NamedTensor.of("b.second", new int[] {2, 3}, odd),
            NamedTensor.of("a.scalar", new int[] {}, new float[] {7})));
    SafeTensors.Contents contents = SafeTensors.read(file);
    assertThat(contents.metadata()).isEqualTo(metadata);
    assertThat(contents.sha256()).matches("[0-9a-f]{64}");
    assertThat(contents.tensors())
        .extracting(NamedTensor::name)
        .containsExactly("b.second", "a.scalar");
    assertThat(contents.tensors().getFirst().shape()).containsExactly(2, 3);
    assertThat(contents.tensors().getFirst().toArray()).isEqualTo(odd);
    assertThat(contents.tensors().get(1).shape()).isEmpty();
    assertThat(contents.tensors().get(1).toArray()).containsExactly(7);
  }

  @Test
  void a_file_without_tensors_is_a_file() throws IOException {
    Path file = directory.resolve("m.safetensors");
    SafeTensors.write(file, Map.of("a", "b"), List.of());
    assertThat(SafeTensors.read(file).metadata()).isEqualTo(Map.of("a", "b"));
    assertThat(SafeTensors.read(file).tensors()).isEmpty();
  }

  /// 262,144 floats are one chunk; the sizes straddle it and its multiples.
  @ParameterizedTest
  @ValueSource(ints = {1, 13, 207, 262_143, 262_144, 262_145, 700_001})
  void native_memory_is_written_at_any_size(int size) throws IOException {
    Path file = directory.resolve("m.safetensors");
    Random random = new Random(SEED);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(size * 4L, 64);
      for (int i = 0; i < size; i++) {
        values.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
      }
      NamedTensor tensor = NamedTensor.of("w", new int[] {size}, values);
      SafeTensors.write(
          file, Map.of(), List.of(tensor, NamedTensor.of("x", new int[] {1, 1}, new float[] {5})));
      List<NamedTensor> read = SafeTensors.read(file).tensors();
      assertThat(read.getFirst().toArray()).as("seed %d", SEED).isEqualTo(tensor.toArray());
      assertThat(read.get(1).toArray()).containsExactly(5);
    }
  }

  @Test
  void equal_models_give_equal_bytes() throws IOException {
    Path one = directory.resolve("one");
    Path two = directory.resolve("two");
    NamedTensor tensor = NamedTensor.of("w", new int[] {2}, new float[] {1, 2});
    SafeTensors.write(
        one, new LinkedHashMap<>(Map.of("a", "1", "b", "2", "c", "3")), List.of(tensor));
    SequencedMap<String, String> other = new LinkedHashMap<>();
    other.put("c", "3");
    other.put("b", "2");
    other.put("a", "1");
    SafeTensors.write(two, other, List.of(tensor));
    assertThat(one).hasSameBinaryContentAs(two);
  }

  @Test
  void a_reserved_or_repeated_name_is_refused_and_nothing_is_written() {
    Path file = directory.resolve("m.safetensors");
    NamedTensor tensor = NamedTensor.of("w", new int[] {1}, new float[] {1});
    assertThatThrownBy(() -> SafeTensors.write(file, Map.of(), List.of(tensor, tensor)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("two tensors are called w");
    assertThatThrownBy(() -> SafeTensors.write(file, Map.of("sha256", ""), List.of(tensor)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> SafeTensors.write(file, Map.of("a", "\ud800"), List.of(tensor)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(file).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "__metadata__", "two\nlines", "höhe"})
  void a_tensor_with_a_bad_name_is_refused(String name) {
    assertThatThrownBy(() -> NamedTensor.of(name, new int[] {1}, new float[1]))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void a_tensor_of_another_size_than_its_shape_is_refused() {
    assertThatThrownBy(() -> NamedTensor.of("w", new int[] {2, 2}, new float[3]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("tensor w of shape [2, 2] needs 16 bytes, got 12");
    assertThatThrownBy(() -> NamedTensor.of("w", new int[] {0}, new float[0]))
        .isInstanceOf(IllegalArgumentException.class);
    int[] huge = {Integer.MAX_VALUE, Integer.MAX_VALUE, 2};
    assertThatThrownBy(() -> NamedTensor.of("w", huge, new float[1]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("too large");
  }

  @Test
  void no_damaged_byte_of_the_data_goes_unnoticed() throws IOException {
    byte[] good = small();
    int header = (int) ByteBuffer.wrap(good).order(ByteOrder.LITTLE_ENDIAN).getLong();
    for (int at = 8 + header; at < good.length; at++) {
      byte[] bad = good.clone();
      bad[at] ^= 4;
      assertRefused(bad, "its data is damaged");
    }
  }

  /// Every byte is set to several values and every prefix is tried: only an IOException may come.
  @Test
  void a_corrupt_file_gives_an_io_exception_or_is_well_formed() throws IOException {
    byte[] good = small();
    for (int length = 0; length < good.length; length++) {
      assertRefused(Arrays.copyOf(good, length), "");
    }
    assertRefused(Arrays.copyOf(good, good.length + 1), "bytes of data where");
    Path file = directory.resolve("bad");
    for (int at = 0; at < good.length; at++) {
      for (int flip : new int[] {1, 2, 16, 128, 255}) {
        byte[] bad = good.clone();
        bad[at] ^= (byte) flip;
        Files.write(file, bad);
        try {
          assertThat(SafeTensors.read(file).tensors()).isNotEmpty();
        } catch (IOException e) {
          assertThat(e).hasMessageContaining(file.toString());
          assertThat(e.getMessage()).doesNotContain("\n");
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "[]|not a JSON object",
        "{\"w\"|not valid JSON",
        "{} {}|not valid JSON",
        "{\"__metadata__\":[]}|not a JSON object",
        "{\"__metadata__\":{\"a\":1}}|not a string",
        "{\"w\":1}|not of type F32",
        "{\"w\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}|not of type F32",
        "{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}|lacks a shape",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}|two data offsets",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}|32-bit integer",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[9999999999],\"data_offsets\":[0,4]}}|32-bit integer",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[-1,-1],\"data_offsets\":[0,4]}}|at least 1",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}|at least 1",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}|needs 8 bytes",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}|next free byte",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,1e3]}}|64-bit integer",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}|needs 4 bytes",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[2147483647,2147483647,9],\"data_offsets\":[0,4]}}|too large",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"w\":{}}|not valid JSON",
        "{\"a\\nb\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}|printable",
        "{\"v\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            + "\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}|next free byte",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}|no sha256",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[999],\"data_offsets\":[0,3996]}}|promises 3996",
      })
  void a_hostile_header_is_refused_with_the_reason(String header, String reason)
      throws IOException {
    assertRefused(file(header, 4), reason);
  }

  @Test
  void deep_nesting_is_refused() throws IOException {
    assertRefused(file("{\"w\":" + "[".repeat(100_000), 4), "not valid JSON");
  }

  @Test
  void an_absurd_header_length_is_refused() throws IOException {
    for (long length : new long[] {-1, 0, 1, Long.MAX_VALUE, Long.MIN_VALUE, 1L << 31}) {
      ByteBuffer bytes = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN).putLong(length);
      assertRefused(bytes.array(), "its header cannot be");
    }
  }

  /// The file is sparse: 6 GB long, but it takes no room on disk.
  @Test
  void a_tensor_beyond_the_memory_is_refused_without_an_error() throws IOException {
    Path file = directory.resolve("huge");
    int rows = 1_500_000_000;
    String header =
        "{\"__metadata__\":{\"sha256\":\"\"},\"w\":{\"dtype\":\"F32\",\"shape\":["
            + rows
            + "],\"data_offsets\":[0,"
            + rows * 4L
            + "]}}";
    try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
      out.write(file(header, 0));
      out.setLength(8 + header.length() + rows * 4L);
    }
    assertThatThrownBy(() -> SafeTensors.read(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("does not fit into the memory");
  }

  @Test
  void what_is_no_file_is_said_to_be_none() {
    assertThatThrownBy(() -> SafeTensors.read(directory))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("not a regular file");
    Path absent = directory.resolve("absent");
    assertThatThrownBy(() -> SafeTensors.read(absent))
        .isInstanceOf(IOException.class)
        .hasMessage("cannot read model file " + absent + ": no such file or directory");
  }

  private byte[] small() throws IOException {
    Path file = directory.resolve("small");
    SafeTensors.write(
        file,
        Map.of("epoch", "3"),
        List.of(
            NamedTensor.of("conv.weight", new int[] {2, 1, 3}, new float[] {1, 2, 3, 4, 5, 6}),
            NamedTensor.of("conv.bias", new int[] {2}, new float[] {-1, 1})));
    return Files.readAllBytes(file);
  }

  private static byte[] file(String header, int dataBytes) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + json.length + dataBytes)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.length)
        .put(json)
        .array();
  }

  private void assertRefused(byte[] bytes, String reason) throws IOException {
    Path file = directory.resolve("refused");
    Files.write(file, bytes);
    assertThatThrownBy(() -> SafeTensors.read(file))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("cannot use model file " + file)
        .hasMessageContaining(reason);
  }
}
