package asymml.untrusted;

import static org.bytedeco.cuda.global.cublas.cublasGetStatusString;
import static org.bytedeco.cuda.global.cudart.cudaGetErrorString;
import static org.bytedeco.cuda.global.cudart.cudaGetLastError;
import static org.bytedeco.cuda.global.cudnn.cudnnGetErrorString;
import static org.bytedeco.cuda.global.cudnn.cudnnGetLastErrorString;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.cuda.global.cublas;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.cuda.global.cudnn;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;

/// Loads CUDA's libraries and checks the statuses that their calls return. 0 means success in all
/// of them.
final class Cuda {
  private static final String NO_DRIVER =
      "no NVIDIA driver: libcuda.so.1 is not to be found; a cuda device needs an NVIDIA GPU and its"
          + " driver, version 580 or newer (a container: start it with the GPU)";

  private Cuda() {}

  /// Loads the driver's library, which comes with the driver and with nothing else.
  ///
  /// @param places where it may lie if the system's loader does not know it
  /// @throws DeviceException if there is none
  static void loadDriver(List<Path> places) {
    // Brings in the loader's own native part.
    new Address(0).close();
    try {
      Loader.loadGlobal("libcuda.so.1");
      return;
    } catch (UnsatisfiedLinkError e) {
      for (Path place : places) {
        try {
          Loader.loadGlobal(place.toString());
          return;
        } catch (UnsatisfiedLinkError unusable) {
          e.addSuppressed(unusable);
        }
      }
      throw new DeviceException(NO_DRIVER, e);
    }
  }

  /// Loads libraries, in the order in which they need each other, and the bindings to them.
  ///
  /// @param libraries what [CudaLibraries] found
  /// @throws DeviceException if one cannot be loaded
  static void load(List<Path> libraries) {
    for (Path library : libraries) {
      try {
        // Who asks for such a library by its soname later gets this one, wherever it lies.
        Loader.loadGlobal(library.toString());
      } catch (UnsatisfiedLinkError e) {
        throw new DeviceException("cannot load " + library + ": " + e.getMessage(), e);
      }
    }
    try {
      Loader.load(cudart.class);
      Loader.load(cublas.class);
      Loader.load(cudnn.class);
    } catch (UnsatisfiedLinkError e) {
      throw new DeviceException(
          "the CUDA bindings do not fit these libraries ("
              + e.getMessage()
              + "): they need CUDA 13"
              + " and cuDNN 9; loaded were "
              + libraries,
          e);
    }
  }

  /// Checks a status of the CUDA runtime.
  ///
  /// @param call the call, for the message
  /// @throws DeviceException if it is not success
  static void check(int status, String call) {
    if (status != 0) {
      // Errors that leave the device usable are reported once.
      cudaGetLastError();
      throw failed(call, status, text(cudaGetErrorString(status)));
    }
  }

  /// Checks a status of the CUDA driver.
  static void checkDriver(int status, String call) {
    if (status != 0) {
      throw failed(call, status, "see the CUDA driver's CUresult");
    }
  }

  /// Checks a status of cuBLAS.
  static void checkBlas(int status, String call) {
    if (status != 0) {
      throw failed(call, status, text(cublasGetStatusString(status)));
    }
  }

  /// Checks a status of cuDNN.
  static void checkDnn(int status, String call) {
    if (status != 0) {
      throw failed(call, status, text(cudnnGetErrorString(status)) + lastWords());
    }
  }

  /// Reports a failure where nothing can be done about it, at the end.
  static void report(int status, String call) {
    if (status != 0) {
      System.err.println("asymml worker: " + call + " failed with status " + status);
    }
  }

  private static String lastWords() {
    byte[] words = new byte[200];
    cudnnGetLastErrorString(words, words.length);
    String said = new String(words, StandardCharsets.US_ASCII);
    int end = said.indexOf('\0');
    String line = (end < 0 ? said : said.substring(0, end)).lines().findFirst().orElse("").strip();
    return line.isEmpty() ? "" : ": " + line;
  }

  private static DeviceException failed(String call, int status, String meaning) {
    return new DeviceException("%s failed with status %s (%s)".formatted(call, status, meaning));
  }

  private static String text(BytePointer text) {
    return Pointer.isNull(text) ? "unknown" : text.getString(StandardCharsets.US_ASCII);
  }
}
