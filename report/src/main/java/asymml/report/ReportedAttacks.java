package asymml.report;

import asymml.model.FileReason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.function.Function;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A suite of attacks, as `asymml attack --suite` leaves it in a directory.
///
/// PRIVATE: scores and pictures are made with private images.
///
/// @param directory as the user named it
/// @param notice what is to stand above its scores
/// @param command as the user typed it
/// @param setting what its short runs trained: model, data, size, in words
/// @param complete whether no plan is missing
/// @param plans in the order of the table
/// @param attacks in the order of the table
/// @param table a cell for each plan and attack, but for plans that are missing
/// @param scores every figure
/// @param notes what was not applied, and why
/// @param pictures what attacks rebuilt
public record ReportedAttacks(
    Path directory,
    String notice,
    String command,
    String setting,
    boolean complete,
    List<Plan> plans,
    List<Attack> attacks,
    List<Score> table,
    List<Score> scores,
    List<String> notes,
    List<Picture> pictures) {
  private static final String FILE = "attacks.json";
  private static final String FORMAT = "asymml-attack-suite-1";
  private static final byte[] PNG = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

  /// A plan that was attacked.
  ///
  /// @param name short
  /// @param words what it is
  /// @param seconds that its run and its attacks took
  /// @param accuracy of its short run in training, from 0 to 1; empty if it diverged
  public record Plan(String name, String words, double seconds, OptionalDouble accuracy) {}

  /// An attack.
  ///
  /// @param name short
  /// @param title for people
  /// @param source who published it
  /// @param reads what it works from
  /// @param cost how much work it is
  public record Attack(String name, String title, String source, String reads, String cost) {}

  /// How far an attack came.
  ///
  /// @param plan that was attacked
  /// @param attack by name
  /// @param layer at which it came so far
  /// @param measure what is counted
  /// @param value reached; NaN if there is a note instead
  /// @param chance what a guess reaches
  /// @param best what an attacker with the clear data reaches
  /// @param deviation the standard deviation of guesses; 0 where it is not known
  /// @param aboveChance whether it lies further above chance than guesses do
  /// @param note why there is none, or empty
  public record Score(
      String plan,
      String attack,
      String layer,
      String measure,
      double value,
      double chance,
      double best,
      double deviation,
      boolean aboveChance,
      String note) {
    /// How far from chance to the best, from 0 to 1: what is no better than a guess is 0, also
    /// where a guess is better than that attacker.
    ///
    /// @return the share
    public double share() {
      return aboveChance && value > chance
          ? best > value ? (value - chance) / (best - chance) : 1
          : 0;
    }
  }

  /// A strip of images in three rows: original, what the worker saw, rebuilt.
  ///
  /// @param plan that was attacked
  /// @param attack by name
  /// @param caption what is seen
  /// @param file its path in the directory
  /// @param png the file in base 64; empty if it is gone
  public record Picture(String plan, String attack, String caption, String file, String png) {}

  /// Whether a directory holds a suite.
  ///
  /// @param directory to look in
  /// @return whether its file is there
  public static boolean isOne(Path directory) {
    return Files.isRegularFile(directory.resolve(FILE));
  }

  /// Reads a suite.
  ///
  /// @param directory as the user named it
  /// @return what it holds
  /// @throws IOException one line that names the file, if it cannot be read or is no suite
  public static ReportedAttacks read(Path directory) throws IOException {
    Path file = directory.resolve(FILE);
    try {
      return parse(directory, new JsonMapper().readTree(Files.readString(file)));
    } catch (JacksonException e) {
      throw new IOException(file + " is not JSON", e);
    } catch (IllegalArgumentException e) {
      throw new IOException(
          file + " is no attack suite of this program: " + e.getMessage() + "; move it away", e);
    } catch (IOException e) {
      throw new IOException("cannot read " + file + ": " + FileReason.of(e), e);
    }
  }

  private static ReportedAttacks parse(Path directory, JsonNode root) throws IOException {
    if (!text(root, "format").equals(FORMAT)) {
      throw new IllegalArgumentException("another format than " + FORMAT);
    }
    List<Picture> pictures = new ArrayList<>();
    for (JsonNode picture : array(root, "pictures")) {
      String name = text(picture, "file");
      pictures.add(
          new Picture(
              text(picture, "plan"),
              text(picture, "attack"),
              text(picture, "caption"),
              name,
              png(directory, name)));
    }
    return new ReportedAttacks(
        directory,
        text(root, "notice"),
        text(root, "command"),
        String.format(
            Locale.ROOT,
            "%s on %s, %.0f images in batches of %.0f, %.0f epochs, seed %.0f; %s in all",
            text(root, "model"),
            text(root, "data"),
            number(root, "images"),
            number(root, "batch"),
            number(root, "epochs"),
            number(root, "seed"),
            Figures.seconds(number(root, "seconds"))),
        flag(root, "complete"),
        each(
            root,
            "plans",
            p ->
                new Plan(
                    text(p, "name"),
                    text(p, "words"),
                    number(p, "seconds"),
                    p.path("trainAccuracy").isNumber()
                        ? OptionalDouble.of(number(p, "trainAccuracy"))
                        : OptionalDouble.empty())),
        each(
            root,
            "attacks",
            a ->
                new Attack(
                    text(a, "name"),
                    text(a, "title"),
                    text(a, "source"),
                    text(a, "reads"),
                    text(a, "cost"))),
        each(root, "table", ReportedAttacks::score),
        each(root, "scores", ReportedAttacks::score),
        each(root, "notes", n -> text(n, "plan") + ": " + text(n, "text")),
        pictures);
  }

  private static Score score(JsonNode s) {
    return s.has("note")
        ? new Score(
            text(s, "plan"),
            text(s, "attack"),
            "",
            "",
            Double.NaN,
            Double.NaN,
            Double.NaN,
            0,
            false,
            text(s, "note"))
        : new Score(
            text(s, "plan"),
            text(s, "attack"),
            text(s, "layer"),
            text(s, "measure"),
            figure(s, "value"),
            figure(s, "chance"),
            figure(s, "best"),
            s.has("deviation") ? figure(s, "deviation") : 0,
            !s.has("aboveChance") || flag(s, "aboveChance"),
            "");
  }

  /// JSON has no infinities: the PSNR of an image that came back exactly is written as text.
  private static double figure(JsonNode node, String key) {
    return node.path(key).isString() ? Double.parseDouble(text(node, key)) : number(node, key);
  }

  /// A file of the suite, and no other: what the file names is not taken on trust.
  private static String png(Path directory, String name) throws IOException {
    Path file = directory.resolve(name).normalize();
    if (!file.startsWith(directory.normalize())) {
      throw new IllegalArgumentException("a picture outside of its directory: " + name);
    }
    if (!Files.isRegularFile(file)) {
      return "";
    }
    byte[] bytes = Files.readAllBytes(file);
    if (bytes.length < PNG.length || !Arrays.equals(Arrays.copyOf(bytes, PNG.length), PNG)) {
      throw new IllegalArgumentException(name + " is no PNG picture");
    }
    return Base64.getEncoder().encodeToString(bytes);
  }

  private static String text(JsonNode node, String key) {
    JsonNode value = node.path(key);
    if (!value.isString()) {
      throw new IllegalArgumentException("no usable '" + key + "'");
    }
    return value.stringValue();
  }

  private static double number(JsonNode node, String key) {
    JsonNode value = node.path(key);
    if (!value.isNumber()) {
      throw new IllegalArgumentException("no usable '" + key + "'");
    }
    return value.doubleValue();
  }

  private static boolean flag(JsonNode node, String key) {
    JsonNode value = node.path(key);
    if (!value.isBoolean()) {
      throw new IllegalArgumentException("no usable '" + key + "'");
    }
    return value.booleanValue();
  }

  private static JsonNode array(JsonNode node, String key) {
    JsonNode value = node.path(key);
    if (!value.isArray()) {
      throw new IllegalArgumentException("no usable '" + key + "'");
    }
    return value;
  }

  private static <T> List<T> each(JsonNode node, String key, Function<JsonNode, T> read) {
    List<T> all = new ArrayList<>();
    array(node, key).forEach(item -> all.add(read.apply(item)));
    return List.copyOf(all);
  }
}
