package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `eval`, `predict` and `analyze masks` of one run on generated images.
class TrainedRunCommandsTest {
  @TempDir static Path folder;

  private static Path run = Path.of("");

  @BeforeAll
  static void train() {
    run = folder.resolve("run");
    Outcome outcome =
        Outcome.of(
            ("train --mode trusted-only --limit-train 64 --limit-test 20 --batch-size 32 --epochs 1"
                    + " --progress plain --out "
                    + run)
                .split(" "));
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
  }

  private static String said(String line) {
    Outcome outcome = Outcome.of(line.split(" "));
    assertThat(outcome.err()).isEmpty();
    assertThat(outcome.code()).isZero();
    return outcome.out();
  }

  @Test
  void eval_tests_on_what_the_run_was_tested_on_and_lists_every_class() {
    String out = said("eval --run " + run + " --batch-size 7");
    assertThat(out).containsPattern("20 test images of .*: accuracy [0-9.]+ %, loss [0-9.]+");
    assertThat(out).containsPattern("balanced accuracy .*, macro F1 .* %, ROC AUC 0?[.0-9]+ ");
    List<String> classes = out.lines().filter(line -> line.matches("  \\S+ +[0-9]+ .*")).toList();
    assertThat(classes).hasSize(10);
    int images =
        classes.stream().mapToInt(line -> Integer.parseInt(line.strip().split(" +")[1])).sum();
    assertThat(images).isEqualTo(20);
  }

  @Test
  void eval_writes_the_same_figures_for_machines() throws Exception {
    Path json = run.resolveSibling("scores.json");
    String out = said("eval --run " + run + " --json " + json);
    assertThat(out).endsWith("written  " + json + System.lineSeparator());
    JsonNode facts = new JsonMapper().readTree(json.toFile());
    assertThat(facts.get("images").asInt()).isEqualTo(20);
    assertThat(facts.get("classes").size()).isEqualTo(10);
    int right = 0;
    for (int c = 0; c < 10; c++) {
      right += facts.get("confusion").get(c).get(c).asInt();
    }
    assertThat(right / 20.0).isEqualTo(facts.get("accuracy").asDouble());
  }

  @Test
  void eval_of_a_batch_size_does_not_depend_on_it() {
    assertThat(result(said("eval --run " + run + " --batch-size 3")))
        .isEqualTo(result(said("eval --run " + run + " --batch-size 20")));
  }

  /// Without the progress that a slow machine shows before it.
  private static String result(String evaluated) {
    assertThat(evaluated).contains("20 test images of ");
    return evaluated.substring(evaluated.indexOf("20 test images of "));
  }

  @Test
  void eval_tests_on_fewer_images_or_on_others() {
    assertThat(said("eval --run " + run + " --limit-test 5")).contains("5 test images of");
    assertThat(said("eval --run " + run + " --data generated:7")).contains("20 test images of");
  }

  @Test
  void predict_names_as_many_classes_as_asked_for_the_likeliest_first() throws Exception {
    Path image = folder.resolve("image.png");
    ImageIO.write(new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB), "png", image.toFile());
    String out = said("predict --run %s --top 4 %s %s".formatted(run, image, image));
    List<String> lines = out.lines().filter(line -> line.startsWith(image + ": ")).toList();
    assertThat(lines).hasSize(2);
    assertThat(lines.getFirst()).isEqualTo(lines.getLast());
    List<Double> shares =
        List.of(lines.getFirst().substring((image + ": ").length()).split(", ")).stream()
            .map(each -> each.replaceFirst(".* ([0-9.]+) %", "$1"))
            .map(Double::valueOf)
            .toList();
    assertThat(shares).hasSize(4).isSortedAccordingTo((a, b) -> Double.compare(b, a));
  }

  @Test
  void predict_names_at_least_one_class() {
    assertThat(Outcome.of("predict", "--run", run.toString(), "--top", "0", "i.png").err())
        .contains("--top must be at least 1: 0")
        .hasLineCount(1);
    assertThat(Outcome.of("predict", "--run", "r", "--top", "2", "--out", "p.csv", "i.png").err())
        .contains("--top has no effect with --out")
        .hasLineCount(1);
  }

  /// A run of another version, or an edited one.
  @Test
  void unusable_settings_of_a_run_are_an_error_of_one_line() throws Exception {
    Path other = Files.createDirectories(folder.resolve("other"));
    Files.copy(run.resolve("checkpoint.safetensors"), other.resolve("checkpoint.safetensors"));
    Path settings = other.resolve("config.yaml");
    Files.writeString(settings, Files.readString(run.resolve("config.yaml")) + "colour: red\n");
    for (String command :
        List.of(
            "eval --run " + other,
            "predict --run %s i.png".formatted(other),
            "export --run %s --out x.onnx".formatted(other),
            "analyze masks --run " + other,
            "attack --recording v --truth " + other)) {
      Outcome outcome = Outcome.of(command.split(" "));
      assertThat(outcome.err())
          .as(command)
          .startsWith("asymml: ")
          .contains(settings.toString(), "colour")
          .doesNotContain("internal error")
          .hasLineCount(1);
      assertThat(outcome.code()).as(command).isIn(1, 2);
    }
    Files.write(settings, new byte[] {'#', (byte) 0xfc, '\n'});
    assertThat(Outcome.of("eval", "--run", other.toString()).err())
        .isEqualTo("asymml: cannot read %s: not text in UTF-8%n".formatted(settings));
  }

  private static Path image(String name) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    ImageIO.write(new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB), "png", file.toFile());
    return file;
  }

  @Test
  void predict_goes_on_past_what_is_no_image_and_counts_it() throws Exception {
    Path text = Files.writeString(folder.resolve("text.png"), "no image");
    Path image = image("good/a.png");
    Outcome outcome =
        Outcome.of("predict", "--run", run.toString(), text.toString(), image.toString());
    assertThat(outcome.code()).isEqualTo(1);
    assertThat(outcome.err().lines())
        .hasSize(2)
        .anyMatch(line -> line.contains(text.toString()))
        .contains("asymml: 1 of 2 images could not be read");
    assertThat(outcome.out()).contains(image + ": ");
  }

  @Test
  void predict_takes_folders_and_patterns_and_writes_the_probability_of_every_class()
      throws Exception {
    Path a = image("many/a.png");
    Path b = image("many/deep/b,\"1\".png");
    image("many/.hidden.png");
    Files.writeString(folder.resolve("many/notes.txt"), "no image");
    Path csv = folder.resolve("p.csv");
    assertThat(said("predict --run %s %s --out %s".formatted(run, a.getParent(), csv)))
        .contains("written: " + csv + ", 2 images", "left out: 1 files");
    List<String> rows = Files.readAllLines(csv);
    assertThat(rows).hasSize(3);
    assertThat(rows.getFirst()).startsWith("path,class,probability,").matches("([^,]+,){12}[^,]+");
    assertThat(rows.get(1)).startsWith(a + ",");
    assertThat(rows.get(2)).startsWith('"' + b.toString().replace("\"", "\"\"") + "\",");
    double sum = Stream.of(rows.get(1).split(",")).skip(3).mapToDouble(Double::parseDouble).sum();
    assertThat(sum).isCloseTo(1, within(1e-6));

    Path jsonl = folder.resolve("p.jsonl");
    said("predict --run %s %s/many/**.png --out %s".formatted(run, folder, jsonl));
    List<String> lines = Files.readAllLines(jsonl);
    assertThat(lines).hasSize(3);
    for (String line : lines) {
      JsonNode node = JsonMapper.shared().readTree(line);
      assertThat(node.path("probabilities").size()).isEqualTo(10);
      assertThat(node.path("probability").asDouble())
          .isEqualTo(node.path("probabilities").path(node.path("class").asString()).asDouble());
    }
  }

  @Test
  void predict_refuses_a_name_that_tells_no_format_and_patterns_that_match_nothing() {
    Outcome format = Outcome.of("predict", "--run", run.toString(), "--out", "p.txt", "a.png");
    assertThat(format.code()).isEqualTo(2);
    assertThat(format.err()).contains("p.txt ends in none of .csv, .jsonl and .ndjson");
    Outcome nothing = Outcome.of("predict", "--run", run.toString(), folder + "/none*.png");
    assertThat(nothing.code()).isEqualTo(1);
    assertThat(nothing.err()).contains("no file matches").hasLineCount(1);
  }

  @Test
  void eval_through_the_split_without_noise_gives_the_same_accuracy_and_counts_its_queries() {
    String whole = said("eval --run " + run);
    String split = said("eval --run " + run + " --worker local --noise-ratio 0 --batch-size 8");
    assertThat(split)
        .contains(
            "plan     asymml, shield residual, noise none: 2 of 4 linear layers at the worker",
            "worker   UNTRUSTED: ",
            "queries  20 images sent now, ",
            "privacy  an image, against the worker's whole view of one query: no guarantee (epsilon"
                + " infinite), because of residuals (released without noise); basis (",
            "privacy  training images, against who holds the exact weights that the worker is sent:"
                + " released model: no (epsilon, delta) is claimed");
    assertThat(result(split).lines().findFirst().orElseThrow())
        .isEqualTo(result(whole).lines().findFirst().orElseThrow());
  }

  @Test
  void predict_through_the_split_states_an_epsilon_where_noise_is_accounted_for() throws Exception {
    Path image = image("split/a.png");
    Path text = Files.writeString(image.resolveSibling("b.png"), "no image");
    String command =
        "predict --run %s --worker local --protect residuals --noise-multiplier 5 --batch-size 2 %s"
            + " %s";
    Outcome outcome = Outcome.of(command.formatted(run, image, text).split(" "));
    assertThat(outcome.err().lines()).hasSize(2).first().asString().contains(text.toString());
    assertThat(outcome.code()).isEqualTo(1);
    assertThat(outcome.out())
        .contains(image + ": ", "queries  1 images sent now, ")
        .containsPattern(
            "whole view of one query: epsilon [0-9.]+ at delta 1.00e-05, present or not")
        .containsPattern("two of them cost epsilon [0-9.]+");
  }

  @Test
  void flags_of_the_split_have_an_effect_or_are_refused() {
    for (String[] wrong :
        new String[][] {
          {"eval --rank 2", "--rank has no effect without --worker"},
          {"predict --noise-ratio 1 a.png", "--noise-ratio has no effect without --worker"},
          {"predict --batch-size 3 a.png", "--batch-size has no effect without --worker"},
          {"eval --worker local --mode trusted-only", "trusted-only computes all here"},
          {"eval --worker local --mode dp-only --rank 3", "--rank has no effect in mode dp-only"},
          {"eval --worker local --public-data x", "--public-data has no effect"},
          {"eval --worker local --protect weights", "--protect can be none or residuals"},
          {"eval --worker local --protect residuals", "there is no noise"},
          {"eval --worker local --shield shares --clip 3", "--clip has no effect with --shield"},
          {"eval --worker local --trusted-layers conv9", "'conv9' is no linear layer of cnn"},
          {"eval --worker tls:localhost:1", "--tls-trust"},
          {"eval --worker nowhere", "unix:PATH"},
        }) {
      Outcome outcome = Outcome.of((wrong[0] + " --run " + run).split(" "));
      assertThat(outcome.err()).as(wrong[0]).contains(wrong[1]).hasLineCount(1);
      assertThat(outcome.code()).as(wrong[0]).isEqualTo(2);
    }
    Outcome gone = Outcome.of("eval", "--run", run.toString(), "--worker", "unix:/none/w.sock");
    assertThat(gone.code()).isEqualTo(1);
    assertThat(gone.err()).startsWith("asymml: ").hasLineCount(1);
  }

  @Test
  void export_writes_the_format_that_the_name_ends_in_and_says_what_is_claimed_of_the_model()
      throws Exception {
    for (String format : List.of("onnx", "safetensors")) {
      Path file = folder.resolve("model." + format);
      String out = said("export --run %s --out %s".formatted(run, file));
      assertThat(out)
          .contains(file + ": cnn, 10 classes", "after 1 epoch, as " + format)
          .contains("released model: no (epsilon, delta) is claimed");
      assertThat(Files.readString(file, StandardCharsets.ISO_8859_1))
          .contains("released model: no (epsilon, delta) is claimed", "conv1.weight");
    }
  }

  @Test
  void a_run_with_validation_images_says_which_epoch_is_its_model_and_ends_early() {
    Path validated = folder.resolve("validated");
    String out =
        said(
            ("train --mode trusted-only --limit-train 60 --limit-test 20 --batch-size 32 --epochs"
                    + " 30 --validation-split 0.2 --early-stopping 1 --optimizer adamw --class-weights"
                    + " balanced --progress plain --out "
                    + validated)
                .replace("  ", " "));
    assertThat(out)
        .contains("48 training, 12 validation and 20 test images", "; validation loss ")
        .contains("validation accuracy has not improved for 1 epochs: training ends")
        .containsPattern("done in .*: validation accuracy .* after \\d+ epochs")
        .containsPattern("best     epoch \\d+: validation accuracy .*; its model is the run's");
    assertThat(said("eval --run " + validated))
        .containsPattern("model    of epoch \\d+, the best by validation accuracy")
        .contains("20 test images");
    assertThat(said("export --run %s --out %s".formatted(validated, folder.resolve("best.onnx"))))
        .contains("the best by validation accuracy, as onnx");
    assertThat(said("report --run " + validated + " --out " + folder.resolve("report.html")))
        .isNotEmpty();
  }

  /// Who names the patients' column must not take the epsilon for one of patients.
  @Test
  void a_run_with_groups_says_that_its_epsilon_is_for_one_image() throws Exception {
    Path scans = Files.createDirectory(folder.resolve("scans"));
    StringBuilder table = new StringBuilder("path,label,patient,split\n");
    for (int i = 0; i < 24; i++) {
      BufferedImage image = new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB);
      image.setRGB(i % 8, i / 8, 0xFFFFFF);
      ImageIO.write(image, "png", scans.resolve(i + ".png").toFile());
      String split = i < 16 ? "train" : "test";
      table.append("%s.png,%s,%s,%s\n".formatted(i, i % 2 == 0 ? "a" : "b", i / 2, split));
    }
    Path csv = Files.writeString(scans.resolve("scans.csv"), table);
    String train =
        "train --data %s --group-column patient --mode trusted-only --epochs 1 --progress plain"
            + " --dp-sgd --noise-multiplier 2 --logical-batch-size 8 --batch-size 8 --out %s";
    assertThat(said(train.formatted(csv, folder.resolve("grouped"))))
        .contains("k images of one patient together have up to k times the epsilon");
  }

  @Test
  void what_validation_images_must_not_decide_is_refused_before_data_are_read() {
    for (String[] wrong :
        new String[][] {
          {"--dp-sgd --validation-split 0.1 --early-stopping 2", "no epsilon covers"},
          {"--dp-sgd --class-weights balanced", "counts of private labels"},
          {"--early-stopping 2", "early stopping needs validation images"},
          {"--validation-split 0.1 --early-stopping 8", "below the run's 8 epochs"},
          {"--validation-split 1", "must be 0 to below 1"},
        }) {
      Outcome outcome = Outcome.of(("train --data /nowhere " + wrong[0]).split(" "));
      assertThat(outcome.code()).as(wrong[0]).isEqualTo(2);
      assertThat(outcome.err()).contains(wrong[1]);
    }
  }

  @Test
  void export_refuses_a_name_that_tells_no_format() {
    Outcome outcome =
        Outcome.of("export", "--run", run.toString(), "--out", folder.resolve("m.bin").toString());
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err()).contains("m.bin ends in none of .onnx, .safetensors");
  }

  @Test
  void masks_are_measured_at_each_rank_and_written_into_the_run() {
    String out = said("analyze masks --run " + run + " --images 4 --ranks 0,1/4");
    assertThat(out)
        .contains("PRIVATE", "cnn: noise multiplier 10 everywhere", "dX from dY")
        .contains("verdict: the largest relative error is ", "written: " + run);
    JsonNode root = JsonMapper.shared().readTree(run.resolve("masks.json").toFile());
    assertThat(root.path("noiseMultiplier").asDouble()).isEqualTo(10);
    assertThat(root.path("images").asInt()).isEqualTo(4);
    assertThat(root.path("forward")).hasSize(2 * root.path("backward").size()).isNotEmpty();
    assertThat(root.path("forward"))
        .allSatisfy(
            row -> assertThat(row.path("measuredError").asDouble()).isPositive().isLessThan(1e-2));
  }

  @Test
  void a_folder_without_a_model_is_refused_by_each() {
    for (String command : List.of("eval", "analyze masks", "analyze rank", "export --out m.onnx")) {
      Outcome outcome = Outcome.of((command + " --run " + folder.resolve("none")).split(" "));
      assertThat(outcome.code()).isEqualTo(1);
      assertThat(outcome.err()).contains("holds no trained model").hasLineCount(1);
    }
  }
}
