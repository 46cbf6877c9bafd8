package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.data.ZipFiles.Entry;
import asymml.trusted.draw.SplitMix64;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ZipArchiveTest {
  @TempDir private Path temporary;

  private Path zip(List<Entry> entries) throws Exception {
    return Files.write(temporary.resolve("p.zip"), ZipFiles.write(false, entries));
  }

  private static List<Entry> pets() {
    List<Entry> entries = new ArrayList<>();
    for (String path :
        List.of("train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/dog/1.png")) {
      entries.add(Entry.stored(path, SampleFiles.png(6, 4, 0xFF000000 | path.hashCode())));
    }
    return entries;
  }

  private static DataSet open(Path file) throws DataException {
    return DataSets.open(file.toString(), SampleFiles.SILENT);
  }

  private static void assertRefused(Path file, String... parts) {
    assertThatThrownBy(() -> open(file))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll(parts)
        .hasMessageNotContaining("\n");
  }

  private void assertFirstRefused(UnaryOperator<Entry> change, String... parts) throws Exception {
    List<Entry> entries = pets();
    entries.set(0, change.apply(entries.getFirst()));
    assertRefused(zip(entries), parts);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void entries_are_read_also_in_the_wide_form(boolean zip64) throws Exception {
    Path file = Files.write(temporary.resolve("p.zip"), ZipFiles.write(zip64, pets()));
    assertThat(open(file).train().size()).isEqualTo(2);
    // A program that unpacks stands before many a zip file.
    byte[] content = ZipFiles.write(zip64, pets());
    byte[] shifted = new byte[content.length + 100];
    shifted[0] = 'P';
    shifted[1] = 'K';
    System.arraycopy(content, 0, shifted, 100, content.length);
    Files.write(file, shifted);
    assertThat(open(file).train().size()).isEqualTo(2);
    // A comment at the end.
    byte[] commented = Arrays.copyOf(content, content.length + 9);
    commented[content.length - 2] = 9;
    Files.write(file, commented);
    assertThat(open(file).train().size()).isEqualTo(2);
  }

  @Test
  void encryption_is_named() throws Exception {
    assertFirstRefused(
        e -> e.withFlags(1), "p.zip: train/cat/1.png is encrypted; unpack the zip file with its");
    assertFirstRefused(e -> e.withFlags(1 << 13), "p.zip is encrypted, names and all");
  }

  @ParameterizedTest
  @CsvSource({
    "14,LZMA",
    "9,Deflate64",
    "12,bzip2",
    "93,Zstandard",
    "95,XZ",
    "98,PPMd",
    "77,an unknown method"
  })
  void methods_that_are_not_read_are_named(int method, String name) throws Exception {
    assertFirstRefused(
        e -> e.withMethod(method),
        "p.zip: train/cat/1.png is compressed by %s (method %d), which is not read"
            .formatted(name, method));
  }

  @Test
  void a_symbolic_link_is_named() throws Exception {
    assertFirstRefused(e -> e.withAttributes(0xA1FF0000), "train/cat/1.png is a symbolic link");
  }

  @Test
  void what_is_not_used_may_be_anything() throws Exception {
    List<Entry> entries = pets();
    entries.add(Entry.stored("notes/secret.txt", new byte[9]).withFlags(1));
    entries.add(Entry.stored("__MACOSX/train/cat/._1.png", new byte[9]).withMethod(14));
    assertThat(open(zip(entries)).train().size()).isEqualTo(2);
  }

  @Test
  void damage_has_its_own_words() throws Exception {
    String damaged = "p.zip: train/cat/1.png cannot be read: the zip file is damaged";
    assertFirstRefused(e -> e.withSize(e.size() + 1), damaged, "its two sizes differ");
    assertFirstRefused(
        e -> e.withMethod(8).withPacked(new byte[] {7, 7, 7}),
        damaged,
        "compressed data are corrupt");
    byte[] content = ZipFiles.write(false, pets());
    content[0] = 'Q';
    Path file = Files.write(temporary.resolve("q.zip"), content);
    assertRefused(file, "q.zip is not a data set: it begins with 514b0304");
    content[0] = 'P';
    content[2] = 9;
    Files.write(file, content);
    assertRefused(file, "its header is not where the directory says");
    content[2] = 3;
    content[content.length - 12] = 99; // the number of entries
    Files.write(file, content);
    assertRefused(file, "q.zip is a damaged zip file", "does not hold 99 entries");
    Files.write(file, Arrays.copyOf(content, content.length - 30));
    assertRefused(file, "q.zip is truncated or not a zip file");
  }

  @Test
  void one_part_of_several_is_named() throws Exception {
    byte[] content = ZipFiles.write(false, pets());
    content[content.length - 18] = 1;
    assertRefused(Files.write(temporary.resolve("p.zip"), content), "is one part of a zip file");
  }

  private static byte[] deflated(byte[] content) {
    Deflater deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true);
    deflater.setInput(content);
    deflater.finish();
    byte[] packed = new byte[content.length + 100];
    int length = deflater.deflate(packed);
    deflater.end();
    return Arrays.copyOf(packed, length);
  }

  @Test
  void an_entry_that_unpacks_to_more_than_it_declares_is_refused() throws Exception {
    byte[] packed = deflated(new byte[1 << 20]);
    assertFirstRefused(
        e -> e.withMethod(8).withPacked(packed).withSize(1000),
        "data are not of the declared size");
    assertFirstRefused(
        e -> e.withMethod(8).withPacked(packed).withSize(2 << 20),
        "data are not of the declared size");
  }

  @Test
  void a_declared_size_beyond_the_limit_is_refused_before_memory_is_taken() throws Exception {
    assertFirstRefused(
        e -> e.withMethod(8).withSize(0xFFFFFFF0L),
        "p.zip: train/cat/1.png has 4294967280 bytes, more than an image file of at most 16777216"
            + " pixels takes");
    Path file = zip(pets());
    assertThatThrownBy(() -> DataSets.open(file.toString(), limits(20), SampleFiles.SILENT))
        .isInstanceOfSatisfying(DataException.class, e -> assertThat(e.isAboveLimit()).isTrue())
        .hasMessageContaining("p.zip: train/cat/1.png declares 6 x 4 pixels");
    assertThat(DataSets.open(file.toString(), limits(24), SampleFiles.SILENT).train().size())
        .isEqualTo(2);
  }

  @Test
  void names_in_any_encoding_are_read() throws Exception {
    byte[] dos = {'t', 'r', 'a', 'i', 'n', '/', 'k', (byte) 0x94, '/', '1', '.', 'p', 'n', 'g'};
    byte[] test = "test/k\u00F6/1.png".getBytes(StandardCharsets.UTF_8);
    List<Entry> entries = pets();
    entries.add(entries.get(0).named(dos));
    entries.add(entries.get(1).named(test));
    assertThat(open(zip(entries)).train().classNames()).containsExactly("cat", "dog", "k\u00F6");
  }

  @Test
  void a_unicode_name_beside_the_name_is_taken_if_it_belongs_to_it() throws Exception {
    List<Entry> entries = pets();
    for (int i : new int[] {0, 2}) {
      byte[] raw = entries.get(i).name().clone();
      raw[raw.length - 6] = '?'; // ca?/1.png
      byte[] real =
          new String(entries.get(i).name(), StandardCharsets.UTF_8)
              .replace("cat", "k\u010D")
              .getBytes(StandardCharsets.UTF_8);
      CRC32 checksum = new CRC32();
      checksum.update(raw);
      ByteBuffer field =
          ByteBuffer.allocate(9 + real.length)
              .order(ByteOrder.LITTLE_ENDIAN)
              .putShort((short) 0x7075)
              .putShort((short) (5 + real.length))
              .put((byte) 1)
              .putInt((int) checksum.getValue())
              .put(real);
      entries.set(i, entries.get(i).named(raw).withExtra(ZipFiles.bytes(field)));
    }
    assertThat(open(zip(entries)).train().classNames()).containsExactly("dog", "k\u010D");
    entries.set(0, entries.get(0).named("train/cax/1.png".getBytes(StandardCharsets.UTF_8)));
    assertRefused(zip(entries), "only in train: cax");
  }

  @Test
  void the_same_file_twice_is_refused() throws Exception {
    List<Entry> entries = pets();
    entries.add(entries.getFirst());
    assertRefused(zip(entries), "p.zip has two files called train/cat/1.png; remove one");
    entries.set(4, Entry.stored(".\\train\\cat\\1.png", new byte[1]));
    assertRefused(
        zip(entries),
        "\"train/cat/1.png\" and \".\\train\\cat\\1.png\" are one name, train/cat/1.png");
  }

  @Test
  void names_that_lead_out_or_command_terminals_are_refused() throws Exception {
    List<Entry> entries = pets();
    entries.add(Entry.stored("train/cat/../../x.png", new byte[1]));
    assertRefused(zip(entries), "leads out of the data set (..)");
    entries.set(4, Entry.stored("train/c\u001b[31mat/1.png", new byte[1]));
    assertRefused(zip(entries), "train/c\\u001b[31mat/1.png", "has a control character");
  }

  @Test
  void a_declared_size_that_deflate_cannot_reach_is_refused_before_memory_is_taken()
      throws Exception {
    assertFirstRefused(
        e -> e.withMethod(8).withPacked(new byte[100]).withSize(103_201),
        "data are not of the declared size");
    assertFirstRefused(
        e -> e.withMethod(8).withPacked(new byte[100]).withSize(103_200),
        "the zip file is damaged");
  }

  @Test
  void a_zip_file_with_flipped_bits_is_read_or_refused_but_never_breaks() throws Exception {
    SplitMix64 random = new SplitMix64(99);
    int refused = 0;
    for (int trial = 0; trial < 1000; trial++) {
      byte[] bad = ZipFiles.write(trial % 2 == 0, pets());
      // The directory is at the end, and its fields are what is to be tried.
      int from = trial % 4 < 3 ? bad.length * 2 / 3 : 2;
      for (int flips = 0; flips < 3; flips++) {
        int at = from + random.nextInt(bad.length - from);
        bad[at] ^= (byte) (1 << random.nextInt(8));
      }
      if (trial % 7 == 0) {
        bad = Arrays.copyOf(bad, bad.length - random.nextInt(bad.length / 2));
      }
      try {
        open(Files.write(temporary.resolve("f.zip"), bad));
      } catch (DataException e) {
        refused++;
      }
    }
    System.out.printf("zip, seed 99: %d of 1000 damaged files refused%n", refused);
    assertThat(refused).isBetween(700, 1000);
  }

  private static Decoding limits(int pixels) {
    return Decoding.DEFAULT.withLimits(new DataLimits(pixels));
  }
}
