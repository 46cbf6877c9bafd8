package asymml.privacy;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/// What a run may claim of its privacy, against any one worker that records all that it was sent:
/// the cost of each channel and of the whole view. Where that is finite and gradient sums are
/// noised, the trained model costs no more: it is a function of these sums and of the workers'
/// view. A finite number for a part never stands without the number for the whole beside it. Of two
/// workers, the one that gets values under masks learns what is counted here, and the one that gets
/// the masks less.
///
/// @param ledger what was released
/// @param residuals epsilon of the residuals alone: the statement of arXiv 2110.01229
/// @param masked epsilon of residuals and gradients together
/// @param view epsilon of all that the worker received; at least that of each channel
/// @param channels each channel by itself
public record PrivacyStatement(
    Ledger ledger, Epsilon residuals, Epsilon masked, Epsilon view, List<ChannelCost> channels) {
  /// What is said of a model for which nothing finite holds.
  public static final String NO_MODEL_LINE =
      "released model: no (epsilon, delta) is claimed; its parameters may reveal training images";

  private static final String NO_RELEASE = "no release";

  private static final String TAILS =
      "the noise is so small, or delta, that the sampler's missing tails use up delta";

  /// The cost of one channel.
  ///
  /// @param channel which
  /// @param releasesPerStep how many of its releases a step has at most
  /// @param noiseMultipliers the smallest and largest z of its releases, empty if none is noised
  /// @param epsilon of the channel alone
  /// @param reasons why nothing covers it; if it is covered, what it is a function of; empty if all
  ///   of it is noised
  public record ChannelCost(
      Channel channel,
      int releasesPerStep,
      List<NoiseMultiplier> noiseMultipliers,
      Epsilon epsilon,
      List<String> reasons) {
    /// Copies the lists.
    public ChannelCost {
      noiseMultipliers = List.copyOf(noiseMultipliers);
      reasons = List.copyOf(reasons);
    }
  }

  /// Copies the list.
  public PrivacyStatement {
    channels = List.copyOf(channels);
  }

  /// Computes a statement.
  ///
  /// @param ledger what was released
  /// @param accountant who answers
  /// @return the statement
  /// @throws IllegalArgumentException if the accountant does not support the ledger's events
  /// @throws ArithmeticException if a bound did not converge
  public static PrivacyStatement of(Ledger ledger, Accountant accountant) {
    List<ChannelCost> costs = new ArrayList<>();
    for (Channel channel : Channel.values()) {
      costs.add(cost(ledger, channel, accountant));
    }
    // Bounds are loose by a little, and not all by the same: no part is said to cost more than all.
    Epsilon view = ledger.epsilon(_ -> true, accountant);
    Epsilon residuals = Epsilon.ZERO;
    Epsilon masked = ledger.epsilon(PrivacyStatement::isMasked, accountant);
    for (ChannelCost cost : costs) {
      residuals = cost.channel() == Channel.RESIDUALS ? cost.epsilon() : residuals;
      view = view.isWithin(cost.epsilon()) ? cost.epsilon() : view;
    }
    return new PrivacyStatement(ledger, residuals, masked, view, costs);
  }

  private static boolean isMasked(Release release) {
    return release.channel() == Channel.RESIDUALS || release.channel() == Channel.GRADIENTS;
  }

  private static ChannelCost cost(Ledger ledger, Channel channel, Accountant accountant) {
    int most = 0;
    double smallest = Double.POSITIVE_INFINITY;
    double largest = 0;
    Set<String> uncovered = new LinkedHashSet<>();
    Set<String> functions = new LinkedHashSet<>();
    for (Ledger.Entry entry : ledger.entries()) {
      if (entry.steps() == 0) {
        continue;
      }
      int count = 0;
      for (Release release : entry.releases()) {
        if (release.channel() != channel) {
          continue;
        }
        count++;
        switch (release.mechanism()) {
          case Release.Gaussian(var _, var z) -> {
            smallest = Math.min(smallest, z.value());
            largest = Math.max(largest, z.value());
          }
          case Release.PostProcessing(var of) -> functions.add(of);
          case Release.Uncovered(var reason) -> uncovered.add(reason);
        }
      }
      most = Math.max(most, count);
    }
    List<NoiseMultiplier> multipliers =
        largest > 0
            ? List.of(new NoiseMultiplier(smallest), new NoiseMultiplier(largest))
            : List.of();
    Epsilon epsilon = ledger.epsilon(release -> release.channel() == channel, accountant);
    return new ChannelCost(
        channel, most, multipliers, epsilon, reasons(epsilon, uncovered, functions));
  }

  private static List<String> reasons(
      Epsilon epsilon, Set<String> uncovered, Set<String> functions) {
    if (!uncovered.isEmpty()) {
      return List.copyOf(uncovered);
    }
    return epsilon.isFinite() ? List.copyOf(functions) : List.of(TAILS);
  }

  private Set<Channel> uncovered() {
    Set<Channel> found = EnumSet.noneOf(Channel.class);
    channels.stream().filter(c -> !c.epsilon().isFinite()).forEach(c -> found.add(c.channel()));
    return found;
  }

  /// The lines that say what is promised.
  ///
  /// @return the residuals' line and the whole view's; of two workers also what that rests on; if
  ///   the whole view is covered, the trained model's; without a worker that alone
  public List<String> lines() {
    String delta = scientific(ledger.delta().value(), 3);
    String alone =
        residuals.isFinite()
            ? "epsilon %s at delta %s%s".formatted(text(residuals), delta, caveat())
            : "epsilon infinite: " + reasons(Channel.RESIDUALS);
    String whole =
        view.isFinite()
            ? "epsilon %s at delta %s".formatted(text(view), delta)
            : "epsilon infinite, because of " + whyInfinite(EnumSet.allOf(Channel.class));
    String model = "released model: " + whole;
    if (ledger.workers() == 0) {
      return List.of(model);
    }
    if (ledger.workers() == 1) {
      return withModel(
          List.of("residuals alone: " + alone, "the worker's whole view: " + whole), model);
    }
    String together =
        masked.isFinite()
            ? "epsilon %s at delta %s%s".formatted(text(masked), delta, caveat())
            : "epsilon infinite, because of "
                + whyInfinite(EnumSet.of(Channel.RESIDUALS, Channel.GRADIENTS));
    return withModel(
        List.of(
            "residuals and gradients, against any one worker: " + together,
            "any one worker's whole view: " + whole,
            "valid only if the two workers do not collude: together they see the residuals and"
                + " gradients exactly"),
        model);
  }

  /// Whether the trained model is a function of what is counted: of noised gradient sums, and of
  /// the workers' view. Where gradients have no noise of their own, nothing is said of the model.
  ///
  /// @return false if nothing finite holds for it, or it is not known to be such a function
  public boolean coversModel() {
    return view.isFinite()
        && channels.stream()
            .anyMatch(c -> c.channel() == Channel.WEIGHTS && !c.noiseMultipliers().isEmpty());
  }

  /// The line that says what is promised to those who receive the trained model.
  ///
  /// @return its epsilon at delta, or that none is claimed
  public String modelLine() {
    String delta = scientific(ledger.delta().value(), 3);
    return coversModel()
        ? "released model: epsilon %s at delta %s".formatted(text(view), delta)
        : NO_MODEL_LINE;
  }

  private List<String> withModel(List<String> lines, String model) {
    List<String> all = new ArrayList<>(lines);
    if (coversModel()) {
      all.add(model);
    }
    return List.copyOf(all);
  }

  /// Why nothing finite holds for the whole view.
  ///
  /// @return the channels at fault with their reasons
  String whyInfinite() {
    return whyInfinite(EnumSet.allOf(Channel.class));
  }

  /// The channels at fault, or if each is finite by itself the tails of all together.
  private String whyInfinite(Set<Channel> among) {
    Set<Channel> open = uncovered();
    open.retainAll(among);
    return open.isEmpty()
        ? TAILS
        : open.stream()
            .map(c -> c.label() + " (" + reasons(c) + ")")
            .collect(Collectors.joining("; "));
  }

  /// A channel's own noise does not bound what else the channel depends on: residuals and gradients
  /// are functions of the weights too, and averaged over a run they leak about them.
  private String caveat() {
    return uncovered().contains(Channel.WEIGHTS)
        ? "; leakage about weights is not counted: they carry earlier steps' data unprotected, and"
            + " a worker that returns wrong results can make them carry single examples"
        : "; leakage about weights is counted in the whole view's epsilon";
  }

  private String reasons(Channel channel) {
    return channels.stream()
        .filter(cost -> cost.channel() == channel)
        .flatMap(cost -> cost.reasons().stream())
        .collect(Collectors.joining(", "));
  }

  /// What the numbers rest on.
  ///
  /// @return a line each
  public List<String> assumptions() {
    List<String> lines = new ArrayList<>();
    lines.add(
        "adjacent data sets differ in one example, present in one and a null example in the other;"
            + " if one example replaces another, sensitivities double: the noise multipliers"
            + " halve");
    lines.add(
        switch (ledger.sampling()) {
          case Sampling.Poisson p ->
              String.format(
                  Locale.ROOT,
                  "Poisson sampling of %d examples at q = %.6g in %d slots, %d steps; overflow"
                      + " (probability at most %s) is added to delta",
                  p.examples(),
                  p.rate().value(),
                  p.slots(),
                  ledger.steps(),
                  scientific(p.failure(ledger.steps()), 2));
          case Sampling.Shuffled s ->
              "shuffled batches of %s of %s examples, %s steps; nothing is amplified"
                  .formatted(s.batchSize(), s.examples(), ledger.steps());
        });
    lines.add(
        "noise is sampled up to a finite radius; what lies beyond (probability at most %s) is added to"
                .formatted(scientific(ledger.leftOut(_ -> true), 2))
            + " delta");
    if (ledger.workers() > 0) {
      lines.add(
          "a channel's epsilon counts its own noise only; the whole view's epsilon also covers"
              + " leakage from one channel through another");
    }
    lines.add(
        "the public images are public, and none of the private ones; other runs on the same data"
            + " add to the cost");
    if (ledger.workers() == 2) {
      lines.add(
          "the two workers do not share what they receive, and nobody reads both: one gets values"
              + " under masks, the other the key of the masks and no value");
      lines.add(
          "the worker with the key of the masks computes as it is asked to: with masks of one"
              + " example in its results of another, the other worker would receive more than is"
              + " counted");
    }
    lines.add(
        "number of examples, classes, architecture, initial weights, seed, clip bounds and all"
            + " settings are public: a rank or layer chosen by looking at private data is a release"
            + " that is not counted"
            + (coversModel()
                ? "; the test accuracy says nothing of the training images but through the model"
                : "; a worker's view is all that it is sent, not what the trained model reveals to"
                    + " its users"));
    lines.add(
        "an example is one image: k images of one person together have up to k times the epsilon,"
            + " at a larger delta");
    return lines;
  }

  /// The table of channels.
  ///
  /// @return a line each, of columns of equal width
  public List<String> table() {
    return rows().stream()
        .map(row -> "%-10s %-13s %-22s %-10s %s".formatted(row.toArray()).strip())
        .toList();
  }

  /// The cells of the table of channels.
  ///
  /// @return a row of headings, then a row each, all of the same length; the last column, reasons,
  ///   has no heading
  public List<List<String>> rows() {
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("channel", "releases/step", "noise multiplier", "epsilon", ""));
    for (ChannelCost c : channels) {
      rows.add(
          List.of(
              c.channel().label(),
              Integer.toString(c.releasesPerStep()),
              c.releasesPerStep() == 0 ? NO_RELEASE : multipliers(c.noiseMultipliers()),
              text(c.epsilon()),
              String.join(", ", c.reasons())));
    }
    return rows;
  }

  private static String multipliers(List<NoiseMultiplier> z) {
    if (z.isEmpty()) {
      return "none";
    }
    String low = String.format(Locale.ROOT, "%.4g", z.getFirst().value());
    String high = String.format(Locale.ROOT, "%.4g", z.getLast().value());
    return low.equals(high) ? low : low + " to " + high;
  }

  /// An epsilon in four digits, rounded up.
  ///
  /// @param epsilon any
  /// @return for example `2.389`, or `infinite`
  public static String text(Epsilon epsilon) {
    if (!epsilon.isFinite()) {
      return "infinite";
    }
    return new BigDecimal(epsilon.value())
        .round(new MathContext(4, RoundingMode.UP))
        .stripTrailingZeros()
        .toPlainString();
  }

  /// A probability in so many digits, rounded up from the shortest decimal that stands for it.
  static String scientific(double probability, int digits) {
    if (probability == 0) {
      return "0";
    }
    BigDecimal up = BigDecimal.valueOf(probability).round(new MathContext(digits, RoundingMode.UP));
    return String.format(Locale.ROOT, "%." + (digits - 1) + "e", up);
  }

  /// The statement for machines.
  ///
  /// @return numbers, strings, lists and maps; an infinite epsilon is the string `infinite`
  public Map<String, Object> facts() {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("statement", lines());
    facts.put("assumptions", assumptions());
    facts.put("delta", ledger.delta().value());
    facts.put("workers", ledger.workers());
    facts.put("residualEpsilon", number(residuals));
    facts.put("residualAndGradientEpsilon", number(masked));
    facts.put("viewEpsilon", number(view));
    if (coversModel()) {
      facts.put("modelEpsilon", number(view));
    }
    facts.put("samplerDelta", ledger.leftOut(_ -> true));
    facts.put("steps", ledger.steps());
    facts.put("examples", ledger.sampling().examples());
    List<Map<String, Object>> rows = new ArrayList<>();
    for (ChannelCost c : channels) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("channel", c.channel().label());
      row.put("releasesPerStep", c.releasesPerStep());
      row.put(
          "noiseMultipliers", c.noiseMultipliers().stream().map(NoiseMultiplier::value).toList());
      row.put("epsilon", number(c.epsilon()));
      row.put("reasons", c.reasons());
      rows.add(row);
    }
    facts.put("channels", rows);
    return facts;
  }

  private static Object number(Epsilon epsilon) {
    return epsilon.isFinite() ? epsilon.value() : "infinite";
  }
}
