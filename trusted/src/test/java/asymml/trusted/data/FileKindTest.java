package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FileKindTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1f8b0800      | is a gzip file, which is not read as it is: unpack it",
        "425a6839      | is a bzip2 file, which is not read as it is: unpack it",
        "fd377a585a00  | is a xz file, which is not read as it is: unpack it",
        "28b52ffd04    | is a zstd file, which is not read as it is: unpack it",
        "377abcaf271c  | is a 7z archive, which is not read as it is: unpack it",
        "526172211a07  | is a RAR archive, which is not read as it is: unpack it",
        "203c21444f43  | is a web page or other markup (it begins with \"<!DOC\")",
        "00ff10        | begins with 00ff10",
        "68656c6c6f    | begins with \"hello\"",
      })
  void the_first_bytes_tell_what_a_file_is(String hex, String words) {
    assertThat(FileKind.describe(HexFormat.of().parseHex(hex))).isEqualTo(words);
  }

  @Test
  void a_tar_archive_is_told_by_bytes_in_its_header_and_nothing_by_no_bytes() {
    byte[] tar = new byte[FileKind.HEAD_BYTES];
    byte[] mark = "ustar".getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(mark, 0, tar, 257, mark.length);
    assertThat(FileKind.describe(tar)).startsWith("is a tar archive");
    assertThat(FileKind.describe(Arrays.copyOf(tar, 260))).startsWith("begins with 0000");
    assertThat(FileKind.describe(new byte[0])).isEqualTo("is empty");
  }

  @Test
  void only_regular_files_are_opened() throws Exception {
    Path file = Files.writeString(folder.resolve("file"), "four");
    assertThat(FileKind.requireRegular(file)).isEqualTo(4);
    try (InputStream in = FileKind.open(file)) {
      assertThat(in.readAllBytes()).hasSize(4);
    }
    assertThatThrownBy(() -> FileKind.open(folder))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("is a folder where a file is expected");
    assertThatThrownBy(() -> FileKind.requireRegular(Path.of("/dev/zero")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("a pipe, socket or device");
  }

  @Test
  void a_link_to_nothing_is_there_and_cannot_be_read() throws Exception {
    Path link = Files.createSymbolicLink(folder.resolve("link"), folder.resolve("none"));
    assertThat(FileKind.isMissing(link)).isFalse();
    assertThat(FileKind.isMissing(folder.resolve("none"))).isTrue();
    assertThatThrownBy(() -> FileKind.open(link))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("through a symbolic link")
        .hasMessageContaining("no such file or directory");
  }
}
