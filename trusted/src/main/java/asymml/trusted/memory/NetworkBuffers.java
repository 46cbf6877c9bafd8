package asymml.trusted.memory;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Shape;
import asymml.trusted.memory.Lifetimes.Flow;
import asymml.trusted.plan.Plan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The memory between the operations of a network: each node's output and, in training, its
/// gradient, in one piece. Buffers that are not alive at the same time share a place in it.
public final class NetworkBuffers implements AutoCloseable {
  private final Arena arena = Arena.ofShared(); // used by worker threads of the kernels
  private final Graph graph;
  private final int batch;
  private final Purpose purpose;
  private final Lifetimes lifetimes;
  private final SlabLayout layout;
  private final MemorySegment slab;
  private boolean closed;

  /// Plans and allocates them.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param batch number of examples N
  /// @param purpose what for
  /// @param shares whether releases are under masks
  public NetworkBuffers(Graph graph, Plan plan, int batch, Purpose purpose, boolean shares) {
    this(graph, plan, batch, purpose, shares, Set.of());
  }

  /// Plans and allocates them, some to be read after a backward pass.
  ///
  /// @param graph the network
  /// @param plan where its linear layers run
  /// @param batch number of examples N
  /// @param purpose what for
  /// @param shares whether releases are under masks
  /// @param readLater names of linear layers whose input and output gradient are read after a
  ///   backward pass
  public NetworkBuffers(
      Graph graph, Plan plan, int batch, Purpose purpose, boolean shares, Set<String> readLater) {
    this.graph = graph;
    this.batch = batch;
    this.purpose = purpose;
    this.lifetimes = new Lifetimes(graph, plan, batch, purpose, shares, readLater);
    this.layout = new SlabLayout(lifetimes.spans());
    this.slab = arena.allocate(layout.sizeBytes(), Tensor.ALIGNMENT_BYTES);
  }

  /// The network's input.
  ///
  /// @return `[N, H, W, C]`, a view
  public Tensor input() {
    return output(Graph.INPUT);
  }

  /// The values of a scattering transform that alone reads the input.
  ///
  /// @return `[N, H / 4, W / 4, 81 C]`, a view; null if the network does not begin with one
  public @Nullable Tensor features() {
    return graph.beginsWithScattering() ? output(0) : null;
  }

  /// The output of the last node.
  ///
  /// @return `[N, classes]`, a view
  public Tensor logits() {
    return output(last()).reshape(batch, graph.classes());
  }

  /// The gradient of the last node's output.
  ///
  /// @return `[N, classes]`, a view; null at inference
  public @Nullable Tensor logitsGradient() {
    Tensor gradient = gradient(last());
    return gradient == null ? null : gradient.reshape(batch, graph.classes());
  }

  private int last() {
    return graph.nodes().size() - 1;
  }

  /// Whether a node is a ReLU, or at inference a normalisation, that the node before it applies.
  ///
  /// @param index its number
  /// @return true if it has no operation of its own
  public boolean fused(int index) {
    return lifetimes.fused(index);
  }

  /// A node's output, or the network's input.
  ///
  /// @param index its number, or [Graph#INPUT]
  /// @return `[N, H, W, C]`, a view
  public Tensor output(int index) {
    return tensor(lifetimes.output(index), graph.shape(index));
  }

  /// The gradient of a node's output.
  ///
  /// @param index its number
  /// @return of the output's shape, a view; null at inference, and where none is taken
  public @Nullable Tensor gradient(int index) {
    Integer buffer = lifetimes.gradientOf(index);
    return buffer == null ? null : tensor(buffer, graph.shape(index));
  }

  /// Where a node puts the gradient of one of its inputs.
  ///
  /// @param reader the node's number
  /// @param source the number of the node whose output it reads, or [Graph#INPUT]
  /// @return null if none flows there
  public @Nullable GradientTarget target(int reader, int source) {
    Flow flow = lifetimes.flow(reader, source);
    if (flow == null) {
      return null;
    }
    Shape shape = graph.shape(source);
    Integer scratch = flow.scratch();
    return new GradientTarget(
        tensor(flow.total(), shape), flow.adds(), scratch == null ? null : tensor(scratch, shape));
  }

  private Tensor tensor(int buffer, Shape shape) {
    int[] axes = {batch, shape.height(), shape.width(), shape.channels()};
    return Tensor.of(slab.asSlice(layout.offset(buffer), Tensor.sizeOf(axes) * Float.BYTES), axes);
  }

  /// What is retained may be read after a pass.
  ///
  /// @throws IllegalStateException unless everything is retained
  public void requireKept() {
    if (purpose != Purpose.INSPECTION) {
      throw new IllegalStateException(
          "this network was not planned for inspection: what its nodes gave is overwritten within"
              + " a step");
    }
  }

  /// The size of the memory.
  ///
  /// @return bytes
  public long sizeBytes() {
    return slab.byteSize();
  }

  /// Sets all of it to one value.
  ///
  /// @param value any
  public void fill(float value) {
    Tensor.of(slab, Math.toIntExact(slab.byteSize() / Float.BYTES)).fill(value);
  }

  /// The owner of the memory, for what operations keep as long as the buffers.
  ///
  /// @return closed with them
  public Arena arena() {
    return arena;
  }

  /// Zeroes everything: private values do not outlive the network.
  public void clear() {
    slab.fill((byte) 0);
  }

  /// Zeroes and frees everything. Idempotent.
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      clear();
      arena.close();
    }
  }
}
