package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SourceSizesTest {
  @TempDir Path folder;

  @Test
  void no_module_of_the_product_exceeds_the_limits() throws IOException {
    List<SourceSizes> all =
        SourceSizes.of(Objects.requireNonNull(Path.of("").toAbsolutePath().getParent()));
    System.out.printf(
        "%nSizes of sources; limits: median %d and p90 %d lines per file, %d files per"
            + " package%n%s%n",
        SourceSizes.MEDIAN_LINES,
        SourceSizes.P90_LINES,
        SourceSizes.PACKAGE_FILES,
        SourceSizes.table(all));
    assertThat(all)
        .extracting(SourceSizes::module)
        .contains("wire", "kernels", "model", "privacy", "trusted", "untrusted", "cli", "verify");
    assertThat(all.stream().flatMap(module -> module.breaches().stream())).isEmpty();
  }

  private void write(String file, int lines) throws IOException {
    Path path = folder.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, "x\n".repeat(lines));
  }

  @Test
  void files_lines_and_packages_are_counted() throws IOException {
    for (int i = 1; i <= 10; i++) {
      write("m/src/main/java/a/" + (i > 7 ? "b/" : "") + "F" + i + ".java", 10 * i);
    }
    write("m/src/main/java/module-info.java", 1000);
    write("m/src/main/java/a/package-info.java", 1000);
    write("m/src/main/java/a/notes.txt", 1000);
    write("m/src/test/java/a/FTest.java", 275);
    write("docs/guide.md", 5);
    SourceSizes only = SourceSizes.of(folder).getFirst();
    assertThat(SourceSizes.of(folder)).hasSize(1);
    assertThat(only.module()).isEqualTo("m");
    assertThat(only.lines()).isEqualTo(550);
    assertThat(only.testLines()).isEqualTo(275);
    assertThat(only.medianLines()).isEqualTo(50);
    assertThat(only.p90Lines()).isEqualTo(90);
    assertThat(only.packages()).containsOnly(Map.entry("a", 7), Map.entry("a.b", 3));
    assertThat(only.largestPackage()).isEqualTo(7);
    assertThat(only.breaches()).isEmpty();
    assertThat(SourceSizes.table(List.of(only)).lines().toList().get(1).split(" +"))
        .containsExactly("m", "10", "550", "275", "0.50", "50", "90", "7");
  }

  @Test
  void what_exceeds_a_limit_is_named() throws IOException {
    int files = SourceSizes.PACKAGE_FILES + 1;
    for (int i = 0; i < files; i++) {
      boolean small = i < 0.85 * files;
      write(
          "large/src/main/java/p/F" + i + ".java",
          small ? SourceSizes.MEDIAN_LINES : SourceSizes.P90_LINES + 1);
    }
    for (int i = 0; i < 3; i++) {
      write("long/src/main/java/q/F" + i + ".java", SourceSizes.MEDIAN_LINES + 1);
    }
    assertThat(SourceSizes.of(folder).stream().flatMap(module -> module.breaches().stream()))
        .containsExactly(
            "large: p90 of 341 lines per file, above 340",
            "p: 46 files, above 45",
            "long: median of 161 lines per file, above 160");
  }
}
