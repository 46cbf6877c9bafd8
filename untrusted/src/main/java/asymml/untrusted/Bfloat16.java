package asymml.untrusted;

import static org.bytedeco.cuda.global.cudart.cuLaunchKernel;
import static org.bytedeco.cuda.global.cudart.cuModuleGetFunction;
import static org.bytedeco.cuda.global.cudart.cuModuleLoadData;
import static org.bytedeco.cuda.global.cudart.cuModuleUnload;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import org.bytedeco.cuda.cudart.CUfunc_st;
import org.bytedeco.cuda.cudart.CUmod_st;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;

/// Converts between float32 and bfloat16 on the device, which no library call does.
final class Bfloat16 implements AutoCloseable {
  private static final String KERNELS = "bfloat16.ptx";
  private static final int THREADS = 256;
  private static final int MOST_BLOCKS = 4096;

  private final CUstream_st stream;
  private final CUmod_st module = new CUmod_st();
  private final CUfunc_st toBfloat16 = new CUfunc_st();
  private final CUfunc_st toFloat32 = new CUfunc_st();
  // (from, to, count), and where each stands; read by the launch before it returns.
  private final LongPointer arguments = new LongPointer(3);
  private final PointerPointer<LongPointer> places = new PointerPointer<>(3);

  /// Compiles the kernels for the current device.
  ///
  /// @param stream where conversions are put
  Bfloat16(CUstream_st stream) {
    this.stream = stream;
    try (BytePointer text = new BytePointer(text(), StandardCharsets.US_ASCII)) {
      Cuda.checkDriver(cuModuleLoadData(module, text), "cuModuleLoadData of " + KERNELS);
    }
    Cuda.checkDriver(cuModuleGetFunction(toBfloat16, module, "to_bfloat16"), "cuModuleGetFunction");
    Cuda.checkDriver(cuModuleGetFunction(toFloat32, module, "to_float32"), "cuModuleGetFunction");
    for (int i = 0; i < 3; i++) {
      places.put(i, new Address(arguments.address() + (long) i * Long.BYTES));
    }
  }

  private static String text() {
    try (InputStream in = Bfloat16.class.getResourceAsStream(KERNELS)) {
      if (in == null) {
        throw new IllegalStateException("no resource " + KERNELS);
      }
      return new String(in.readAllBytes(), StandardCharsets.US_ASCII);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Rounds so many float32 values to bfloat16.
  void narrow(Pointer from, Pointer to, long count) {
    launch(toBfloat16, from, to, count);
  }

  /// Widens so many bfloat16 values to float32.
  void widen(Pointer from, Pointer to, long count) {
    launch(toFloat32, from, to, count);
  }

  private void launch(CUfunc_st kernel, Pointer from, Pointer to, long count) {
    arguments.put(0, from.address()).put(1, to.address()).put(2, count);
    int blocks = (int) Math.min(MOST_BLOCKS, (count + THREADS - 1) / THREADS);
    Cuda.checkDriver(
        cuLaunchKernel(
            kernel, blocks, 1, 1, THREADS, 1, 1, 0, stream, places, (PointerPointer<?>) null),
        "cuLaunchKernel");
  }

  @Override
  public void close() {
    if (!module.isNull()) {
      Cuda.report(cuModuleUnload(module), "cuModuleUnload");
      module.setNull();
    }
    places.close();
    arguments.close();
  }
}
