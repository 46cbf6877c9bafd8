package asymml.verify;

import asymml.wire.Codec;
import asymml.wire.Encoding;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/// One direction of a recorded connection as its parts, frames and the bytes of tensors, and what
/// becomes of it when bytes are changed and parts lost, repeated, moved or brought from elsewhere.
///
/// @param parts in the order in which they were sent
record Transcript(List<Part> parts) {
  private static final int SEQUENCE_AT = 8;
  private static final int LENGTH_AT = 4;
  private static final int[] EXTREMES = {
    0, 1, -1, 255, 1 << 16, 1 << 24, 1 << 30, Integer.MAX_VALUE, Integer.MIN_VALUE
  };

  /// @param bytes a frame or a tensor
  /// @param sequence the number in the frame, or in the frame that announced the tensor
  /// @param frame whether it is a frame
  @SuppressWarnings("ArrayRecordComponent") // never changed, and never compared
  record Part(byte[] bytes, long sequence, boolean frame) {
    Part with(byte[] changed) {
      return new Part(changed, sequence, frame);
    }
  }

  /// Takes the bytes of one direction apart.
  ///
  /// @param encoding how tensors crossed, if any did
  static Transcript of(byte[] stream, Encoding encoding) throws ProtocolException {
    List<Part> parts = new ArrayList<>();
    ByteBuffer in = ByteBuffer.wrap(stream).order(ByteOrder.LITTLE_ENDIAN);
    while (in.hasRemaining()) {
      byte[] frame = new byte[Codec.frameLength(in)];
      in.get(frame);
      Message message = Codec.decode(ByteBuffer.wrap(frame).order(ByteOrder.LITTLE_ENDIAN));
      parts.add(new Part(frame, message.sequence(), true));
      if (message instanceof Message.Payload payload) {
        byte[] tensor = new byte[Math.toIntExact(encoding.bytes(payload.slot().floats()))];
        in.get(tensor);
        parts.add(new Part(tensor, message.sequence(), false));
      }
    }
    return new Transcript(List.copyOf(parts));
  }

  /// The number of frames.
  int messages() {
    return (int) parts.stream().filter(Part::frame).count();
  }

  byte[] bytes() {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    parts.forEach(part -> all.writeBytes(part.bytes()));
    return all.toByteArray();
  }

  /// Changes this in a few places.
  ///
  /// @param others transcripts of which parts may come in
  /// @param changes how many
  Transcript mutated(Random random, List<Transcript> others, int changes) {
    List<Part> now = new ArrayList<>(parts);
    for (int i = 0; i < changes; i++) {
      int at = random.nextInt(now.size());
      switch (random.nextInt(10)) {
        case 0 -> now.remove(at);
        case 1 -> now.add(random.nextInt(now.size() + 1), now.get(at));
        case 2 -> now.add(random.nextInt(now.size()), now.remove(at));
        case 3 -> now.set(at, cut(now.get(at), random));
        case 4 -> now.set(at, longer(now.get(at), random));
        case 5 -> splice(now, others.get(random.nextInt(others.size())), random);
        case 6 -> now.set(at, otherLength(now.get(at), random));
        case 7, 8 -> now.set(at, extreme(now.get(at), random));
        default -> now.set(at, flipped(now.get(at), random));
      }
      if (now.isEmpty()) {
        break;
      }
    }
    if (random.nextInt(20) == 0) {
      now = now.subList(0, random.nextInt(now.size() + 1));
    }
    return new Transcript(List.copyOf(now));
  }

  private static Part cut(Part part, Random random) {
    return part.with(Arrays.copyOf(part.bytes(), random.nextInt(part.bytes().length + 1)));
  }

  private static Part longer(Part part, Random random) {
    byte[] bytes = Arrays.copyOf(part.bytes(), part.bytes().length + 1 + random.nextInt(40));
    for (int i = part.bytes().length; i < bytes.length; i++) {
      bytes[i] = (byte) random.nextInt();
    }
    return part.with(bytes);
  }

  /// A run of parts of another connection, or of this one at another time.
  private static void splice(List<Part> now, Transcript other, Random random) {
    int from = random.nextInt(other.parts.size());
    int to = Math.min(other.parts.size(), from + 1 + random.nextInt(6));
    now.addAll(random.nextInt(now.size() + 1), other.parts.subList(from, to));
  }

  private static Part otherLength(Part part, Random random) {
    return part.frame() ? withInt(part, LENGTH_AT, random) : flipped(part, random);
  }

  private static Part extreme(Part part, Random random) {
    // The numbers of a frame lie at multiples of 4 bytes, but for some that follow a text.
    return withInt(part, 4 * random.nextInt(part.bytes().length / 4 + 1), random);
  }

  private static Part withInt(Part part, int at, Random random) {
    if (at + 4 > part.bytes().length) {
      return part;
    }
    byte[] bytes = part.bytes().clone();
    ByteBuffer view = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int now = view.getInt(at);
    int next =
        random.nextBoolean()
            ? now + random.nextInt(-70, 71)
            : EXTREMES[random.nextInt(EXTREMES.length)];
    view.putInt(at, next);
    return part.with(bytes);
  }

  private static Part flipped(Part part, Random random) {
    if (part.bytes().length == 0) {
      return part;
    }
    byte[] bytes = part.bytes().clone();
    bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
    return part.with(bytes);
  }

  /// A part's bytes as if it had been sent under another number; what was changed of the number
  /// stays changed.
  static byte[] renumbered(Part part, long sequence) {
    if (!part.frame() || part.bytes().length < SEQUENCE_AT + Long.BYTES) {
      return part.bytes();
    }
    byte[] bytes = part.bytes().clone();
    ByteBuffer view = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    view.putLong(SEQUENCE_AT, view.getLong(SEQUENCE_AT) ^ part.sequence() ^ sequence);
    return bytes;
  }
}
