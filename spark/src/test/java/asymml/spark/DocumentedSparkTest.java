package asymml.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.Pattern;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.apache.spark.ml.param.Param;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What the guide says of the estimator.
class DocumentedSparkTest {
  private static final Path GUIDE = Path.of("../docs/guide/spark.md");
  private static final Pattern EXAMPLE = Pattern.compile("(?s)```java\n(.*?)```");

  @TempDir private Path folder;

  private List<String> errors(String source) throws IOException {
    Path file = Files.writeString(folder.resolve("Example.java"), source);
    JavaCompiler compiler = Objects.requireNonNull(ToolProvider.getSystemJavaCompiler());
    DiagnosticCollector<JavaFileObject> found = new DiagnosticCollector<>();
    try (StandardJavaFileManager files = compiler.getStandardFileManager(found, null, null)) {
      List<String> options =
          List.of(
              "-proc:none", "-d", folder.toString(), "-cp", System.getProperty("java.class.path"));
      compiler
          .getTask(null, files, found, options, null, files.getJavaFileObjects(file.toFile()))
          .call();
    }
    return found.getDiagnostics().stream()
        .filter(d -> d.getKind() == Diagnostic.Kind.ERROR)
        .map(Object::toString)
        .toList();
  }

  @Test
  void the_example_compiles() throws IOException {
    List<String> examples =
        EXAMPLE.matcher(Files.readString(GUIDE)).results().map(m -> m.group(1)).toList();
    assertThat(examples).hasSize(1);
    assertThat(errors(examples.getFirst())).isEmpty();
    assertThat(errors(examples.getFirst().replace("setModel", "setNetwork"))).isNotEmpty();
  }

  @Test
  void every_parameter_is_documented() throws IOException {
    String guide = Files.readString(GUIDE);
    for (Param<?> param : new AsymmlClassifier().params()) {
      String name = param.name().replaceAll("(?<=on|ity)Col$", "");
      String setter = "set" + name.substring(0, 1).toUpperCase(Locale.ROOT) + name.substring(1);
      assertThat(guide).containsPattern("`%s`|%s".formatted(name, setter));
    }
  }
}
