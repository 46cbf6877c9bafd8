package asymml.analysis;

import asymml.analysis.WorkerView.Operation;
import asymml.analysis.WorkerView.Pass;
import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Attack 1: a layer's whole input, low-rank part included, from the gradient of its weights.
///
/// `dW = dY (x) X` is linear in X, and dY was received unprotected. For each input channel the same
/// matrix A, made of dY, maps the channel's N H W values to the O kH kW values of dW; its
/// pseudo-inverse gives them back. Exact where A has full column rank: for a fully connected layer
/// while the batch is at most O, for a 3x3 layer while N H W is at most about 9 O. Beyond that it
/// gives the smallest solution, a projection of the truth.
///
/// The worker is not sent the whole dW. It follows from two successive weights: under SGD with
/// momentum m, decay d and rate r, `v_0 = (W_0 - W_1) / r_0`, `dW_0 = v_0 - d W_0` and then `dW_t =
/// v_t - m v_(t-1) - d W_t`. A worker that updates weights has it exactly. Without the optimiser's
/// settings `W_0 - W_1` alone gives X up to a factor. Without successive weights only the worker's
/// own dW is left, which holds no more than it was sent.
///
/// Source: Phong et al., "Privacy-Preserving Deep Learning via Additively Homomorphic Encryption"
/// (IEEE TIFS 2018, section 3) for one example of a fully connected layer; Zhu and Blaschko,
/// "R-GAP: Recursive Gradient Attack on Privacy" (ICLR 2021, arXiv 2010.07733) for convolutions as
/// linear systems; here for a batch with dY known.
///
/// Reads W, dY and its own dW of the view. Public knowledge: the optimiser's settings. Cost for u =
/// N H W unknowns a channel: `u^2 O` for `A^T A`, `u^3 / 6` for each of at most eight
/// regularisations tried.
public final class GradientSolve {
  /// Regularisations relative to the mean of A^T A's diagonal, tried until the fit is as good as
  /// rounding of the weights allows.
  private static final double[] RIDGES = {1e-2, 1e-3, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12, 1e-14};

  /// The share of a bare difference of weights that may be decay and not gradient.
  private static final double UNKNOWN_SETTINGS = 0.005;

  /// What is known of the optimiser.
  ///
  /// @param rates learning rates of the steps from the first on; not copied
  /// @param momentum 0 to below 1
  /// @param weightDecay at least 0
  @SuppressWarnings("ArrayRecordComponent") // Read by index, never compared.
  public record Optimizer(float[] rates, float momentum, float weightDecay) {}

  /// A gradient of weights as the adversary knows it.
  ///
  /// @param values dW `[O, kH, kW, C]`
  /// @param error what rounding may have added, as a norm
  @SuppressWarnings("ArrayRecordComponent") // Read by index, never compared.
  public record Gradient(double[] values, double error) {}

  /// What was found.
  ///
  /// @param x the estimate of X `[N, H, W, C]`
  /// @param unknowns values per channel that were solved for
  /// @param equations values of dW per channel
  public record Result(Maps x, int unknowns, int equations) {}

  private GradientSolve() {}

  /// The whole gradient of a step from successive weights.
  ///
  /// @param op a layer, recorded from its first step on
  /// @param step from 0
  /// @param optimizer its settings, or null for the bare difference of the weights
  /// @return the gradient, up to a factor without the settings; null if the next weights did not
  ///   come or the settings say nothing of the step
  public static @Nullable Gradient ofSuccessiveWeights(
      Operation op, int step, @Nullable Optimizer optimizer) {
    List<Tensor> weights = op.weights();
    if (weights.size() < step + 2 || (optimizer != null && optimizer.rates.length <= step)) {
      return null;
    }
    if (optimizer == null) {
      double[] difference = difference(weights.get(step), weights.get(step + 1), 1);
      double squares = 0;
      for (double value : difference) {
        squares += value * value;
      }
      return new Gradient(difference, UNKNOWN_SETTINGS * Math.sqrt(squares));
    }
    double[] velocity = new double[(int) weights.getFirst().size()];
    double[] gradient = velocity;
    for (int t = 0; t <= step; t++) {
      double[] next = difference(weights.get(t), weights.get(t + 1), optimizer.rates[t]);
      gradient = new double[next.length];
      for (int i = 0; i < next.length; i++) {
        gradient[i] =
            next[i]
                - optimizer.momentum * velocity[i]
                - optimizer.weightDecay * weights.get(t).get(i);
      }
      velocity = next;
    }
    double grown = step == 0 ? 1 : 1 + optimizer.momentum;
    return new Gradient(gradient, grown * rounding(weights.get(step + 1), optimizer.rates[step]));
  }

  /// The worker's own part of the gradient.
  ///
  /// @param pass a pass of a layer
  /// @return dW of what was sent, or null if it was not computed
  public static @Nullable Gradient ofWorker(Pass pass) {
    if (pass.dw() == null) {
      return null;
    }
    double[] values = new double[(int) pass.dw().size()];
    double squares = 0;
    for (int i = 0; i < values.length; i++) {
      values[i] = pass.dw().get(i);
      squares += values[i] * values[i];
    }
    // Sums of N H W products in float32, rounding errors as of a random walk.
    double terms = (double) pass.x().size() / pass.x().length(3);
    return new Gradient(values, 0x1p-24 * Math.sqrt(squares * terms));
  }

  /// The whole gradient of the first step, of weights that the worker updates.
  ///
  /// @param view of the worker
  /// @param op a layer
  /// @return dW; null if the worker updates no weights
  public static @Nullable Gradient ofUpdate(WorkerView view, Operation op) {
    double[] values = view.firstUpdate(op);
    if (values == null) {
      return null;
    }
    double squares = 0;
    for (double value : values) {
      squares += value * value;
    }
    double terms = (double) op.shape().batch() * op.shape().height() * op.shape().width();
    return new Gradient(values, 0x1p-24 * Math.sqrt(squares * terms));
  }

  private static double[] difference(Tensor before, Tensor after, double rate) {
    double[] values = new double[(int) before.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = ((double) before.get(i) - after.get(i)) / rate;
    }
    return values;
  }

  /// The norm of half-ulp errors, evenly spread, of weights in float32.
  private static double rounding(Tensor weights, double rate) {
    double squares = 0;
    for (long i = 0; i < weights.size(); i++) {
      double ulp = Math.ulp(weights.get(i));
      squares += ulp * ulp / 12;
    }
    return Math.sqrt(squares) / rate;
  }

  /// Solves for X.
  ///
  /// @param shape of the layer
  /// @param dy dY `[N, OH, OW, O]`
  /// @param gradient dW
  /// @return the estimate
  public static Result solve(ConvShape shape, Tensor dy, Gradient gradient) {
    Maps dys = Maps.of(dy);
    double[][] gram = gram(shape, dys);
    double[][] right = right(shape, dys, gradient.values);
    double squares = 0;
    for (double value : gradient.values) {
      squares += value * value;
    }
    double scale = Symmetric.meanDiagonal(gram);
    double wanted = Math.max(2 * gradient.error, 1e-7 * Math.sqrt(squares));
    double[][] x = right;
    for (double ridge : RIDGES) {
      x = Symmetric.solve(gram, ridge * scale, right);
      if (misfit(gram, right, x, squares) <= wanted * wanted) {
        break;
      }
    }
    int unknowns = gram.length;
    return new Result(
        assemble(shape, x),
        unknowns,
        shape.outChannels() * shape.kernelHeight() * shape.kernelWidth());
  }

  /// `|A X - dW|^2 = |dW|^2 - 2 X.B + X.G X`.
  private static double misfit(double[][] gram, double[][] right, double[][] x, double squares) {
    double sum = squares;
    for (int c = 0; c < x.length; c++) {
      for (int i = 0; i < gram.length; i++) {
        double image = 0;
        double[] row = gram[i];
        for (int j = 0; j < row.length; j++) {
          image += row[j] * x[c][j];
        }
        sum += x[c][i] * (image - 2 * right[c][i]);
      }
    }
    return sum;
  }

  /// Where a position of X meets a position of dY at one place of the kernel; -1 for nowhere.
  private static int[] meetings(ConvShape s, int ky, int kx) {
    int[] places = new int[s.batch() * s.height() * s.width()];
    for (int q = 0; q < places.length; q++) {
      int x = q % s.width() + s.padding() - kx;
      int y = q / s.width() % s.height() + s.padding() - ky;
      boolean on =
          x >= 0
              && y >= 0
              && x % s.stride() == 0
              && y % s.stride() == 0
              && x / s.stride() < s.outWidth()
              && y / s.stride() < s.outHeight();
      int n = q / (s.width() * s.height());
      places[q] = on ? (n * s.outHeight() + y / s.stride()) * s.outWidth() + x / s.stride() : -1;
    }
    return places;
  }

  private static List<int[]> meetings(ConvShape s) {
    List<int[]> all = new ArrayList<>();
    for (int ky = 0; ky < s.kernelHeight(); ky++) {
      for (int kx = 0; kx < s.kernelWidth(); kx++) {
        all.add(meetings(s, ky, kx));
      }
    }
    return all;
  }

  /// `A^T A`: for each place of the kernel a shifted copy of `dY dY^T`.
  private static double[][] gram(ConvShape shape, Maps dy) {
    int positions = dy.positions();
    int o = dy.channels();
    double[][] products = new double[positions][positions];
    for (int i = 0; i < positions; i++) {
      for (int j = 0; j <= i; j++) {
        double sum = 0;
        for (int k = 0; k < o; k++) {
          sum += (double) dy.values()[i * o + k] * dy.values()[j * o + k];
        }
        products[i][j] = sum;
        products[j][i] = sum;
      }
    }
    int unknowns = shape.batch() * shape.height() * shape.width();
    double[][] gram = new double[unknowns][unknowns];
    for (int[] places : meetings(shape)) {
      for (int i = 0; i < unknowns; i++) {
        if (places[i] < 0) {
          continue;
        }
        double[] from = products[places[i]];
        for (int j = 0; j < unknowns; j++) {
          if (places[j] >= 0) {
            gram[i][j] += from[places[j]];
          }
        }
      }
    }
    return gram;
  }

  /// `A^T dW`, a row for each input channel.
  private static double[][] right(ConvShape shape, Maps dy, double[] dw) {
    int o = shape.outChannels();
    int c = shape.inChannels();
    List<int[]> all = meetings(shape);
    int unknowns = all.getFirst().length;
    double[][] right = new double[c][unknowns];
    double[] sums = new double[c];
    for (int k = 0; k < all.size(); k++) {
      for (int i = 0; i < unknowns; i++) {
        int place = all.get(k)[i];
        if (place < 0) {
          continue;
        }
        Arrays.fill(sums, 0);
        for (int out = 0; out < o; out++) {
          double factor = dy.values()[place * o + out];
          int at = (out * all.size() + k) * c;
          for (int in = 0; in < c; in++) {
            sums[in] += factor * dw[at + in];
          }
        }
        for (int in = 0; in < c; in++) {
          right[in][i] += sums[in];
        }
      }
    }
    return right;
  }

  private static Maps assemble(ConvShape shape, double[][] x) {
    int c = shape.inChannels();
    float[] values = new float[c * x[0].length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) x[i % c][i / c];
    }
    return new Maps(shape.batch(), shape.height(), shape.width(), c, values);
  }
}
