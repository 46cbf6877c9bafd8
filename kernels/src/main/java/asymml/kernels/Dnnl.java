package asymml.kernels;

import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu;
import static org.bytedeco.dnnl.global.dnnl.dnnl_engine_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_out_of_memory;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_set_scratchpad_mode;
import static org.bytedeco.dnnl.global.dnnl.dnnl_scratchpad_mode_user;
import static org.bytedeco.dnnl.global.dnnl.dnnl_success;
import static org.bytedeco.dnnl.global.dnnl.dnnl_unimplemented;

import org.bytedeco.dnnl.dnnl_engine;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_version_t;
import org.bytedeco.dnnl.global.dnnl;

/// The process's one CPU engine and the attributes that all primitives share. Both are immutable
/// and live as long as the process.
///
/// Never ask oneDNN for its GPU engines here: the count call hangs where a GPU runtime is half
/// installed.
final class Dnnl {
  /// How many threads the primitives that are planned inside of its scope run on, where it is not
  /// [Kernels#threads].
  static final ScopedValue<Integer> PLANNED_THREADS = ScopedValue.newInstance();

  private static final dnnl_engine ENGINE;
  private static final dnnl_primitive_attr ATTRIBUTES;

  static {
    load();
    ENGINE = new dnnl_engine();
    check(dnnl_engine_create(ENGINE, dnnl_cpu, 0), "engine");
    ATTRIBUTES = new dnnl_primitive_attr();
    check(dnnl_primitive_attr_create(ATTRIBUTES), "attributes");
    // The library's own scratch memory belongs to the thread that created a primitive; two
    // primitives
    // of one thread run from two others would share it. Each primitive here owns its own.
    check(
        dnnl_primitive_attr_set_scratchpad_mode(ATTRIBUTES, dnnl_scratchpad_mode_user),
        "scratch mode");
  }

  private Dnnl() {}

  /// Loads the native library if it is not yet loaded.
  static void load() {
    NativeLibraries.load();
  }

  static dnnl_engine engine() {
    return ENGINE;
  }

  /// The engine for planning a primitive on this thread. oneDNN cuts a primitive's work and scratch
  /// for the thread count that it finds while planning, and some give wrong sums if run with
  /// another, so the count is set first.
  static dnnl_engine planningEngine() {
    OpenMp.useThreads(PLANNED_THREADS.isBound() ? PLANNED_THREADS.get() : Kernels.threads());
    return ENGINE;
  }

  static dnnl_primitive_attr attributes() {
    return ATTRIBUTES;
  }

  static String version() {
    dnnl_version_t version = dnnl.dnnl_version();
    return version.major() + "." + version.minor() + "." + version.patch();
  }

  /// Fails on any status but success.
  static void check(int status, String what) {
    if (status != dnnl_success) {
      String reason =
          status == dnnl_unimplemented
              ? "not implemented"
              : status == dnnl_out_of_memory ? "out of memory" : "status " + status;
      throw new IllegalStateException("oneDNN refused " + what + ": " + reason);
    }
  }
}
