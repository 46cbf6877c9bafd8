package asymml.spark;

import asymml.session.Settings;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// What the command line says: settings of a run by the names that `asymml train` has for them, and
/// what is Spark's.
///
/// @param settings of the run
/// @param own options of this command
/// @param conf settings of Spark
record Arguments(Map<String, Object> settings, Map<String, String> own, Map<String, String> conf) {
  private static final Set<String> OWN = Set.of("master", "partitions", "resume", "conf");

  /// Settings that are given without a value.
  private static final Set<String> FLAGS = Set.of("augment", "dp-sgd");

  /// Settings of `asymml train` that are not for Spark: what they ask for is not done there.
  private static final List<String> REFUSED =
      List.of(
          "validation-split",
          "early-stopping",
          "class-weights",
          "image-cache",
          "on-bad-image",
          "window",
          "init",
          "init-public",
          "freeze",
          "label-column",
          "group-column",
          "random-crop",
          "update",
          "worker",
          "tls-trust",
          "tls-keystore",
          "tls-password-file",
          "tls-allow-expired",
          "wire",
          "chunks",
          "verify",
          "worker-timeout",
          "shield",
          "analyze-every");

  /// Reads a command line.
  ///
  /// @param arguments `--name value`, `--name=value`, `--flag` or `--no-flag`
  /// @throws IllegalArgumentException one line, if it cannot be read
  static Arguments parse(List<String> arguments) {
    Map<String, Object> settings = new LinkedHashMap<>();
    Map<String, String> own = new LinkedHashMap<>();
    Map<String, String> conf = new LinkedHashMap<>();
    List<String> rest = new ArrayList<>(arguments);
    while (!rest.isEmpty()) {
      String argument = rest.removeFirst();
      if (!argument.startsWith("--")) {
        throw new IllegalArgumentException(
            "options are --NAME VALUE, as those of asymml train: " + argument);
      }
      int equals = argument.indexOf('=');
      String name = argument.substring(2, equals < 0 ? argument.length() : equals);
      if (REFUSED.contains(name) || REFUSED.contains(name.replaceFirst("^no-", ""))) {
        throw new IllegalArgumentException("--%s is not for Spark: leave it out".formatted(name));
      }
      if (name.equals("threads")) {
        throw new IllegalArgumentException(
            "a task has the threads that Spark gives it: --conf spark.task.cpus=N in place of --threads");
      }
      if (FLAGS.contains(name) && equals < 0) {
        settings.put(name, "true");
        continue;
      }
      if (name.startsWith("no-") && FLAGS.contains(name.substring(3)) && equals < 0) {
        settings.put(name.substring(3), "false");
        continue;
      }
      if (!OWN.contains(name) && !Settings.known().contains(name)) {
        throw new IllegalArgumentException(
            "unknown option --%s: the options are --master, --partitions, --conf, --resume and the settings of asymml train"
                .formatted(name));
      }
      if (equals < 0 && rest.isEmpty()) {
        throw new IllegalArgumentException("--" + name + " needs a value");
      }
      String value = equals < 0 ? rest.removeFirst() : argument.substring(equals + 1);
      if (name.equals("conf")) {
        int at = value.indexOf('=');
        if (at < 1) {
          throw new IllegalArgumentException("--conf takes KEY=VALUE: " + value);
        }
        conf.put(value.substring(0, at), value.substring(at + 1));
      } else if (OWN.contains(name)) {
        own.put(name, value);
      } else {
        settings.put(name, value);
      }
    }
    return new Arguments(settings, own, conf);
  }

  /// How many partitions each split has.
  ///
  /// @return 0 as Spark finds them
  int partitions() {
    String text = own.getOrDefault("partitions", "0");
    try {
      int partitions = Integer.parseInt(text);
      if (partitions >= 0) {
        return partitions;
      }
    } catch (NumberFormatException _) {
      // Said below.
    }
    throw new IllegalArgumentException("--partitions is a whole number: " + text);
  }
}
