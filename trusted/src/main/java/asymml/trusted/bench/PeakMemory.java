package asymml.trusted.bench;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import javax.management.JMException;
import javax.management.ObjectName;

/// The peak resident memory of a process, as Linux counts it (`VmHWM`): shared memory included in
/// every process that maps it.
public final class PeakMemory {
  private static final String FIELD = "VmHWM:";

  private PeakMemory() {}

  /// Starts counting this process's peak anew, after freed memory was given back to the system:
  /// otherwise the peak of what comes next would hold it too.
  ///
  /// @return false if the system does not allow it; the peak is then that of the whole process
  public static boolean reset() {
    try {
      trim();
      Files.writeString(Path.of("/proc/self/clear_refs"), "5");
      return true;
    } catch (IOException | JMException e) {
      return false;
    }
  }

  /// What `jcmd PID System.trim_native_heap` does, after tensors out of reach were freed.
  private static void trim() throws JMException {
    System.gc();
    ManagementFactory.getPlatformMBeanServer()
        .invoke(
            ObjectName.getInstance("com.sun.management:type=DiagnosticCommand"),
            "systemTrimNativeHeap",
            new Object[] {new String[0]},
            new String[] {String[].class.getName()});
  }

  /// The peak so far.
  ///
  /// @param pid a process of this machine
  /// @return bytes; empty if the system does not say
  public static OptionalLong bytes(long pid) {
    try {
      return Files.readAllLines(Path.of("/proc/" + pid + "/status")).stream()
          .filter(line -> line.startsWith(FIELD))
          .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
          .findFirst();
    } catch (IOException | NumberFormatException e) {
      return OptionalLong.empty();
    }
  }
}
