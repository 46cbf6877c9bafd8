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
import asymml.model.Parameter;
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

/// The work of a training step that the trusted side cannot avoid: each product once, each tensor
/// that a pass needs read or written once. Renewals of bases are not in it, nor anything that a
/// cache could save.
public final class CostLowerBound {
  /// A normalisation reads its input for the statistics and again for the result; backward, input
  /// and gradient twice as well.
  private static final double NORM_PASSES = 3 + 5;

  /// Weights, velocity and gradient are read, weights and velocity written.
  private static final double UPDATE_PASSES = 5;

  private final Graph graph;
  private final int batch;
  private final Shield shield;

  /// Counts for a network and a batch.
  ///
  /// @param graph the network
  /// @param batch number of examples N
  /// @param shield what hides the data of split layers
  public CostLowerBound(Graph graph, int batch, Shield shield) {
    this.graph = graph;
    this.batch = batch;
    this.shield = shield;
  }

  /// A whole step.
  ///
  /// @param plan where the linear layers run
  /// @return its work on the trusted side
  public Work step(Plan plan) {
    Work work = Work.NONE;
    Set<Object> released = new HashSet<>();
    for (int i = 0; i < graph.nodes().size(); i++) {
      Node node = graph.nodes().get(i);
      switch (node.layer()) {
        case Conv2d _, Linear _ -> {
          Placement placement = plan.placement(node.name());
          work =
              work.plus(
                  plan.updatesAtWorker(node.name())
                      ? updatedAtWorker(i, (Split) placement)
                      : linear(i, placement));
          if (placement.needsWorker()
              && released.add(List.of(node.inputs().getFirst(), placement))) {
            work = work.plus(release(i, placement));
          }
        }
        case GroupedConv2d _ -> work = work.plus(linear(i, new Trusted()));
        case BatchNorm _, GroupNorm _ ->
            work = work.plus(Work.passes(NORM_PASSES, values(node.inputs().getFirst())));
        case Relu _ -> {
          if (!graph.pairsWithRelu(node.inputs().getFirst())) {
            work = work.plus(Work.passes(5, values(i)));
          }
        }
        case Activation _ -> work = work.plus(Work.passes(5, values(i)));
        // The transform can be cached: its values are read and stored.
        case Scattering _ -> work = work.plus(Work.passes(2, values(i)));
        case Add _ -> work = work.plus(Work.passes(3 + 4, values(i)));
        case Concat _ -> work = work.plus(Work.passes(4, values(i)));
        case MaxPool _, AvgPool _, GlobalAvgPool _ ->
            work =
                work.plus(Work.passes(2, values(node.inputs().getFirst())))
                    .plus(Work.passes(2, values(i)));
        case Dropout _ -> work = work.plus(Work.passes(4, values(i)));
        case Flatten _ -> {
          // a view
        }
      }
    }
    double parameters = 0;
    for (Parameter p : graph.parameters()) {
      parameters += p.trained() && !plan.heldWeights().contains(p.name()) ? p.size() : 0;
    }
    return work.plus(Work.passes(UPDATE_PASSES, parameters));
  }

  /// A linear layer: its products, and what crosses the boundary for it but its input.
  ///
  /// @param index a linear layer's node
  /// @param placement where it runs
  /// @return its work on the trusted side
  public Work linear(int index, Placement placement) {
    Node node = graph.nodes().get(index);
    int source = node.inputs().getFirst();
    double x = values(source);
    double y = values(index);
    double products = 2.0 * batch * graph.multiplyAdds(index);
    double weights = weights(index);
    boolean flowsOn = graph.takesGradient(source);
    return switch (placement) {
      case Trusted _ ->
          Work.flops((flowsOn ? 3 : 2) * products)
              // Forward and backward weights read x; y is written, its gradient read.
              .plus(Work.passes(2, x))
              .plus(Work.passes(flowsOn ? 3 : 2, y))
              .plus(Work.passes(flowsOn ? 1 : 0, x))
              .plus(Work.passes(flowsOn ? 3 : 2, weights));
      // Results are read and stored, releases too; the gradient is sent unprotected.
      case Untrusted _ ->
          Work.passes(4, y).plus(Work.passes(flowsOn ? 2 : 0, x)).plus(Work.passes(4, weights));
      case Split(Decomposition decomposition, var kept) -> {
        int channels = graph.inputShape(index).channels();
        int rank = kept.most();
        Work crossing =
            shield.masks()
                ? shared(index, shield.gradientPositions())
                : linear(index, new Untrusted());
        if (rank == 0) {
          yield crossing;
        }
        double directions = directions(decomposition, rank);
        double folds = decomposition == Decomposition.SHARED ? 1 : batch;
        if (shield.masks()) {
          yield crossing
              .plus(Work.flops(products * directions / channels))
              .plus(Work.flops(folds * 2 * weights * directions))
              .plus(Work.passes(1, weights));
        }
        yield crossing
            .plus(Work.flops(2 * products * directions / channels)) // forward and backward weights
            .plus(Work.flops(folds * 4 * weights * directions)) // fold and unfold
            .plus(Work.passes(1, y)) // the gradient, for the weights' part
            .plus(Work.passes(2, weights)); // to fold, and to take the unfolded gradient
      }
    };
  }

  /// A split layer whose weights the worker updates: the folded kernel is read and stored, the
  /// factor of the gradient computed and sent.
  private Work updatedAtWorker(int index, Split split) {
    int source = graph.nodes().get(index).inputs().getFirst();
    int channels = graph.inputShape(index).channels();
    double directions = directions(split.decomposition(), split.rank().most());
    double products = 2.0 * batch * graph.multiplyAdds(index);
    return Work.flops(2 * products * directions / channels) // forward and backward weights
        .plus(Work.passes(4 + 1, values(index)))
        .plus(Work.passes(graph.takesGradient(source) ? 2 : 0, values(source)))
        .plus(Work.passes(4, weights(index) / channels * directions));
  }

  /// A layer on two workers: two results are read for one, the output gradient gets masks too, and
  /// the weight gradient is computed here.
  private Work shared(int index, double share) {
    int source = graph.nodes().get(index).inputs().getFirst();
    double x = values(source);
    double y = values(index);
    boolean flowsOn = graph.takesGradient(source);
    double channels = graph.shape(index).channels();
    double positions = y / channels;
    double samples =
        Math.min(
            positions, Math.max(share * positions, Shield.Shares.POSITIONS_PER_CHANNEL * channels));
    double drawn = samples / positions;
    return Work.flops(2.0 * batch * graph.multiplyAdds(index) * drawn)
        .plus(Work.passes(drawn, x))
        .plus(Work.passes(drawn, y))
        .plus(Work.passes(3 + (flowsOn ? 2 : 0), y))
        .plus(Work.noise(flowsOn ? y : 0))
        .plus(Work.passes(flowsOn ? 3 : 0, x))
        .plus(Work.passes(4, weights(index)));
  }

  /// The release of one input, however many layers read it.
  ///
  /// @param index a linear layer that reads it
  /// @param placement where that runs
  /// @return its work on the trusted side
  public Work release(int index, Placement placement) {
    double x = values(graph.nodes().get(index).inputs().getFirst());
    Work written = Work.passes(2, x);
    return switch (placement) {
      case Trusted _ -> Work.NONE;
      case Untrusted _ -> written;
      case Split(Decomposition decomposition, var kept) -> {
        int rank = kept.most();
        // Projection and residual; a light SVD goes through the input four times a direction more.
        double products = decomposition == Decomposition.SHARED ? 4 : 4 + 8;
        yield written
            .plus(Work.noise(x))
            .plus(Work.flops(rank == 0 ? 0 : products * x * directions(decomposition, rank)));
      }
    };
  }

  /// Directions with the mean, which a shared basis carries as one more.
  private static double directions(Decomposition decomposition, int rank) {
    return decomposition == Decomposition.SHARED ? rank + 1 : rank;
  }

  private double values(int node) {
    return (double) batch * (node == Graph.INPUT ? graph.input() : graph.shape(node)).size();
  }

  private double weights(int index) {
    return graph.parameters(index).getFirst().size();
  }
}
