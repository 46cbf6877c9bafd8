package asymml.trusted.ops;

import asymml.kernels.Activations;
import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.model.Layer.Activation;
import asymml.model.Layer.Clip;
import asymml.model.Layer.HardSwish;
import asymml.model.Layer.LeakyRelu;
import asymml.model.Layer.Sigmoid;
import asymml.model.Layer.Tanh;
import asymml.trusted.memory.GradientTarget;

/// A function of each value by itself, other than ReLU.
///
/// @param function which
/// @param tensors input and output
public record ActivationOp(Activation function, OpTensors tensors) implements TrustedOp {
  @Override
  public void forward(long step) {
    Tensor x = tensors.x();
    Tensor y = tensors.y();
    switch (function) {
      case Tanh _ -> Elementwise.tanh(x, y);
      case Clip(float low, float high) -> Activations.clip(x, low, high, y);
      case LeakyRelu(float slope) -> Activations.leakyRelu(x, slope, y);
      case Sigmoid _ -> Activations.sigmoid(x, y);
      case HardSwish _ -> Activations.hardSwish(x, y);
    }
  }

  @Override
  public void backward() {
    GradientTarget dx = tensors.dx();
    if (dx == null) {
      return;
    }
    Tensor y = tensors.y();
    Tensor dy = tensors.outputGradient();
    Tensor out = dx.destination();
    switch (function) {
      case Tanh _ -> Elementwise.tanhBackward(y, dy, out);
      case Clip(float low, float high) -> Activations.clipBackward(y, dy, low, high, out);
      case LeakyRelu(float slope) -> Activations.leakyReluBackward(y, dy, slope, out);
      case Sigmoid _ -> Activations.sigmoidBackward(y, dy, out);
      case HardSwish _ -> Activations.hardSwishBackward(tensors.x(), dy, out);
    }
    dx.done();
  }

  @Override
  public StepProfile.Phase phase() {
    return StepProfile.Phase.ELEMENTWISE;
  }

  @Override
  public void close() {}
}
