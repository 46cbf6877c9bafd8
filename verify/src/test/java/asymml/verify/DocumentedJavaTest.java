package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.privacy.PrivacyBudget;
import asymml.session.TrainingSpec;
import asymml.trusted.plan.Plan;
import asymml.wire.Link;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The Java examples of the documentation compile against the product.
class DocumentedJavaTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final Pattern EXAMPLE = Pattern.compile("(?s)```java\n(.*?)```");

  private static final List<Class<?>> PRODUCT =
      List.of(
          TrainingSpec.class,
          Plan.class,
          Graph.class,
          PrivacyBudget.class,
          Tensor.class,
          Link.class);

  @TempDir Path folder;

  private static String classPath() {
    return File.pathSeparator + System.getProperty("java.class.path");
  }

  /// Where classes lie: the modules that a program of a user depends on.
  private static String modulesOf(List<Class<?>> types) {
    return types.stream()
        .map(t -> Path.of(URI.create(t.getProtectionDomain().getCodeSource().getLocation() + "")))
        .map(Path::toString)
        .distinct()
        .collect(Collectors.joining(File.pathSeparator));
  }

  private List<String> errors(String source) throws IOException {
    Path file = folder.resolve("Example.java");
    Files.writeString(file, source);
    JavaCompiler compiler = Objects.requireNonNull(ToolProvider.getSystemJavaCompiler());
    DiagnosticCollector<JavaFileObject> found = new DiagnosticCollector<>();
    try (StandardJavaFileManager files = compiler.getStandardFileManager(found, null, null)) {
      List<String> options =
          List.of("-proc:none", "-d", folder.toString(), "-cp", modulesOf(PRODUCT) + classPath());
      compiler
          .getTask(null, files, found, options, null, files.getJavaFileObjects(file.toFile()))
          .call();
    }
    return found.getDiagnostics().stream()
        .filter(d -> d.getKind() == Diagnostic.Kind.ERROR)
        .map(Object::toString)
        .toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"README.md", "docs/guide/java-api.md"})
  void every_example_compiles(String document) throws IOException {
    List<String> examples =
        EXAMPLE
            .matcher(Files.readString(ROOT.resolve(document)))
            .results()
            .map(match -> match.group(1))
            .toList();
    assertThat(examples).isNotEmpty();
    for (String example : examples) {
      assertThat(errors(example)).isEmpty();
    }
  }

  @Test
  void an_example_that_does_not_compile_is_noticed() throws IOException {
    assertThat(errors("class Wrong { asymml.session.NoSuchType x; }"))
        .singleElement()
        .asString()
        .contains("NoSuchType");
  }
}
