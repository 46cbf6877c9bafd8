package asymml.trusted.data.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.draw.SplitMix64;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ParquetFileTest {
  private static final int MOST = 1 << 20;

  @TempDir private Path temporary;

  private interface Reading<T> {
    T of(ParquetFile file) throws Exception;
  }

  private <T> T reading(byte[] content, Reading<T> reading) throws Exception {
    try (FileBytes bytes = FileBytes.open(Files.write(temporary.resolve("a.parquet"), content))) {
      return reading.of(ParquetFile.of(bytes));
    }
  }

  private List<@Nullable String> texts(byte[] content, String column) throws Exception {
    return reading(content, file -> texts(file, column, MOST));
  }

  private static List<@Nullable String> texts(ParquetFile file, String column, int mostPageBytes)
      throws Exception {
    ParquetColumn found =
        file.columns().stream().filter(c -> c.name().equals(column)).findFirst().orElseThrow();
    ParquetValues values = file.values(found, mostPageBytes);
    List<@Nullable String> texts = new ArrayList<>();
    for (long row = 0; row < file.rows(); row++) {
      texts.add(values.text(row));
    }
    return texts;
  }

  private void assertRefused(byte[] content, String column, String message) {
    assertThatThrownBy(() -> texts(content, column))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining(message)
        .hasMessageNotContaining("\n");
  }

  /// 120 rows that DuckDB 1.4.1 wrote (`COPY ... TO 'snappy.parquet' (FORMAT parquet, COMPRESSION
  /// snappy, KV_METADATA {huggingface: ...})`, and so on; v2 with `PARQUET_VERSION V2`): row i has
  /// image.bytes of 5 + i % 7 letters, the (i % 26)th, and from row 50 on the number i behind them;
  /// no bytes where i % 10 is 8, and no image at all where it is 9; label i % 3 in 64 and small i %
  /// 5 in 32 bits; word "class " + i % 2, or null where i % 4 is 0; and a weight and a list.
  private static byte[] golden(String name) throws Exception {
    try (InputStream in =
        Objects.requireNonNull(
            ParquetFileTest.class.getResourceAsStream(name + ".parquet"), name)) {
      return in.readAllBytes();
    }
  }

  private static @Nullable String image(int i) {
    String letters = Character.toString('A' + i % 26).repeat(5 + i % 7);
    return i % 10 >= 8 ? null : letters + (i >= 50 ? i : "");
  }

  @ParameterizedTest
  @ValueSource(strings = {"uncompressed", "snappy", "gzip"})
  void files_of_another_program_are_read(String codec) throws Exception {
    byte[] file = golden(codec);
    assertThat(reading(file, ParquetFile::rows)).isEqualTo(120);
    List<String> names = reading(file, f -> f.columns().stream().map(ParquetColumn::name).toList());
    assertThat(names)
        .containsExactly(
            "image.bytes", "image.path", "label", "small", "word", "weight", "list.list.element");
    assertThat(texts(file, "image.bytes"))
        .isEqualTo(IntStream.range(0, 120).mapToObj(ParquetFileTest::image).toList());
    assertThat(texts(file, "label"))
        .isEqualTo(IntStream.range(0, 120).mapToObj(i -> "" + i % 3).toList());
    assertThat(texts(file, "small"))
        .isEqualTo(IntStream.range(0, 120).mapToObj(i -> "" + i % 5).toList());
    assertThat(texts(file, "word"))
        .isEqualTo(
            IntStream.range(0, 120).mapToObj(i -> i % 4 == 0 ? null : "class " + i % 2).toList());
    assertThat(reading(file, ParquetFile::metadata).get("huggingface")).contains("ClassLabel");
    List<String> text =
        reading(
            file,
            f ->
                f.columns().stream().filter(ParquetColumn::text).map(ParquetColumn::name).toList());
    assertThat(text).containsExactly("image.path", "word");
  }

  @ParameterizedTest
  @CsvSource({
    "zstd,label,is packed by Zstandard, which is not read",
    "brotli,label,is packed by Brotli",
    "lz4_raw,label,is packed by LZ4",
    "v2,image.bytes,has a column image.bytes of encoding DELTA_LENGTH_BYTE_ARRAY",
    "snappy,list.list.element,has a column list.list.element of lists"
  })
  void what_is_not_read_is_named(String file, String column, String message) throws Exception {
    assertRefused(golden(file), column, message);
    assertThat(texts(golden("v2"), "word")).hasSize(120).contains("class 1");
  }

  private static List<@Nullable Object> values(int count) {
    List<@Nullable Object> values = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      values.add(i % 7 == 3 ? null : "v" + i % 50 + "x".repeat(i % 90));
    }
    return values;
  }

  @ParameterizedTest
  @CsvSource({
    "0,false,false",
    "1,false,false",
    "2,false,false",
    "0,true,false",
    "1,true,false",
    "2,true,false",
    "0,false,true",
    "1,false,true",
    "2,false,true",
    "0,true,true",
    "1,true,true",
    "2,true,true"
  })
  void all_forms_are_read_in_any_order_of_rows(int codec, boolean version2, boolean dictionary)
      throws Exception {
    List<@Nullable Object> values = values(230);
    ParquetFiles form = new ParquetFiles().column("a.b", values).rows(100, 33).packed(codec);
    List<@Nullable Object> numbers = new ArrayList<>();
    for (int i = 0; i < 230; i++) {
      numbers.add((long) i * i - 1000);
    }
    form.column("n", numbers);
    form = version2 ? form.version2() : form;
    byte[] file = (dictionary ? form.dictionaries() : form).write();
    assertThat(texts(file, "a.b")).isEqualTo(values);
    assertThat(texts(file, "n")).isEqualTo(numbers.stream().map(String::valueOf).toList());
    SplitMix64 random = SplitMix64.of(5, codec);
    reading(
        file,
        f -> {
          ParquetValues read = f.values(f.columns().getFirst(), MOST);
          for (int i = 0; i < 500; i++) {
            int row = random.nextInt(230);
            assertThat(read.text(row)).isEqualTo(values.get(row));
          }
          assertThatThrownBy(() -> read.text(230)).isInstanceOf(IllegalArgumentException.class);
          return 0;
        });
  }

  @Test
  void pages_beyond_the_limit_are_refused_before_memory_is_taken() throws Exception {
    byte[] file = new ParquetFiles().column("a", values(100)).write();
    assertThatThrownBy(() -> reading(file, f -> texts(f, "a", 500)))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining("more than the limit of 500; write it with smaller pages");
  }

  /// What 16 million values would take is 128 MB.
  @Test
  void a_dictionary_has_no_more_values_than_its_bytes_hold() throws Exception {
    byte[] content = new byte[24];
    ParquetColumn column = new ParquetColumn(0, List.of("a"), ParquetColumn.BYTES, true, 1, false);
    try (FileBytes bytes = FileBytes.open(Files.write(temporary.resolve("page"), content))) {
      for (int values : new int[] {6, 7, 1 << 24}) {
        ParquetPage page =
            new ParquetPage(ParquetPage.DICTIONARY, 0, values, 0, 0, 24, 24, 0, 0, false);
        if (values == 6) {
          assertThat(PageValues.read(bytes, page, 0, column, null).from()).hasSize(6);
        } else {
          assertThatThrownBy(() -> PageValues.read(bytes, page, 0, column, null))
              .isInstanceOf(FormatException.class)
              .hasMessageContaining("a dictionary has more values than bytes for them");
        }
      }
    }
  }

  @Test
  void files_that_are_none_are_named() throws Exception {
    byte[] file = new ParquetFiles().column("a", values(10)).write();
    assertRefused(new byte[0], "a", "is empty");
    assertRefused(new byte[100], "a", "is no Parquet file");
    assertRefused(Arrays.copyOf(file, file.length - 5), "a", "is a truncated Parquet file");
    byte[] encrypted = file.clone();
    encrypted[file.length - 1] = 'E';
    assertRefused(encrypted, "a", "is an encrypted Parquet file");
    byte[] large = file.clone();
    ByteBuffer.wrap(large).order(ByteOrder.LITTLE_ENDIAN).putInt(file.length - 8, -2);
    assertRefused(large, "a", "its end declares 4294967294 bytes of metadata");
  }

  @Test
  void a_file_cut_anywhere_is_refused() throws Exception {
    byte[] file = new ParquetFiles().column("a", values(20)).rows(10, 5).write();
    for (int length = 0; length < file.length; length++) {
      assertRefused(Arrays.copyOf(file, length), "a", "");
      // With the end as it was, so that the rest is looked at.
      byte[] cut = Arrays.copyOf(file, length);
      int footer = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt(file.length - 8);
      byte[] end = Arrays.copyOfRange(file, file.length - 8 - footer, file.length);
      if (length < file.length - end.length) {
        byte[] joined = Arrays.copyOf(cut, length + end.length);
        System.arraycopy(end, 0, joined, length, end.length);
        assertRefused(joined, "a", "");
      }
    }
  }

  @Test
  void what_was_changed_at_random_is_read_or_refused() throws Exception {
    List<byte[]> files =
        List.of(
            golden("uncompressed"),
            golden("snappy"),
            golden("gzip"),
            golden("v2"),
            new ParquetFiles()
                .column("word", values(200))
                .rows(50, 9)
                .dictionaries()
                .packed(1)
                .write());
    SplitMix64 random = SplitMix64.of(20261130, 2);
    int refused = 0;
    for (int i = 0; i < 3000; i++) {
      byte[] changed = files.get(i % files.size()).clone();
      for (int k = 0; k <= i % 4; k++) {
        changed[random.nextInt(changed.length)] = (byte) random.nextInt(256);
      }
      try {
        reading(
            changed,
            file -> {
              for (ParquetColumn column : file.columns()) {
                if (column.type() == ParquetColumn.BYTES || column.type() == ParquetColumn.INT64) {
                  texts(file, column.name(), MOST);
                }
              }
              return 0;
            });
      } catch (FormatException e) {
        assertThat(e.reason()).doesNotContain("\n");
        refused++;
      }
    }
    assertThat(refused).isBetween(500, 2950);
  }

  @Test
  void snappy_unpacks_copies_that_overlap() throws Exception {
    // "ab", then 10 bytes from 2 before, then 5 from 12 before with an offset of two bytes, then 4
    // from 1 before with one of four.
    byte[] packed = {
      21,
      1 << 2,
      'a',
      'b',
      (byte) (1 | (10 - 4) << 2),
      2,
      (byte) (2 | 4 << 2),
      12,
      0,
      (byte) (3 | 3 << 2),
      1,
      0,
      0,
      0
    };
    assertThat(new String(Snappy.unpack(packed, 0, 21), StandardCharsets.ISO_8859_1))
        .isEqualTo("ab" + "ababababab" + "ababa" + "aaaa");
    for (int length = 0; length < packed.length; length++) {
      byte[] cut = Arrays.copyOf(packed, length);
      assertThatThrownBy(() -> Snappy.unpack(cut, 0, 21)).isInstanceOf(FormatException.class);
    }
    assertThatThrownBy(() -> Snappy.unpack(packed, 0, 20)).isInstanceOf(FormatException.class);
    byte[] before = packed.clone();
    before[5] = 3;
    assertThatThrownBy(() -> Snappy.unpack(before, 0, 21)).isInstanceOf(FormatException.class);
  }

  @Test
  void runs_and_packed_bits_are_read_at_all_widths() throws Exception {
    SplitMix64 random = SplitMix64.of(3, 3);
    for (int width = 0; width <= 32; width++) {
      int count = 8 * 5;
      int[] expected = new int[count + 20];
      byte[] bytes = new byte[200 + width * 5];
      bytes[0] = 5 << 1 | 1;
      for (int i = 0; i < count; i++) {
        expected[i] = width == 0 ? 0 : (int) (random.nextLong() >>> 64 - width);
        for (int b = 0; b < width; b++) {
          int bit = i * width + b;
          bytes[1 + bit / 8] |= (byte) ((expected[i] >> b & 1) << bit % 8);
        }
      }
      int at = 1 + width * 5;
      bytes[at++] = 20 << 1;
      int value = width == 32 ? -5 : (1 << width) - 1;
      for (int b = 0; b < (width + 7) / 8; b++) {
        bytes[at++] = (byte) (value >> 8 * b);
      }
      Arrays.fill(expected, count, count + 20, value);
      assertThat(RunLengths.read(bytes, 0, at, width, count + 20)).isEqualTo(expected);
      int end = at;
      int bits = width;
      assertThatThrownBy(() -> RunLengths.read(bytes, 0, end, bits, count + 21))
          .isInstanceOf(FormatException.class);
    }
  }
}
