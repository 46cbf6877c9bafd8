package asymml.untrusted;

import asymml.wire.OpDescriptor;
import java.util.Locale;

/// One of the three computations on an operation.
enum Pass {
  FORWARD,
  BACKWARD_DATA,
  BACKWARD_WEIGHTS;

  /// The number of values of its result.
  long results(OpDescriptor op) {
    return switch (this) {
      case FORWARD -> op.outputFloats();
      case BACKWARD_DATA -> op.inputFloats();
      case BACKWARD_WEIGHTS -> op.weightFloats();
    };
  }

  /// The largest number of products that are summed to one of these.
  long terms(OpDescriptor op) {
    long window = (long) op.kernelHeight() * op.kernelWidth();
    return switch (this) {
      case FORWARD -> window * op.inChannels();
      case BACKWARD_DATA -> window * op.outChannels();
      case BACKWARD_WEIGHTS -> op.outputFloats() / op.outChannels();
    };
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }
}
