package asymml.cli;

import asymml.kernels.Kernels;
import asymml.report.Figures;
import asymml.wire.Region;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `asymml env`.
@Command(
    name = "env",
    mixinStandardHelpOptions = true,
    description = "Shows what this machine offers.",
    footerHeading = "%nExample:%n",
    footer = "  asymml env")
@SuppressWarnings("NullAway.Init") // picocli sets the field before the command runs
final class EnvCommand implements Callable<Integer> {
  private static final Path GPU_DEVICE = Path.of("/dev/nvidia0");

  /// Devices by which a guest of a TEE talks to its hardware.
  private static final List<Path> TEE_DEVICES =
      List.of(
          Path.of("/dev/sgx_enclave"),
          Path.of("/dev/sgx/enclave"),
          Path.of("/dev/tdx_guest"),
          Path.of("/dev/sev-guest"));

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    OperatingSystemMXBean system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    PrintWriter out = spec.commandLine().getOut();
    out.println("asymml         " + Build.version());
    out.printf("Java           %s, %s%n", Runtime.version(), System.getProperty("java.home"));
    out.println("oneDNN         " + Kernels.version());
    out.printf("vectors        %d bits%n", Kernels.vectorBits());
    out.printf(
        "cores          %d, %d threads by default%n",
        Runtime.getRuntime().availableProcessors(), Kernels.threads());
    out.printf(
        "memory         %s, of it %s free; Java heap at most %s%n",
        Figures.bytes(system.getTotalMemorySize()),
        Figures.bytes(system.getFreeMemorySize()),
        Figures.bytes(Runtime.getRuntime().maxMemory()));
    out.println("shared memory  " + sharedMemory());
    out.println("TEE            " + tee());
    out.println("GPU            " + gpu());
    out.flush();
    return ExitCode.OK;
  }

  private static String sharedMemory() {
    try {
      Region.create(1).close();
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
