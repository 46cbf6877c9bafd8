package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What the documentation refers to exists: files and headings behind relative links, classes, and
/// the messages that troubleshooting explains.
class DocumentedNamesTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final Pattern LINK = Pattern.compile("]\\(([^)\\s]+)\\)");
  private static final Pattern HEADING = Pattern.compile("(?m)^#+ (.+)$");

  private static final Pattern TYPE_NAME =
      Pattern.compile("`([A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*)(\\.\\w+)?(\\([^)`]*\\))?`");
  private static final Pattern MESSAGE = Pattern.compile("`([^`]+)`");
  private static final Pattern DECLARATION =
      Pattern.compile("\\b(?:class|record|interface|enum) ([A-Z]\\w*)");

  @TempDir Path folder;

  private static List<Path> documents() throws IOException {
    try (Stream<Path> top = Files.list(ROOT);
        Stream<Path> docs = Files.walk(ROOT.resolve("docs"))) {
      return Stream.concat(top, docs).filter(p -> p.toString().endsWith(".md")).sorted().toList();
    }
  }

  /// The names by which GitHub links to headings: lower case, hyphens for spaces, no punctuation.
  private static Set<String> anchors(Path document) throws IOException {
    return HEADING
        .matcher(Files.readString(document))
        .results()
        .map(m -> m.group(1).strip().toLowerCase(Locale.ROOT))
        .map(title -> title.replaceAll("[^\\p{L}\\p{N} _-]", "").replace(' ', '-'))
        .collect(Collectors.toSet());
  }

  private static List<String> broken(Path document) throws IOException {
    List<String> broken = new ArrayList<>();
    for (var match : LINK.matcher(Files.readString(document)).results().toList()) {
      String link = match.group(1);
      if (link.matches("[a-z]+:.*")) {
        continue;
      }
      String[] parts = link.split("#", 2);
      Path target = parts[0].isEmpty() ? document : document.resolveSibling(parts[0]).normalize();
      if (!Files.exists(target) || (parts.length == 2 && !anchors(target).contains(parts[1]))) {
        broken.add(document.getFileName() + ": " + link);
      }
    }
    return broken;
  }

  private static List<Path> sources() throws IOException {
    List<Path> found = new ArrayList<>();
    try (Stream<Path> modules = Files.list(ROOT)) {
      for (Path module : modules.filter(m -> Files.isDirectory(m.resolve("src"))).toList()) {
        try (Stream<Path> files = Files.walk(module.resolve("src"))) {
          found.addAll(files.filter(p -> p.toString().endsWith(".java")).toList());
        }
      }
    }
    return found;
  }

  /// The names of all types declared in the repository, nested ones too.
  private static Set<String> types() throws IOException {
    Set<String> types = new TreeSet<>();
    for (Path file : sources()) {
      DECLARATION.matcher(Files.readString(file)).results().forEach(m -> types.add(m.group(1)));
    }
    return types;
  }

  private static boolean isOfJava(String name) {
    return Object.class.getResource(name + ".class") != null;
  }

  private static List<String> unknownTypes(Path document, Set<String> types) throws IOException {
    return TYPE_NAME
        .matcher(Files.readString(document))
        .results()
        .map(m -> m.group(1))
        .filter(name -> !types.contains(name) && !isOfJava(name))
        .toList();
  }

  @Test
  void every_class_that_is_named_exists() throws IOException {
    Set<String> types = types();
    for (Path document : documents()) {
      // The appendix names classes as they were called then.
      if (!document.endsWith("results-history.md")) {
        assertThat(unknownTypes(document, types)).as(document.toString()).isEmpty();
      }
    }
    Path page = folder.resolve("page.md");
    Files.writeString(
        page, "`DocumentedNamesTest` `NoSuchClass` `NoSuch.method` `CONSTANT` `Graph`");
    assertThat(unknownTypes(page, types)).containsExactly("NoSuchClass", "NoSuch");
  }

  /// What users can be shown: main sources with their string literals joined, and the launcher.
  private static String shown() throws IOException {
    StringBuilder all = new StringBuilder(Files.readString(ROOT.resolve("asymml")));
    for (Path file : sources()) {
      if (file.toString().contains("/src/main/")) {
        all.append(Files.readString(file).replaceAll("\"\\s*\\+\\s*\"", ""));
      }
    }
    return all.toString();
  }

  /// The fixed parts of the messages in the first column of the page's tables that are not shown.
  private static List<String> unknownMessages(String page, String shown) {
    return page.lines()
        .filter(line -> line.startsWith("| `") || line.startsWith("| ..."))
        .map(line -> line.substring(0, line.indexOf(" |", 1)))
        .flatMap(cell -> MESSAGE.matcher(cell).results().map(m -> m.group(1)))
        .flatMap(message -> Stream.of(message.split("\\.\\.\\.|'|[()\\d.]+")))
        .map(String::strip)
        .filter(part -> part.length() > 3 && !shown.contains(part))
        .toList();
  }

  @Test
  void every_message_that_troubleshooting_explains_exists() throws IOException {
    String page = Files.readString(ROOT.resolve("docs/guide/troubleshooting.md"));
    assertThat(unknownMessages(page, shown())).isEmpty();
    assertThat(unknownMessages("| `never said (exit code 1)` | do this |", "(exit code "))
        .containsExactly("never said");
  }

  @Test
  void every_relative_link_leads_somewhere() throws IOException {
    List<Path> documents = documents();
    assertThat(documents).hasSizeGreaterThan(10);
    for (Path document : documents) {
      assertThat(broken(document)).isEmpty();
    }
  }

  @Test
  void broken_links_are_noticed() throws IOException {
    Path page = folder.resolve("page.md");
    Files.writeString(folder.resolve("other.md"), "# A title, with `code`\n");
    Files.writeString(
        page,
        """
        # Here
        [a](other.md) [b](other.md#a-title-with-code) [c](#here) [d](https://example.org/x)
        [e](missing.md) [f](other.md#missing) [g](#missing)
        """);
    assertThat(broken(page))
        .containsExactly("page.md: missing.md", "page.md: other.md#missing", "page.md: #missing");
  }
}
