package asymml.trusted.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QueryLogTest {
  @TempDir Path folder;

  @Test
  void queries_of_all_lines_add_up_and_the_owner_alone_reads_them() throws Exception {
    Path file = folder.resolve("queries.jsonl");
    assertThat(QueryLog.queries(file)).isZero();
    QueryLog.append(file, Map.of("queries", 7, "statement", List.of("a line")));
    QueryLog.append(file, Map.of("queries", 5L));
    assertThat(QueryLog.queries(file)).isEqualTo(12);
    assertThat(Files.readAllLines(file)).hasSize(2).first().asString().contains("\"a line\"");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
  }

  @Test
  void a_line_without_a_count_is_not_written() {
    Path file = folder.resolve("queries.jsonl");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> QueryLog.append(file, Map.of("statement", "none")));
    assertThat(file).doesNotExist();
  }

  @Test
  void damage_is_told_with_the_line() throws Exception {
    Path file = folder.resolve("queries.jsonl");
    for (String line :
        List.of("{\"queries\":-1}", "{\"queries\":\"7\"}", "{\"queries\":1.5}", "{", "[]")) {
      Files.writeString(file, "{\"queries\":1}\n" + line + "\n");
      assertThatThrownBy(() -> QueryLog.queries(file))
          .as(line)
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith(file + " is damaged: line 2");
    }
  }

  @Test
  void a_file_that_cannot_be_written_is_named() {
    Path file = folder.resolve("none/queries.jsonl");
    assertThatThrownBy(() -> QueryLog.append(file, Map.of("queries", 1)))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("cannot write " + file);
  }

  /// A process that was killed while it wrote had not sent anything of what the line counts.
  @Test
  void a_line_that_was_cut_off_is_replaced() throws Exception {
    Path file = folder.resolve("queries.jsonl");
    Files.writeString(file, "{\"queries\":1}\n{\"quer");
    QueryLog.append(file, Map.of("queries", 5));
    assertThat(QueryLog.queries(file)).isEqualTo(6);
    assertThat(Files.readString(file)).isEqualTo("{\"queries\":1}\n{\"queries\":5}\n");
    Files.writeString(file, "{\"queries\":1");
    QueryLog.append(file, Map.of("queries", 2));
    assertThat(QueryLog.queries(file)).isEqualTo(2);
  }
}
