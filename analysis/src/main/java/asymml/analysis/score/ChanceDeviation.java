package asymml.analysis.score;

import asymml.analysis.Maps;

/// How far scores of guesses scatter: standard deviations by which a score can be told from chance.
public final class ChanceDeviation {
  private ChanceDeviation() {}

  /// The standard deviation of [MapScores#cosine] where estimates have nothing to do with the
  /// examples that they are compared with: from the cosines of all estimates with the truths of
  /// other examples.
  ///
  /// @param found `[N, ...]`
  /// @param truth the same shape
  /// @return at least 0; 0 for fewer than 4 examples, whose deviations from their mean are no
  ///   independent ones
  public static double cosine(Maps found, Maps truth) {
    int count = truth.examples();
    if (count < 4) {
      return 0;
    }
    float[] a = MapScores.deviations(found);
    float[] b = MapScores.deviations(truth);
    int size = truth.exampleSize();
    double squares = 0;
    for (int i = 0; i < count * count; i++) {
      if (i / count != i % count) {
        squares += Math.pow(MapScores.cosine(a, b, i / count * size, i % count * size, size), 2);
      }
    }
    return Math.sqrt(squares / ((count - 1.0) * count * count));
  }

  /// The standard deviation of [MapScores#normCorrelation] of norms that have nothing to do with
  /// each other.
  ///
  /// @param examples N, at least 2
  /// @return 0.26 for 16
  public static double normCorrelation(int examples) {
    return 1 / Math.sqrt(examples - 1.0);
  }

  /// The standard deviation of [SpanScores#agreement] for a span drawn at random.
  ///
  /// @param channels C, at least 2
  /// @param rank r, from 1 to C
  /// @return that of the mean squared cosine
  public static double agreement(int channels, int rank) {
    double c = channels;
    return (c - rank) / c * Math.sqrt(2 / ((c - 1) * (c + 2)));
  }

  /// The standard deviation of [SpanScores#auc] where members and others have the same distribution
  /// of scores.
  ///
  /// Source: Mann and Whitney, "On a Test of Whether one of Two Random Variables is Stochastically
  /// Larger than the Other" (Annals of Mathematical Statistics 1947).
  ///
  /// @param members how many, at least one
  /// @param others how many, at least one
  /// @return 0.15 for 8 and 8, 0.10 for 16 and 16
  public static double auc(int members, int others) {
    return Math.sqrt((members + others + 1.0) / (12.0 * members * others));
  }
}
