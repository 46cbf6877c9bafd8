package asymml.trusted.network;

import asymml.kernels.Tensor;
import asymml.trusted.memory.NetworkBuffers;
import asymml.trusted.ops.Gradients;
import asymml.trusted.ops.Op;
import asymml.trusted.ops.PerExampleGradients;
import asymml.trusted.ops.StepProfile;
import asymml.wire.ProtocolException;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A layer graph planned for one batch size: every buffer and primitive exists before the first
/// step. Not safe for use by several threads.
public abstract sealed class Network implements AutoCloseable permits TrustedNetwork, SplitNetwork {
  private final NetworkBuffers buffers;
  private final List<? extends Planned<? extends Op>> ops;
  private final StepProfile profile;
  private boolean featuresGiven;
  private boolean closed;

  /// Takes over what was planned.
  ///
  /// @param buffers the memory between the operations, closed with the network
  /// @param ops in the order in which they run forward, closed with the network
  /// @param profile of the network
  Network(NetworkBuffers buffers, List<? extends Planned<? extends Op>> ops, StepProfile profile) {
    this.buffers = buffers;
    this.ops = ops;
    this.profile = profile;
  }

  static void requireExamples(int batch) {
    if (batch < 1) {
      throw new IllegalArgumentException("a batch needs at least one example: " + batch);
    }
  }

  /// The layers whose input and output gradient are read after a backward pass.
  static Set<String> readLater(@Nullable PerExampleGradients rows) {
    return rows == null ? Set.of() : rows.plan().readLater();
  }

  /// Runs the network on the input.
  ///
  /// @param step the training step, from 0; decides about basis refreshes and dropout masks
  /// @throws ProtocolException if a worker fails
  public abstract void forward(long step) throws ProtocolException;

  /// Runs the network on a further batch of the same step: parameters, and what workers hold of
  /// them, are those of the [#forward] before.
  ///
  /// @param step the training step, from 0
  /// @throws ProtocolException if a worker fails
  public void forwardFurther(long step) throws ProtocolException {
    forward(step);
  }

  /// Computes all parameter gradients of the last forward pass. A network planned for DP-SGD gives
  /// each example's gradients in their place.
  ///
  /// @throws ProtocolException if a worker fails
  public abstract void backward() throws ProtocolException;

  /// The size of the region shared with each worker, which is needed before the network runs.
  ///
  /// @return bytes; 0 without a worker
  public abstract long regionBytes();

  /// The input.
  ///
  /// @return `[N, H, W, C]`, to be filled before [#forward] unless [#load] does
  public Tensor input() {
    return buffers.input();
  }

  /// Puts a batch in, before [#forward]: images, or what the scattering transform that is the
  /// network's first layer gives of them, which is then not computed again.
  ///
  /// @param batch `[N, H, W, C]`, or `[N, H / 4, W / 4, 81 C]`
  /// @throws IllegalArgumentException if it is neither
  public void load(Tensor batch) {
    Tensor features = buffers.features();
    featuresGiven = features != null && Arrays.equals(features.shape(), batch.shape());
    (features != null && featuresGiven ? features : input()).copyFrom(batch);
  }

  /// Whether the values of a node have been put in.
  ///
  /// @param node its number
  boolean isGiven(int node) {
    return featuresGiven && node == 0;
  }

  /// The output of the last forward pass.
  ///
  /// @return `[N, classes]`
  public Tensor logits() {
    return buffers.logits();
  }

  /// The gradient of the loss.
  ///
  /// @return `[N, classes]`, to be filled before each [#backward], which may overwrite it
  /// @throws IllegalStateException if planned for inference
  public Tensor logitsGradient() {
    return Gradients.require(buffers.logitsGradient());
  }

  /// What a node gave in the last forward pass.
  ///
  /// @param node its number, or [asymml.model.Graph#INPUT]
  /// @return `[N, H, W, C]`, a view
  /// @throws IllegalStateException if not planned for inspection
  public Tensor activation(int node) {
    buffers.requireKept();
    return buffers.output(node);
  }

  /// The gradient of what a node gave, of the last backward pass.
  ///
  /// @param node its number
  /// @return `[N, H, W, C]`, a view
  /// @throws IllegalStateException if not planned for inspection
  public Tensor gradient(int node) {
    buffers.requireKept();
    return Gradients.require(buffers.gradient(node));
  }

  /// Where the time of this network's passes goes.
  ///
  /// @return books all passes from now on
  public StepProfile profile() {
    return profile;
  }

  /// The memory between the operations.
  NetworkBuffers buffers() {
    return buffers;
  }

  /// Frees buffers and primitives; activations are zeroed first.
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      ops.forEach(planned -> planned.op().close());
      buffers.close();
    }
  }
}
