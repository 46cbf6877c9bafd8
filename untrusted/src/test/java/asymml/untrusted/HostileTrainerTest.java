package asymml.untrusted;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.MemoryBudget;
import asymml.wire.Codec;
import asymml.wire.Deadline;
import asymml.wire.Encoding;
import asymml.wire.Link;
import asymml.wire.MaskKey;
import asymml.wire.Message;
import asymml.wire.OpDescriptor;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// What hostile trainers were found to do to a worker whose tensors come in the stream.
class HostileTrainerTest {
  private static final long BUDGET_BYTES = 1 << 20;
  private static final OpDescriptor OP = new OpDescriptor(2, 1, 1, 3, 4, 1, 1, 1, 0);
  private static final Slot X = new Slot(0, 6);
  private static final Slot Y = new Slot(128, 8);
  private static final Slot W = new Slot(256, 12);

  private final ByteArrayOutputStream input = new ByteArrayOutputStream();
  private final List<Message> answers = new ArrayList<>();
  private final MemoryBudget budget = new MemoryBudget(BUDGET_BYTES);
  private long sequence;

  private void send(Message message) {
    ByteBuffer frame = ByteBuffer.allocate(Codec.MAX_FRAME_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    Codec.encode(message, frame);
    input.write(frame.array(), 0, frame.position());
  }

  private void hello() {
    send(new Message.Hello(sequence++, Message.PROTOCOL_VERSION));
  }

  private void map(long sizeBytes) {
    send(new Message.MapRegion(sequence++, sizeBytes, Encoding.FLOAT32));
  }

  private void tensor(Slot slot) {
    send(new Message.Payload(sequence, slot));
    input.writeBytes(new byte[(int) slot.sizeBytes()]);
  }

  private void keep(ByteBuffer bytes) {
    try {
      answers.add(Codec.decode(bytes.order(ByteOrder.LITTLE_ENDIAN)));
    } catch (ProtocolException e) {
      // The bytes of a result.
    }
  }

  private void serve(Backend backend) throws Exception {
    try (backend;
        Link link =
            new Link(new ScriptedTransport(input.toByteArray(), 0, new Random(1), this::keep))) {
      new Session(link, backend, budget, () -> 77).run();
    } finally {
      assertThat(budget.takenBytes()).isZero();
    }
  }

  private String refusal() {
    assertThat(answers.getLast()).isInstanceOf(Message.Failed.class);
    return ((Message.Failed) answers.getLast()).reason();
  }

  @Test
  void a_region_beyond_the_memory_limit_is_refused_before_it_is_taken() throws Exception {
    hello();
    map(BUDGET_BYTES);
    map(3L << 30);
    send(new Message.Bye(sequence));
    serve(new NaiveBackend());
    assertThat(answers.get(1)).isEqualTo(new Message.Done(1, 77));
    assertThat(refusal())
        .isEqualTo(
            "it needs 3072 MiB of memory, and 1 MiB of the limit of 1 MiB are taken: raise it with"
                + " --memory-limit at the worker");
  }

  @Test
  void packed_weights_beyond_the_memory_limit_are_refused() throws Exception {
    hello();
    map(BUDGET_BYTES / 2);
    OpDescriptor wide = new OpDescriptor(1, 1, 1, 256, 256, 1, 1, 1, 0);
    for (int op = 0; op < 8; op++) {
      send(new Message.DefineOp(sequence++, op, wide));
      send(new Message.LoadWeights(sequence++, op, new Slot(0, 65536)));
    }
    send(new Message.Bye(sequence));
    serve(new CpuBackend(budget));
    assertThat(refusal()).endsWith("raise it with --memory-limit at the worker");
  }

  @Test
  void definitions_without_end_are_refused() throws Exception {
    hello();
    for (int op = 0; op < 2000; op++) {
      send(new Message.DefineOp(sequence++, op, OP));
    }
    send(new Message.Bye(sequence));
    serve(new NaiveBackend());
    assertThat(answers).filteredOn(Message.Done.class::isInstance).hasSize(1024);
    assertThat(refusal()).contains("memory-limit");
  }

  @Test
  void masks_of_examples_that_no_kernel_writes_are_refused() throws Exception {
    hello();
    map(4096);
    send(new Message.ExpandMask(sequence++, new Slot(0, 1L << 33), 1, 1, new MaskKey(1, 2, 3, 4)));
    send(new Message.Bye(sequence));
    serve(new NaiveBackend());
    assertThat(refusal()).isEqualTo("masks of one example have at most 536870912 values");
  }

  /// What comes behind a request for a region goes into the new one. It once met the closing of the
  /// old one, which killed the reader and left the session waiting for ever.
  @Test
  void a_tensor_that_races_the_change_of_the_region_goes_into_the_new_one() throws Exception {
    hello();
    for (int i = 0; i < 200; i++) {
      map(4096);
      tensor(new Slot(0, 1024));
    }
    map(64);
    tensor(new Slot(0, 1024));
    assertThatThrownBy(() -> serve(new NaiveBackend()))
        .isInstanceOf(ProtocolException.class)
        .hasMessage("the trainer sent a tensor that has no place");
  }

  @Test
  void a_reader_that_dies_ends_the_session() {
    hello();
    ScriptedTransport dying =
        new ScriptedTransport(input.toByteArray(), 0, new Random(1), this::keep) {
          @Override
          public int read(ByteBuffer into, Deadline deadline) throws ProtocolException {
            int count = super.read(into, deadline);
            if (count < 0) {
              throw new IllegalStateException("a bug in the reader");
            }
            return count;
          }
        };
    try (Link link = new Link(dying)) {
      assertThatThrownBy(() -> new Session(link, new NaiveBackend(), budget, () -> 77).run())
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("a bug in the reader");
    }
  }

  @Test
  void an_answer_that_dies_ends_the_session() {
    hello();
    map(4096);
    send(new Message.DefineOp(sequence++, 1, OP));
    send(new Message.LoadWeights(sequence++, 1, W));
    for (int i = 0; i < 100; i++) {
      send(new Message.Forward(sequence++, 1, X, Y));
    }
    Backend dying =
        new DelegatingBackend(new NaiveBackend()) {
          @Override
          public Completion forward(int opId, MemorySegment x, MemorySegment y) {
            return () -> {
              throw new IllegalStateException("a bug in the backend");
            };
          }
        };
    assertThatThrownBy(() -> serve(dying))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("a bug in the backend");
  }
}
