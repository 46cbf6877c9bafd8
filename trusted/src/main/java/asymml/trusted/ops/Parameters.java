package asymml.trusted.ops;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.kernels.WeightStandardization;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Parameter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// The parameters of a network with their gradients and the optimiser's velocities: shared by all
/// batch sizes that the network is planned for. Kept on the trusted side.
public final class Parameters implements AutoCloseable {
  /// The decay of AdamW's second moments, and what is added to their roots.
  private static final float SECOND_DECAY = 0.999f;

  private static final float EPSILON = 1e-8f;

  private final Arena arena = Arena.ofShared(); // read and written by worker threads of the kernels
  private final List<Parameter> all;
  private final Map<String, Tensor> values = new LinkedHashMap<>();
  private final Map<String, Tensor> gradients = new LinkedHashMap<>();
  private final Map<String, Tensor> velocities = new LinkedHashMap<>();
  private final Map<String, Tensor> secondMoments = new LinkedHashMap<>();
  private final Map<String, Standardized> standardized = new LinkedHashMap<>();
  private final HeldValues heldValues;
  private final HeldValues heldVelocities;
  private long version;
  private boolean closed;

  /// What a layer uses in a weight's place.
  ///
  /// @param weight `[O, kH, kW, C]`
  /// @param inverseNorms `[O]`
  private record Standardized(Tensor weight, Tensor inverseNorms) {}

  /// Allocates and initialises the parameters of a graph.
  ///
  /// @param graph the network
  /// @param initializer gives the first values
  /// @param training whether gradients and velocities are wanted
  public Parameters(Graph graph, Initializer initializer, boolean training) {
    this(graph, initializer, training, Set.of());
  }

  /// Allocates and initialises the parameters of a graph, some of whose weights a worker holds and
  /// updates: of these there are no gradients here, and values and velocities only until
  /// [#discardHeld], or from [#renewHeld] on.
  ///
  /// @param graph the network
  /// @param initializer gives the first values
  /// @param training whether gradients and velocities are wanted
  /// @param held names of weights that a worker updates; empty unless for training
  public Parameters(Graph graph, Initializer initializer, boolean training, Set<String> held) {
    all = graph.parameters();
    List<Parameter> elsewhere = all.stream().filter(p -> held.contains(p.name())).toList();
    heldValues = new HeldValues(elsewhere, "values");
    heldVelocities = new HeldValues(elsewhere, "velocities");
    heldValues.allocate();
    for (Parameter parameter : elsewhere) {
      heldValues.get(parameter.name()).copyFrom(initializer.values(parameter));
    }
    for (Parameter parameter : all) {
      if (isHeld(parameter.name())) {
        continue;
      }
      Tensor value = Tensor.allocate(arena, parameter.shape());
      values.put(parameter.name(), value.copyFrom(initializer.values(parameter)));
      if (training && parameter.trained()) {
        gradients.put(parameter.name(), Tensor.allocate(arena, parameter.shape()));
        velocities.put(parameter.name(), Tensor.allocate(arena, parameter.shape()));
      }
      if (parameter.kind() == Parameter.Kind.STANDARDIZED_WEIGHT) {
        standardized.put(
            parameter.name(),
            new Standardized(
                Tensor.allocate(arena, parameter.shape()),
                Tensor.allocate(arena, value.length(0))));
      }
    }
    standardize();
  }

  /// All parameters in graph order.
  ///
  /// @return immutable
  public List<Parameter> all() {
    return all;
  }

  /// A parameter's values.
  ///
  /// @param name its name
  /// @return a view; after writing to it call [#changed]
  /// @throws IllegalStateException if a worker has them alone
  public Tensor value(String name) {
    return isHeld(name) ? heldValues.get(name) : find(values, name);
  }

  /// How many values all parameters have.
  ///
  /// @return their number
  public int size() {
    return Math.toIntExact(all.stream().mapToLong(Parameter::size).sum());
  }

  /// All values, parameter after parameter in graph order.
  ///
  /// @return a copy
  public float[] copy() {
    float[] copy = new float[size()];
    int at = 0;
    for (Parameter p : all) {
      int count = Math.toIntExact(p.size());
      MemorySegment.copy(value(p.name()).segment(), ValueLayout.JAVA_FLOAT, 0, copy, at, count);
      at += count;
    }
    return copy;
  }

  /// Takes over all values.
  ///
  /// @param values as [#copy] gives them
  /// @throws IllegalArgumentException if there is another number of them
  public void set(float[] values) {
    if (values.length != size()) {
      throw new IllegalArgumentException(values.length + " values for " + size() + " parameters");
    }
    int at = 0;
    for (Parameter p : all) {
      int count = Math.toIntExact(p.size());
      MemorySegment.copy(values, at, value(p.name()).segment(), ValueLayout.JAVA_FLOAT, 0, count);
      at += count;
    }
    changed();
  }

  /// What a layer computes with: a parameter's values, or what they are after standardisation.
  ///
  /// @param name its name
  /// @return a view, not to be written to
  public Tensor used(String name) {
    Standardized own = standardized.get(name);
    return own == null ? value(name) : own.weight();
  }

  private void standardize() {
    standardized.forEach((name, own) ->
        WeightStandardization.forward(value(name), own.weight(), own.inverseNorms()));
  }

  /// Turns gradients by what the layers computed with into gradients by the parameters: the end of
  /// a backward pass. It needs no example, so that it costs no privacy.
  public void finishGradients() {
    standardized.forEach((name, own) -> {
      if (gradients.containsKey(name)) {
        WeightStandardization.backward(own.weight(), own.inverseNorms(), gradient(name));
      }
    });
  }

  /// Whether a worker holds a parameter and updates it.
  ///
  /// @param name its name
  /// @return true if there is no gradient of it here
  public boolean isHeld(String name) {
    return heldValues.has(name);
  }

  /// Whether a worker holds any.
  ///
  /// @return false if all are here
  public boolean anyHeld() {
    return !heldValues.isEmpty();
  }

  /// Frees values and velocities that a worker has now.
  public void discardHeld() {
    heldValues.discard();
    heldVelocities.discard();
  }

  /// Allocates values and velocities again, to be written with what the worker returns.
  public void renewHeld() {
    heldValues.allocate();
    heldVelocities.allocate();
  }

  /// Whether velocities that a worker is to have are other than 0.
  ///
  /// @return false if nothing was written to them
  public boolean hasHeldVelocities() {
    return heldVelocities.isHere();
  }

  /// A trained parameter's gradient of the last backward pass.
  ///
  /// @param name its name
  /// @return a view
  public Tensor gradient(String name) {
    return find(gradients, name);
  }

  /// Allocates what [#adamw] needs beside the velocities: as much memory as the trained parameters
  /// take. Idempotent.
  public void keepSecondMoments() {
    for (Parameter p : all) {
      if (p.trained() && !secondMoments.containsKey(p.name())) {
        secondMoments.put(p.name(), Tensor.allocate(arena, p.shape()));
      }
    }
  }

  /// Whether there are second moments.
  ///
  /// @return false unless [#keepSecondMoments] was called
  public boolean hasSecondMoments() {
    return !secondMoments.isEmpty();
  }

  /// A trained parameter's moving average of squared gradients.
  ///
  /// @param name its name
  /// @return a view
  public Tensor secondMoment(String name) {
    return find(secondMoments, name);
  }

  /// A trained parameter's momentum: the velocity of SGD, or AdamW's first moment.
  ///
  /// @param name its name
  /// @return a view
  public Tensor velocity(String name) {
    if (isHeld(name)) {
      if (heldValues.isHere()) {
        heldVelocities.allocate(); // zeros, unless they were written
      }
      return heldVelocities.get(name);
    }
    return find(velocities, name);
  }

  /// One step of stochastic gradient descent with momentum, on the gradients of the last backward
  /// pass. Weights decay, nothing else does.
  ///
  /// @param rate the learning rate
  /// @param momentum 0 to below 1
  /// @param weightDecay at least 0
  public void update(float rate, float momentum, float weightDecay) {
    for (Parameter p : all) {
      if (p.trained() && !isHeld(p.name())) {
        Elementwise.sgd(
            value(p.name()),
            velocity(p.name()),
            gradient(p.name()),
            rate,
            momentum,
            p.kind().weight() ? weightDecay : 0);
      }
    }
    changed();
  }

  /// One step of AdamW on the gradients of the last backward pass, with second moments that decay
  /// by 0.999 and an epsilon of 1e-8. Weights decay, nothing else does, and apart from the
  /// gradient.
  ///
  /// @param step from 0
  /// @param rate the learning rate
  /// @param momentum beta 1, 0 to below 1
  /// @param weightDecay at least 0; a step shrinks weights by this times the rate
  /// @throws IllegalArgumentException if [#keepSecondMoments] was not called
  public void adamw(long step, float rate, float momentum, float weightDecay) {
    for (Parameter p : all) {
      if (p.trained()) {
        Elementwise.adamw(
            value(p.name()),
            velocity(p.name()),
            secondMoment(p.name()),
            gradient(p.name()),
            step + 1,
            rate,
            momentum,
            SECOND_DECAY,
            EPSILON,
            p.kind().weight() ? weightDecay : 0);
      }
    }
    changed();
  }

  /// Says that values were written: standardised and packed copies are renewed before they are used
  /// again.
  public void changed() {
    version++;
    standardize();
  }

  /// How often values were written.
  ///
  /// @return rises with each [#changed]
  long version() {
    return version;
  }

  private static Tensor find(Map<String, Tensor> map, String name) {
    Tensor tensor = map.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("no such parameter: " + name);
    }
    return tensor;
  }

  /// Zeroes and frees everything.
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      for (Map<String, Tensor> map : List.of(values, gradients, velocities, secondMoments)) {
        map.values().forEach(t -> t.fill(0));
      }
      standardized.values().forEach(own -> own.weight().fill(0));
      discardHeld();
      arena.close();
    }
  }
}
