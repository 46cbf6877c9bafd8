package asymml.trusted.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TensorBoardLogTest {
  /// 1024.5 s is exact in binary.
  private static final Clock CLOCK = Clock.fixed(Instant.ofEpochMilli(1_024_500), ZoneOffset.UTC);

  @TempDir private Path directory;

  /// Each line is one field, worked out by hand from TensorFlow's event.proto; the two CRCs of each
  /// record come from the slow CRC below, which shares nothing with the product.
  @Test
  void a_file_has_the_bytes_that_the_format_asks_for() throws IOException {
    Path file;
    try (TensorBoardLog log = TensorBoardLog.open(directory, CLOCK)) {
      file = log.file();
      log.scalar("a/b", 300, -2);
    }
    String version =
        "09"
            + "0000000000029040" // wall_time = 1024.5 = 0x4090020000000000
            + "1a0d"
            + "627261696e2e4576656e743a32"; // file_version, 13 bytes, "brain.Event:2"
    String scalar =
        "09"
            + "0000000000029040" // wall_time
            + "10"
            + "ac02" // step = 300 = 0b10_0101100: 0x80 | 0x2c, then 2
            + "2a0c" // summary, 12 bytes
            + "0a0a" // value, 10 bytes
            + "0a03"
            + "612f62" // tag, 3 bytes, "a/b"
            + "15"
            + "000000c0"; // simple_value = -2f = 0xc0000000
    assertThat(file.getFileName()).hasToString("events.out.tfevents.0000001024.asymml");
    assertThat(HexFormat.of().formatHex(Files.readAllBytes(file)))
        .isEqualTo(record(version) + record(scalar));
  }

  /// SessionLog of event.proto, field 7 of an event, with status START = 1: TensorBoard's
  /// event_accumulator drops what it has from that step on.
  @Test
  void a_resumed_run_takes_back_the_points_of_later_steps() throws IOException {
    Path file;
    try (TensorBoardLog log = TensorBoardLog.open(directory, CLOCK)) {
      file = log.file();
      log.resumed(299);
    }
    String start = "09" + "0000000000029040" + "10" + "ac02" + "3a02" + "0801";
    assertThat(HexFormat.of().formatHex(Files.readAllBytes(file))).endsWith(record(start));
  }

  @Test
  void files_keep_their_order_when_the_clock_is_set_back() throws IOException {
    TensorBoardLog.open(directory, CLOCK).close();
    Clock earlier = Clock.fixed(Instant.ofEpochSecond(7), ZoneOffset.UTC);
    try (TensorBoardLog log = TensorBoardLog.open(directory, earlier)) {
      assertThat(log.file().getFileName()).hasToString("events.out.tfevents.0000001025.asymml");
    }
  }

  /// Files that TensorFlow itself writes begin like this: the first record has 24 bytes there too,
  /// and 0x224b7fa3 is the masked CRC of that length.
  @Test
  void a_file_begins_as_those_of_tensorflow_do() throws IOException {
    try (TensorBoardLog log = TensorBoardLog.open(directory, CLOCK)) {
      log.flush();
      assertThat(HexFormat.of().formatHex(Files.readAllBytes(log.file())))
          .startsWith("1800000000000000" + "a37f4b22" + "09");
    }
  }

  private static String record(String dataHex) {
    byte[] data = HexFormat.of().parseHex(dataHex);
    byte[] length = new byte[8];
    length[0] = (byte) data.length;
    return HexFormat.of().formatHex(length)
        + hex(mask(slowCrc(length)))
        + dataHex
        + hex(mask(slowCrc(data)));
  }

  private static String hex(int littleEndian) {
    return "%08x".formatted(Integer.reverseBytes(littleEndian));
  }

  private static int mask(int crc) {
    return ((crc >>> 15) | (crc << 17)) + 0xa282ead8;
  }

  /// CRC-32C bit by bit: the Castagnoli polynomial 0x1edc6f41, reflected.
  private static int slowCrc(byte[] data) {
    int crc = -1;
    for (byte b : data) {
      crc ^= b & 0xff;
      for (int bit = 0; bit < 8; bit++) {
        crc = (crc >>> 1) ^ ((crc & 1) * 0x82f63b78);
      }
    }
    return ~crc;
  }

  /// The check value of the CRC catalogue, and RFC 3720, B.4: 32 bytes of zeros.
  @Test
  void both_crcs_give_the_published_vectors() {
    byte[] digits = "123456789".getBytes(StandardCharsets.US_ASCII);
    assertThat(slowCrc(digits)).isEqualTo(0xe3069283);
    assertThat(slowCrc(new byte[32])).isEqualTo(0x8a9136aa);
    CRC32C crc = new CRC32C();
    crc.update(digits);
    assertThat((int) crc.getValue()).isEqualTo(0xe3069283);
  }

  @Test
  void points_decode_to_what_was_logged() throws IOException {
    Path file;
    String longTag = "loss/".repeat(100) + "ü";
    try (TensorBoardLog log = TensorBoardLog.open(directory, CLOCK)) {
      file = log.file();
      log.scalar("train/loss", 0, 2.25);
      log.scalar(longTag, 127, 1e-30);
      log.scalar("x", 128, -0.1);
      log.scalar("", Long.MAX_VALUE, 0);
    }
    assertThat(points(file))
        .containsExactly(
            new Point("train/loss", 0, 2.25f),
            new Point(longTag, 127, 1e-30f),
            new Point("x", 128, -0.1f),
            new Point("", Long.MAX_VALUE, 0));
  }

  @Test
  void flushed_points_are_in_the_file_before_it_is_closed() throws IOException {
    try (TensorBoardLog log = TensorBoardLog.open(directory, CLOCK)) {
      log.scalar("x", 1, 1);
      log.flush();
      assertThat(points(log.file())).containsExactly(new Point("x", 1, 1));
    }
  }

  @Test
  void a_second_log_of_the_same_second_has_a_later_name() throws IOException {
    try (TensorBoardLog first = TensorBoardLog.open(directory, CLOCK);
        TensorBoardLog second = TensorBoardLog.open(directory, CLOCK)) {
      assertThat(second.file().toString()).isGreaterThan(first.file().toString());
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, 1e39})
  void a_value_that_is_no_finite_float_is_refused(double value) throws IOException {
    try (TensorBoardLog log = TensorBoardLog.open(directory, CLOCK)) {
      assertThatThrownBy(() -> log.scalar("x", 1, value))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("scalar x must be finite as a float");
    }
  }

  @Test
  void a_closed_log_takes_nothing() throws IOException {
    TensorBoardLog log = TensorBoardLog.open(directory, CLOCK);
    log.close();
    log.close();
    assertThatThrownBy(() -> log.scalar("x", 1, 1)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void a_missing_directory_is_named() {
    Path absent = directory.resolve("absent");
    assertThatThrownBy(() -> TensorBoardLog.open(absent, CLOCK))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(absent.toString())
        .hasMessageEndingWith("no such file or directory");
  }

  private record Point(String tag, long step, float value) {}

  /// Checks the framing, the wall times and the file version, and decodes the rest.
  private static List<Point> points(Path file) throws IOException {
    ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    List<Point> points = new ArrayList<>();
    boolean first = true;
    while (in.hasRemaining()) {
      byte[] length = new byte[8];
      in.get(length);
      assertThat(in.getInt()).isEqualTo(mask(slowCrc(length)));
      byte[] data = new byte[ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getInt()];
      in.get(data);
      assertThat(in.getInt()).isEqualTo(mask(slowCrc(data)));
      ByteBuffer event = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
      assertThat(event.get()).isEqualTo((byte) 0x09);
      assertThat(event.getDouble()).isEqualTo(1024.5);
      if (first) {
        assertThat(event.get()).isEqualTo((byte) 0x1a);
        assertThat(text(event)).isEqualTo("brain.Event:2");
        first = false;
      } else {
        points.add(point(event));
      }
      assertThat(event.hasRemaining()).isFalse();
    }
    return points;
  }

  private static Point point(ByteBuffer event) {
    assertThat(event.get()).isEqualTo((byte) 0x10);
    long step = varint(event);
    assertThat(event.get()).isEqualTo((byte) 0x2a);
    assertThat(varint(event)).isEqualTo(event.remaining());
    assertThat(event.get()).isEqualTo((byte) 0x0a);
    assertThat(varint(event)).isEqualTo(event.remaining());
    assertThat(event.get()).isEqualTo((byte) 0x0a);
    String tag = text(event);
    assertThat(event.get()).isEqualTo((byte) 0x15);
    return new Point(tag, step, event.getFloat());
  }

  private static String text(ByteBuffer in) {
    byte[] bytes = new byte[(int) varint(in)];
    in.get(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private static long varint(ByteBuffer in) {
    long value = 0;
    for (int shift = 0; ; shift += 7) {
      byte b = in.get();
      value |= (long) (b & 0x7f) << shift;
      if (b >= 0) {
        return value;
      }
    }
  }
}
