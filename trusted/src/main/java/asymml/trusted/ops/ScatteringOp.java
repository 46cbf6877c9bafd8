package asymml.trusted.ops;

import asymml.kernels.Scattering;
import asymml.kernels.Tensor;

/// The scattering transform of the images. It reads the network's input, so that it has no backward
/// pass.
public final class ScatteringOp implements TrustedOp {
  private final Scattering transform;
  private final OpTensors tensors;

  /// Plans it.
  ///
  /// @param tensors images and features
  public ScatteringOp(OpTensors tensors) {
    this.tensors = tensors;
    Tensor x = tensors.x();
    transform = new Scattering(x.length(1), x.length(2), x.length(3));
  }

  @Override
  public void forward(long step) {
    transform.forward(tensors.x(), tensors.y());
  }

  @Override
  public void backward() {
    throw new IllegalStateException("no gradient flows through a scattering transform");
  }

  @Override
  public StepProfile.Phase phase() {
    return StepProfile.Phase.KERNELS;
  }

  @Override
  public void close() {
    transform.close();
  }
}
