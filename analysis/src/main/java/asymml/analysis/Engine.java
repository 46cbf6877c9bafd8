package asymml.analysis;

import asymml.model.Graph;

/// The attacker's own computation: networks that it builds, trains and differentiates. The caller
/// of an attack supplies it. It receives only what the attack passes in: public knowledge,
/// auxiliary images and what the worker saw.
public interface Engine {
  /// Builds a network with the initial parameters that a seed gives.
  ///
  /// @param graph its layers
  /// @param seed of the parameters, as a training run takes it
  /// @return a new network; the caller closes it
  Net build(Graph graph, long seed);

  /// A network. Not safe for use by several threads.
  interface Net extends AutoCloseable {
    /// A parameter's values.
    ///
    /// @param name as the graph has it
    /// @return a copy
    float[] parameter(String name);

    /// Replaces a parameter's values.
    ///
    /// @param name as the graph has it
    /// @param values as many as it has
    void set(String name, float[] values);

    /// A trained parameter's gradient of the last backward pass.
    ///
    /// @param name as the graph has it
    /// @return a copy
    float[] gradient(String name);

    /// A forward pass as in training: batch norm takes the batch's own statistics.
    ///
    /// @param x `[N, H, W, C]`
    /// @return `[N, 1, 1, K]`, what the last node gave
    Maps forward(Maps x);

    /// A forward pass as after training: batch norm takes its running statistics.
    ///
    /// @param x `[N, H, W, C]`
    /// @return `[N, 1, 1, K]`, what the last node gave
    Maps infer(Maps x);

    /// The backward pass of the last [#forward].
    ///
    /// @param dy gradient of what it gave, `[N, 1, 1, K]`
    /// @return gradient of its input, `[N, H, W, C]`
    Maps backward(Maps dy);

    /// A step of stochastic gradient descent on the gradients of the last backward pass.
    ///
    /// @param rate learning rate, above 0
    /// @param momentum 0 to below 1
    /// @param weightDecay at least 0, on weights only
    void step(float rate, float momentum, float weightDecay);

    @Override
    void close();
  }
}
