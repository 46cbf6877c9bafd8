package asymml.privacy;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What may be claimed of images that a trained model classifies with the help of workers, against
/// any one worker that records all that it is sent. A query is one image that is classified once.
///
/// The data set is that one image: what a query releases of it is composed, nothing is sampled, and
/// an image that is classified several times pays for each. What is released of one image does not
/// depend on any other, so that the number of queries does not enter. The weights that the worker
/// is sent are a function of the training images alone, of which [#model] says what is claimed.
///
/// @param once what one query costs its image, in the zero-out sense: present, or the null example
/// @param replaced the epsilon of one query where its image may be any other: twice the sensitivity
/// @param twice the epsilon of two queries of one image
/// @param queries how many were sent
/// @param model what is claimed of the model, and so of its training images against who holds exact
///   weights
public record QueryStatement(
    PrivacyStatement once, Epsilon replaced, Epsilon twice, long queries, String model) {
  /// Checks the count.
  ///
  /// @throws IllegalArgumentException if it is negative
  public QueryStatement {
    if (queries < 0) {
      throw new IllegalArgumentException("queries are counted from 0: " + queries);
    }
  }

  /// Computes a statement.
  ///
  /// @param releases of one query
  /// @param workers how many share the releases, 1 or 2, as in a [Ledger]
  /// @param delta at which epsilon is stated; above 0
  /// @param queries how many were sent
  /// @param model what is claimed of the model
  /// @return the statement
  /// @throws ArithmeticException if a bound did not converge
  public static QueryStatement of(
      List<Release> releases, int workers, Delta delta, long queries, String model) {
    Accountant accountant = new GaussianAccountant();
    return new QueryStatement(
        PrivacyStatement.of(ledger(releases, 1, workers, delta), accountant),
        PrivacyStatement.of(
                ledger(releases.stream().map(QueryStatement::doubled).toList(), 1, workers, delta),
                accountant)
            .view(),
        PrivacyStatement.of(ledger(releases, 2, workers, delta), accountant).view(),
        queries,
        model);
  }

  private static Ledger ledger(List<Release> releases, int times, int workers, Delta delta) {
    return new Ledger(
        new Sampling.Shuffled(1, 1), delta, List.of(new Ledger.Entry(releases, times)), workers);
  }

  /// The same release at twice the sensitivity, which is half the noise multiplier.
  private static Release doubled(Release release) {
    return release.mechanism() instanceof Release.Gaussian(var norm, var z)
        ? new Release(
            release.channel(),
            release.layer(),
            release.values(),
            new Release.Gaussian(
                new ClipNorm(2 * norm.value()), new NoiseMultiplier(z.value() / 2)))
        : release;
  }

  /// The epsilon of one query.
  ///
  /// @return infinite if nothing is guaranteed
  public Epsilon epsilon() {
    return once.view();
  }

  /// The lines that say what is promised.
  ///
  /// @return of an image, of one that is sent again, of training images, and what that rests on
  public List<String> lines() {
    Ledger ledger = once.ledger();
    String who = ledger.workers() == 2 ? "any one worker's" : "the worker's";
    List<String> lines = new ArrayList<>();
    if (epsilon().isFinite()) {
      lines.add(
          "an image, against %s whole view of one query: epsilon %s at delta %s, present or not; %s where it may be any other image"
              .formatted(
                  who,
                  PrivacyStatement.text(epsilon()),
                  PrivacyStatement.scientific(ledger.delta().value(), 3),
                  PrivacyStatement.text(replaced)));
      lines.add(
          "queries of one image add up: two of them cost epsilon " + PrivacyStatement.text(twice));
    } else {
      lines.add(
          "an image, against %s whole view of one query: no guarantee (epsilon infinite), because of %s"
              .formatted(who, once.whyInfinite()));
    }
    lines.add(
        "training images, against who holds the exact weights that %s sent: %s"
            .formatted(ledger.workers() == 2 ? "both workers are" : "the worker is", model));
    if (ledger.workers() == 2) {
      lines.add(
          "valid only if the two workers do not collude: together they see each image's residuals"
              + " exactly");
    }
    return List.copyOf(lines);
  }

  /// What the numbers rest on.
  ///
  /// @return a line each
  public List<String> assumptions() {
    List<String> lines = new ArrayList<>();
    lines.add(
        "the number of queries, batches and their times, the architecture and all settings are"
            + " public; a rank, a layer or a clip bound chosen by looking at the images is a"
            + " release that is not counted");
    lines.add(
        "the public images are public, and none of those that are classified or were trained on");
    lines.add(
        "what is done with the predictions is no part of the worker's view; wrong results change"
            + " predictions, and no number above");
    if (once.ledger().workers() == 2) {
      lines.add(
          "the worker with the key of the masks computes as it is asked to: with masks of one image"
              + " in its results of another, the other worker would receive more than is counted");
    }
    return lines;
  }

  /// The statement for machines.
  ///
  /// @return numbers, strings, lists and maps; an infinite epsilon is the string `infinite`
  public Map<String, Object> facts() {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("statement", lines());
    facts.put("assumptions", assumptions());
    facts.put("queries", queries);
    facts.put("workers", once.ledger().workers());
    facts.put("delta", once.ledger().delta().value());
    facts.put("queryEpsilon", number(epsilon()));
    facts.put("replacedQueryEpsilon", number(replaced));
    facts.put("twoQueriesEpsilon", number(twice));
    facts.put(
        "releasesPerQuery",
        once.channels().stream()
            .filter(c -> c.channel() != Channel.WEIGHTS)
            .mapToInt(PrivacyStatement.ChannelCost::releasesPerStep)
            .sum());
    return facts;
  }

  private static Object number(Epsilon epsilon) {
    return epsilon.isFinite() ? epsilon.value() : "infinite";
  }
}
