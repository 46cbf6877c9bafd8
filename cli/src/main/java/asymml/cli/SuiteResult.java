package asymml.cli;

import asymml.analysis.score.Score;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What the suite found out about one plan, as its JSON holds it.
///
/// @param plan its name
/// @param facts name, words, settings, seconds and training accuracy
/// @param scores all figures
/// @param notes attacks and layers that were left out, and why
/// @param pictures files and captions
record SuiteResult(
    String plan,
    Map<String, Object> facts,
    List<Map<String, Object>> scores,
    List<Map<String, Object>> notes,
    List<Map<String, Object>> pictures) {
  /// Copies the lists.
  SuiteResult {
    scores = List.copyOf(scores);
    notes = List.copyOf(notes);
    pictures = List.copyOf(pictures);
  }

  static Map<String, Object> of(String plan, Score score) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("plan", plan);
    map.put("attack", score.attack());
    map.put("layer", score.layer());
    map.put("measure", score.measure());
    map.put("value", score.value());
    map.put("chance", score.chance());
    map.put("best", score.best());
    return map;
  }

  static Map<String, Object> of(String plan, AttackScene.Note note) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("plan", plan);
    map.put("attack", note.attack().label());
    map.put("text", note.toString());
    return map;
  }

  /// The strongest figure of an attack that stands for it, or why there is none.
  Map<String, Object> cell(AttackName attack) {
    Optional<Map<String, Object>> strongest =
        scores.stream()
            .filter(s ->
                attack.label().equals(s.get("attack"))
                    && String.valueOf(s.get("measure")).contains(attack.headline()))
            .max(Comparator.comparingDouble(SuiteResult::strength));
    if (strongest.isPresent()) {
      return strongest.get();
    }
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("plan", plan);
    map.put("attack", attack.label());
    map.put(
        "note",
        notes.stream()
            .filter(n -> attack.label().equals(n.get("attack")))
            .map(n -> String.valueOf(n.get("text")))
            .reduce((_, last) -> last)
            .orElse("not applied"));
    return map;
  }

  /// How far it is from chance to the best.
  private static double strength(Map<String, Object> score) {
    double chance = number(score, "chance");
    return (number(score, "value") - chance) / Math.max(number(score, "best") - chance, 1e-9);
  }

  static double number(Map<String, Object> map, String key) {
    return map.get(key) instanceof Number number ? number.doubleValue() : Double.NaN;
  }

  Map<String, Object> map() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("notice", AttackTable.NOTICE);
    map.put("plan", plan);
    map.put("facts", facts);
    map.put("scores", scores);
    map.put("notes", notes);
    map.put("pictures", pictures);
    return map;
  }

  /// Reads what [#map] gave.
  ///
  /// @throws IllegalArgumentException if it is something else
  static SuiteResult of(Map<String, Object> map) {
    return new SuiteResult(
        String.valueOf(map.get("plan")),
        object(map.get("facts")),
        objects(map.get("scores")),
        objects(map.get("notes")),
        objects(map.get("pictures")));
  }

  private static List<Map<String, Object>> objects(@Nullable Object list) {
    if (!(list instanceof List<?> entries)) {
      throw new IllegalArgumentException("it is no result of a plan");
    }
    List<Map<String, Object>> result = new ArrayList<>();
    entries.forEach(entry -> result.add(object(entry)));
    return result;
  }

  private static Map<String, Object> object(@Nullable Object value) {
    if (!(value instanceof Map<?, ?> entries)) {
      throw new IllegalArgumentException("it is no result of a plan");
    }
    Map<String, Object> result = new LinkedHashMap<>();
    entries.forEach((key, entry) -> result.put(String.valueOf(key), entry));
    return result;
  }
}
