package asymml.trusted.passes;

import asymml.kernels.Closer;
import asymml.kernels.ConvShape;
import asymml.kernels.SoftmaxCrossEntropy;
import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Layer;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Linear;
import asymml.model.Parameter;
import asymml.model.Shape;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.network.TrustedNetwork;
import asymml.trusted.ops.Parameters;

/// One batch run forward and backward wholly on the trusted side, as a training step would without
/// a worker: batch norm takes the batch's own statistics. Everything between the layers can then be
/// looked at. There is no worker and nothing is sent to a worker.
///
/// It works on a copy of the parameters: training does not notice.
///
/// PRIVATE: activations and gradients of private data.
public final class LayerPass implements AutoCloseable {
  private final Graph graph;
  private final Parameters parameters;
  private final TrustedNetwork network;

  /// Runs a batch.
  ///
  /// @param graph the network
  /// @param values its parameters, with gradients or without; copied
  /// @param images `[n, H, W, C]`, normalised; copied
  /// @param labels n class numbers
  /// @param labelSmoothing of the loss
  /// @param seed of dropout masks
  /// @throws NonFiniteException if the outputs are NaN or infinite
  public LayerPass(
      Graph graph,
      Parameters values,
      Tensor images,
      int[] labels,
      float labelSmoothing,
      long seed) {
    this(graph, values, images, labels, new SoftmaxCrossEntropy.Terms(labelSmoothing), seed);
  }

  /// Runs a batch whose examples count by their class.
  ///
  /// @param graph the network
  /// @param values its parameters, with gradients or without; copied
  /// @param images `[n, H, W, C]`, normalised; copied
  /// @param labels n class numbers
  /// @param loss how each counts
  /// @param seed of dropout masks
  /// @throws NonFiniteException if the outputs are NaN or infinite
  public LayerPass(
      Graph graph,
      Parameters values,
      Tensor images,
      int[] labels,
      SoftmaxCrossEntropy.Terms loss,
      long seed) {
    this.graph = graph;
    try (Closer opened = new Closer()) {
      parameters = opened.own(copy(graph, values));
      network = opened.own(TrustedNetwork.forInspection(graph, labels.length, parameters, seed));
      network.input().copyFrom(images);
      run(labels, loss);
      opened.release();
    }
  }

  private void run(int[] labels, SoftmaxCrossEntropy.Terms loss) {
    network.forward(0);
    try {
      SoftmaxCrossEntropy.evaluate(
          network.logits(), labels, loss, labels.length, network.logitsGradient());
    } catch (IllegalStateException e) {
      throw new NonFiniteException();
    }
    network.backward();
  }

  private static Parameters copy(Graph graph, Parameters values) {
    Parameters copy = new Parameters(graph, new Initializer(0), true);
    for (Parameter p : copy.all()) {
      Tensor value = copy.value(p.name());
      value.copyFrom(values.value(p.name()));
    }
    copy.changed();
    return copy;
  }

  /// What a node gave; where a ReLU alone reads a normalisation or an addition, both give what the
  /// ReLU gives.
  ///
  /// @param node its number, or [Graph#INPUT]
  /// @return `[n, H, W, C]`, a view
  public Tensor output(int node) {
    return network.activation(node);
  }

  /// The gradient of what a linear layer gave.
  ///
  /// @param node its number
  /// @return `[n, OH, OW, O]`, a view
  public Tensor gradient(int node) {
    return network.gradient(node);
  }

  /// What a linear layer multiplies with, standardised where it standardises.
  ///
  /// @param node its number
  /// @return `[O, kH, kW, C]`, a view
  public Tensor weight(int node) {
    return parameters.used(graph.parameters(node).getFirst().name());
  }

  /// A parameter of a node.
  ///
  /// @param node its number
  /// @param role for example `bias`
  /// @return a view
  public Tensor parameter(int node, String role) {
    return parameters.value(graph.nodes().get(node).name() + "." + role);
  }

  /// The number of examples.
  ///
  /// @return n
  public int batch() {
    return network.input().length(0);
  }

  /// The shape of a linear layer for one example.
  ///
  /// @param node its number
  /// @return with N = 1
  public ConvShape shape(int node) {
    Shape in = graph.inputShape(node);
    return switch (graph.nodes().get(node).layer()) {
      case Conv2d(int out, int kernel, int stride, int padding, boolean _, boolean _) ->
          new ConvShape(
              1, in.height(), in.width(), in.channels(), out, kernel, kernel, stride, padding);
      case Linear(int out) -> ConvShape.linear(1, in.channels(), out);
      case Layer layer ->
          throw new IllegalArgumentException("node " + node + " is not linear: " + layer);
    };
  }

  /// Zeroes and frees everything.
  @Override
  public void close() {
    network.close();
    parameters.close();
  }
}
