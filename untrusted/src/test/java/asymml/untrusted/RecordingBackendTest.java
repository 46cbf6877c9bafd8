package asymml.untrusted;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.wire.OpDescriptor;
import asymml.wire.RecordedEvent;
import asymml.wire.Recording;
import asymml.wire.RecordingWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RecordingBackendTest {
  private static final OpDescriptor OP = new OpDescriptor(1, 1, 1, 2, 2, 1, 1, 1, 0);

  @TempDir Path folder;
  private final Arena arena = Arena.ofConfined();
  private long clock = 100;

  @AfterEach
  void free() {
    arena.close();
  }

  private MemorySegment floats(float... values) {
    MemorySegment memory = arena.allocate(values.length * (long) Float.BYTES, 64);
    MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_FLOAT, 0, values.length);
    return memory;
  }

  private static List<float[]> values(RecordedEvent event) {
    return event.tensors().stream().map(t -> t.toArray(ValueLayout.JAVA_FLOAT)).toList();
  }

  @Test
  void operands_and_results_are_kept_in_order_with_their_times() throws Exception {
    Path file = folder.resolve("r");
    MemorySegment y = floats(0, 0);
    try (Backend backend =
        new RecordingBackend(
            new NaiveBackend(),
            RecordingWriter.create(file, 1 << 16, "naive", "float64"),
            () -> clock)) {
      assertThat(backend.name()).isEqualTo("naive");
      assertThat(backend.precision()).isEqualTo("float64");
      backend.define(3, OP);
      clock = 107;
      backend.loadWeights(3, floats(1, 2, 3, 4));
      backend.forward(3, floats(5, 6), y);
      backend.backwardData(3, floats(1, 1), floats(0, 0));
      backend.backwardWeights(3, floats(5, 6), floats(1, 1), floats(0, 0, 0, 0));
    }
    assertThat(y.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(17, 39);
    try (Recording recording = Recording.open(file)) {
      List<RecordedEvent> events = recording.events();
      assertThat(events).extracting(RecordedEvent::nanos).containsExactly(0L, 7L, 7L, 7L, 7L);
      assertThat(events).allMatch(event -> event.opId() == 3);
      assertThat(values(events.get(1))).containsExactly(new float[] {1, 2, 3, 4});
      assertThat(values(events.get(2))).containsExactly(new float[] {5, 6}, new float[] {17, 39});
      assertThat(values(events.get(3))).containsExactly(new float[] {1, 1}, new float[] {4, 6});
      assertThat(values(events.get(4)))
          .containsExactly(new float[] {5, 6}, new float[] {1, 1}, new float[] {5, 6, 5, 6});
    }
  }

  @Test
  void what_was_refused_is_not_kept() throws Exception {
    Path file = folder.resolve("r");
    OpDescriptor feared = new OpDescriptor(1, 1, 1, 2, 2, 1, 1, 13, 0);
    try (Backend backend =
        new RecordingBackend(
            new NaiveBackend(),
            RecordingWriter.create(file, 1 << 16, "naive", "float64"),
            () -> clock)) {
      assertThatThrownBy(() -> backend.define(3, feared)).isInstanceOf(RefusedException.class);
    }
    try (Recording recording = Recording.open(file)) {
      assertThat(recording.events()).isEmpty();
      assertThat(recording.ending()).isEqualTo(Recording.Ending.COMPLETE);
    }
  }

  @ParameterizedTest
  @CsvSource({"4096, 4096", "7k, 7168", "500M, 524288000", "2GiB, 2147483648", "1gb, 1073741824"})
  void sizes_are_read_with_powers_of_1024(String text, long bytes) {
    assertThat(new SizeConverter().convert(text)).isEqualTo(bytes);
  }
}
