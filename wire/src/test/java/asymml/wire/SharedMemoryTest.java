package asymml.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Memory that one side hands to the other.
class SharedMemoryTest {
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final Path DESCRIPTORS = Path.of("/proc/self/fd");
  private static final int BYTES = 8192;

  @TempDir private Path folder;

  private Transport trainer;
  private Transport worker;

  @BeforeEach
  void connect() throws Exception {
    Path socket = folder.resolve("s");
    CompletableFuture<Void> listening = new CompletableFuture<>();
    CompletableFuture<Transport> far = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .start(() -> {
          try {
            far.complete(
                UnixTransport.accept(socket, Deadline.in(LIMIT), () -> listening.complete(null)));
          } catch (ProtocolException e) {
            far.completeExceptionally(e);
          }
        });
    listening.get();
    trainer = UnixTransport.connect(socket);
    worker = far.get();
  }

  @AfterEach
  void every_descriptor_is_closed_in_the_end() throws IOException {
    trainer.close();
    worker.close();
    assertThat(openMemories()).isEmpty();
  }

  private static List<String> openMemories() throws IOException {
    try (Stream<Path> all = Files.list(DESCRIPTORS)) {
      return all.map(SharedMemoryTest::target).filter(t -> t.contains("memfd:asymml")).toList();
    }
  }

  private static String target(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString();
    } catch (IOException e) {
      return ""; // that of the listing itself
    }
  }

  /// Sends one byte, with the region if there is one.
  private static void pass(Transport from, @Nullable Region region, Transport to)
      throws IOException {
    if (region != null) {
      from.share(region);
    }
    from.write(ByteBuffer.wrap(new byte[] {42}), Deadline.in(LIMIT));
    ByteBuffer one = ByteBuffer.allocate(1);
    assertThat(to.read(one, Deadline.in(LIMIT))).isEqualTo(1);
    assertThat(one.get(0)).isEqualTo((byte) 42);
  }

  @Test
  void both_sides_see_the_same_memory_which_has_no_name() throws IOException {
    Slot slot = new Slot(64, 16);
    try (Region mine = Region.create(BYTES)) {
      pass(trainer, mine, worker);
      assertThatThrownBy(mine::descriptor).isInstanceOf(IllegalStateException.class);
      try (Region theirs = worker.shared(BYTES)) {
        mine.at(slot).setAtIndex(ValueLayout.JAVA_FLOAT, 3, 2.5f);
        assertThat(theirs.at(slot).getAtIndex(ValueLayout.JAVA_FLOAT, 3)).isEqualTo(2.5f);
        assertThat(target(DESCRIPTORS.resolve("" + theirs.descriptor()))).endsWith(" (deleted)");
      }
      mine.at(slot).setAtIndex(ValueLayout.JAVA_FLOAT, 3, 4.5f);
      assertThat(mine.at(slot).getAtIndex(ValueLayout.JAVA_FLOAT, 3)).isEqualTo(4.5f);
    }
  }

  @Test
  void neither_side_can_change_its_size() throws IOException {
    try (Region mine = Region.create(BYTES)) {
      assertCannotBeResized(mine);
      pass(trainer, mine, worker);
      try (Region theirs = worker.shared(BYTES)) {
        assertCannotBeResized(theirs);
        mine.memory().fill((byte) 7);
        assertThat(theirs.memory().get(ValueLayout.JAVA_BYTE, BYTES - 1)).isEqualTo((byte) 7);
      }
    }
  }

  private static void assertCannotBeResized(Region region) throws IOException {
    Path file = DESCRIPTORS.resolve("" + region.descriptor());
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      assertThatThrownBy(() -> channel.truncate(10))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("Operation not permitted");
      assertThatThrownBy(() -> channel.write(ByteBuffer.allocate(1), BYTES))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("Operation not permitted");
      assertThat(channel.size()).isEqualTo(BYTES);
    }
  }

  @Test
  void memory_that_can_be_shrunk_is_not_mapped() {
    Posix.Call call = new Posix.Call();
    int unsealed = Posix.memory(call);
    assertThat(Posix.allocate(call, unsealed, BYTES)).isZero();
    assertThatThrownBy(() -> Region.open(unsealed, BYTES))
        .isInstanceOf(IOException.class)
        .hasMessage("not memory that is sealed against shrinking");
    int socket = Posix.socket(call);
    assertThatThrownBy(() -> Region.open(socket, BYTES))
        .isInstanceOf(IOException.class)
        .hasMessage("not memory that is sealed against shrinking");
  }

  @Test
  void memory_of_another_size_is_not_mapped() throws IOException {
    try (Region mine = Region.create(BYTES)) {
      pass(trainer, mine, worker);
      assertThatThrownBy(() -> worker.shared(BYTES + 1))
          .isInstanceOf(IOException.class)
          .hasMessage("memory of 8192 bytes in place of 8193");
    }
  }

  @Test
  void memory_is_handed_over_once() throws IOException {
    try (Region mine = Region.create(BYTES)) {
      pass(trainer, mine, worker);
      worker.shared(BYTES).close();
      pass(trainer, null, worker);
      assertThatThrownBy(() -> worker.shared(BYTES))
          .isInstanceOf(IOException.class)
          .hasMessage("the peer has handed over no memory");
    }
  }

  @Test
  void memory_that_nobody_asked_for_does_not_pile_up() throws IOException {
    try (Region first = Region.create(BYTES);
        Region second = Region.create(BYTES)) {
      pass(trainer, first, worker);
      assertThatThrownBy(() -> pass(trainer, second, worker))
          .isInstanceOf(ProtocolException.class)
          .hasMessageContaining("not asked for");
      assertThat(openMemories()).hasSize(1);
    }
  }

  @Test
  void the_side_that_connects_takes_no_descriptors() throws IOException {
    try (Region region = Region.create(BYTES)) {
      pass(worker, region, trainer);
      assertThat(openMemories()).isEmpty();
      assertThatThrownBy(() -> trainer.shared(BYTES))
          .isInstanceOf(IOException.class)
          .hasMessage("the peer has handed over no memory");
    }
  }

  @Test
  void memory_of_this_process_alone_cannot_be_handed_over() {
    try (Region region = Region.allocate(BYTES)) {
      trainer.share(region);
      assertThatThrownBy(() -> trainer.write(ByteBuffer.wrap(new byte[] {42}), Deadline.in(LIMIT)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("no memory to hand over");
    }
  }

  @Test
  void more_memory_than_there_is_gives_one_line() {
    assertThatThrownBy(() -> Region.create(Slot.MAX_REGION_BYTES))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no room for 1048576 MB of shared memory")
        .hasMessageContaining("use a smaller batch");
  }
}
