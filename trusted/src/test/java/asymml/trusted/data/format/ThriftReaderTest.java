package asymml.trusted.data.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Structs of Thrift's compact protocol, as its specification writes them.
class ThriftReaderTest {
  private static final int SEED = 7;

  /// Bytes of a struct, field by field.
  private static final class Struct {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private int last;

    Struct field(int id, int type, int... content) {
      int delta = id - last;
      if (delta > 0 && delta < 16) {
        out.write(delta << 4 | type);
      } else {
        out.write(type);
        varint((long) id << 1 ^ id >> 31);
      }
      last = id;
      return raw(content);
    }

    Struct raw(int... content) {
      Arrays.stream(content).forEach(out::write);
      return this;
    }

    Struct varint(long value) {
      long rest = value;
      while (rest < 0 || rest > 0x7F) {
        out.write((int) (rest & 0x7F | 0x80));
        rest >>>= 7;
      }
      out.write((int) rest);
      return this;
    }

    Struct zigzag(long value) {
      return varint(value << 1 ^ value >> 63);
    }

    Struct text(String text) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      varint(bytes.length);
      out.writeBytes(bytes);
      return this;
    }

    byte[] end() {
      out.write(0);
      return out.toByteArray();
    }
  }

  /// Fields of every type that can be skipped, the last of all one to read.
  private static Struct everything() {
    return new Struct()
        .field(1, 1)
        .field(2, 2)
        .field(3, 3, 0x7F)
        .field(4, 4)
        .zigzag(-5)
        .field(5, 5)
        .zigzag(Integer.MIN_VALUE)
        .field(40, 6)
        .zigzag(Long.MIN_VALUE)
        .field(41, 7, 1, 2, 3, 4, 5, 6, 7, 8)
        .field(42, 8)
        .text("skipped")
        .field(43, 9, 0x31, 1, 2, 1) // three booleans
        .field(44, 9, 0xF5, 17, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32)
        .field(45, 10, 0x18, 2, 'a', 'b') // a set of one text
        .field(46, 11, 0) // an empty map
        .field(47, 11, 2, 0x51, 2, 1, 4, 2) // two entries, from number to boolean
        .field(48, 12, 0x15, 8, 0x19, 0x1C, 0x15, 2, 0, 0) // a struct with a list of a struct
        .field(49, 6)
        .zigzag(1234567890123L);
  }

  @Test
  void what_is_not_asked_for_is_skipped_whatever_its_type() throws FormatException {
    byte[] bytes = everything().end();
    ThriftReader reader = new ThriftReader(bytes);
    List<Long> found = new ArrayList<>();
    reader.struct(id -> {
      if (id != 49) {
        return false;
      }
      found.add(reader.number());
      return true;
    });
    assertThat(found).containsExactly(1234567890123L);
    assertThat(reader.position()).isEqualTo(bytes.length);
  }

  @Test
  void values_are_read_by_their_ids() throws FormatException {
    byte[] bytes =
        new Struct()
            .field(2, 1)
            .field(3, 2)
            .field(1, 5)
            .zigzag(-7)
            .field(300, 8)
            .text("Hündin")
            .field(301, 9, 0x25)
            .zigzag(3)
            .zigzag(-3)
            .field(302, 12, 0x15)
            .zigzag(11)
            .raw(0)
            .end();
    ThriftReader reader = new ThriftReader(bytes);
    TreeMap<Integer, Object> found = new TreeMap<>();
    reader.struct(id -> {
      switch (id) {
        case 1 -> found.put(id, reader.integer());
        case 2, 3 -> found.put(id, reader.bool());
        case 300 -> found.put(id, reader.text());
        case 301 -> {
          List<Integer> all = new ArrayList<>();
          reader.list(() -> all.add(reader.integer()));
          found.put(id, all);
        }
        default ->
            reader.structField(inner -> {
              found.put(id, List.of(inner, reader.integer()));
              return true;
            });
      }
      return true;
    });
    assertThat(found)
        .containsEntry(1, -7)
        .containsEntry(2, true)
        .containsEntry(3, false)
        .containsEntry(300, "Hündin")
        .containsEntry(301, List.of(3, -3))
        .containsEntry(302, List.of(1, 11))
        .hasSize(6);
  }

  private static void skipAll(byte[] bytes) throws FormatException {
    new ThriftReader(bytes).struct(_ -> false);
  }

  private static void assertDamaged(byte[] bytes) {
    assertThatThrownBy(() -> skipAll(bytes))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("damaged Parquet file");
  }

  @Test
  void what_is_cut_off_anywhere_is_damaged() {
    byte[] bytes = everything().end();
    for (int length = 0; length < bytes.length; length++) {
      assertDamaged(Arrays.copyOf(bytes, length));
    }
  }

  /// A list, text or map that declares more than there is takes no memory.
  @Test
  void lengths_beyond_the_bytes_that_are_there_are_damage() {
    for (long declared : new long[] {100, Integer.MAX_VALUE, 1L << 40, -1}) {
      assertDamaged(new Struct().field(1, 8).varint(declared).raw('a').end());
      assertDamaged(new Struct().field(1, 9, 0xF3).varint(declared).raw(1).end());
      assertDamaged(new Struct().field(1, 11).varint(declared).raw(0x33, 1).end());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0x1C, 0x19})
  void nesting_without_end_is_damage_and_no_overflow_of_the_stack(int header) {
    byte[] bytes = new byte[1 << 16];
    Arrays.fill(bytes, (byte) header);
    assertDamaged(bytes);
  }

  @Test
  void a_number_of_another_size_or_type_is_damage() {
    byte[] large = new Struct().field(1, 6).zigzag(1L << 31).end();
    ThriftReader reader = new ThriftReader(large);
    assertThatThrownBy(() -> reader.struct(_ -> reader.integer() == 0))
        .isInstanceOf(FormatException.class);
    ThriftReader text = new ThriftReader(new Struct().field(1, 8).text("7").end());
    assertThatThrownBy(() -> text.struct(_ -> text.number() == 7))
        .isInstanceOf(FormatException.class);
    ThriftReader number = new ThriftReader(new Struct().field(1, 5).zigzag(7).end());
    assertThatThrownBy(() -> number.struct(_ -> number.text().isEmpty()))
        .isInstanceOf(FormatException.class);
    assertDamaged(new Struct().field(1, 13).end());
    assertDamaged(new Struct().field(1, 6, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255).end());
  }

  @Test
  void bytes_that_were_changed_are_read_or_damaged() {
    System.out.println("seed " + SEED);
    Random random = new Random(SEED);
    byte[] bytes = everything().end();
    int read = 0;
    for (int i = 0; i < 20_000; i++) {
      byte[] changed = bytes.clone();
      for (int j = random.nextInt(4); j >= 0; j--) {
        changed[random.nextInt(changed.length)] = (byte) random.nextInt();
      }
      try {
        skipAll(changed);
        read++;
      } catch (FormatException e) {
        assertThat(e.reason()).contains("cannot be read");
      }
    }
    assertThat(read).isBetween(1, 19_999);
  }
}
