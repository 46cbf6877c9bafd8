package asymml.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// The two calls of the OpenMP runtime under oneDNN that its own interface does not offer.
final class OpenMp {
  private static final MethodHandle SET;
  private static final MethodHandle GET;

  static {
    Dnnl.load();
    // The runtime is loaded with oneDNN; its soname finds that copy, wherever it was unpacked.
    SymbolLookup library = SymbolLookup.libraryLookup("libgomp.so.1", Arena.global());
    Linker linker = Linker.nativeLinker();
    SET =
        linker.downcallHandle(
            library.findOrThrow("omp_set_num_threads"),
            FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT),
            Linker.Option.critical(false));
    GET =
        linker.downcallHandle(
            library.findOrThrow("omp_get_max_threads"),
            FunctionDescriptor.of(ValueLayout.JAVA_INT),
            Linker.Option.critical(false));
  }

  private OpenMp() {}

  /// The number of threads of the parallel regions that the calling thread opens.
  static int threads() {
    try {
      return (int) GET.invokeExact();
    } catch (Throwable e) {
      throw new AssertionError("a native call cannot throw", e);
    }
  }

  /// Sets the number of threads of the parallel regions that the calling thread opens. OpenMP keeps
  /// the number per calling thread, so every entry into oneDNN sets it.
  static void useThreads(int threads) {
    try {
      SET.invokeExact(threads);
    } catch (Throwable e) {
      throw new AssertionError("a native call cannot throw", e);
    }
  }
}
