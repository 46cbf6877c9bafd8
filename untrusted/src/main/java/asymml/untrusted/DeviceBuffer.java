package asymml.untrusted;

import static org.bytedeco.cuda.global.cudart.cudaFree;
import static org.bytedeco.cuda.global.cudart.cudaMalloc;

import org.bytedeco.javacpp.Pointer;

/// Memory of the device that grows while operations are defined, and never later.
final class DeviceBuffer implements AutoCloseable {
  private Pointer memory = new Pointer();
  private long sizeBytes;

  /// Sees to at least so many bytes; what stood there is lost if the buffer grows.
  ///
  /// @throws DeviceException if there is no room; the buffer is as before
  void reserve(long bytes) {
    if (bytes <= sizeBytes) {
      return;
    }
    Pointer larger = new Pointer();
    Cuda.check(cudaMalloc(larger, bytes), "cudaMalloc of " + bytes + " bytes");
    close();
    memory = larger;
    sizeBytes = bytes;
  }

  Pointer pointer() {
    return memory;
  }

  long sizeBytes() {
    return sizeBytes;
  }

  /// Idempotent. Waits for the device.
  @Override
  public void close() {
    if (sizeBytes > 0) {
      sizeBytes = 0;
      Cuda.report(cudaFree(memory), "cudaFree");
      memory.setNull();
    }
  }
}
