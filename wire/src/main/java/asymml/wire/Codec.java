package asymml.wire;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/// Messages to bytes and back. A frame is, little-endian: magic (2 bytes), type (1), zero (1),
/// length of the body (4), sequence number (8), body. Every length is bounded before it is used, a
/// body must be used up exactly, and whatever does not decode gives a [ProtocolException] and
/// nothing else.
///
/// The bytes of a [Message.Payload]'s tensor follow its frame and are not part of it.
public final class Codec {
  /// The longest frame in bytes: [Message.Welcome] with the longest texts.
  public static final int MAX_FRAME_BYTES = 16 + 4 + 2 * (2 + Message.MAX_TEXT_BYTES) + 8;

  private static final int HEADER_BYTES = 16;
  private static final short MAGIC = 0x4D41; // "AM"

  private static final byte HELLO = 1;
  private static final byte MAP_REGION = 2;
  private static final byte DEFINE_OP = 3;
  private static final byte LOAD_WEIGHTS = 4;
  private static final byte FORWARD = 5;
  private static final byte BACKWARD_DATA = 6;
  private static final byte BACKWARD_WEIGHTS = 7;
  private static final byte BYE = 8;
  private static final byte EXPAND_MASK = 9;
  private static final byte HOLD_WEIGHTS = 10;
  private static final byte LOAD_HELD = 11;
  private static final byte KEEP_DIRECTIONS = 12;
  private static final byte FOLD_WEIGHTS = 13;
  private static final byte KEEP_GRADIENT = 14;
  private static final byte UPDATE_WEIGHTS = 15;
  private static final byte FETCH_HELD = 17;
  private static final byte PAYLOAD = 16;
  private static final byte WELCOME = 32;
  private static final byte DONE = 33;
  private static final byte FAILED = 34;

  private Codec() {}

  /// Writes one frame at the buffer's position.
  ///
  /// @param message what to write
  /// @param out a little-endian buffer with at least [#MAX_FRAME_BYTES] left; its position moves
  public static void encode(Message message, ByteBuffer out) {
    requireLittleEndian(out);
    int start = out.position();
    out.putShort(MAGIC).put(type(message)).put((byte) 0).putInt(0).putLong(message.sequence());
    switch (message) {
      case Message.Hello m -> out.putInt(m.protocolVersion());
      case Message.MapRegion m -> {
        out.putLong(m.sizeBytes());
        out.put(encoding(m.encoding()));
      }
      case Message.DefineOp m -> {
        out.putInt(m.opId());
        putOp(out, m.op());
      }
      case Message.LoadWeights m -> putSlots(out.putInt(m.opId()), m.weights());
      case Message.Forward m -> putSlots(out.putInt(m.opId()), m.x(), m.y());
      case Message.BackwardData m -> putSlots(out.putInt(m.opId()), m.dy(), m.dx());
      case Message.BackwardWeights m -> putSlots(out.putInt(m.opId()), m.x(), m.dy(), m.dw());
      case Message.HoldWeights m -> putSlots(out.putInt(m.opId()), m.weights(), m.velocity());
      case Message.LoadHeld m -> out.putInt(m.opId()).putInt(m.holder());
      case Message.KeepDirections m -> putSlots(out.putInt(m.holder()), m.directions());
      case Message.FoldWeights m -> putSlots(out.putInt(m.holder()), m.folded());
      case Message.KeepGradient m ->
          putSlots(out.putInt(m.opId()).putInt(m.holder()), m.x(), m.dy());
      case Message.UpdateWeights m -> {
        putSlots(out.putInt(m.holder()), m.factor());
        out.putFloat(m.rate()).putFloat(m.momentum()).putFloat(m.weightDecay());
      }
      case Message.FetchHeld m -> {
        out.putInt(m.holder()).put((byte) (m.momentum() ? 1 : 0));
        putSlots(out, m.values());
      }
      case Message.ExpandMask m -> {
        putSlots(out, m.masks());
        out.putInt(m.examples()).putDouble(m.deviation());
        putKey(out, m.key());
      }
      case Message.Bye _ -> {}
      case Message.Payload m -> putSlots(out, m.slot());
      case Message.Welcome m -> {
        out.putInt(m.protocolVersion()).putLong(m.processId());
        putText(out, m.backend());
        putText(out, m.precision());
      }
      case Message.Done m -> out.putLong(m.cpuNanos());
      case Message.Failed m -> putText(out, m.reason());
    }
    out.putInt(start + 4, out.position() - start - HEADER_BYTES);
  }

  /// The length of the frame at the buffer's position, which stays.
  ///
  /// @param in a little-endian buffer
  /// @return its length in bytes, or -1 if the buffer does not hold a whole header yet
  /// @throws ProtocolException if no frame starts there, or too long a one
  public static int frameLength(ByteBuffer in) throws ProtocolException {
    requireLittleEndian(in);
    if (in.remaining() < HEADER_BYTES) {
      return -1;
    }
    int at = in.position();
    int body = in.getInt(at + 4);
    if (in.getShort(at) != MAGIC || in.get(at + 3) != 0) {
      throw new ProtocolException("the peer does not speak this protocol: no frame starts here");
    }
    if (body < 0 || body > MAX_FRAME_BYTES - HEADER_BYTES) {
      throw new ProtocolException("the peer announces a message of " + body + " bytes");
    }
    return HEADER_BYTES + body;
  }

  /// Reads the one frame that the buffer holds.
  ///
  /// @param in a little-endian buffer whose remaining bytes are exactly one frame; all are consumed
  /// @return the message
  /// @throws ProtocolException if they are not a frame of this protocol
  public static Message decode(ByteBuffer in) throws ProtocolException {
    int length = frameLength(in);
    if (length != in.remaining()) {
      throw new ProtocolException("a message was cut short or runs on");
    }
    byte type = in.get(in.position() + 2);
    long sequence = in.getLong(in.position() + 8);
    in.position(in.position() + HEADER_BYTES);
    Message message;
    try {
      message = body(type, sequence, in);
    } catch (IllegalArgumentException e) {
      // The records' own checks.
      throw new ProtocolException("the peer sent an impossible message: " + e.getMessage(), e);
    } catch (BufferUnderflowException e) {
      throw new ProtocolException("the peer sent a message that is too short", e);
    }
    if (in.hasRemaining()) {
      throw new ProtocolException("the peer sent a message that is too long");
    }
    return message;
  }

  private static Message body(byte type, long sequence, ByteBuffer in) throws ProtocolException {
    return switch (type) {
      case HELLO -> new Message.Hello(sequence, in.getInt());
      case MAP_REGION -> new Message.MapRegion(sequence, in.getLong(), encoding(in.get()));
      case DEFINE_OP -> new Message.DefineOp(sequence, in.getInt(), op(in));
      case LOAD_WEIGHTS -> new Message.LoadWeights(sequence, in.getInt(), slot(in));
      case FORWARD -> new Message.Forward(sequence, in.getInt(), slot(in), slot(in));
      case BACKWARD_DATA -> new Message.BackwardData(sequence, in.getInt(), slot(in), slot(in));
      case BACKWARD_WEIGHTS ->
          new Message.BackwardWeights(sequence, in.getInt(), slot(in), slot(in), slot(in));
      case HOLD_WEIGHTS -> new Message.HoldWeights(sequence, in.getInt(), slot(in), slot(in));
      case LOAD_HELD -> new Message.LoadHeld(sequence, in.getInt(), in.getInt());
      case KEEP_DIRECTIONS -> new Message.KeepDirections(sequence, in.getInt(), slot(in));
      case FOLD_WEIGHTS -> new Message.FoldWeights(sequence, in.getInt(), slot(in));
      case KEEP_GRADIENT ->
          new Message.KeepGradient(sequence, in.getInt(), in.getInt(), slot(in), slot(in));
      case UPDATE_WEIGHTS ->
          new Message.UpdateWeights(
              sequence, in.getInt(), slot(in), in.getFloat(), in.getFloat(), in.getFloat());
      case FETCH_HELD -> new Message.FetchHeld(sequence, in.getInt(), flag(in.get()), slot(in));
      case EXPAND_MASK ->
          new Message.ExpandMask(sequence, slot(in), in.getInt(), in.getDouble(), key(in));
      case BYE -> new Message.Bye(sequence);
      case PAYLOAD -> new Message.Payload(sequence, slot(in));
      case WELCOME -> {
        int version = in.getInt();
        long processId = in.getLong();
        String backend = text(in, Message.MAX_TEXT_BYTES);
        String precision = text(in, Message.MAX_TEXT_BYTES);
        yield new Message.Welcome(sequence, version, backend, precision, processId);
      }
      case DONE -> new Message.Done(sequence, in.getLong());
      case FAILED -> new Message.Failed(sequence, text(in, Message.MAX_TEXT_BYTES));
      default -> throw new ProtocolException("the peer sent a message of unknown type " + type);
    };
  }

  private static byte type(Message message) {
    return switch (message) {
      case Message.Hello _ -> HELLO;
      case Message.MapRegion _ -> MAP_REGION;
      case Message.DefineOp _ -> DEFINE_OP;
      case Message.LoadWeights _ -> LOAD_WEIGHTS;
      case Message.Forward _ -> FORWARD;
      case Message.BackwardData _ -> BACKWARD_DATA;
      case Message.BackwardWeights _ -> BACKWARD_WEIGHTS;
      case Message.HoldWeights _ -> HOLD_WEIGHTS;
      case Message.LoadHeld _ -> LOAD_HELD;
      case Message.KeepDirections _ -> KEEP_DIRECTIONS;
      case Message.FoldWeights _ -> FOLD_WEIGHTS;
      case Message.KeepGradient _ -> KEEP_GRADIENT;
      case Message.UpdateWeights _ -> UPDATE_WEIGHTS;
      case Message.FetchHeld _ -> FETCH_HELD;
      case Message.ExpandMask _ -> EXPAND_MASK;
      case Message.Bye _ -> BYE;
      case Message.Payload _ -> PAYLOAD;
      case Message.Welcome _ -> WELCOME;
      case Message.Done _ -> DONE;
      case Message.Failed _ -> FAILED;
    };
  }

  private static void putSlots(ByteBuffer out, Slot... slots) {
    for (Slot slot : slots) {
      out.putLong(slot.offset()).putLong(slot.floats());
    }
  }

  private static Slot slot(ByteBuffer in) {
    return new Slot(in.getLong(), in.getLong());
  }

  private static boolean flag(byte code) throws ProtocolException {
    return switch (code) {
      case 0 -> false;
      case 1 -> true;
      default -> throw new ProtocolException("the peer sent a flag that is neither 0 nor 1");
    };
  }

  private static byte encoding(Encoding encoding) {
    return switch (encoding) {
      case FLOAT32 -> 0;
      case BFLOAT16 -> 1;
    };
  }

  private static Encoding encoding(byte code) throws ProtocolException {
    return switch (code) {
      case 0 -> Encoding.FLOAT32;
      case 1 -> Encoding.BFLOAT16;
      default -> throw new ProtocolException("the peer names an unknown encoding: " + code);
    };
  }

  private static void putKey(ByteBuffer out, MaskKey key) {
    out.putLong(key.first()).putLong(key.second()).putLong(key.third()).putLong(key.fourth());
  }

  private static MaskKey key(ByteBuffer in) {
    return new MaskKey(in.getLong(), in.getLong(), in.getLong(), in.getLong());
  }

  static void putOp(ByteBuffer out, OpDescriptor op) {
    out.putInt(op.batch()).putInt(op.height()).putInt(op.width());
    out.putInt(op.inChannels()).putInt(op.outChannels());
    out.putInt(op.kernelHeight()).putInt(op.kernelWidth());
    out.putInt(op.stride()).putInt(op.padding());
  }

  private static OpDescriptor op(ByteBuffer in) {
    return new OpDescriptor(
        in.getInt(),
        in.getInt(),
        in.getInt(),
        in.getInt(),
        in.getInt(),
        in.getInt(),
        in.getInt(),
        in.getInt(),
        in.getInt());
  }

  private static void putText(ByteBuffer out, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    out.putShort((short) bytes.length).put(bytes);
  }

  private static String text(ByteBuffer in, int maxBytes) throws ProtocolException {
    int length = Short.toUnsignedInt(in.getShort());
    if (length > maxBytes || length > in.remaining()) {
      throw new ProtocolException("the peer announces a text of " + length + " bytes");
    }
    ByteBuffer bytes = in.slice(in.position(), length);
    in.position(in.position() + length);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
    } catch (CharacterCodingException e) {
      throw new ProtocolException("the peer sent a text that is not UTF-8", e);
    }
  }

  private static void requireLittleEndian(ByteBuffer buffer) {
    if (buffer.order() != ByteOrder.LITTLE_ENDIAN) {
      throw new IllegalArgumentException("frames are little-endian: set the buffer's order");
    }
  }
}
