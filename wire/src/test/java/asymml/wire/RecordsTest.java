package asymml.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RecordsTest {
  @Test
  void a_slot_is_aligned_and_within_the_largest_region() {
    assertThat(new Slot(128, 3).endOffset()).isEqualTo(140);
    assertThat(new Slot(Slot.MAX_REGION_BYTES - 64, 16).sizeBytes()).isEqualTo(64);
    long[][] bad = {
      {-64, 1},
      {32, 1},
      {0, 0},
      {0, -1},
      {0, Long.MAX_VALUE},
      {Slot.MAX_REGION_BYTES - 64, 17},
      {Slot.MAX_REGION_BYTES, 1},
      {Long.MAX_VALUE - 63, 1},
      {Long.MIN_VALUE, 1}
    };
    for (long[] slot : bad) {
      assertThatThrownBy(() -> new Slot(slot[0], slot[1]))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void slots_overlap_where_they_share_a_byte() {
    assertThat(new Slot(0, 16).overlaps(new Slot(64, 16))).isFalse();
    assertThat(new Slot(0, 17).overlaps(new Slot(64, 16))).isTrue();
    assertThat(new Slot(64, 1).overlaps(new Slot(0, 100))).isTrue();
  }

  @Test
  void a_descriptor_counts_its_tensors() {
    OpDescriptor op = new OpDescriptor(2, 5, 7, 3, 4, 3, 2, 2, 1);
    assertThat(op.inputFloats()).isEqualTo(2 * 5 * 7 * 3);
    assertThat(op.weightFloats()).isEqualTo(4 * 3 * 2 * 3);
    assertThat(op.outputFloats()).isEqualTo(2 * 3 * 4 * 4);
  }

  @ParameterizedTest
  @CsvSource({
    "0,1,1,1,1,1,1,1,0", // an empty axis
    "1,1,1,1,1,1,1,0,0", // no stride
    "1,1,1,1,1,1,1,1,1", // padding as large as the kernel
    "1,1,1,1,1,1,1,1,-1", // negative padding
    "1,2,2,1,1,3,3,1,0", // kernel larger than the map
    "16777216,16777216,16777216,16777216,1,1,1,1,0", // X overflows a long
    "1,1,1,16777216,16777216,1,1,1,0", // W is too large
    "2147483647,1,1,1,1,1,1,1,0", // an axis that is too long
    "-2147483648,1,1,1,1,1,1,1,0",
    "1,512,512,1,1,3,3,129,0", // a stride beyond what kernels compute
    "1,512,512,1,1,129,3,1,0", // and such a kernel
    "1,512,512,1,1,3,129,1,0",
    "1,8192,8192,9,1,1,1,1,0", // an example's X is too large
    "1,8192,8192,1,9,1,1,1,0", // an example's Y is too large
    "2048,8192,8192,8,1,1,1,1,0", // X of the batch is too large
  })
  void a_hostile_descriptor_is_refused(
      int n, int h, int w, int c, int o, int kh, int kw, int stride, int padding) {
    assertThatThrownBy(() -> new OpDescriptor(n, h, w, c, o, kh, kw, stride, padding))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void a_descriptor_at_its_limits_counts_right() {
    int most = OpDescriptor.MAX_WINDOW;
    OpDescriptor op = new OpDescriptor(512, 8192, 8192, 8, 8, most, most, most, most - 1);
    assertThat(op.inputFloats()).isEqualTo(OpDescriptor.MAX_FLOATS);
    assertThat(op.weightFloats()).isEqualTo(64L * most * most);
    assertThat(op.outputFloats()).isEqualTo(512L * 65 * 65 * 8);
  }

  @Test
  void addresses_read_back_what_they_print() {
    for (String text :
        new String[] {
          "unix:/tmp/w.sock", "unix:w.sock", "tls:gpu.example.org:4433", "tls:[::1]:9"
        }) {
      assertThat(WorkerAddress.parse(text)).hasToString(text);
    }
    assertThat(WorkerAddress.parse("unix:/a:b")).isEqualTo(new WorkerAddress.Unix(Path.of("/a:b")));
    assertThat(WorkerAddress.parse("tls:[::1]:9")).isEqualTo(new WorkerAddress.Tls("::1", 9));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "unix:",
        "tcp:host:1",
        "tls:host",
        "tls::1",
        "tls:host:x",
        "tls:host:70000",
        "tls:host:-1",
        "tls:::1:9",
        "/tmp/w.sock",
        "unix:a\0b"
      })
  void what_is_no_address_is_refused(String text) {
    assertThatThrownBy(() -> WorkerAddress.parse(text))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void texts_that_could_steer_a_terminal_are_refused() {
    assertThatThrownBy(() -> new Message.Welcome(0, 1, "cpu\u001b[2J", "float32", 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Message.Failed(0, "two\nlines"))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(Message.Failed.because(0, "two\nlines \u00e9" + "x".repeat(1000)).reason())
        .startsWith("two?lines ?x")
        .hasSize(Message.MAX_TEXT_BYTES);
  }

  @Test
  void the_sooner_deadline_wins() {
    Deadline soon = Deadline.in(Duration.ofSeconds(1));
    Deadline later = Deadline.in(Duration.ofSeconds(9));
    assertThat(soon.orSooner(later)).isEqualTo(soon);
    assertThat(later.orSooner(soon)).isEqualTo(soon);
    assertThat(Deadline.NEVER.orSooner(soon)).isEqualTo(soon);
    assertThat(soon.orSooner(Deadline.NEVER)).isEqualTo(soon);
    assertThatThrownBy(() -> Deadline.in(Duration.ZERO))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
