package asymml.analysis;

import asymml.model.Layer;
import asymml.model.Layer.GroupNorm;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Attack 2: which ReLUs were active and, through a normalisation, what went into them, from the
/// gradients of two neighbouring layers.
///
/// The worker computes g, the gradient of the later layer's input, and is then sent dY of the
/// earlier one. Without a normalisation `dY = g mask`. With one that uses its batch's statistics
/// (scale 1 and shift 0, as they start) and z its output, `dY = a (h - mean(h) - z mean(h z))` with
/// `h = g mask`: where the mask is off dY is affine in z, and where it is on the same holds for `dY
/// - a g`. The attack alternates: given the mask, `mean(dY) = mean(dY z) = 0` gives `a = sum(dY^2)
///   / sum(dY h)` and z up to its sign as the standardised `dY - a h`; given a and z, each place
///   takes the side that agrees with itself (z above 0 where on, below where off), and of two such
///   the likelier one under a standard normal z. A maximum over a window passes g to at most one of
///   its places, which then has the largest z.
///
/// Source: the ReLU mask of a gradient, Melis et al., "Exploiting Unintended Feature Leakage in
/// Collaborative Learning" (IEEE S&P 2019, arXiv 1805.04049), and Boenisch et al., "When the
/// Curious Abandon Honesty" (EuroS&P 2023, arXiv 2112.02918); the inversion of batch norm's
/// backward pass is this project's own.
///
/// Reads dX of the later layer and dY of the earlier of the view. Public knowledge: the graph, and
/// that normalisations start with scale 1 and shift 0: it is for a run's first steps; later ones
/// need more. Cost: 30 passes over dY.
public final class MaskLeak {
  private static final int ROUNDS = 30;

  /// What was found.
  ///
  /// @param preActivation z `[N, OH, OW, O]` of the earlier layer, what the ReLU reads; 1 and -1
  ///   for on and off where no normalisation gives more
  /// @param scaled whether it is more than the mask
  public record Result(Maps preActivation, boolean scaled) {}

  private MaskLeak() {}

  /// Recovers mask and activation.
  ///
  /// @param dy dY `[N, H, W, O]` of the earlier layer
  /// @param dx dX of the later one, `[N, H / pool, W / pool, O]` or the same flattened
  /// @param norm what is between, or null
  /// @param pool side of the windows over which the maximum is taken, 1 for none
  /// @return the estimate
  public static Result recover(Maps dy, Maps dx, @Nullable Layer norm, int pool) {
    Maps g = dx.reshape(dy.height() / pool, dy.width() / pool, dy.channels());
    Maps z = dy.zeros();
    if (norm == null) {
      for (int i = 0; i < z.values().length; i++) {
        z.values()[i] = dy.values()[i] == 0 ? -1 : 1;
      }
      return new Result(z, false);
    }
    int groups = norm instanceof GroupNorm group ? group.groups() : dy.channels();
    int sets = norm instanceof GroupNorm ? dy.examples() * groups : groups;
    for (int set = 0; set < sets; set++) {
      new Set(dy, g, z, pool, norm instanceof GroupNorm ? set / groups : -1, set % groups, groups)
          .solve();
    }
    return new Result(z, true);
  }

  /// What one mean and variance are taken over.
  private static final class Set {
    private final Maps dy;
    private final Maps z;
    private final int[][] windows;
    private final double[] g;
    private final int[] on; // which place of a window, -1 for none

    Set(Maps dy, Maps g, Maps z, int pool, int example, int group, int groups) {
      this.dy = dy;
      this.z = z;
      int width = dy.channels() / groups;
      int from = example < 0 ? 0 : example;
      int to = example < 0 ? dy.examples() : example + 1;
      int count = (to - from) * g.height() * g.width() * width;
      windows = new int[count][pool * pool];
      this.g = new double[count];
      on = new int[count];
      int at = 0;
      for (int p = from * g.height() * g.width(); p < to * g.height() * g.width(); p++) {
        for (int c = group * width; c < (group + 1) * width; c++) {
          this.g[at] = g.values()[p * g.channels() + c];
          places(g, p, c, pool, windows[at]);
          at++;
        }
      }
    }

    private void places(Maps g, int p, int c, int pool, int[] window) {
      int x = p % g.width() * pool;
      int y = p / g.width() % g.height() * pool;
      int n = p / (g.width() * g.height());
      for (int k = 0; k < window.length; k++) {
        int row = (n * dy.height() + y + k / pool) * dy.width() + x + k % pool;
        window[k] = row * dy.channels() + c;
      }
    }

    private double dy(int window, int place) {
      return dy.values()[windows[window][place]];
    }

    void solve() {
      double a = firstFactor();
      choose(a, 0, 0); // without z: whichever side leaves less to explain
      for (int round = 0; round < ROUNDS; round++) {
        a = factor(a);
        double[] affine = affine(a);
        if (!choose(a, affine[0], affine[1])) {
          break;
        }
      }
      a = factor(a);
      double[] affine = affine(a);
      for (int w = 0; w < windows.length; w++) {
        for (int k = 0; k < windows[w].length; k++) {
          double rest = dy(w, k) - (on[w] == k ? a * g[w] : 0);
          z.values()[windows[w][k]] = (float) ((rest - affine[0]) * affine[1]);
        }
      }
    }

    /// The slope of dY by g among the larger g: near a where on, near 0 where off.
    private double firstFactor() {
      double[] slopes = new double[windows.length];
      double[] sizes = Arrays.stream(g).map(Math::abs).sorted().toArray();
      double large = sizes[sizes.length / 2];
      int count = 0;
      for (int w = 0; w < windows.length; w++) {
        if (Math.abs(g[w]) >= large && g[w] != 0) {
          double best = 0;
          for (int k = 0; k < windows[w].length; k++) {
            best = Math.max(best, dy(w, k) / g[w]);
          }
          slopes[count++] = best;
        }
      }
      if (count == 0) {
        return 1;
      }
      Arrays.sort(slopes, 0, count);
      return Math.max(slopes[Math.min(count - 1, count * 3 / 4)], Double.MIN_NORMAL);
    }

    /// `sum(dY^2) / sum(dY h)`, or what it was if that is no positive number.
    private double factor(double before) {
      double squares = 0;
      double products = 0;
      for (int w = 0; w < windows.length; w++) {
        for (int k = 0; k < windows[w].length; k++) {
          squares += dy(w, k) * dy(w, k);
        }
        if (on[w] >= 0) {
          products += dy(w, on[w]) * g[w];
        }
      }
      double a = squares / products;
      return a > 0 && a < Double.POSITIVE_INFINITY ? a : before;
    }

    /// Mean of `dY - a h`, and the signed inverse of its deviation: positive where z is on.
    private double[] affine(double a) {
      double sum = 0;
      double squares = 0;
      double sumOn = 0;
      int countOn = 0;
      int count = 0;
      for (int w = 0; w < windows.length; w++) {
        for (int k = 0; k < windows[w].length; k++) {
          double rest = dy(w, k) - (on[w] == k ? a * g[w] : 0);
          sum += rest;
          squares += rest * rest;
          count++;
          if (on[w] == k) {
            sumOn += rest;
            countOn++;
          }
        }
      }
      double mean = sum / count;
      double deviation = Math.sqrt(Math.max(squares / count - mean * mean, 0));
      double sign = countOn > 0 && sumOn / countOn < mean ? -1 : 1;
      return new double[] {mean, deviation > 0 ? sign / deviation : 0};
    }

    /// Chooses sides anew.
    ///
    /// @return whether any changed
    private boolean choose(double a, double mean, double inverse) {
      boolean changed = false;
      for (int w = 0; w < windows.length; w++) {
        int best = inverse == 0 ? smallest(w, a) : likeliest(w, a, mean, inverse);
        changed |= best != on[w];
        on[w] = best;
      }
      return changed;
    }

    private int smallest(int w, double a) {
      int best = -1;
      double gain = 0;
      for (int k = 0; k < windows[w].length; k++) {
        double gained = Math.abs(dy(w, k)) - Math.abs(dy(w, k) - a * g[w]);
        if (gained > gain) {
          gain = gained;
          best = k;
        }
      }
      return best;
    }

    private int likeliest(int w, double a, double mean, double inverse) {
      int best = -1;
      double bestCost = Double.POSITIVE_INFINITY;
      for (int side = -1; side < windows[w].length; side++) {
        double cost = cost(w, side, a, mean, inverse);
        if (cost < bestCost) {
          bestCost = cost;
          best = side;
        }
      }
      return best;
    }

    /// `z^2` of the window, and what contradicts the side, weighed so that it counts first.
    private double cost(int w, int side, double a, double mean, double inverse) {
      double zOn = side < 0 ? 0 : (dy(w, side) - a * g[w] - mean) * inverse;
      double cost = zOn * zOn + contradiction(-zOn);
      for (int k = 0; k < windows[w].length; k++) {
        if (k != side) {
          double zOff = (dy(w, k) - mean) * inverse;
          cost += zOff * zOff + contradiction(zOff - Math.max(zOn, 0));
        }
      }
      return cost;
    }

    private static double contradiction(double by) {
      return by > 0 ? 100 * by : 0;
    }
  }
}
