package asymml.analysis;

import asymml.analysis.Engine.Net;
import asymml.model.Graph;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/// Attack 8: was a known, labelled example among those that a released model was trained on? A
/// model is more confident on examples it was trained on. The confidence to expect on an example it
/// was not trained on the attacker estimates with shadow models: it trains several as the victim
/// did, each on a random half of the candidates, and compares the model's confidence with those of
/// shadows that had the example and of those that had not.
///
/// The confidence is `log p / (1 - p)` of the true class, which is about normal. There are too few
/// shadows for a variance of each example: one is taken for all, as Carlini et al. advise.
///
/// No plan protects against this attack: it reads the finished model only. It is here for
/// comparison.
///
/// Source: Carlini et al., "Membership Inference Attacks From First Principles" (IEEE S&P 2022,
/// arXiv 2112.03570), online, few shadows; the confidence alone is the loss threshold of Yeom et
/// al., "Privacy Risk in Machine Learning" (IEEE CSF 2018, arXiv 1709.01604).
///
/// Reads the released weights. Public knowledge: graph, settings of training, candidates with
/// labels. Cost: training S shadows on half of the candidates each.
public final class ReleasedMembership {
  /// A shadow model.
  ///
  /// @param member which candidates it was trained on
  /// @param confidence in each candidate
  @SuppressWarnings("ArrayRecordComponent") // Read by index, never compared.
  public record Shadow(boolean[] member, double[] confidence) {}

  /// How the victim trains.
  ///
  /// @param batch images a step
  /// @param epochs passes over the images
  /// @param rates the learning rate of each step
  /// @param momentum 0 to below 1
  /// @param weightDecay at least 0
  @SuppressWarnings("ArrayRecordComponent") // Read by index, never compared.
  public record Training(int batch, int epochs, float[] rates, float momentum, float weightDecay) {}

  private ReleasedMembership() {}

  /// How sure a model is of each example's class.
  ///
  /// @param net the model
  /// @param images `[M, H, W, C]`
  /// @param labels M of them
  /// @param batch how many at a time
  /// @return `log p / (1 - p)`; higher for lower losses
  public static double[] confidence(Net net, Maps images, int[] labels, int batch) {
    double[] result = new double[labels.length];
    for (int from = 0; from < labels.length; from += batch) {
      int count = Math.min(batch, labels.length - from);
      Maps logits = net.infer(images.slice(from, count));
      int classes = logits.exampleSize();
      for (int i = 0; i < count; i++) {
        int own = i * classes + labels[from + i];
        double most = Double.NEGATIVE_INFINITY;
        for (int k = i * classes; k < (i + 1) * classes; k++) {
          most = k == own ? most : Math.max(most, logits.values()[k]);
        }
        double rest = 0;
        for (int k = i * classes; k < (i + 1) * classes; k++) {
          rest += k == own ? 0 : Math.exp(logits.values()[k] - most);
        }
        result[from + i] = logits.values()[own] - most - Math.log(rest);
      }
    }
    return result;
  }

  /// Loads a released model.
  ///
  /// @param engine who computes
  /// @param graph of the model
  /// @param parameters all of its parameters by name
  /// @return the model; the caller closes it
  public static Net load(Engine engine, Graph graph, Map<String, float[]> parameters) {
    Net net = engine.build(graph, 0);
    graph
        .parameters()
        .forEach(p -> {
          float[] values = parameters.get(p.name());
          if (values == null) {
            throw new IllegalArgumentException("the released model has no " + p.name());
          }
          net.set(p.name(), values);
        });
    return net;
  }

  /// Trains shadow models, in pairs that share the candidates between them.
  ///
  /// @param engine who computes
  /// @param graph of the model
  /// @param images candidates `[M, H, W, C]`
  /// @param labels M class numbers
  /// @param count how many shadows, an even number
  /// @param training how
  /// @param seed of halves, orders and initial weights
  /// @return the shadows
  public static List<Shadow> shadows(
      Engine engine,
      Graph graph,
      Maps images,
      int[] labels,
      int count,
      Training training,
      long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<Shadow> shadows = new ArrayList<>();
    int[] order = new int[labels.length];
    for (int s = 0; s < count; s++) {
      if (s % 2 == 0) {
        shuffle(order, order.length, random, true);
      }
      int half = labels.length / 2;
      int[] own =
          s % 2 == 0
              ? Arrays.copyOf(order, half)
              : Arrays.copyOfRange(order, labels.length - half, labels.length);
      boolean[] member = new boolean[labels.length];
      Arrays.stream(own).forEach(i -> member[i] = true);
      try (Net net = engine.build(graph, random.nextLong())) {
        train(net, images, labels, own, training, random);
        shadows.add(new Shadow(member, confidence(net, images, labels, training.batch)));
      }
    }
    return shadows;
  }

  private static void train(
      Net net, Maps images, int[] labels, int[] own, Training training, SplittableRandom random) {
    int step = 0;
    for (int epoch = 0; epoch < training.epochs; epoch++) {
      shuffle(own, own.length, random, false);
      for (int from = 0; from < own.length; from += training.batch) {
        int count = Math.min(training.batch, own.length - from);
        int[] classes = Arrays.stream(own, from, from + count).map(k -> labels[k]).toArray();
        net.backward(lossGradient(net.forward(images.pick(own, from, count)), classes));
        net.step(
            training.rates[Math.min(step, training.rates.length - 1)],
            training.momentum,
            training.weightDecay);
        step++;
      }
    }
  }

  /// The gradient of the mean cross-entropy.
  ///
  /// @param logits `[N, 1, 1, K]`
  /// @param labels N class numbers
  /// @return `[N, 1, 1, K]`
  public static Maps lossGradient(Maps logits, int[] labels) {
    Maps dy = logits.zeros();
    int classes = logits.exampleSize();
    for (int i = 0; i < labels.length; i++) {
      double most = Double.NEGATIVE_INFINITY;
      for (int k = i * classes; k < (i + 1) * classes; k++) {
        most = Math.max(most, logits.values()[k]);
      }
      double sum = 0;
      for (int k = i * classes; k < (i + 1) * classes; k++) {
        sum += Math.exp(logits.values()[k] - most);
      }
      for (int k = 0; k < classes; k++) {
        double p = Math.exp(logits.values()[i * classes + k] - most) / sum;
        dy.values()[i * classes + k] = (float) ((p - (labels[i] == k ? 1 : 0)) / labels.length);
      }
    }
    return dy;
  }

  private static void shuffle(int[] order, int count, SplittableRandom random, boolean fill) {
    for (int i = 0; i < count; i++) {
      int j = random.nextInt(i + 1);
      int value = fill ? i : order[i];
      order[i] = order[j];
      order[j] = value;
    }
  }

  /// Scores candidates by the likelihood ratio.
  ///
  /// @param confidence of the released model in each candidate
  /// @param shadows at least one that had each candidate and one that had not
  /// @return for each candidate the log ratio: higher for members
  public static double[] scores(double[] confidence, List<Shadow> shadows) {
    int m = confidence.length;
    double[][] mean = new double[2][m];
    int[][] count = new int[2][m];
    for (Shadow shadow : shadows) {
      for (int i = 0; i < m; i++) {
        int side = shadow.member[i] ? 1 : 0;
        mean[side][i] += shadow.confidence[i];
        count[side][i]++;
      }
    }
    for (int side = 0; side < 2; side++) {
      for (int i = 0; i < m; i++) {
        if (count[side][i] == 0) {
          throw new IllegalArgumentException(
              "candidate " + i + " needs shadows that had it and others");
        }
        mean[side][i] /= count[side][i];
      }
    }
    double[] variance = new double[2];
    int[] all = new int[2];
    for (Shadow shadow : shadows) {
      for (int i = 0; i < m; i++) {
        int side = shadow.member[i] ? 1 : 0;
        variance[side] += Math.pow(shadow.confidence[i] - mean[side][i], 2);
        all[side]++;
      }
    }
    for (int side = 0; side < 2; side++) {
      variance[side] = Math.max(variance[side] / Math.max(1, all[side] - m), 1e-6);
    }
    double[] scores = new double[m];
    for (int i = 0; i < m; i++) {
      double in = confidence[i] - mean[1][i];
      double out = confidence[i] - mean[0][i];
      scores[i] =
          out * out / (2 * variance[0])
              - in * in / (2 * variance[1])
              + 0.5 * Math.log(variance[0] / variance[1]);
    }
    return scores;
  }
}
