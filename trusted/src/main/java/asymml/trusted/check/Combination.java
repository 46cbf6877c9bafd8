package asymml.trusted.check;

import asymml.kernels.Elementwise;
import asymml.kernels.Projections;
import asymml.kernels.Tensor;
import asymml.trusted.boundary.ReleaseWitness;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/// A secret combination of the examples of a release, `sum_i t_i X_i`, formed while it is released.
public abstract sealed class Combination implements ReleaseWitness, AutoCloseable {
  private final Verifier verifier;
  private final Arena arena = Arena.ofAuto();
  private final int examples;
  private final List<Tensor> sums; // one for each thread; afterwards all of it in the first
  private final double[] squares;
  private float[] t = {};

  private Combination(Verifier verifier, int examples, int values) {
    this.verifier = verifier;
    this.examples = examples;
    this.sums =
        IntStream.range(0, verifier.threads())
            .mapToObj(_ -> Tensor.allocate(arena, values))
            .toList();
    this.squares = new double[verifier.threads()];
  }

  /// Begins a release: draws t.
  void begin() {
    t = verifier.direction(examples);
    for (Tensor sum : sums) {
      sum.fill(0);
    }
    Arrays.fill(squares, 0);
  }

  /// Begins a release, if this step is checked.
  ///
  /// @return who is to see it
  public ReleaseWitness watch() {
    if (!verifier.active()) {
      return NONE;
    }
    begin();
    return this;
  }

  @Override
  public void saw(int thread, int example, Tensor values, double scale) {
    float factor = (float) (scale * t[example]);
    squares[thread] += scale * scale * add(thread, example, values, factor, sums.get(thread));
  }

  /// Adds one example, and takes what else is needed of it.
  ///
  /// @return its sum of squares
  abstract double add(int thread, int example, Tensor values, float factor, Tensor sum);

  /// The factors of the examples.
  float[] factors() {
    return t;
  }

  /// The combination of all examples; no more follow.
  Tensor combined() {
    Tensor all = sums.getFirst();
    for (Tensor sum : sums.subList(1, sums.size())) {
      Elementwise.add(all, sum, all);
      sum.fill(0);
    }
    return all;
  }

  /// The sum of squares of all examples.
  double squares() {
    return DoubleStream.of(squares).sum();
  }

  Verifier verifier() {
    return verifier;
  }

  Arena arena() {
    return arena;
  }

  /// Zeroes it.
  @Override
  public void close() {
    sums.forEach(sum -> sum.fill(0));
  }

  /// The combination alone.
  public static final class Plain extends Combination {
    /// Of a release.
    ///
    /// @param verifier draws its secrets
    /// @param examples of the release
    /// @param values of one example
    public Plain(Verifier verifier, int examples, int values) {
      super(verifier, examples, values);
    }

    @Override
    double add(int thread, int example, Tensor values, float factor, Tensor sum) {
      return Projections.combine(values, factor, sum);
    }
  }

  /// Of a layer's input: each position is also projected on a secret direction over channels, which
  /// checks of weight gradients need.
  public static final class OfInput extends Combination {
    private final Tensor direction;
    private final Tensor maps;

    /// Of a release.
    ///
    /// @param verifier draws its secrets
    /// @param examples of the release
    /// @param positions of one example
    /// @param channels of a position
    public OfInput(Verifier verifier, int examples, int positions, int channels) {
      super(verifier, examples, positions * channels);
      this.direction = Tensor.allocate(arena(), channels);
      this.maps = Tensor.allocate(arena(), examples, positions);
    }

    @Override
    void begin() {
      super.begin();
      verifier().direction(direction);
      maps.fill(0);
    }

    @Override
    double add(int thread, int example, Tensor values, float factor, Tensor sum) {
      return Projections.combineAndProject(
          values, factor, direction, sum, maps.examples(example, 1));
    }

    Tensor direction() {
      return direction;
    }

    @Override
    public void close() {
      super.close();
      maps.fill(0);
    }

    /// The projections, `[N, P]`.
    Tensor maps() {
      return maps;
    }
  }

  /// Of a layer's output gradient: its rows are also summed with given factors.
  static final class OfGradient extends Combination {
    private final Tensor factors;
    private final List<Tensor> columns;

    OfGradient(Verifier verifier, int examples, int positions, int channels) {
      super(verifier, examples, positions * channels);
      this.factors = Tensor.allocate(arena(), examples, positions);
      this.columns =
          IntStream.range(0, verifier.threads())
              .mapToObj(_ -> Tensor.allocate(arena(), channels))
              .toList();
    }

    @Override
    void begin() {
      super.begin();
      for (Tensor sum : columns) {
        sum.fill(0);
      }
    }

    @Override
    double add(int thread, int example, Tensor values, float factor, Tensor sum) {
      return Projections.combineAndWeigh(
          values, factor, factors.examples(example, 1), sum, columns.get(thread));
    }

    @Override
    public void close() {
      super.close();
      factors.fill(0);
      columns.forEach(sum -> sum.fill(0));
    }

    /// The factors of the rows, `[N, P]`, to be set before.
    Tensor rowFactors() {
      return factors;
    }

    /// The sum of the rows.
    Tensor columns() {
      Tensor all = columns.getFirst();
      for (Tensor sum : columns.subList(1, columns.size())) {
        Elementwise.add(all, sum, all);
        sum.fill(0);
      }
      return all;
    }
  }
}
