package asymml.untrusted;

import asymml.wire.Codec;
import asymml.wire.Encoding;
import asymml.wire.MaskKey;
import asymml.wire.Message;
import asymml.wire.OpDescriptor;
import asymml.wire.Slot;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/// Writes what a trainer could send in one session: requests that mostly follow from those before,
/// with wrong places, sizes, numbers and orders among them, and then bytes that are changed, lost,
/// repeated or moved.
final class HostileTrainer {
  private static final int OPS = 6;
  private static final int GRANTED_REGIONS = 4; // of those below, the others being too large
  private static final long[] REGIONS = {64, 4096, 70_000, 1 << 20, 1 << 24, 1L << 32, 1L << 40};

  private final Random random;
  private final boolean streamed;
  private final List<byte[]> parts = new ArrayList<>();
  private final Map<Integer, OpDescriptor> ops = new HashMap<>();
  private Encoding encoding = Encoding.FLOAT32;
  private long regionBytes = 4096;
  private long sequence;
  private int messages;

  /// @param sharedBytes size of the region that goes with the requests, 0 if tensors come in the
  ///   stream
  HostileTrainer(Random random, long sharedBytes) {
    this.random = random;
    this.streamed = sharedBytes == 0;
    if (!streamed) {
      regionBytes = sharedBytes;
    }
  }

  /// The number of messages that [#session] has written.
  int messages() {
    return messages;
  }

  /// Writes a session.
  ///
  /// @param length about how many messages
  byte[] session(int length) {
    if (!rarely(50)) {
      add(new Message.Hello(next(), rarely(50) ? random.nextInt() : Message.PROTOCOL_VERSION));
    }
    if (!rarely(20)) {
      mapRegion();
    }
    while (messages < length) {
      step();
    }
    if (rarely(2)) {
      add(new Message.Bye(next()));
    }
    return rarely(3) ? mutated() : joined(parts);
  }

  private boolean rarely(int oneIn) {
    return random.nextInt(oneIn) == 0;
  }

  // A tensor has announced it, perhaps.
  private long next() {
    long number = sequence;
    sequence += rarely(2) ? 1 : 1 + random.nextInt(Message.MAX_SEQUENCE_STEP);
    return rarely(500) ? random.nextLong() >>> 1 : number;
  }

  private void step() {
    switch (random.nextInt(32)) {
      case 0 -> mapRegion();
      case 1, 2, 3 -> define();
      case 4, 5, 6 -> loadWeights();
      case 7, 8, 9, 10 -> forward();
      case 11, 12, 13 -> backwardData();
      case 14, 15, 16 -> backwardWeights();
      case 17, 18, 19, 20, 21, 22 -> payload();
      case 23, 24, 25, 26, 27, 28, 29, 30 -> update();
      default -> nuisance();
    }
  }

  private void nuisance() {
    switch (random.nextInt(60)) {
      case 0 -> add(new Message.Done(next(), 1));
      case 1 -> add(new Message.Failed(next(), "no"));
      case 2 -> add(new Message.Bye(next()));
      case 3 -> add(new Message.Payload(next(), place(100)));
      case 4, 5, 6, 7 -> expandMask();
      default -> add(new Message.Hello(next(), Message.PROTOCOL_VERSION));
    }
  }

  private void mapRegion() {
    if (streamed || rarely(30)) {
      long sizeBytes = REGIONS[random.nextInt(rarely(8) ? REGIONS.length : GRANTED_REGIONS)];
      Encoding next = rarely(3) ? Encoding.BFLOAT16 : Encoding.FLOAT32;
      add(new Message.MapRegion(next(), sizeBytes, next));
      if (streamed && sizeBytes <= REGIONS[GRANTED_REGIONS - 1]) {
        regionBytes = sizeBytes;
        encoding = next;
      }
    } else {
      add(new Message.MapRegion(next(), regionBytes, Encoding.FLOAT32));
    }
  }

  private void define() {
    int opId = rarely(20) ? Message.MAX_OP_ID : random.nextInt(OPS);
    OpDescriptor op = descriptor();
    if (op != null) {
      ops.putIfAbsent(opId, op);
      add(new Message.DefineOp(next(), opId, op));
    }
  }

  private @Nullable OpDescriptor descriptor() {
    try {
      int kernel = length(5);
      return new OpDescriptor(
          length(5),
          length(12),
          length(12),
          length(9),
          length(9),
          kernel,
          rarely(3) ? length(5) : kernel,
          length(3),
          random.nextInt(kernel));
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  private int length(int most) {
    return rarely(60) ? 1 << random.nextInt(25) : 1 + random.nextInt(most);
  }

  private int opId() {
    return rarely(20) ? random.nextInt(Message.MAX_OP_ID + 1) : random.nextInt(OPS);
  }

  private OpDescriptor op(int opId) {
    return ops.getOrDefault(opId, new OpDescriptor(1, 1, 1, 2, 3, 1, 1, 1, 0));
  }

  // Mostly within the region, of the right size.
  private Slot place(long floats) {
    long size = rarely(40) ? 1 + random.nextInt(1000) : Math.max(1, floats);
    long room = (regionBytes - size * Float.BYTES) / Slot.ALIGNMENT_BYTES;
    long offset =
        rarely(40)
            ? random.nextLong(Slot.MAX_REGION_BYTES >> 8) * Slot.ALIGNMENT_BYTES
            : (room <= 0 ? 0 : random.nextLong(room + 1)) * Slot.ALIGNMENT_BYTES;
    // A slot beyond the largest region cannot be said.
    return new Slot(offset, Math.min(size, (Slot.MAX_REGION_BYTES - offset) / Float.BYTES));
  }

  private void loadWeights() {
    int id = opId();
    add(new Message.LoadWeights(next(), id, place(op(id).weightFloats())));
  }

  private void forward() {
    int id = opId();
    add(new Message.Forward(next(), id, place(op(id).inputFloats()), place(op(id).outputFloats())));
  }

  private void backwardData() {
    int id = opId();
    add(
        new Message.BackwardData(
            next(), id, place(op(id).outputFloats()), place(op(id).inputFloats())));
  }

  private void backwardWeights() {
    int id = opId();
    OpDescriptor op = op(id);
    add(
        new Message.BackwardWeights(
            next(),
            id,
            place(op.inputFloats()),
            place(op.outputFloats()),
            place(op.weightFloats())));
  }

  private void update() {
    int id = opId();
    int holder = rarely(4) ? opId() : id;
    OpDescriptor op = op(id);
    int channels = op(holder).inChannels();
    int count = 1 + random.nextInt(3);
    long folded = op(holder).weightFloats() / channels * count;
    switch (random.nextInt(10)) {
      case 0, 1 ->
          add(
              new Message.HoldWeights(
                  next(), id, place(op.weightFloats()), place(op.weightFloats())));
      case 2 -> add(new Message.LoadHeld(next(), id, holder));
      case 3, 4 -> add(new Message.KeepDirections(next(), holder, place((long) count * channels)));
      case 5 -> add(new Message.FoldWeights(next(), holder, place(folded)));
      case 6, 7 ->
          add(
              new Message.KeepGradient(
                  next(), id, holder, place(op.inputFloats()), place(op.outputFloats())));
      case 8 ->
          add(
              new Message.UpdateWeights(
                  next(), holder, place(folded), random.nextFloat(), random.nextFloat(), 0));
      default ->
          add(
              new Message.FetchHeld(
                  next(), holder, random.nextBoolean(), place(op(holder).weightFloats())));
    }
  }

  private void expandMask() {
    Slot masks = place(1 + random.nextInt(200));
    int examples = rarely(2) ? 1 : Math.toIntExact(masks.floats());
    double deviation =
        rarely(5) ? Math.scalb(1.0, random.nextInt(2000) - 1000) : 1 + random.nextDouble();
    add(new Message.ExpandMask(next(), masks, examples, deviation, new MaskKey(1, 2, 3, 4)));
  }

  private void payload() {
    if (!streamed) {
      return;
    }
    long most = regionBytes / Float.BYTES;
    Slot slot =
        rarely(300)
            ? place(1 + random.nextInt(500))
            : new Slot(0, 1 + random.nextLong(Math.min(most, 500)));
    add(new Message.Payload(rarely(300) ? sequence + 1 : sequence, slot));
    if (slot.floats() <= 1 << 20) {
      byte[] tensor = new byte[Math.toIntExact(encoding.bytes(slot.floats()))];
      random.nextBytes(tensor);
      parts.add(tensor);
    }
  }

  private void add(Message message) {
    ByteBuffer frame = ByteBuffer.allocate(Codec.MAX_FRAME_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    Codec.encode(message, frame);
    byte[] bytes = new byte[frame.flip().remaining()];
    frame.get(bytes);
    parts.add(bytes);
    messages++;
  }

  private byte[] mutated() {
    for (int i = random.nextInt(3); i > 0; i--) {
      int at = random.nextInt(parts.size());
      byte[] part = parts.get(at);
      // One that was cut to nothing has no byte to change.
      switch (random.nextInt(part.length == 0 ? 3 : 5)) {
        case 0 -> parts.remove(at);
        case 1 -> parts.add(random.nextInt(parts.size() + 1), part);
        case 2 -> parts.set(at, Arrays.copyOf(part, random.nextInt(part.length + 1)));
        case 3 -> part[random.nextInt(part.length)] = (byte) random.nextInt();
        default -> part[random.nextInt(part.length)] ^= (byte) (1 << random.nextInt(8));
      }
      if (parts.isEmpty()) {
        return new byte[0];
      }
    }
    byte[] all = joined(parts);
    return rarely(4) ? Arrays.copyOf(all, random.nextInt(all.length + 1)) : all;
  }

  private static byte[] joined(List<byte[]> parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    parts.forEach(all::writeBytes);
    return all.toByteArray();
  }
}
