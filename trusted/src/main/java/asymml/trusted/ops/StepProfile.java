package asymml.trusted.ops;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.LongSupplier;

/// Where the time of training steps goes on the trusted side, by layer and by kind of work, as its
/// one driving thread sees it pass. Reading the clock costs 25 ns, a few hundred times a step.
public final class StepProfile {
  /// Kinds of work.
  public enum Phase {
    /// Projection on the basis, its renewal, and the residual.
    DECOMPOSE("decompose"),
    /// Clipping, noise, and writing for the worker.
    DOOR("door"),
    /// Letting the weights out.
    WEIGHTS("weights out"),
    /// Sending requests.
    SEND("send"),
    /// Convolutions and products that stay here.
    KERNELS("trusted kernels"),
    /// Waiting for the worker.
    WAIT("wait"),
    /// Reading the worker's results, checked, into this side's.
    MERGE("merge"),
    /// Comparing projections of what workers returned with the right ones.
    VERIFY("verify"),
    /// Normalisation, with the ReLU fused into it.
    NORM("norm"),
    /// Pooling, addition, ReLU by itself, dropout.
    ELEMENTWISE("element-wise"),
    /// Loss and update of the parameters.
    UPDATE("loss and update");

    private final String label;

    Phase(String label) {
      this.label = label;
    }

    /// Its name in a table.
    ///
    /// @return a few lower-case words
    public String label() {
      return label;
    }
  }

  private final Map<Phase, long[]> nanos = new EnumMap<>(Phase.class);
  private final int nodes;
  private final LongSupplier clock;
  private int node;
  private long last;

  /// Creates a profile of nothing yet.
  ///
  /// @param nodes number of the network's nodes
  public StepProfile(int nodes) {
    this(nodes, System::nanoTime);
  }

  /// With another clock.
  ///
  /// @param clock nanoseconds
  StepProfile(int nodes, LongSupplier clock) {
    this.nodes = nodes;
    this.clock = clock;
    for (Phase phase : Phase.values()) {
      nanos.put(phase, new long[nodes + 1]);
    }
  }

  /// Starts the clock: what follows is some node's work.
  ///
  /// @param next its number
  public void at(int next) {
    node = next;
    last = clock.getAsLong();
  }

  /// Books the time since the last call.
  ///
  /// @param phase the kind of work
  public void lap(Phase phase) {
    long now = clock.getAsLong();
    row(phase)[node] += now - last;
    last = now;
  }

  /// The same, where a part of the time went into another kind of work.
  ///
  /// @param phase the kind of work
  /// @param other the other kind
  /// @param otherNanos time of the other kind, in nanoseconds
  public void lap(Phase phase, Phase other, long otherNanos) {
    lap(phase);
    row(phase)[node] -= otherNanos;
    row(other)[node] += otherNanos;
  }

  /// Runs the part of a step that belongs to no layer.
  ///
  /// @param phase what it is
  /// @param work does it
  public void time(Phase phase, Runnable work) {
    at(nodes);
    work.run();
    lap(phase);
  }

  /// The time that went into one kind of work at one node.
  ///
  /// @param index a node's number; the number of nodes stands for what belongs to none
  /// @param phase the kind of work
  /// @return nanoseconds since the last [#reset]
  public long nanos(int index, Phase phase) {
    return row(phase)[index];
  }

  /// The time that went into one kind of work.
  ///
  /// @param phase the kind of work
  /// @return nanoseconds since the last [#reset]
  public long nanos(Phase phase) {
    return Arrays.stream(row(phase)).sum();
  }

  /// Forgets what was booked.
  public void reset() {
    nanos.values().forEach(row -> Arrays.fill(row, 0));
  }

  private long[] row(Phase phase) {
    return Objects.requireNonNull(nanos.get(phase));
  }
}
