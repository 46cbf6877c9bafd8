package asymml.trusted.split;

import asymml.trusted.ops.Op;
import asymml.wire.ProtocolException;

/// A linear layer that workers compute a part of.
public interface RemoteOp extends Op {
  /// Whether its worker holds the weights. Those are sent in memory that other layers' weights use
  /// as well: before any of these.
  ///
  /// @return false if they are sent in each step
  boolean isHeld();

  /// Sends this step's weights; a worker packs them while the trusted side is still busy with the
  /// layers before.
  ///
  /// @throws ProtocolException if a worker fails
  void sendWeights() throws ProtocolException;

  /// Merges a part of the weight gradient that a worker computes off the critical path.
  ///
  /// @throws ProtocolException if a worker fails
  void mergeWeightGradient() throws ProtocolException;
}
