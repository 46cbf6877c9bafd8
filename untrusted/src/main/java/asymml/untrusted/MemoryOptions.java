package asymml.untrusted;

import asymml.kernels.MemoryBudget;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// How much memory a trainer may make this worker take.
final class MemoryOptions {
  static final String FLAG = "--memory-limit";

  @Option(
      names = FLAG,
      paramLabel = "SIZE",
      converter = SizeConverter.class,
      description = {
        "Most memory that the trainer can make this worker take, in bytes, with K, M or G for"
            + " powers of 1024: tensors that come by TLS, packed weights, and scratch memory"
            + " (default: half of this machine's memory). What needs more is refused."
      })
  private @Nullable Long limitBytes;

  MemoryOptions() {}

  /// What is wrong with the option, or null.
  @Nullable String complaint() {
    return limitBytes != null && limitBytes < 1 ? FLAG + " must be at least 1: 0" : null;
  }

  /// A budget of which nothing is taken.
  MemoryBudget budget() {
    return new MemoryBudget(limitBytes == null ? halfOfThisMachine() : limitBytes);
  }

  private static long halfOfThisMachine() {
    // Knows the limit of a container.
    OperatingSystemMXBean system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    return Math.max(system.getTotalMemorySize() / 2, 1);
  }
}
