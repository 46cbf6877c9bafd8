package asymml.study.attack;

import asymml.analysis.score.Score;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/// What a suite found out about one plan. PRIVATE.
///
/// @param plan its name
/// @param words what it is
/// @param settings of its run
/// @param trainAccuracy of the last epoch; empty if training diverged
/// @param seconds that run and attacks took
/// @param scores of all attacks
/// @param notes attacks and layers that were left out, and why
/// @param pictures files
public record SuiteResult(
    String plan,
    String words,
    Map<String, Object> settings,
    OptionalDouble trainAccuracy,
    double seconds,
    List<Score> scores,
    List<Note> notes,
    List<Picture> pictures) {
  /// Why an attack was not applied.
  ///
  /// @param attack its name
  /// @param text in a line
  public record Note(String attack, String text) {}

  /// Images, what the worker saw of them and what an attack made of that.
  ///
  /// @param file relative to the suite's directory
  /// @param caption in words
  /// @param attack its name
  /// @param width in pixels
  /// @param height in pixels
  public record Picture(String file, String caption, String attack, int width, int height) {}

  /// Copies the lists.
  public SuiteResult {
    scores = List.copyOf(scores);
    notes = List.copyOf(notes);
    pictures = List.copyOf(pictures);
  }

  /// The strongest of an attack's scores that stand for it.
  ///
  /// @param attack which
  /// @return empty if it was not applied
  public Optional<Score> strongest(AttackName attack) {
    return AttackVerdict.strongest(attack, scores);
  }

  /// Why an attack was not applied.
  ///
  /// @param attack which
  /// @return the last of its notes
  public String note(AttackName attack) {
    return notes.stream()
        .filter(note -> attack.label().equals(note.attack()))
        .map(Note::text)
        .reduce((_, last) -> last)
        .orElse("not applied");
  }

  /// What was recovered, by which attacks.
  ///
  /// @return one sentence
  public String verdict() {
    return AttackVerdict.of(scores);
  }
}
