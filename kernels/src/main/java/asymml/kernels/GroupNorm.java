package asymml.kernels;

import java.util.Arrays;
import java.util.Objects;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// Group normalisation over `[N, H, W, C]`: per example and group of `C / groups` neighbouring
/// channels, `y = scale (x - mean) / sqrt(variance + epsilon) + shift`, then ReLU if fused (Wu and
/// He, arXiv 1803.08494). The same at training and inference.
///
/// Written here over the Vector API because oneDNN's gradient is its slow reference one. Means and
/// variances are accumulated in double precision and in two passes. Examples run in parallel;
/// results do not depend on the number of threads. [#backward] uses the statistics of the last
/// [#forward]. Not thread-safe: one caller at a time.
public final class GroupNorm implements AutoCloseable {
  private final int[] axes;
  private final int batch;
  private final int pixels;
  private final int channels;
  private final int groups;
  private final float epsilon;
  private final boolean fuseRelu;
  // All per example and channel, [N * C].
  private final float[] mean;
  private final float[] inverseDeviation;
  private final float[] valueFactor;
  private final float[] gradientFactor;
  private final float[] gradientOffset;
  private final double[] shiftParts;
  private final double[] scaleParts;
  private boolean ran;
  private boolean closed;

  /// Plans the buffers.
  ///
  /// @param batch N, at least 1
  /// @param height H, at least 1
  /// @param width W, at least 1
  /// @param channels C, at least 1
  /// @param groups at least 1, divides C
  /// @param epsilon added to the variance, above 0
  /// @param fuseRelu whether a ReLU follows
  /// @throws IllegalArgumentException if a size is out of range
  public GroupNorm(
      int batch, int height, int width, int channels, int groups, float epsilon, boolean fuseRelu) {
    this.batch = Operands.atLeastOne("batch", batch);
    this.pixels =
        Math.multiplyExact(
            Operands.atLeastOne("height", height), Operands.atLeastOne("width", width));
    this.channels = Operands.atLeastOne("channels", channels);
    this.groups = Operands.atLeastOne("groups", groups);
    if (channels % groups != 0) {
      throw new IllegalArgumentException(
          "groups must divide the " + channels + " channels: " + groups);
    }
    this.epsilon = Operands.positive("epsilon", epsilon);
    this.fuseRelu = fuseRelu;
    axes = new int[] {batch, height, width, channels};
    int size = Math.multiplyExact(batch, channels);
    mean = new float[size];
    inverseDeviation = new float[size];
    valueFactor = new float[size];
    gradientFactor = new float[size];
    gradientOffset = new float[size];
    shiftParts = new double[size];
    scaleParts = new double[size];
  }

  /// Normalises.
  ///
  /// @param x `[N, H, W, C]`
  /// @param scale `[C]`
  /// @param shift `[C]`
  /// @param y `[N, H, W, C]`, overwritten; may be x
  /// @throws IllegalArgumentException if a shape differs
  /// @throws IllegalStateException if closed
  public void forward(Tensor x, Tensor scale, Tensor shift, Tensor y) {
    Primitive.requireOpen(closed, "group norm");
    long in = Operands.address("x", x, axes);
    long out = Operands.address("y", y, axes);
    Operands.address("scale", scale, channels);
    long offset = Operands.address("shift", shift, channels);
    float[] factor = scale.toArray();
    ran = true;
    Parallel.run(
        batch,
        example -> {
          statistics(in, example);
          int start = example * channels;
          for (int c = 0; c < channels; c++) {
            valueFactor[start + c] = factor[c] * inverseDeviation[start + c];
          }
          normalise(in, offset, out, example);
        });
  }

  /// Mean and inverse deviation of each group, repeated for each of its channels.
  private void statistics(long x, int example) {
    int start = example * channels;
    long from = (long) example * pixels;
    double[] sums = Lanes.columnSums(x, channels, from, from + pixels);
    int width = channels / groups;
    double count = (double) pixels * width;
    for (int c = 0; c < channels; c += width) {
      double sum = 0;
      for (int k = c; k < c + width; k++) {
        sum += sums[k];
      }
      Arrays.fill(mean, start + c, start + c + width, (float) (sum / count));
    }
    double[] squares = squaredDeviations(x, example);
    for (int c = 0; c < channels; c += width) {
      double sum = 0;
      for (int k = c; k < c + width; k++) {
        sum += squares[k];
      }
      float inverse = (float) (1 / Math.sqrt(sum / count + epsilon));
      Arrays.fill(inverseDeviation, start + c, start + c + width, inverse);
    }
  }

  private double[] squaredDeviations(long x, int example) {
    double[] sums = new double[channels];
    long end = (long) (example + 1) * pixels * channels;
    for (int c = 0; c < channels; c += Lanes.COUNT) {
      VectorMask<Float> mask = Lanes.tail(c, channels);
      FloatVector centre = perChannel(mean, example, c, mask);
      DoubleVector low = DoubleVector.zero(Lanes.DOUBLES);
      DoubleVector high = DoubleVector.zero(Lanes.DOUBLES);
      for (long i = (long) example * pixels * channels + c; i < end; i += channels) {
        FloatVector deviation = Lanes.load(x, i, mask).sub(centre);
        DoubleVector a = Lanes.low(deviation);
        DoubleVector b = Lanes.high(deviation);
        low = a.fma(a, low);
        high = b.fma(b, high);
      }
      Lanes.store(low, high, sums, c);
    }
    return sums;
  }

  private void normalise(long x, long shift, long y, int example) {
    long end = (long) (example + 1) * pixels * channels;
    for (int c = 0; c < channels; c += Lanes.COUNT) {
      VectorMask<Float> mask = Lanes.tail(c, channels);
      FloatVector centre = perChannel(mean, example, c, mask);
      FloatVector factor = perChannel(valueFactor, example, c, mask);
      FloatVector offset = Lanes.load(shift, c, mask);
      for (long i = (long) example * pixels * channels + c; i < end; i += channels) {
        FloatVector value = Lanes.load(x, i, mask).sub(centre).fma(factor, offset);
        Lanes.store(fuseRelu ? value.max(0) : value, y, i, mask);
      }
    }
  }

  /// The gradients of the last [#forward].
  ///
  /// @param x `[N, H, W, C]`, as it was given forward
  /// @param y `[N, H, W, C]`, as it came out
  /// @param dy `[N, H, W, C]`
  /// @param scale `[C]`
  /// @param dx `[N, H, W, C]`, overwritten; may be dy
  /// @param dScale `[C]`, overwritten
  /// @param dShift `[C]`, overwritten
  /// @throws IllegalArgumentException if a shape differs
  /// @throws IllegalStateException if closed or nothing went forward
  public void backward(
      Tensor x, Tensor y, Tensor dy, Tensor scale, Tensor dx, Tensor dScale, Tensor dShift) {
    backward(x, y, dy, scale, dx, dScale, dShift, Double.POSITIVE_INFINITY);
  }

  /// The same, with each example's part in the gradients of scale and shift clipped.
  ///
  /// @param x `[N, H, W, C]`, as it was given forward
  /// @param y `[N, H, W, C]`, as it came out
  /// @param dy `[N, H, W, C]`
  /// @param scale `[C]`
  /// @param dx `[N, H, W, C]`, overwritten, not limited; may be dy
  /// @param dScale `[C]`, overwritten
  /// @param dShift `[C]`, overwritten
  /// @param limit on the L2 norm of an example's part in dScale and dShift together: larger parts
  ///   are scaled down to it; above 0
  /// @throws IllegalArgumentException if a shape differs or the limit is not above 0
  /// @throws IllegalStateException if closed or nothing went forward
  public void backward(
      Tensor x,
      Tensor y,
      Tensor dy,
      Tensor scale,
      Tensor dx,
      Tensor dScale,
      Tensor dShift,
      double limit) {
    Primitive.requireOpen(closed, "group norm");
    if (!ran) {
      throw new IllegalStateException("backward of group norm needs forward first");
    }
    if (!(limit > 0)) {
      throw new IllegalArgumentException("the limit must be above 0: " + limit);
    }
    long in = Operands.address("x", x, axes);
    long result = Operands.address("y", y, axes);
    long gradient = Operands.address("dy", dy, axes);
    long out = Operands.address("dx", dx, axes);
    Operands.address("scale", scale, channels);
    Operands.address("dScale", dScale, channels);
    Operands.address("dShift", dShift, channels);
    float[] factor = scale.toArray();
    Parallel.run(
        batch,
        example -> {
          reduce(in, result, gradient, example);
          coefficients(factor, example);
          differentiate(in, result, gradient, out, example);
        });
    double[] norms = gradientNorms();
    for (int n = 0; n < batch; n++) {
      norms[n] = norms[n] > limit ? limit / norms[n] : 1;
    }
    sumExamples(shiftParts, norms, dShift);
    sumExamples(scaleParts, norms, dScale);
  }

  /// The L2 norm of each example's part in the last gradients of scale and shift together.
  ///
  /// @return a new array of N norms, before any limit
  public double[] gradientNorms() {
    double[] norms = new double[batch];
    for (int i = 0; i < batch * channels; i++) {
      norms[i / channels] += shiftParts[i] * shiftParts[i] + scaleParts[i] * scaleParts[i];
    }
    for (int n = 0; n < batch; n++) {
      norms[n] = Math.sqrt(norms[n]);
    }
    return norms;
  }

  /// The part of some places together in the last gradients of scale and shift, before any limit,
  /// rounded to float32.
  ///
  /// @param first place in the batch
  /// @param places how many
  /// @param dScale `[C]`, overwritten
  /// @param dShift `[C]`, overwritten
  public void partialGradients(int first, int places, Tensor dScale, Tensor dShift) {
    Objects.checkFromIndexSize(first, places, batch);
    Operands.address("dScale", dScale, channels);
    Operands.address("dShift", dShift, channels);
    for (int c = 0; c < channels; c++) {
      double scale = 0;
      double shift = 0;
      for (int i = first; i < first + places; i++) {
        scale += scaleParts[i * channels + c];
        shift += shiftParts[i * channels + c];
      }
      dScale.set(c, (float) scale);
      dShift.set(c, (float) shift);
    }
  }

  /// Per channel, the sums of the gradient and of the gradient times the normalised input.
  private void reduce(long x, long y, long dy, int example) {
    int start = example * channels;
    long end = (long) (example + 1) * pixels * channels;
    double[] shifts = new double[channels];
    double[] scales = new double[channels];
    for (int c = 0; c < channels; c += Lanes.COUNT) {
      VectorMask<Float> mask = Lanes.tail(c, channels);
      FloatVector centre = perChannel(mean, example, c, mask);
      DoubleVector shiftLow = DoubleVector.zero(Lanes.DOUBLES);
      DoubleVector shiftHigh = DoubleVector.zero(Lanes.DOUBLES);
      DoubleVector scaleLow = DoubleVector.zero(Lanes.DOUBLES);
      DoubleVector scaleHigh = DoubleVector.zero(Lanes.DOUBLES);
      for (long i = (long) example * pixels * channels + c; i < end; i += channels) {
        FloatVector g = masked(y, dy, i, mask);
        FloatVector deviation = Lanes.load(x, i, mask).sub(centre);
        DoubleVector low = Lanes.low(g);
        DoubleVector high = Lanes.high(g);
        shiftLow = shiftLow.add(low);
        shiftHigh = shiftHigh.add(high);
        scaleLow = low.fma(Lanes.low(deviation), scaleLow);
        scaleHigh = high.fma(Lanes.high(deviation), scaleHigh);
      }
      Lanes.store(shiftLow, shiftHigh, shifts, c);
      Lanes.store(scaleLow, scaleHigh, scales, c);
    }
    for (int c = 0; c < channels; c++) {
      shiftParts[start + c] = shifts[c];
      scaleParts[start + c] = scales[c] * inverseDeviation[start + c];
    }
  }

  /// `dx = valueFactor g + gradientFactor (x - mean) + gradientOffset`, with the last two from the
  /// group's means of `scale g` and of `scale g xhat`.
  private void coefficients(float[] scale, int example) {
    int width = channels / groups;
    double count = (double) pixels * width;
    for (int group = 0; group < groups; group++) {
      int start = example * channels + group * width;
      double meanGradient = 0;
      double meanProduct = 0;
      for (int k = 0; k < width; k++) {
        meanGradient += scale[group * width + k] * shiftParts[start + k] / count;
        meanProduct += scale[group * width + k] * scaleParts[start + k] / count;
      }
      double inverse = inverseDeviation[start];
      for (int k = 0; k < width; k++) {
        valueFactor[start + k] = (float) (scale[group * width + k] * inverse);
        gradientFactor[start + k] = (float) (-inverse * inverse * meanProduct);
        gradientOffset[start + k] = (float) (-inverse * meanGradient);
      }
    }
  }

  private void differentiate(long x, long y, long dy, long dx, int example) {
    long end = (long) (example + 1) * pixels * channels;
    for (int c = 0; c < channels; c += Lanes.COUNT) {
      VectorMask<Float> mask = Lanes.tail(c, channels);
      FloatVector centre = perChannel(mean, example, c, mask);
      FloatVector factor = perChannel(valueFactor, example, c, mask);
      FloatVector slope = perChannel(gradientFactor, example, c, mask);
      FloatVector offset = perChannel(gradientOffset, example, c, mask);
      for (long i = (long) example * pixels * channels + c; i < end; i += channels) {
        FloatVector rest = Lanes.load(x, i, mask).sub(centre).fma(slope, offset);
        Lanes.store(masked(y, dy, i, mask).fma(factor, rest), dx, i, mask);
      }
    }
  }

  private FloatVector masked(long y, long dy, long index, VectorMask<Float> mask) {
    FloatVector gradient = Lanes.load(dy, index, mask);
    if (!fuseRelu) {
      return gradient;
    }
    VectorMask<Float> on = Lanes.load(y, index, mask).compare(VectorOperators.GT, 0);
    return FloatVector.zero(Lanes.FLOATS).blend(gradient, on);
  }

  private FloatVector perChannel(float[] values, int example, int c, VectorMask<Float> mask) {
    return FloatVector.fromArray(Lanes.FLOATS, values, example * channels + c, mask);
  }

  private void sumExamples(double[] parts, double[] factors, Tensor out) {
    for (int c = 0; c < channels; c++) {
      double sum = 0;
      for (int n = 0; n < batch; n++) {
        sum += factors[n] * parts[n * channels + c];
      }
      out.set(c, (float) sum);
    }
  }

  /// Ends the use of this. Idempotent.
  @Override
  public void close() {
    closed = true;
  }
}
