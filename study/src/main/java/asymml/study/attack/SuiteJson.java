package asymml.study.attack;

import asymml.analysis.score.Score;
import asymml.study.attack.SuiteResult.Note;
import asymml.study.attack.SuiteResult.Picture;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Results of a suite as JSON objects.
final class SuiteJson {
  private SuiteJson() {}

  /// All of a result.
  static Map<String, Object> of(SuiteResult result) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("notice", AttackReport.NOTICE);
    map.put("plan", result.plan());
    map.put("facts", facts(result));
    map.put("scores", scores(result));
    map.put("notes", notes(result));
    map.put("pictures", pictures(result));
    return map;
  }

  static Map<String, Object> facts(SuiteResult result) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("name", result.plan());
    facts.put("words", result.words());
    facts.put("settings", result.settings());
    result.trainAccuracy().ifPresent(accuracy -> facts.put("trainAccuracy", accuracy));
    facts.put("seconds", result.seconds());
    return facts;
  }

  static List<Map<String, Object>> scores(SuiteResult result) {
    return result.scores().stream().map(score -> score(result.plan(), score)).toList();
  }

  private static Map<String, Object> score(String plan, Score score) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("plan", plan);
    map.put("attack", score.attack());
    map.put("layer", score.layer());
    map.put("measure", score.measure());
    map.put("value", score.value());
    map.put("chance", score.chance());
    map.put("best", score.best());
    map.put("deviation", score.deviation());
    map.put("aboveChance", score.aboveChance());
    return map;
  }

  static List<Map<String, Object>> notes(SuiteResult result) {
    return result.notes().stream()
        .map(note -> note(result.plan(), note.attack(), "text", note.text()))
        .toList();
  }

  private static Map<String, Object> note(String plan, String attack, String key, String text) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("plan", plan);
    map.put("attack", attack);
    map.put(key, text);
    return map;
  }

  static List<Map<String, Object>> pictures(SuiteResult result) {
    return result.pictures().stream()
        .map(picture -> {
          Map<String, Object> map = new LinkedHashMap<>();
          map.put("file", picture.file());
          map.put("caption", picture.caption());
          map.put("plan", result.plan());
          map.put("attack", picture.attack());
          map.put("width", picture.width());
          map.put("height", picture.height());
          return map;
        })
        .toList();
  }

  /// The strongest of an attack's scores that stand for it, or why there is none.
  static Map<String, Object> cell(SuiteResult result, AttackName attack) {
    Optional<Score> strongest = result.strongest(attack);
    return strongest.isPresent()
        ? score(result.plan(), strongest.get())
        : note(result.plan(), attack.label(), "note", result.note(attack));
  }

  /// Reads what [#of] gave.
  ///
  /// @throws IllegalArgumentException if it is something else
  static SuiteResult read(Map<String, Object> map) {
    Map<String, Object> facts = object(map.get("facts"));
    return new SuiteResult(
        text(map, "plan"),
        text(facts, "words"),
        object(facts.get("settings")),
        facts.get("trainAccuracy") instanceof Number accuracy
            ? OptionalDouble.of(accuracy.doubleValue())
            : OptionalDouble.empty(),
        number(facts, "seconds"),
        list(
            map.get("scores"),
            s ->
                new Score(
                    text(s, "attack"),
                    text(s, "layer"),
                    text(s, "measure"),
                    number(s, "value"),
                    number(s, "chance"),
                    number(s, "best"),
                    number(s, "deviation"))),
        list(map.get("notes"), n -> new Note(text(n, "attack"), text(n, "text"))),
        list(
            map.get("pictures"),
            p ->
                new Picture(
                    text(p, "file"),
                    text(p, "caption"),
                    text(p, "attack"),
                    (int) number(p, "width"),
                    (int) number(p, "height"))));
  }

  private static <T> List<T> list(@Nullable Object list, Function<Map<String, Object>, T> read) {
    if (!(list instanceof List<?> entries)) {
      throw new IllegalArgumentException("it is no result of a plan");
    }
    return entries.stream().map(entry -> read.apply(object(entry))).toList();
  }

  private static Map<String, Object> object(@Nullable Object value) {
    if (!(value instanceof Map<?, ?> entries)) {
      throw new IllegalArgumentException("it is no result of a plan");
    }
    Map<String, Object> result = new LinkedHashMap<>();
    entries.forEach((key, entry) -> result.put(String.valueOf(key), entry));
    return result;
  }

  private static String text(Map<String, Object> map, String key) {
    if (map.get(key) instanceof String text) {
      return text;
    }
    throw new IllegalArgumentException("'" + key + "' is missing");
  }

  /// JSON has no infinities: a score of such a value is written as text.
  private static double number(Map<String, Object> map, String key) {
    return switch (map.get(key)) {
      case Number number -> number.doubleValue();
      case String text -> Double.parseDouble(text);
      case null, default -> throw new IllegalArgumentException("'" + key + "' is missing");
    };
  }
}
