package asymml.trusted.bench;

import asymml.model.Graph;
import asymml.model.Layer.Activation;
import asymml.model.Layer.Add;
import asymml.model.Layer.AvgPool;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Concat;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Dropout;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GlobalAvgPool;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.GroupedConv2d;
import asymml.model.Layer.Linear;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Layer.Scattering;
import asymml.model.Node;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Placement.Split;
import asymml.trusted.plan.Placement.Trusted;
import asymml.trusted.plan.Placement.Untrusted;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.Shield;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// The work of a batch of inference that the trusted side cannot avoid: forward alone, each product
/// once, each tensor read or written once. Kernels that are folded with a basis are kept, and batch
/// normalisation with running statistics could be folded into the layer before it.
public final class InferenceLowerBound {
  private final Graph graph;
  private final int batch;
  private final Shield shield;
  private final CostLowerBound training;

  /// Counts for a network and a batch.
  ///
  /// @param graph the network
  /// @param batch number of examples N
  /// @param shield what hides the data of split layers
  public InferenceLowerBound(Graph graph, int batch, Shield shield) {
    this.graph = graph;
    this.batch = batch;
    this.shield = shield;
    this.training = new CostLowerBound(graph, batch, shield);
  }

  /// A whole batch.
  ///
  /// @param plan where the linear layers run
  /// @return its work on the trusted side
  public Work batch(Plan plan) {
    Work work = Work.NONE;
    Set<Object> released = new HashSet<>();
    for (int i = 0; i < graph.nodes().size(); i++) {
      Node node = graph.nodes().get(i);
      int source = node.inputs().getFirst();
      switch (node.layer()) {
        case Conv2d _, Linear _ -> {
          Placement placement = plan.placement(node.name());
          work = work.plus(linear(i, placement));
          if (placement.needsWorker() && released.add(List.of(source, placement))) {
            work = work.plus(training.release(i, placement));
          }
        }
        case GroupedConv2d _ -> work = work.plus(linear(i, new Trusted()));
        case GroupNorm _ -> work = work.plus(Work.passes(3, values(source)));
        case Relu _ -> {
          if (!graph.pairsWithRelu(source)) {
            work = work.plus(Work.passes(2, values(i)));
          }
        }
        case Activation _, Scattering _, Concat _ -> work = work.plus(Work.passes(2, values(i)));
        case Add _ -> work = work.plus(Work.passes(3, values(i)));
        case MaxPool _, AvgPool _, GlobalAvgPool _ ->
            work = work.plus(Work.passes(1, values(source))).plus(Work.passes(1, values(i)));
        case BatchNorm _, Dropout _, Flatten _ -> {
          // folded, or nothing at inference, or a view
        }
      }
    }
    return work;
  }

  private Work linear(int index, Placement placement) {
    double y = values(index);
    double products = 2.0 * batch * graph.multiplyAdds(index);
    double weights = graph.parameters(index).getFirst().size();
    // Results are read and stored; under masks there are two of them.
    Work merged = Work.passes(shield.masks() ? 3 : 2, y);
    return switch (placement) {
      case Trusted _ ->
          Work.flops(products)
              .plus(Work.passes(1, values(graph.nodes().get(index).inputs().getFirst())))
              .plus(Work.passes(1, y))
              .plus(Work.passes(1, weights));
      case Untrusted _ -> merged;
      case Split(Decomposition decomposition, var kept) -> {
        int rank = kept.most();
        if (rank == 0) {
          yield merged;
        }
        boolean shared = decomposition == Decomposition.SHARED;
        double directions = shared ? rank + 1 : rank;
        yield merged
            .plus(Work.flops(products * directions / graph.inputShape(index).channels()))
            .plus(Work.flops(shared ? 0 : batch * 2 * weights * directions))
            .plus(Work.passes(1, y));
      }
    };
  }

  private double values(int node) {
    return (double) batch * (node == Graph.INPUT ? graph.input() : graph.shape(node)).size();
  }
}
