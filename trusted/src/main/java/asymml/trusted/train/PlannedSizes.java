package asymml.trusted.train;

import asymml.trusted.network.Network;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;

/// The networks of a run: one for full batches and, where the last batch of an epoch is smaller,
/// one for that.
///
/// @param bySize network by number of examples
record PlannedSizes(Map<Integer, Network> bySize) {
  /// Plans a network.
  interface Planner<E extends Exception> {
    Network plan(int size) throws E;
  }

  /// Plans the networks of a run.
  ///
  /// @param slots of a full batch
  /// @param planner makes one
  static <E extends Exception> PlannedSizes of(RunPlan run, int slots, Planner<E> planner)
      throws E {
    Map<Integer, Network> networks = new LinkedHashMap<>();
    networks.put(slots, planner.plan(slots));
    int rest = run.examples() % run.batchSize();
    if (!run.isPoisson() && rest != 0) {
      networks.put(rest, planner.plan(rest));
    }
    return new PlannedSizes(networks);
  }

  Network of(int examples) {
    Network network = bySize.get(examples);
    if (network == null) {
      throw new IllegalStateException("no network was planned for " + examples + " examples");
    }
    return network;
  }

  Collection<Network> all() {
    return bySize.values();
  }

  /// The largest region that any of them shares with workers.
  long regionBytes() {
    return all().stream().mapToLong(Network::regionBytes).max().orElse(0);
  }
}
