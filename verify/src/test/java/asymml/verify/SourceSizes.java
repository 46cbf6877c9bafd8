package asymml.verify;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// How large the sources of a module are.
///
/// @param module its folder's name
/// @param mainLines lines of each main source file, ascending
/// @param testLines lines of all test sources
/// @param packages the number of main source files of each package
record SourceSizes(
    String module, List<Integer> mainLines, int testLines, Map<String, Integer> packages) {
  /// The limits of every module: half of the files fit on a few screens, nine of ten are read at
  /// one sitting, and a package has no more files than a list that is read at a glance.
  static final int MEDIAN_LINES = 160;

  static final int P90_LINES = 340;
  static final int PACKAGE_FILES = 45;

  SourceSizes {
    mainLines = mainLines.stream().sorted().toList();
    packages = Map.copyOf(packages);
  }

  /// Measures all modules of a product: the folders with Java sources.
  ///
  /// @param root the folder of the product
  /// @return by name
  static List<SourceSizes> of(Path root) throws IOException {
    List<SourceSizes> all = new ArrayList<>();
    try (Stream<Path> folders = Files.list(root)) {
      for (Path module : folders.sorted().toList()) {
        Path main = module.resolve("src/main/java");
        if (Files.isDirectory(main)) {
          all.add(module(module, main));
        }
      }
    }
    return all;
  }

  private static SourceSizes module(Path module, Path main) throws IOException {
    List<Integer> lines = new ArrayList<>();
    Map<String, Integer> packages = new TreeMap<>();
    for (Path file : sources(main)) {
      lines.add(lines(file));
      packages.merge(
          main.relativize(file.getParent()).toString().replace('/', '.'), 1, Integer::sum);
    }
    int tests = 0;
    for (Path file : sources(module.resolve("src/test/java"))) {
      tests += lines(file);
    }
    return new SourceSizes(module.getFileName().toString(), lines, tests, packages);
  }

  private static List<Path> sources(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.walk(folder)) {
      return files
          .filter(file -> file.toString().endsWith(".java"))
          .filter(file -> !file.getFileName().toString().matches("(module|package)-info\\.java"))
          .toList();
    }
  }

  private static int lines(Path file) throws IOException {
    try (Stream<String> lines = Files.lines(file)) {
      return Math.toIntExact(lines.count());
    }
  }

  int lines() {
    return mainLines.stream().mapToInt(Integer::intValue).sum();
  }

  int medianLines() {
    return quantile(0.5);
  }

  int p90Lines() {
    return quantile(0.9);
  }

  /// The smallest number of lines that this share of the files do not exceed.
  private int quantile(double share) {
    return mainLines.get((int) Math.ceil(share * mainLines.size()) - 1);
  }

  int largestPackage() {
    return Collections.max(packages.values());
  }

  /// What exceeds a limit, in words; empty if nothing does.
  List<String> breaches() {
    List<String> found = new ArrayList<>();
    if (medianLines() > MEDIAN_LINES) {
      found.add(module + ": median of " + medianLines() + " lines per file, above " + MEDIAN_LINES);
    }
    if (p90Lines() > P90_LINES) {
      found.add(module + ": p90 of " + p90Lines() + " lines per file, above " + P90_LINES);
    }
    packages.forEach((name, files) -> {
      if (files > PACKAGE_FILES) {
        found.add(name + ": " + files + " files, above " + PACKAGE_FILES);
      }
    });
    return found;
  }

  /// A table of modules.
  static String table(List<SourceSizes> all) {
    String header =
        String.format(
            Locale.ROOT,
            "%-10s %6s %7s %7s %9s %7s %5s %8s%n",
            "module",
            "files",
            "lines",
            "test",
            "test/main",
            "median",
            "p90",
            "package");
    return all.stream()
        .map(s ->
            String.format(
                Locale.ROOT,
                "%-10s %6d %7d %7d %9.2f %7d %5d %8d%n",
                s.module,
                s.mainLines.size(),
                s.lines(),
                s.testLines,
                (double) s.testLines / s.lines(),
                s.medianLines(),
                s.p90Lines(),
                s.largestPackage()))
        .collect(Collectors.joining("", header, ""));
  }
}
