package asymml.report;

import asymml.trusted.run.RunFile;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;

/// A small suite of attacks, planted.
final class ReportedSuite {
  static final String HOSTILE = "</p><script>alert(1)</script>";
  static final String PICTURE = "pictures/base-model-inversion.png";

  private ReportedSuite() {}

  static void write(Path directory) throws IOException {
    Files.createDirectories(directory.resolve("pictures"));
    BufferedImage image = new BufferedImage(544, 204, BufferedImage.TYPE_INT_RGB);
    ImageIO.write(image, "png", directory.resolve(PICTURE).toFile());
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("notice", "PRIVATE: planted");
    facts.put("format", "asymml-attack-suite-1");
    facts.put("command", "asymml attack --suite --out runs/attacks");
    facts.put("model", "vgg11");
    facts.put("data", "cifar10");
    for (String count : List.of("seed", "batch", "epochs", "images")) {
      facts.put(count, 3);
    }
    facts.put("complete", false);
    facts.put("seconds", 12.5);
    facts.put(
        "plans",
        List.of(
            Map.of("name", "base", "words", HOSTILE, "seconds", 2.5, "trainAccuracy", 0.5),
            Map.of("name", "noise-1", "words", "noise", "seconds", 2.5)));
    facts.put(
        "attacks", List.of(attack("gradient-solve", "Gradient solve"), attack("image", "Image")));
    Map<String, Object> score =
        Map.of(
            "plan",
            "base",
            "attack",
            "gradient-solve",
            "layer",
            "conv2",
            "measure",
            "cosine",
            "value",
            0.75,
            "chance",
            0.5,
            "best",
            1,
            "deviation",
            0.03125,
            "aboveChance",
            true);
    facts.put("scores", List.of(score));
    facts.put(
        "table",
        List.of(score, Map.of("plan", "base", "attack", "image", "note", "not applied: no layer")));
    facts.put("notes", List.of(Map.of("plan", "base", "text", "a note")));
    facts.put("pictures", List.of(picture(PICTURE), picture("pictures/gone.png")));
    RunFile.write(directory.resolve("attacks.json"), facts);
  }

  private static Map<String, Object> attack(String name, String title) {
    return Map.of(
        "name", name, "title", title, "source", "someone", "reads", "dY", "cost", "little");
  }

  static Map<String, Object> picture(String file) {
    return Map.of("file", file, "caption", HOSTILE, "plan", "base", "attack", "image");
  }
}
