package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// No text of the product depends on the locale of the machine: `%d` writes other digits under an
/// Arabic one, and `toLowerCase()` another i under a Turkish one.
class LocaleSourcesTest {
  private static final Path ROOT = Objects.requireNonNull(Path.of("").toAbsolutePath().getParent());

  @Test
  void no_source_of_the_product_depends_on_the_locale() throws IOException {
    List<String> found = new ArrayList<>();
    int files = 0;
    try (Stream<Path> tree = Files.walk(ROOT, 12)) {
      for (Path file :
          tree.filter(path -> path.toString().matches(".*/src/main/java/.*\\.java"))
              .filter(path -> !path.toString().contains("/target/"))
              .toList()) {
        files++;
        LocaleSources.dependent(Files.readString(file))
            .forEach(place -> found.add(ROOT.relativize(file) + ":" + place));
      }
    }
    assertThat(files).isGreaterThan(300);
    assertThat(found).as("write %%s for whole numbers, or name Locale.ROOT").isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a = \"%d images\".formatted(n);",
        "out.printf(\"%5.1f%%%n\", x);",
        "a = String.format(\"%-5d\", n);",
        "a = \"\"\"\n %08d\n\"\"\".formatted(n);",
        "a = \"%2$d of %1$s\".formatted(n, m);",
        "a = \"%S\".formatted(n);",
        "b = Locale.ROOT; a = \"%e\".formatted(n);",
        "a = name.toLowerCase();",
        "a = name\n.toUpperCase();",
      })
  void each_kind_of_dependence_is_found(String source) {
    assertThat(LocaleSources.dependent(source)).hasSize(1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a = \"%s images\".formatted(n);",
        "out.printf(Locale.ROOT, \"%5.1f%%%n\", x);",
        "a = String.format(Locale.ROOT, f ? \"%d\" : \"%.2f\", n);",
        "a = \"100%\" + b;",
        "a = \"%%d\";",
        "// \"%d\".formatted(n)\na = '\"';",
        "/* name.toLowerCase() */ a = \"x.toLowerCase()\";",
        "a = name.toLowerCase(Locale.ROOT);",
      })
  void what_does_not_depend_on_it_is_left_alone(String source) {
    assertThat(LocaleSources.dependent(source)).isEmpty();
  }
}
