package asymml.trusted.boundary;

import asymml.kernels.ConvShape;
import asymml.kernels.GaussianMasks;
import asymml.kernels.GaussianNoise;
import asymml.kernels.Tensor;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.lang.foreign.Arena;
import java.security.SecureRandom;
import java.util.Locale;

/// Whether a worker computes in strict float32, which masks need: a result is the difference of two
/// numbers that are thousands of times larger. The worker states its precision in its greeting, and
/// shows it on a convolution of masks that hold no data: weights and input follow from keys, and
/// the right product is known here in float64. The check also shows that it makes the same masks as
/// this side.
public final class PrecisionCheck {
  private static final String STRICT = "float32";

  /// The largest relative error of float32 sums of 288 products is some 3e-7; a mantissa of 10 bits
  /// gives 3e-4.
  private static final double BOUND = 5e-6;

  private static final ConvShape SHAPE = new ConvShape(2, 8, 8, 32, 32, 3, 3, 1, 1);

  private PrecisionCheck() {}

  /// Checks a worker; its region is another one afterwards.
  ///
  /// @param worker with no request in flight
  /// @param door the release door to it
  /// @param name what to call it
  /// @throws ProtocolException if it fails, or is not strict
  public static void require(RemoteWorker worker, ReleaseDoor door, String name)
      throws ProtocolException {
    if (!worker.precision().equals(STRICT)) {
      throw new ProtocolException(
          "%s computes in %s, and masks need strict %s: start it with precision fp32"
              .formatted(name, worker.precision(), STRICT));
    }
    double error = error(worker, door);
    if (!(error <= BOUND)) {
      throw new ProtocolException(
          String.format(
              Locale.ROOT,
              "%s says that it computes in %s, but the error of a known product is %.1e of it and"
                  + " float32 gives less than %.0e: use another worker, or the residual shield",
              name,
              STRICT,
              error,
              BOUND));
    }
  }

  private static double error(RemoteWorker worker, ReleaseDoor door) throws ProtocolException {
    RegionLayout layout = new RegionLayout();
    Slot x = layout.reserve(SHAPE.inputAxes());
    Slot w = layout.reserve(SHAPE.weightAxes());
    Slot y = layout.reserve(SHAPE.outputAxes());
    Slot dx = layout.reserve(SHAPE.inputAxes());
    worker.mapRegion(layout.sizeBytes());
    worker.define(Message.CHECK_OP_ID, SHAPE);
    try (Arena arena = Arena.ofShared();
        GaussianMasks masks = new GaussianMasks(1)) {
      byte[] inputKey = key();
      byte[] weightKey = key();
      Released input = door.probe(inputKey, SHAPE.batch(), x);
      worker.loadWeights(Message.CHECK_OP_ID, door.probe(weightKey, SHAPE.batch(), w));
      worker.await(worker.forward(Message.CHECK_OP_ID, input, y));
      // As many channels come in as go out, at as many positions: X serves as dY, too.
      worker.await(worker.backwardData(Message.CHECK_OP_ID, input, dx));
      Tensor known = masks(masks, inputKey, Tensor.allocate(arena, SHAPE.inputAxes()));
      Tensor weights = masks(masks, weightKey, Tensor.allocate(arena, SHAPE.weightAxes()));
      return Math.max(
          relative(worker.result(y, SHAPE.outputAxes()), product(known, weights, false)),
          relative(worker.result(dx, SHAPE.inputAxes()), product(known, weights, true)));
    }
  }

  private static byte[] key() {
    byte[] key = new byte[GaussianNoise.KEY_BYTES];
    new SecureRandom().nextBytes(key);
    return key;
  }

  private static Tensor masks(GaussianMasks masks, byte[] key, Tensor own) {
    masks.write(key, 1, own.reshape(SHAPE.batch(), (int) (own.size() / SHAPE.batch())));
    return own;
  }

  /// The convolution, or its gradient with respect to the input: that has the kernel turned around,
  /// and input and output channels changed places.
  private static double[] product(Tensor x, Tensor w, boolean backward) {
    int side = SHAPE.height();
    int channels = SHAPE.inChannels();
    double[] y = new double[Math.toIntExact(x.size())];
    for (int at = 0; at < y.length; at++) {
      int out = at % channels;
      int column = at / channels % side;
      int row = at / channels / side % side;
      int example = at / channels / side / side;
      for (int k = 0; k < 9; k++) {
        int r = row + k / 3 - 1;
        int c = column + k % 3 - 1;
        if (r < 0 || r >= side || c < 0 || c >= side) {
          continue;
        }
        long from = ((long) (example * side + r) * side + c) * channels;
        for (int in = 0; in < channels; in++) {
          long weight =
              backward
                  ? ((long) in * 9 + 8 - k) * channels + out
                  : ((long) out * 9 + k) * channels + in;
          y[at] += (double) x.get(from + in) * w.get(weight);
        }
      }
    }
    return y;
  }

  private static double relative(Tensor result, double[] exact) {
    double error = 0;
    double norm = 0;
    for (int i = 0; i < exact.length; i++) {
      double difference = result.get(i) - exact[i];
      error += difference * difference;
      norm += exact[i] * exact[i];
    }
    return Math.sqrt(error / norm);
  }
}
