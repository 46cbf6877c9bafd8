package asymml.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CodecTest {
  private static final int ROUNDS = 2_000;

  @ParameterizedTest(name = "seed {0}")
  @ValueSource(longs = {1, 2, 3})
  void decoding_gives_back_what_was_encoded(long seed) throws ProtocolException {
    RandomMessages messages = new RandomMessages(seed);
    for (int i = 0; i < ROUNDS; i++) {
      Message message = messages.next();
      assertThat(Codec.decode(encode(message))).isEqualTo(message);
    }
  }

  @ParameterizedTest(name = "seed {0}")
  @ValueSource(longs = {4, 5})
  void every_truncation_is_refused(long seed) throws ProtocolException {
    RandomMessages messages = new RandomMessages(seed);
    for (int i = 0; i < 200; i++) {
      ByteBuffer whole = encode(messages.next());
      for (int length = 0; length < whole.limit(); length++) {
        ByteBuffer part = whole.duplicate().order(ByteOrder.LITTLE_ENDIAN).limit(length);
        assertThat(catchThrowable(() -> Codec.decode(part)))
            .isExactlyInstanceOf(ProtocolException.class);
        if (length >= 16) {
          assertThat(Codec.frameLength(part.rewind())).isEqualTo(whole.limit());
        }
      }
    }
  }

  @ParameterizedTest(name = "seed {0}")
  @ValueSource(longs = {6, 7, 8})
  void a_corrupt_frame_decodes_to_a_message_or_gives_a_protocol_exception(long seed) {
    RandomMessages messages = new RandomMessages(seed);
    Random random = new Random(seed);
    for (int i = 0; i < 10 * ROUNDS; i++) {
      ByteBuffer frame = encode(messages.next());
      int flips = 1 + random.nextInt(4);
      for (int f = 0; f < flips; f++) {
        frame.put(random.nextInt(frame.limit()), (byte) random.nextInt(256));
      }
      Throwable thrown = catchThrowable(() -> Codec.decode(frame));
      if (thrown != null) {
        assertThat(thrown).isExactlyInstanceOf(ProtocolException.class);
      }
    }
  }

  @ParameterizedTest(name = "seed {0}")
  @ValueSource(longs = {9, 10})
  void random_bytes_under_a_valid_header_give_a_protocol_exception_or_a_message(long seed) {
    Random random = new Random(seed);
    for (int i = 0; i < 10 * ROUNDS; i++) {
      byte[] bytes = new byte[16 + random.nextInt(100)];
      random.nextBytes(bytes);
      ByteBuffer frame = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      frame.putShort(0, (short) 0x4D41).put(2, (byte) random.nextInt(40)).put(3, (byte) 0);
      frame.putInt(4, bytes.length - 16);
      Throwable thrown = catchThrowable(() -> Codec.decode(frame));
      if (thrown != null) {
        assertThat(thrown).isExactlyInstanceOf(ProtocolException.class);
      }
    }
  }

  @Test
  void a_length_beyond_the_bound_is_refused_from_the_header_alone() {
    for (int length : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, Codec.MAX_FRAME_BYTES}) {
      ByteBuffer header = encode(new Message.Bye(3));
      header.putInt(4, length);
      assertThatThrownBy(() -> Codec.frameLength(header))
          .isExactlyInstanceOf(ProtocolException.class)
          .hasMessageContaining("" + length);
    }
  }

  @Test
  void the_longest_message_fits_the_longest_frame() {
    String text = "t".repeat(Message.MAX_TEXT_BYTES);
    assertThat(encode(new Message.Welcome(1, 2, text, text, 3)).limit())
        .isEqualTo(Codec.MAX_FRAME_BYTES);
  }

  @Test
  void a_frame_of_a_known_message_has_the_documented_bytes() {
    ByteBuffer frame = encode(new Message.Forward(0x0102, 7, new Slot(64, 5), new Slot(128, 9)));
    byte[] bytes = new byte[frame.remaining()];
    frame.get(bytes);
    assertThat(HexFormat.of().formatHex(bytes))
        .isEqualTo(
            "414d0500"
                + "24000000"
                + "0201000000000000"
                + "07000000"
                + "4000000000000000"
                + "0500000000000000"
                + "8000000000000000"
                + "0900000000000000");
  }

  static ByteBuffer encode(Message message) {
    ByteBuffer out = ByteBuffer.allocate(Codec.MAX_FRAME_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    Codec.encode(message, out);
    return out.flip();
  }
}
