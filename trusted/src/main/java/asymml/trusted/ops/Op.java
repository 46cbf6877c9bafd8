package asymml.trusted.ops;

import asymml.kernels.Tensor;
import asymml.wire.ProtocolException;
import java.util.List;

/// One step of a planned network: its buffers and primitives are bound when it is made, so that
/// running it allocates nothing.
public interface Op extends AutoCloseable {
  /// Computes the output from the inputs.
  ///
  /// @param step the training step, from 0
  /// @throws ProtocolException if a worker fails
  void forward(long step) throws ProtocolException;

  /// Computes the gradients of inputs and parameters from the gradient of the output.
  ///
  /// @throws ProtocolException if a worker fails
  void backward() throws ProtocolException;

  /// The parameter gradients to which [#backward] adds what is no function of workers' results.
  ///
  /// @return of this operation's parameters; empty if it has none
  default List<Tensor> addedHere() {
    return List.of();
  }

  /// What kind of work it is, where it does not say so itself.
  ///
  /// @return what the time of a pass is booked on
  StepProfile.Phase phase();

  @Override
  void close();
}
