package asymml.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SafeTensorsReaderTest {
  @TempDir private Path directory;

  private Path file(String header, byte... data) throws IOException {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    return file(json.length, json, data);
  }

  private Path file(long headerBytes, byte[] json, byte... data) throws IOException {
    ByteBuffer all =
        ByteBuffer.allocate(Long.BYTES + json.length + data.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(headerBytes)
            .put(json)
            .put(data);
    return Files.write(directory.resolve("m.safetensors"), all.array());
  }

  /// As PyTorch's library writes it: no digest, tensors of several types.
  @Test
  void tensors_of_all_floating_point_types_are_read_and_counters_are_not() throws IOException {
    String header =
        """
        {"__metadata__":{"format":"pt"},
        "a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
        "b":{"dtype":"F16","shape":[1,2],"data_offsets":[8,12]},
        "c":{"dtype":"BF16","shape":[2,1],"data_offsets":[12,16]},
        "d":{"dtype":"F64","shape":[1],"data_offsets":[16,24]},
        "n.num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[24,32]}}\
        """;
    ByteBuffer data = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
    data.putFloat(1.5f).putFloat(-2);
    data.putShort(Float.floatToFloat16(0.25f)).putShort(Float.floatToFloat16(-8));
    data.putShort((short) (Float.floatToIntBits(3) >> 16));
    data.putShort((short) (Float.floatToIntBits(-0.5f) >> 16));
    data.putDouble(0.125).putLong(7);
    try (SafeTensorsReader reader = SafeTensorsReader.open(file(header, data.array()))) {
      assertThat(reader.metadata()).isEqualTo(Map.of("format", "pt"));
      assertThat(reader.names()).containsExactly("a", "b", "c", "d", "n.num_batches_tracked");
      assertThat(reader.shape("b")).containsExactly(1, 2);
      assertThat(reader.read("a")).containsExactly(1.5f, -2);
      assertThat(reader.read("b")).containsExactly(0.25f, -8);
      assertThat(reader.read("c")).containsExactly(3, -0.5f);
      assertThat(reader.read("d")).containsExactly(0.125f);
      assertThatThrownBy(() -> reader.read("n.num_batches_tracked"))
          .isInstanceOf(IOException.class)
          .hasMessageEndingWith(
              "tensor n.num_batches_tracked is of type I64, not of floating-point" + " numbers");
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, Long.MAX_VALUE, 1L << 40, 17 << 20, 3, 1, 0})
  void a_header_longer_than_the_file_is_refused_before_memory_is_taken(long length)
      throws IOException {
    Path file = file(length, "{}".getBytes(StandardCharsets.UTF_8));
    assertRefused(file, "its header cannot be");
  }

  private static final String T = "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}";

  @ParameterizedTest
  @ValueSource(
      strings = {
        // Truncated, and with a byte too many.
        T + "}|7",
        T + "}|9",
        // Overlapping, with a gap, twice, of a wrong size, behind the end, negative.
        T + ",\"u\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}|12",
        T + ",\"u\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[12,16]}}|16",
        T + ",\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}|16",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}|8",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}|0",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[1000000000],\"data_offsets\":[0,4000000000]}}|8",
        "{\"t\":{\"dtype\":\"F64\",\"shape\":[2147483647,1073741824],\"data_offsets\":[0,8]}}|8",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2147483648],\"data_offsets\":[0,8]}}|8",
        // Types and forms that are none.
        "{\"t\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}|8",
        "{\"t\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}|8",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":\"2\",\"data_offsets\":[0,8]}}|8",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}|8",
        "[]|0",
        "{\"t\"|0",
        "{\"__metadata__\":{\"a\":1}}|0"
      })
  void a_damaged_or_hostile_file_is_refused_in_one_line(String form) throws IOException {
    int at = form.lastIndexOf('|');
    Path file = file(form.substring(0, at), new byte[Integer.parseInt(form.substring(at + 1))]);
    assertRefused(file, "");
  }

  @Test
  void what_is_no_file_is_refused() {
    assertThatThrownBy(() -> SafeTensorsReader.open(directory))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("it is not a regular file");
    assertThatThrownBy(() -> SafeTensorsReader.open(directory.resolve("none")))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("cannot read model file");
  }

  private static void assertRefused(Path file, String why) {
    assertThatThrownBy(() -> SafeTensorsReader.open(file).close())
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("cannot use model file " + file + ": ")
        .hasMessageContaining(why)
        .message()
        .hasLineCount(1);
  }
}
