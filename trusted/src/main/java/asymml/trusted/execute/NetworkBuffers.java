package asymml.trusted.execute;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Dropout;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.Relu;
import asymml.model.Node;
import asymml.model.Shape;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The memory between the operations of a network: each node's output and, in training, its
/// gradient.
///
/// A ReLU that alone reads a normalisation or an addition is fused into it: the pair has one
/// output. Each output has one gradient of its own; the last of its readers writes it first in the
/// backward pass, the others add to it.
final class NetworkBuffers {
  private final Graph graph;
  private final int batch;
  private final Arena arena;
  private final boolean training;
  private final List<Tensor> memory = new ArrayList<>();
  private final Tensor input;
  private final Tensor[] outputs;
  private final @Nullable Tensor[] gradients;
  private final boolean[] fused;
  private final Tensor scratch;

  NetworkBuffers(Graph graph, int batch, Arena arena, boolean training) {
    this.graph = graph;
    this.batch = batch;
    this.arena = arena;
    this.training = training;
    int nodes = graph.nodes().size();
    this.input = allocate(graph.input());
    this.outputs = new Tensor[nodes];
    this.gradients = new Tensor[nodes];
    this.fused = new boolean[nodes];
    allocateBuffers();
    this.scratch = allocateScratch();
  }

  Tensor input() {
    return input;
  }

  /// The output of the last node, `[N, classes]`.
  Tensor logits() {
    return outputs[outputs.length - 1].reshape(batch, graph.classes());
  }

  @Nullable Tensor logitsGradient() {
    Tensor gradient = gradients[gradients.length - 1];
    return gradient == null ? null : gradient.reshape(batch, graph.classes());
  }

  /// Whether a node is a ReLU that the node before it applies.
  boolean fused(int index) {
    return fused[index];
  }

  /// The gradient of a node's output; null at inference.
  @Nullable Tensor gradient(int index) {
    return gradients[index];
  }

  /// Zeroes everything: private values do not outlive the network.
  void clear() {
    memory.forEach(tensor -> tensor.fill(0));
  }

  private void allocateBuffers() {
    for (int i = 0; i < outputs.length; i++) {
      Node node = graph.nodes().get(i);
      int source = node.inputs().getFirst();
      fused[i] = node.layer() instanceof Relu && graph.pairsWithRelu(source);
      if (fused[i]) {
        // The pair's one output and gradient belong to both.
        outputs[i] = outputs[source];
        gradients[i] = gradients[source];
        continue;
      }
      boolean view =
          node.layer() instanceof Flatten || (node.layer() instanceof Dropout && !training);
      Shape shape = graph.shape(i);
      outputs[i] =
          view
              ? output(source).reshape(batch, shape.height(), shape.width(), shape.channels())
              : allocate(shape);
      if (training) {
        gradients[i] = allocate(shape);
      }
    }
  }

  private Tensor allocateScratch() {
    long floats = 1;
    for (int i = 0; i < outputs.length; i++) {
      if (training && graph.consumers(i).size() > 1) {
        floats = Math.max(floats, outputs[i].size());
      }
    }
    if (training && normalizesInput()) {
      floats = Math.max(floats, input.size());
    }
    return allocate(Math.toIntExact(floats));
  }

  private Tensor allocate(Shape shape) {
    return allocate(batch, shape.height(), shape.width(), shape.channels());
  }

  private Tensor allocate(int... shape) {
    Tensor tensor = Tensor.allocate(arena, shape);
    memory.add(tensor);
    return tensor;
  }

  Tensor output(int index) {
    return index == Graph.INPUT ? input : outputs[index];
  }

  /// Where node `reader` puts the gradient of its input `source`; null if none flows there.
  @Nullable GradientTarget target(int reader, int source) {
    if (!training) {
      return null;
    }
    if (source == Graph.INPUT) {
      // The kernels of normalisation compute this gradient in any case; nobody reads it.
      return isNorm(graph.nodes().get(reader)) ? new GradientTarget(scratch(input), null) : null;
    }
    Tensor total = Gradients.require(gradients[source]);
    if (graph.consumers(source).getLast() == reader) {
      return new GradientTarget(total, null);
    }
    return new GradientTarget(total, scratch(total));
  }

  private boolean normalizesInput() {
    return graph.consumers(Graph.INPUT).stream().anyMatch(i -> isNorm(graph.nodes().get(i)));
  }

  private static boolean isNorm(Node node) {
    return node.layer() instanceof BatchNorm || node.layer() instanceof GroupNorm;
  }

  /// A view of the memory that operations use in turn.
  private Tensor scratch(Tensor like) {
    return Tensor.of(scratch.segment().asSlice(0, like.sizeBytes()), like.shape());
  }
}
