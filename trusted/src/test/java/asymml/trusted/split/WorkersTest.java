package asymml.trusted.split;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.Tensor;
import asymml.privacy.Channel;
import asymml.privacy.Release;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WorkersTest {
  @TempDir Path folder;

  private OracleWorker first;
  private OracleWorker second;

  @BeforeEach
  void connect() throws Exception {
    first = new OracleWorker(folder.resolve("first"), 85);
    second = new OracleWorker(folder.resolve("second"), 86);
  }

  @AfterEach
  void disconnect() throws Exception {
    first.close();
    second.close();
  }

  @Test
  void there_is_at_least_one_worker_and_one_chunk_and_the_list_is_copied() {
    List<Workers.Party> none = List.of();
    assertThatThrownBy(() -> new Workers(none, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("without a worker");
    List<Workers.Party> parties = new ArrayList<>(List.of(first.party()));
    assertThatThrownBy(() -> new Workers(parties, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("examples go out in at least one chunk: 0");
    Workers workers = new Workers(parties, 2);
    parties.clear();
    assertThat(workers.all()).hasSize(1);
    assertThat(workers.first().worker()).isSameAs(first.party().worker());
    assertThat(Workers.one(first.party().worker(), first.party().door()).chunks()).isEqualTo(1);
  }

  @Test
  void noise_is_unpredictable_only_if_that_of_every_door_is() {
    Workers.Party seeded = first.party();
    try (ReleaseDoor door = new ReleaseDoor(second.party().worker(), new SecureRandom(), 1)) {
      Workers.Party unseeded = new Workers.Party(second.party().worker(), door);
      assertThat(Workers.of(seeded).isUnpredictable()).isFalse();
      assertThat(Workers.of(unseeded).isUnpredictable()).isTrue();
      assertThat(Workers.of(unseeded, seeded).isUnpredictable()).isFalse();
      assertThat(Workers.of(seeded, unseeded).isUnpredictable()).isFalse();
    }
    assertThat(Workers.of(seeded).compute()).isTrue();
  }

  @Test
  void bytes_and_processor_time_are_those_of_all() throws Exception {
    Workers workers = Workers.of(first.party(), second.party());
    workers.mapRegion(1 << 12);
    assertThat(workers.bytesOut()).isZero();
    int[] values = {5, 7};
    for (int i = 0; i < 2; i++) {
      OracleWorker worker = i == 0 ? first : second;
      Release release =
          new Release(Channel.WEIGHTS, "layer", values[i], new Release.Uncovered("a test"));
      worker.log().begin(List.of(release));
      try (Arena arena = Arena.ofConfined()) {
        Tensor tensor = Tensor.allocate(arena, values[i]);
        worker.party().door().exact(release, tensor, new Slot(0, values[i]));
      }
    }
    assertThat(workers.bytesOut()).isEqualTo(4 * (5 + 7));
    assertThat(workers.bytesBack()).isZero();
    // Each says in every answer that it has taken a nanosecond.
    assertThat(workers.cpuNanos()).isEqualTo(2);
  }

  @Test
  void all_get_a_region_and_the_failure_of_one_is_told() throws Exception {
    Workers workers = Workers.of(first.party(), second.party());
    workers.mapRegion(1 << 12);
    Slot end = new Slot((1 << 12) - 64, 16);
    assertThat(first.party().worker().result(end, 16).toArray()).containsOnly(0);
    assertThat(second.party().worker().result(end, 16).toArray()).containsOnly(0);
    second.refuse(Message.MapRegion.class);
    assertThatThrownBy(() -> workers.mapRegion(1 << 13))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("out of memory");
    assertThatThrownBy(workers::flush)
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("out of memory");
  }
}
