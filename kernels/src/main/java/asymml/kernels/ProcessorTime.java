package asymml.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// The processor time of this process, native threads included, to the nanosecond. Java's own
/// figure (`OperatingSystemMXBean.getProcessCpuTime`) moves in steps of 10 ms, longer than a
/// training step of a small network.
public final class ProcessorTime {
  /// `CLOCK_PROCESS_CPUTIME_ID` of Linux.
  private static final int CLOCK = 2;

  private static final StructLayout TIMESPEC =
      MemoryLayout.structLayout(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG);
  private static final MethodHandle CLOCK_GETTIME;

  static {
    Linker linker = Linker.nativeLinker();
    CLOCK_GETTIME =
        linker.downcallHandle(
            linker.defaultLookup().findOrThrow("clock_gettime"),
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS));
  }

  private ProcessorTime() {}

  /// Processor time of all threads of this process since it began.
  ///
  /// @return nanoseconds
  public static long nanos() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment time = arena.allocate(TIMESPEC);
      if (read(time) != 0) {
        throw new IllegalStateException("this system has no clock of processor time");
      }
      return 1_000_000_000L * time.getAtIndex(ValueLayout.JAVA_LONG, 0)
          + time.getAtIndex(ValueLayout.JAVA_LONG, 1);
    }
  }

  private static int read(MemorySegment time) {
    try {
      return (int) CLOCK_GETTIME.invokeExact(CLOCK, time);
    } catch (Throwable e) { // declared by every method handle
      throw new AssertionError("a native call cannot throw", e);
    }
  }
}
