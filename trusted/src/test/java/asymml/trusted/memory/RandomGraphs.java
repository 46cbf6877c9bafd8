package asymml.trusted.memory;

import asymml.model.Graph;
import asymml.model.GraphBuilder;
import asymml.model.Layer;
import asymml.model.Layer.Add;
import asymml.model.Layer.AvgPool;
import asymml.model.Layer.BatchNorm;
import asymml.model.Layer.Clip;
import asymml.model.Layer.Concat;
import asymml.model.Layer.Conv2d;
import asymml.model.Layer.Dropout;
import asymml.model.Layer.Flatten;
import asymml.model.Layer.GlobalAvgPool;
import asymml.model.Layer.GroupNorm;
import asymml.model.Layer.GroupedConv2d;
import asymml.model.Layer.HardSwish;
import asymml.model.Layer.Linear;
import asymml.model.Layer.MaxPool;
import asymml.model.Layer.Relu;
import asymml.model.Layer.Scattering;
import asymml.model.Layer.Tanh;
import asymml.model.Shape;
import asymml.trusted.plan.Placement;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.Rank;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/// Networks of all kinds of layers in any order, with shortcuts and side branches from anywhere.
final class RandomGraphs {
  private static final int CHANNELS = 4;

  private final SplittableRandom random;
  private final GraphBuilder builder;
  private int layers;

  private RandomGraphs(SplittableRandom random) {
    this.random = random;
    boolean scattered = random.nextInt(5) == 0;
    this.builder = new GraphBuilder(scattered ? new Shape(8, 8, 1) : new Shape(6, 5, CHANNELS));
    if (scattered) {
      scatter();
    }
  }

  /// Draws a network.
  static Graph next(SplittableRandom random) {
    RandomGraphs drawn = new RandomGraphs(random);
    int stages = random.nextInt(1, 3);
    for (int stage = 0; stage < stages; stage++) {
      drawn.stage();
      if (stage + 1 < stages) {
        drawn.add(random.nextBoolean() ? new MaxPool(2, 2, 0) : new Conv2d(CHANNELS, 3, 2, 1));
      }
    }
    drawn.tail();
    return drawn.builder.build("random");
  }

  /// Layers that no gradient flows to.
  private void scatter() {
    add(new Scattering());
    for (int i = random.nextInt(3); i > 0; i--) {
      add(random.nextBoolean() ? new GroupNorm(3, 1e-5f, false) : new Relu());
    }
    add(new Conv2d(CHANNELS, 1, 1, 0));
  }

  /// Draws where its linear layers run.
  static Plan plan(Graph graph, SplittableRandom random) {
    Map<String, Placement> placements = new LinkedHashMap<>();
    for (int layer : graph.linearLayers()) {
      placements.put(
          graph.nodes().get(layer).name(),
          switch (random.nextInt(4)) {
            case 0 -> new Placement.Split(Decomposition.SHARED, new Rank.Fixed(1));
            case 1 -> new Placement.Split(Decomposition.SHARED, Rank.NONE);
            case 2 -> new Placement.Untrusted();
            default -> new Placement.Trusted();
          });
    }
    return new Plan(placements);
  }

  private int add(Layer layer, int... inputs) {
    return builder.add("layer" + layers++, layer, inputs);
  }

  /// Layers that keep the shape.
  private void stage() {
    List<Integer> before = new ArrayList<>(List.of(builder.last()));
    for (int i = random.nextInt(9); i > 0; i--) {
      int last = builder.last();
      int earlier = before.get(random.nextInt(before.size()));
      switch (random.nextInt(5)) {
        case 4 -> {
          if (earlier != last) {
            add(new Concat(), last, earlier);
            add(new Conv2d(CHANNELS, 1, 1, 0, false, random.nextBoolean()));
          }
        }
        case 0 -> {
          if (earlier != last) {
            add(
                new Add(),
                random.nextBoolean() ? new int[] {last, earlier} : new int[] {earlier, last});
          }
        }
        case 1 -> {
          int side = add(single(), earlier);
          if (side != last && last >= 0) {
            add(new Add(), last, side);
          }
        }
        default -> add(single());
      }
      before.add(builder.last());
    }
  }

  private Layer single() {
    return switch (random.nextInt(12)) {
      case 0 -> new Conv2d(CHANNELS, 3, 1, 1);
      case 1 -> new Conv2d(CHANNELS, 1, 1, 0);
      case 2 -> new BatchNorm(1e-5f, 0.1f);
      case 3 -> new GroupNorm(2, 1e-5f);
      case 4 -> new MaxPool(3, 1, 1);
      case 5 -> new AvgPool(3, 1, 1);
      case 6 -> new Dropout(0.5f);
      case 7 -> new Tanh();
      case 8 -> new HardSwish();
      case 9 -> new Clip(0, 6);
      case 10 -> new GroupedConv2d(CHANNELS, 3, 1, 1, 2, false, random.nextBoolean());
      default -> new Relu();
    };
  }

  private void tail() {
    add(random.nextBoolean() ? new Flatten() : new GlobalAvgPool());
    if (random.nextBoolean()) {
      add(new Dropout(0.5f));
    }
    add(new Linear(3));
    if (random.nextBoolean()) {
      add(random.nextBoolean() ? new BatchNorm(1e-5f, 0.1f) : new GroupNorm(3, 1e-5f));
      add(random.nextBoolean() ? new Relu() : new Dropout(0.5f));
    }
  }
}
