package asymml.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.wire.Recording.Ending;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RecordingTest {
  private static final long ROOM = 1 << 20;
  private static final OpDescriptor OP = new OpDescriptor(2, 5, 3, 3, 7, 3, 3, 2, 1);

  @TempDir Path folder;
  private final Arena arena = Arena.ofConfined();
  private final Random random = new Random(3);

  @AfterEach
  void free() {
    arena.close();
  }

  private MemorySegment tensor(long floats) {
    MemorySegment tensor = arena.allocate(floats * Float.BYTES, 64);
    for (long i = 0; i < floats; i++) {
      tensor.setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextFloat());
    }
    return tensor;
  }

  /// Two steps of one op: the second with the same weights.
  private List<RecordedEvent> events() {
    MemorySegment w = tensor(OP.weightFloats());
    List<RecordedEvent> events = new ArrayList<>();
    events.add(new RecordedEvent.DefineOp(1, 4, OP));
    for (int step = 0; step < 2; step++) {
      MemorySegment x = tensor(OP.inputFloats());
      MemorySegment dy = tensor(OP.outputFloats());
      events.add(new RecordedEvent.LoadWeights(10, 4, w));
      events.add(new RecordedEvent.Forward(20, 4, x, tensor(OP.outputFloats())));
      events.add(new RecordedEvent.BackwardData(30, 4, dy, tensor(OP.inputFloats())));
      events.add(new RecordedEvent.BackwardWeights(40, 4, x, dy, tensor(OP.weightFloats())));
    }
    return events;
  }

  private Path write(List<RecordedEvent> events, long limit) throws IOException {
    Path file = folder.resolve("r" + random.nextInt());
    try (RecordingWriter writer = RecordingWriter.create(file, limit, "naive", "float64")) {
      for (RecordedEvent event : events) {
        writer.append(event);
      }
    }
    return file;
  }

  /// An event without its tensors' identity: what equality means for one that was read back.
  private static List<Object> contents(RecordedEvent event) {
    List<Object> contents = new ArrayList<>(List.of(event.getClass(), event.nanos(), event.opId()));
    if (event instanceof RecordedEvent.DefineOp define) {
      contents.add(define.op());
    }
    event.tensors().forEach(t -> contents.add(Arrays.toString(t.toArray(ValueLayout.JAVA_BYTE))));
    return contents;
  }

  private static List<List<Object>> contents(List<RecordedEvent> events) {
    return events.stream().map(RecordingTest::contents).toList();
  }

  @Test
  void what_was_appended_is_read_back_bit_by_bit() throws Exception {
    List<RecordedEvent> events = events();
    Path file = write(events, ROOM);
    try (Recording recording = Recording.open(file)) {
      assertThat(contents(recording.events())).isEqualTo(contents(events));
      assertThat(recording.ending()).isEqualTo(Ending.COMPLETE);
      assertThat(recording.backend()).isEqualTo("naive");
      assertThat(recording.precision()).isEqualTo("float64");
      assertThat(recording.events())
          .flatExtracting(RecordedEvent::tensors)
          .allMatch(t -> t.isReadOnly() && t.address() % 64 == 0);
    }
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
  }

  @Test
  void bytes_that_come_again_are_stored_once() throws Exception {
    List<RecordedEvent> events = events();
    Path file = write(events, ROOM);
    try (Recording recording = Recording.open(file)) {
      // Weights once; of each step X, Y, dY, dX, dW.
      assertThat(recording.tensorCount()).isEqualTo(1 + 2 * 5);
    }
    long values = 3 * OP.weightFloats() + 4 * OP.inputFloats() + 4 * OP.outputFloats();
    assertThat(Files.size(file)).isLessThan(4 * values + 64 * (11 * 2 + 10) + 2048);
  }

  /// By the legend in the file and nothing else: no code of the reader or the writer.
  @Test
  void the_file_is_what_its_own_text_says() throws Exception {
    byte[] bytes = Files.readAllBytes(write(events().subList(0, 2), ROOM));
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(new String(bytes, 0, 8, StandardCharsets.US_ASCII)).isEqualTo("ASYMMREC");
    assertThat(in.getInt(8)).isEqualTo(1);
    int at = in.getInt(12);
    assertThat(new String(bytes, 16, at - 16, StandardCharsets.UTF_8))
        .contains("little-endian", "type 2, a tensor", "backend: naive\n");
    assertThat(in.getInt(at)).isEqualTo(1);
    assertThat(in.getInt(at + 4)).isEqualTo(4);
    assertThat(in.getLong(at + 8)).isEqualTo(1);
    int[] shape = new int[9];
    for (int i = 0; i < 9; i++) {
      shape[i] = in.getInt(at + 16 + 4 * i);
    }
    assertThat(shape).containsExactly(2, 5, 3, 3, 7, 3, 3, 2, 1);
    at += 64;
    assertThat(in.getInt(at)).isEqualTo(2);
    assertThat(in.getLong(at + 16)).isEqualTo(7 * 3 * 3 * 3);
    at += 64 + (7 * 27 * 4 + 63) / 64 * 64;
    assertThat(in.getInt(at)).isEqualTo(3);
    assertThat(in.getLong(at + 16)).isZero();
    at += 64;
    assertThat(in.getInt(at)).isEqualTo(7);
    assertThat(in.getLong(at + 24)).isEqualTo(2);
    assertThat(at + 64).isEqualTo(bytes.length);
  }

  @Test
  void at_any_limit_the_file_keeps_to_it_and_holds_whole_events_from_the_first_on()
      throws Exception {
    List<RecordedEvent> events = events();
    long whole = Files.size(write(events, ROOM));
    for (long limit = 2048; limit < whole; limit += 100) {
      Path file = write(events, limit);
      assertThat(Files.size(file)).isLessThanOrEqualTo(limit);
      try (Recording recording = Recording.open(file)) {
        assertThat(recording.ending()).isEqualTo(Ending.TRUNCATED);
        int kept = recording.events().size();
        assertThat(kept).isLessThan(events.size());
        assertThat(contents(recording.events())).isEqualTo(contents(events.subList(0, kept)));
      }
    }
    try (Recording recording = Recording.open(write(events, whole))) {
      assertThat(recording.ending()).isEqualTo(Ending.COMPLETE);
    }
  }

  @Test
  void nothing_follows_an_event_that_did_not_fit() throws Exception {
    List<RecordedEvent> events = events();
    Path small = folder.resolve("small");
    long limit = Files.size(write(events.subList(0, 1), ROOM)) + 3 * 64;
    try (RecordingWriter writer = RecordingWriter.create(small, limit, "naive", "float64")) {
      writer.append(events.get(0));
      writer.append(events.get(2));
      assertThat(writer.truncated()).isTrue();
      writer.append(new RecordedEvent.DefineOp(9, 5, OP));
    }
    try (Recording recording = Recording.open(small)) {
      assertThat(recording.events()).hasSize(1);
    }
  }

  @Test
  void a_recording_that_was_cut_off_anywhere_gives_the_events_before() throws Exception {
    List<RecordedEvent> events = events();
    byte[] whole = Files.readAllBytes(write(events, ROOM));
    int header = ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).getInt(12);
    int most = -1;
    for (int length = header; length < whole.length; length += 37) {
      Path file = Files.write(folder.resolve("cut"), Arrays.copyOf(whole, length));
      try (Recording recording = Recording.open(file)) {
        assertThat(recording.ending()).isEqualTo(Ending.CUT_OFF);
        most = recording.events().size();
        assertThat(contents(recording.events())).isEqualTo(contents(events.subList(0, most)));
      }
    }
    assertThat(most).isEqualTo(events.size());
  }

  private void refuses(byte[] whole, Consumer<ByteBuffer> damage, String said) throws IOException {
    byte[] bytes = whole.clone();
    damage.accept(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN));
    Path file = Files.write(folder.resolve("damaged"), bytes);
    assertThatThrownBy(() -> Recording.open(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining(said);
  }

  @Test
  void a_damaged_file_is_refused_by_name() throws Exception {
    byte[] whole = Files.readAllBytes(write(events().subList(0, 2), ROOM));
    int at = ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).getInt(12);
    refuses(whole, b -> b.put(0, (byte) 'X'), "is not a worker's recording");
    refuses(whole, b -> b.putInt(8, 2), "version 2");
    refuses(whole, b -> b.putInt(12, 17), "header of 17 bytes");
    refuses(whole, b -> b.putInt(12, Integer.MIN_VALUE), "header of");
    refuses(whole, b -> b.putInt(at, 99), "unknown type 99");
    refuses(whole, b -> b.putInt(at + 16, 0), "impossible op");
    refuses(whole, b -> b.putLong(at + 64 + 16, 0), "a tensor of 0 values");
    refuses(whole, b -> b.putLong(at + 64 + 16, Long.MAX_VALUE), "a tensor of");
    refuses(whole, b -> b.putLong(at + 64 + 16, 188), "does not fit its op");
    int load = whole.length - 128;
    refuses(whole, b -> b.putLong(load + 16, 1), "names tensor 1 of 1");
    refuses(whole, b -> b.putLong(load + 16, -1), "names tensor -1 of 1");
    refuses(whole, b -> b.putInt(load + 4, 3), "uses op 3, which is not defined");
    refuses(whole, b -> b.putLong(load + 64 + 24, 7), "mark that does not fit");
    byte[] longer = Arrays.copyOf(whole, whole.length + 64);
    refuses(longer, _ -> {}, "has bytes after its end");
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 500})
  void a_limit_without_room_for_an_event_is_refused(long limit) {
    assertThatThrownBy(
            () -> RecordingWriter.create(folder.resolve("none"), limit, "naive", "float64"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(": " + limit);
    assertThat(folder.resolve("none")).doesNotExist();
  }

  @Test
  void a_file_that_cannot_be_made_is_named_with_the_reason() throws Exception {
    Path taken = Files.writeString(folder.resolve("taken"), "of yesterday");
    assertThatThrownBy(() -> RecordingWriter.create(taken, ROOM, "naive", "float64"))
        .isInstanceOf(IOException.class)
        .hasMessage("cannot write the recording " + taken + ": it exists already");
    assertThat(taken).hasContent("of yesterday");
    Path nowhere = folder.resolve("nowhere").resolve("file");
    assertThatThrownBy(() -> RecordingWriter.create(nowhere, ROOM, "naive", "float64"))
        .hasMessage("cannot write the recording " + nowhere + ": no such directory");
    assertThatThrownBy(() -> RecordingWriter.create(folder, ROOM, "naive", "float64"))
        .hasMessageStartingWith("cannot write the recording " + folder + ": ");
    Path full = Path.of("/dev/full");
    assertThatThrownBy(() -> RecordingWriter.create(full, ROOM, "naive", "float64"))
        .hasMessage("cannot write the recording /dev/full: No space left on device");
    assertThatThrownBy(() -> Recording.open(nowhere))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("cannot read the recording " + nowhere);
  }
}
