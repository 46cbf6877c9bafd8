package asymml.verify;

import java.nio.file.Path;
import java.util.List;

/// How these tests start a real worker: the class path of the tests in a Java of its own.
final class Workers {
  private Workers() {}

  static List<String> command() {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--add-modules",
        "jdk.incubator.vector",
        "--enable-native-access=ALL-UNNAMED",
        "-Xmx512m",
        "-XX:TieredStopAtLevel=1", // starts faster, and the work is native
        "-cp",
        System.getProperty("java.class.path"),
        "asymml.untrusted.Main");
  }
}
