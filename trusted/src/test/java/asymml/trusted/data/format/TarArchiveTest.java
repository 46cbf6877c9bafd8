package asymml.trusted.data.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.trusted.data.format.TarArchive.Entry;
import asymml.trusted.data.format.TarArchive.Kind;
import asymml.trusted.draw.SplitMix64;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TarArchiveTest {
  @TempDir private Path temporary;

  private List<Entry> list(byte[] archive) throws Exception {
    try (FileBytes file = FileBytes.open(Files.write(temporary.resolve("a.tar"), archive))) {
      return TarArchive.list(file, name -> new String(name, StandardCharsets.UTF_8));
    }
  }

  private void assertRefused(byte[] archive, String message) {
    assertThatThrownBy(() -> list(archive))
        .isInstanceOf(FormatException.class)
        .hasMessageContaining(message)
        .hasMessageNotContaining("\n");
  }

  /// Archives of GNU tar 1.34 (`--format=gnu --sparse`, `--format=posix --sparse`,
  /// `--format=ustar`, `--format=v7`) and of Python 3.11's tarfile (PAX_FORMAT), packed by gzip.
  private static byte[] golden(String name) throws Exception {
    try (InputStream in =
        new GZIPInputStream(
            Objects.requireNonNull(
                TarArchiveTest.class.getResourceAsStream(name + ".tar.gz"), name))) {
      return in.readAllBytes();
    }
  }

  private Map<String, Kind> kinds(byte[] archive) throws Exception {
    Map<String, Kind> kinds = new TreeMap<>();
    for (Entry entry : list(archive)) {
      kinds.put(entry.name(), entry.kind());
    }
    return kinds;
  }

  @ParameterizedTest
  @ValueSource(strings = {"gnu", "pax"})
  void archives_of_gnu_tar_are_listed_with_long_names_links_and_holes(String format)
      throws Exception {
    byte[] archive = golden(format);
    String folder = "train/cat/" + "a".repeat(120) + "/";
    Map<String, Kind> kinds = kinds(archive);
    assertThat(kinds)
        .hasSize(9)
        .containsEntry("train/", Kind.FOLDER)
        .containsEntry(folder, Kind.FOLDER)
        .containsEntry(folder + "1.txt", Kind.FILE)
        .containsEntry(folder + "link", Kind.SYMBOLIC_LINK)
        .containsEntry("train/dog/s\u00FC\u00DF.txt", Kind.HARD_LINK)
        .containsEntry("train/dog/hard.txt", Kind.FILE);
    assertThat(kinds.values()).containsOnlyOnce(Kind.SPARSE);
    for (Entry entry : list(archive)) {
      if (entry.name().equals(folder + "1.txt")) {
        assertThat(Arrays.copyOfRange(archive, (int) entry.offset(), (int) entry.offset() + 4))
            .isEqualTo("one\n".getBytes(StandardCharsets.UTF_8));
      }
    }
  }

  @Test
  void names_in_two_parts_and_of_version_7_are_read() throws Exception {
    String folder = "train/" + "b".repeat(80) + "/";
    assertThat(kinds(golden("ustar")))
        .containsEntry(folder + "b".repeat(80) + "/3.txt", Kind.FILE)
        .containsEntry(folder, Kind.FOLDER);
    assertThat(kinds(golden("v7")))
        .containsExactly(
            Map.entry("train/", Kind.FOLDER),
            Map.entry("train/cat/", Kind.FOLDER),
            Map.entry("train/cat/4.txt", Kind.FILE));
    assertThat(kinds(golden("python-pax"))).containsOnlyKeys("0001.cls", "0001.jpg", "s\u00FC.txt");
  }

  @Test
  void extended_headers_override_names_and_sizes() throws Exception {
    byte[] pax = TarFiles.pax("path", "long/name.jpg");
    byte[] size = TarFiles.pax("size", "3");
    byte[] both = Arrays.copyOf(pax, pax.length + size.length);
    System.arraycopy(size, 0, both, pax.length, size.length);
    byte[] archive =
        new TarFiles()
            .add("meta", 'x', both.length, both)
            .add("short", '0', 0, "abc".getBytes(StandardCharsets.UTF_8))
            .add("next", "de")
            .end();
    assertThat(list(archive))
        .containsExactly(
            new Entry("long/name.jpg", Kind.FILE, 1536, 3), new Entry("next", Kind.FILE, 2560, 2));
  }

  @Test
  void binary_sizes_are_read_and_must_be_in_the_file() throws Exception {
    byte[] content = new byte[700];
    assertThat(
            list(
                new TarFiles()
                    .header("a", '0', "\u0080\0\0\0\0\0\0\0\0\0\u0002\u00BC")
                    .content(content)
                    .end()))
        .containsExactly(new Entry("a", Kind.FILE, 512, 700));
    for (String size : List.of("\u00FF".repeat(12), "\u0080" + "\u00FF".repeat(11))) {
      assertRefused(
          new TarFiles().header("a", '0', size).content(content).end(), "a size that is no number");
    }
    assertRefused(
        new TarFiles()
            .header("a", '0', "\u0080\0\0\0\0\u007F\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF")
            .content(content)
            .end(),
        "is a truncated tar archive: it ends inside the entry at byte 0");
  }

  @ParameterizedTest
  @CsvSource({
    "1,HARD_LINK",
    "2,SYMBOLIC_LINK",
    "3,OTHER",
    "4,OTHER",
    "5,FOLDER",
    "6,OTHER",
    "7,FILE",
    "M,CONTINUED",
    "V,OTHER",
    "D,OTHER"
  })
  void types_are_told(char type, Kind kind) throws Exception {
    List<Entry> entries = list(new TarFiles().add("a", type, 0, new byte[0]).add("b", "c").end());
    assertThat(entries).extracting(Entry::kind).containsExactly(kind, Kind.FILE);
  }

  @Test
  void damage_has_its_own_words() {
    byte[] sound = new TarFiles().add("a", "b").end();
    byte[] changed = sound.clone();
    changed[3] = 'x';
    assertRefused(
        changed, "is a damaged tar archive (the checksum of a header does not match, at byte 0)");
    assertRefused(
        new TarFiles().header("a", '0', "99999999999\0").end(),
        "declares a size that is no number");
    assertRefused(
        new TarFiles().add("m", 'x', 9, "9 a=b\nxxx".getBytes(StandardCharsets.UTF_8)).end(),
        "an extended header is not made of records");
    assertRefused(
        new TarFiles()
            .add("m", 'x', 2, "99999999999999999999 a=b\n".getBytes(StandardCharsets.UTF_8))
            .end(),
        "an extended header is not made of records");
    byte[] size = TarFiles.pax("size", "-1");
    assertRefused(
        new TarFiles().add("m", 'x', size.length, size).end(), "a size that is no number");
    byte[] long1 = new byte[(1 << 20) + 1];
    assertRefused(
        new TarFiles().add("m", 'L', long1.length, long1).end(), "a header of 1048577 bytes");
    byte[] two = Arrays.copyOf(sound, 2 * sound.length);
    System.arraycopy(sound, 0, two, sound.length, sound.length);
    assertRefused(two, "is several tar archives in one");
    // Records may be of any size, and are filled up with zeros.
    byte[] far = Arrays.copyOf(sound, 3 << 20);
    System.arraycopy(sound, 0, far, far.length - sound.length, sound.length);
    assertRefused(far, "is several tar archives in one");
  }

  @Test
  void an_archive_cut_at_any_block_is_truncated() {
    byte[] whole = new TarFiles().add("a", new byte[1000]).add("b", "c").open();
    for (int length = 1; length <= whole.length; length++) {
      assertRefused(Arrays.copyOf(whole, length), "is a truncated tar archive");
    }
  }

  @Test
  void what_was_changed_at_random_is_listed_or_refused() throws Exception {
    List<byte[]> archives = new ArrayList<>();
    for (String name : List.of("gnu", "pax", "ustar")) {
      archives.add(golden(name));
    }
    SplitMix64 random = SplitMix64.of(20261130, 1);
    int refused = 0;
    for (int i = 0; i < 3000; i++) {
      byte[] changed = archives.get(i % archives.size()).clone();
      int block = random.nextInt(changed.length / 512) * 512;
      for (int k = 0; k <= i % 3; k++) {
        changed[block + random.nextInt(512)] = (byte) random.nextInt(256);
      }
      if (i % 2 == 0) {
        // With a checksum that is right, what follows it is read.
        byte[] header = TarFiles.withChecksum(Arrays.copyOfRange(changed, block, block + 512));
        System.arraycopy(header, 0, changed, block, 512);
      }
      try {
        assertThat(list(changed)).allMatch(e -> e.offset() + e.size() <= changed.length);
      } catch (FormatException e) {
        refused++;
      }
    }
    assertThat(refused).isBetween(300, 2900);
  }
}
