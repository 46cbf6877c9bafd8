package asymml.report;

import asymml.privacy.Channel;
import asymml.privacy.Epsilon;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.PrivacyStatement;
import asymml.privacy.PrivacyStatement.ChannelCost;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// A privacy statement as a block of text: a row for each channel, then the whole view and, where
/// it is covered, the trained model. A finite epsilon of a channel says beside it what it does not
/// count.
///
/// @param statement what is told
public record PrivacySummary(PrivacyStatement statement) {
  private static final String NONE = "-";

  /// The block.
  ///
  /// @return lines of aligned columns: channel, mechanism, epsilon, reason
  public List<String> lines() {
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("channel", "mechanism", "epsilon", "reason"));
    for (ChannelCost cost : statement.channels()) {
      if (cost.releasesPerStep() > 0) {
        rows.add(row(cost));
      }
    }
    boolean two = statement.ledger().workers() == 2;
    boolean none = statement.ledger().workers() == 0;
    if (!none) {
      rows.add(
          List.of(
              "whole view",
              two ? "any one worker" : "the worker",
              PrivacyStatement.text(statement.view()),
              whole(two)));
    }
    if (none || statement.coversModel()) {
      rows.add(
          List.of(
              "released model",
              "all parameters",
              PrivacyStatement.text(statement.view()),
              whole(two)));
    }
    return aligned(rows);
  }

  private List<String> row(ChannelCost cost) {
    List<NoiseMultiplier> noise = cost.noiseMultipliers();
    boolean finite = cost.epsilon().isFinite();
    String reasons = String.join(", ", cost.reasons());
    if (noise.isEmpty()) {
      // What follows from another channel's releases costs nothing by itself, and that says little.
      return List.of(
          cost.channel().label(),
          finite ? "post-processing" : "not accounted",
          finite ? NONE : PrivacyStatement.text(cost.epsilon()),
          reasons);
    }
    String gaussian = "Gaussian, z = " + multipliers(noise);
    return finite
        ? List.of(
            cost.channel().label(), gaussian, PrivacyStatement.text(cost.epsilon()), own(reasons))
        : List.of(
            cost.channel().label(),
            gaussian + ", in part",
            PrivacyStatement.text(cost.epsilon()),
            reasons);
  }

  /// What the epsilon of a channel leaves out.
  private String own(String reasons) {
    String counted =
        isUncovered(Channel.WEIGHTS)
            ? "own noise only; leakage about weights is not counted"
            : "own noise only";
    return reasons.isEmpty() ? counted : counted + "; " + reasons;
  }

  private String whole(boolean two) {
    Epsilon view = statement.view();
    String delta = "delta " + Figures.plain(statement.ledger().delta().value());
    List<String> open =
        statement.channels().stream()
            .filter(cost -> !cost.epsilon().isFinite())
            .map(cost -> cost.channel().label())
            .toList();
    String because =
        view.isFinite()
            ? ""
            : open.isEmpty()
                ? ", because the channels together exceed what the sampler's tails allow"
                : ", because of " + String.join(", ", open);
    return "at " + delta + because + (two ? "; valid only if the two workers do not collude" : "");
  }

  private boolean isUncovered(Channel channel) {
    return statement.channels().stream()
        .anyMatch(cost -> cost.channel() == channel && !cost.epsilon().isFinite());
  }

  private static String multipliers(List<NoiseMultiplier> z) {
    String low = String.format(Locale.ROOT, "%.4g", z.getFirst().value());
    String high = String.format(Locale.ROOT, "%.4g", z.getLast().value());
    return low.equals(high) ? low : low + " to " + high;
  }

  private static List<String> aligned(List<List<String>> rows) {
    int[] widths = new int[rows.getFirst().size()];
    for (List<String> row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    List<String> lines = new ArrayList<>();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < widths.length; i++) {
        line.append(row.get(i)).repeat(' ', widths[i] - row.get(i).length() + 2);
      }
      lines.add(line.toString().stripTrailing());
    }
    return lines;
  }
}
