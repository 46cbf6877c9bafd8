package asymml.session;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// How this program starts a worker process: the same Java, the same modules or class path, the
/// `main` of the untrusted half, which must be on that path.
public final class WorkerLauncher {
  private static final String MODULE_PATH = System.getProperty("jdk.module.path", "");
  private static final String MAIN = "asymml.untrusted.Main";

  /// A worker's tensors are native memory; its heap holds next to nothing.
  private static final String HEAP = "-Xmx256m";

  /// The bindings to CUDA, which come in only where a GPU is asked for.
  private static final String CUDA_MODULES = ",org.bytedeco.cuda,org.bytedeco.cuda.linux.x86_64";

  private WorkerLauncher() {}

  /// The command, without the worker's own options but its device.
  ///
  /// @param device what it computes on: `cpu` or `cuda:N`
  /// @param errors directory in which Java writes an error file if it crashes; there is no core
  ///   file
  /// @return program and arguments
  public static List<String> command(String device, Path errors) {
    boolean gpu = device.startsWith("cuda:");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-XX:+UseSerialGC",
            HEAP,
            "-XX:-CreateCoredumpOnCrash",
            // Java puts the process id in place of %p, and a % in place of %%.
            "-XX:ErrorFile=" + errors.toString().replace("%", "%%") + "/hs_err_pid%p.log",
            "-Dorg.bytedeco.javacpp.maxBytes=0",
            "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0"));
    if (WorkerLauncher.class.getModule().isNamed()) {
      command.addAll(
          List.of(
              "--module-path",
              MODULE_PATH,
              "--add-modules",
              nativeModules() + (gpu ? CUDA_MODULES : ""),
              "--enable-native-access=asymml.kernels,asymml.wire,org.bytedeco.javacpp,org.bytedeco.dnnl,org.bytedeco.opencl"
                  + (gpu ? ",org.bytedeco.cuda" : ""),
              "-m",
              "asymml.untrusted/" + MAIN));
    } else {
      // From a class path, as in a Maven project without modules.
      command.addAll(
          List.of(
              "--add-modules",
              "jdk.incubator.vector",
              "--enable-native-access=ALL-UNNAMED",
              "-cp",
              System.getProperty("java.class.path"),
              MAIN));
    }
    command.addAll(List.of("--device", device));
    return command;
  }

  /// The modules of the native libraries, which nothing requires by name.
  private static String nativeModules() {
    return String.join(
        ",",
        ModuleLayer.boot().modules().stream()
            .map(Module::getName)
            .filter(name -> name.matches("org\\.bytedeco\\..+\\.linux\\..+"))
            .sorted()
            .toList());
  }
}
