package asymml.trusted.check;

import asymml.kernels.ConvShape;
import asymml.kernels.Projections;
import asymml.kernels.Tensor;
import asymml.trusted.boundary.ReleaseWitness;
import asymml.trusted.boundary.RemoteWorker;
import asymml.wire.ProtocolException;
import java.lang.foreign.Arena;
import java.util.Locale;

/// Checks what a worker returns for one linear layer, by projections on directions that are drawn
/// anew in each step and never sent. With t over examples, s over output channels, r over input
/// channels and a over the kernel's window:
///
/// - output: `sum_i t_i (s . Y_i[p])` at each position p, against the kernel `s W` on `sum_i t_i
///   X_i`;
/// - input gradient: `sum_i t_i (r . dX_i[q])`, against `W r` on `sum_i t_i dY_i`;
/// - weight gradient: `sum_(k, c) dW[o, k, c] a_k b_c` for each output channel o, against the rows
///   of dY weighed by `a * (b . X)`.
///
/// X and dY are the values that were released, taken in private memory when they were. A result
/// that is off by more than [Rounding] allows ends the run. A right one is never off by as much.
///
/// Whether the run ends tells a worker nothing of private values: what is allowed follows from what
/// it has itself, and under masks, where X and dY are examples scaled to norm 1, from public
/// numbers.
public final class LayerCheck implements AutoCloseable {
  private final Verifier verifier;
  private final String worker;
  private final String layer;
  private final ConvShape shape;
  private final Rounding rounding;
  private final Arena arena = Arena.ofAuto();
  private final boolean masked;
  private final Combination gradient;
  private final Tensor outs; // s W, [kH, kW, C]
  private final Tensor ins; // W r, [kH, kW, O]
  private final Tensor window; // a, [kH, kW]
  private final Projection output;
  private final Projection inputGradient;
  private final Projection weightGradient;
  private final Tensor expectedOutput;
  private final Tensor expectedInput;
  private double weightSquares;
  private long projected; // the step whose directions the weights were projected on
  private double largest;

  /// Prepares the checks of a layer.
  ///
  /// @param verifier draws the secrets
  /// @param worker who computes, in lines for the user
  /// @param rounding of its arithmetic
  /// @param layer its name
  /// @param shape of the layer on this worker
  /// @param weightGradients whether the worker computes weight gradients
  LayerCheck(
      Verifier verifier,
      String worker,
      Rounding rounding,
      String layer,
      ConvShape shape,
      boolean weightGradients) {
    this.verifier = verifier;
    this.worker = worker;
    this.layer = layer;
    this.shape = shape;
    this.rounding = rounding;
    this.masked = !weightGradients;
    int outPositions = shape.outHeight() * shape.outWidth();
    int inPositions = shape.height() * shape.width();
    int taps = shape.kernelHeight() * shape.kernelWidth();
    int in = shape.inChannels();
    int out = shape.outChannels();
    this.gradient =
        weightGradients
            ? new Combination.OfGradient(verifier, shape.batch(), outPositions, out)
            : new Combination.Plain(verifier, shape.batch(), outPositions * out);
    this.outs = Tensor.allocate(arena, taps * in);
    this.ins = Tensor.allocate(arena, taps * out);
    this.window = Tensor.allocate(arena, taps);
    this.output = new Projection(arena, outPositions, out);
    this.inputGradient = new Projection(arena, inPositions, in);
    this.weightGradient = new Projection(arena, out, taps * in);
    this.expectedOutput = Tensor.allocate(arena, outPositions);
    this.expectedInput = Tensor.allocate(arena, inPositions);
  }

  /// Of a worker that computes on all that is released to it.
  ///
  /// @param verifier draws the secrets
  /// @param worker who computes
  /// @param layer its name
  /// @param shape of the layer on this worker
  /// @return the checks
  public static LayerCheck of(
      Verifier verifier, RemoteWorker worker, String layer, ConvShape shape) {
    return new LayerCheck(verifier, worker.name(), rounding(worker), layer, shape, true);
  }

  /// Of two workers whose results are subtracted: which of them is wrong does not show.
  ///
  /// @param verifier draws the secrets
  /// @param worker one of them; both compute in float32
  /// @param layer its name
  /// @param shape of the layer
  /// @return the checks
  public static LayerCheck ofPair(
      Verifier verifier, RemoteWorker worker, String layer, ConvShape shape) {
    return new LayerCheck(verifier, "a worker", rounding(worker), layer, shape, false);
  }

  private static Rounding rounding(RemoteWorker worker) {
    return Rounding.of(worker.precision(), worker.encoding());
  }

  /// Whether this step is checked.
  ///
  /// @return if false, no other method is called
  public boolean active() {
    return verifier.active();
  }

  /// Begins a step, once.
  ///
  /// @param weights that the worker has
  public void weights(Tensor weights) {
    if (projected == verifier.begun()) {
      return;
    }
    projected = verifier.begun();
    verifier.direction(output.direction());
    verifier.direction(inputGradient.direction());
    weightSquares =
        Projections.ofWeights(weights, output.direction(), inputGradient.direction(), outs, ins);
  }

  /// Begins to take outputs.
  ///
  /// @param input what was released
  /// @return takes them
  public Projection output(Combination input) {
    output.begin(input.factors());
    return output;
  }

  /// Checks the output, once all of it was taken.
  ///
  /// @param input what was released
  /// @param masking by how much masks make the sum of squares of what is computed on larger, 1
  ///   without masks
  /// @throws ProtocolException if it is wrong
  public void requireOutput(Combination input, double masking) throws ProtocolException {
    Projections.forward(shape, input.combined(), outs, expectedOutput);
    double terms = (double) taps() * shape.inChannels();
    require("output", output, expectedOutput, magnitude(input, masking, overlap(), terms), terms);
  }

  /// Begins the release of the output's gradient.
  ///
  /// @param input what was released of the input
  /// @return who is to see it
  public ReleaseWitness watchGradient(Combination input) {
    if (gradient instanceof Combination.OfGradient rows
        && input instanceof Combination.OfInput maps) {
      verifier.direction(window);
      ConvShape one = shape.withInChannels(1);
      for (int i = 0; i < shape.batch(); i++) {
        Projections.forward(
            one, maps.maps().examples(i, 1), window, rows.rowFactors().examples(i, 1));
      }
    }
    gradient.begin();
    return gradient;
  }

  /// Begins to take the input's gradient.
  ///
  /// @return takes it
  public Projection inputGradient() {
    inputGradient.begin(gradient.factors());
    return inputGradient;
  }

  /// Checks the input's gradient, once all of it was taken.
  ///
  /// @param masking as in [#requireOutput]
  /// @throws ProtocolException if it is wrong
  public void requireInputGradient(double masking) throws ProtocolException {
    Projections.backward(shape, gradient.combined(), ins, expectedInput);
    double terms = (double) overlap() * shape.outChannels();
    require(
        "input gradient",
        inputGradient,
        expectedInput,
        magnitude(gradient, masking, taps(), terms),
        terms);
  }

  /// Takes a weight gradient, and checks it: `target = result` or `target += result`.
  ///
  /// @param input what was released of the input
  /// @param result `[O, kH, kW, C]`, possibly shared memory
  /// @param add whether to add
  /// @param target private memory
  /// @return false if a value is not finite
  /// @throws ProtocolException if it is wrong
  public boolean takeWeightGradient(Combination input, Tensor result, boolean add, Tensor target)
      throws ProtocolException {
    if (!(gradient instanceof Combination.OfGradient rows)
        || !(input instanceof Combination.OfInput maps)) {
      throw new IllegalStateException("this worker computes no weight gradients");
    }
    int channels = shape.inChannels();
    for (int k = 0; k < taps(); k++) {
      for (int c = 0; c < channels; c++) {
        weightGradient
            .direction()
            .set((long) k * channels + c, window.get(k) * maps.direction().get(c));
      }
    }
    weightGradient.begin(new float[] {1});
    if (!weightGradient.take(result, add, target, 0)) {
      return false;
    }
    double terms = (double) shape.batch() * shape.outHeight() * shape.outWidth();
    double magnitude = Math.sqrt(gradient.squares() * input.squares() * taps() / terms);
    require("weight gradient", weightGradient, rows.columns(), magnitude, terms);
    return true;
  }

  /// The root of the sum of squares of what terms with random signs would give.
  ///
  /// @param masking of squares
  /// @param uses how many results a value goes into
  /// @param terms of one result
  private double magnitude(Combination of, double masking, int uses, double terms) {
    return masked
        ? Math.sqrt(weightSquares * shape.batch() * uses) * (1 + Math.sqrt(masking / terms))
        : Math.sqrt(weightSquares * of.squares() * uses / terms);
  }

  private void require(
      String what, Projection found, Tensor expected, double magnitude, double terms)
      throws ProtocolException {
    double allowed = rounding.relative(terms) * (masked ? magnitude : magnitude + found.norm());
    double distance = found.distance(expected);
    largest = Math.max(largest, distance == 0 ? 0 : distance / allowed);
    if (!(distance <= allowed) || !Double.isFinite(allowed)) {
      throw new ProtocolException(
          String.format(
              Locale.ROOT,
              "%s returned a wrong %s of layer %s, off by %.3g times what rounding explains: it is"
                  + " faulty or it lies; the last checkpoint is intact",
              worker,
              what,
              layer,
              distance / allowed));
    }
  }

  /// The largest error so far, as a share of what is allowed.
  double largest() {
    return largest;
  }

  private int taps() {
    return shape.kernelHeight() * shape.kernelWidth();
  }

  /// In how many windows an input position stands at most.
  private int overlap() {
    return Math.ceilDiv(shape.kernelHeight(), shape.stride())
        * Math.ceilDiv(shape.kernelWidth(), shape.stride());
  }

  /// Zeroes what it knows of private values.
  @Override
  public void close() {
    gradient.close();
    output.close();
    inputGradient.close();
    weightGradient.close();
  }
}
