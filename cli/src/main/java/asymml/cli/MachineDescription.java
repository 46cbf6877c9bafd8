package asymml.cli;

import asymml.kernels.Kernels;
import asymml.report.Figures;
import asymml.trusted.boundary.WorkerProcess;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// What this machine offers, in words.
final class MachineDescription {
  private static final Path GPU_DEVICE = Path.of("/dev/nvidia0");

  /// Devices by which a guest of a TEE talks to its hardware.
  private static final List<Path> TEE_DEVICES =
      List.of(
          Path.of("/dev/sgx_enclave"),
          Path.of("/dev/sgx/enclave"),
          Path.of("/dev/tdx_guest"),
          Path.of("/dev/sev-guest"));

  private MachineDescription() {}

  /// Java, kernels, processors, memory and devices.
  ///
  /// @return a line each, a name and a description
  static List<String> lines() {
    OperatingSystemMXBean system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    return List.of(
        "Java           %s, %s".formatted(Runtime.version(), System.getProperty("java.home")),
        "oneDNN         " + Kernels.version(),
        "vectors        %s bits".formatted(Kernels.vectorBits()),
        "cores          %s, %s threads by default"
            .formatted(Runtime.getRuntime().availableProcessors(), Kernels.threads()),
        "memory         %s, of it %s free; Java heap at most %s"
            .formatted(
                Figures.bytes(system.getTotalMemorySize()),
                Figures.bytes(system.getFreeMemorySize()),
                Figures.bytes(Runtime.getRuntime().maxMemory())),
        "shared memory  " + sharedMemory(),
        "TEE            " + tee(),
        "GPU            " + gpu());
  }

  private static String sharedMemory() {
    try {
      WorkerProcess.requireSharedMemory();
      return "sealed, with workers on this machine";
    } catch (IOException e) {
      return "none: " + e.getMessage();
    }
  }

  private static String gpu() {
    return Files.exists(GPU_DEVICE)
        ? GPU_DEVICE + " found: try 'asymml worker --self-test --device cuda:0'"
        : "none found (no " + GPU_DEVICE + ")";
  }

  private static String tee() {
    List<Path> found = TEE_DEVICES.stream().filter(Files::exists).toList();
    return (found.isEmpty() ? "none found" : found + " found, not used by this version")
        + ": simulation, not protected";
  }
}
