package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The command as its users run it: a trainer process that starts a worker process.
class CommandTest {
  private static final List<String> TINY =
      List.of(
          "train",
          "--limit-train",
          "192",
          "--limit-test",
          "50",
          "--batch-size",
          "32",
          "--noise-multiplier",
          "0");
  private static final Pattern TIMES =
      Pattern.compile("\"(imagesPerSecond|trustedCpuSeconds|workerCpuSeconds)\":[^,}]*");

  @TempDir Path folder;

  private Process start(Path output, List<String> arguments) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "--add-modules",
                "jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                "asymml.cli.Main"));
    command.addAll(arguments);
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(output.toFile())
        .start();
  }

  private String run(int expectedCode, String... arguments) throws Exception {
    Path output = Files.createTempFile(folder, "output", ".txt");
    Process process = start(output, List.of(arguments));
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).as("ended in time").isTrue();
    String text = Files.readString(output);
    assertThat(process.exitValue()).as(text).isEqualTo(expectedCode);
    return text;
  }

  private static String[] tiny(String... more) {
    List<String> all = new ArrayList<>(TINY);
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }

  private static List<String> metrics(Path run) throws IOException {
    return Files.readAllLines(run.resolve("metrics.jsonl")).stream()
        .map(line -> TIMES.matcher(line).replaceAll(""))
        .toList();
  }

  private static void await(Path file, String content) throws Exception {
    for (int i = 0; i < 600; i++) {
      if (Files.exists(file) && Files.readString(file).contains(content)) {
        return;
      }
      Thread.sleep(100);
    }
    throw new AssertionError(file + " never had " + content);
  }

  @Test
  void a_run_leaves_all_that_is_needed_to_test_use_and_repeat_it() throws Exception {
    Path run = folder.resolve("run");
    String said = run(0, tiny("--epochs", "1", "--out", run.toString()));
    assertThat(said)
        .contains("192 training and 50 test images", "UNTRUSTED", "this is no TEE", "not accounted")
        .contains("asymml eval --run " + run, "asymml predict --run " + run, "tensorboard");
    assertThat(run).isDirectoryContaining("glob:**/{config.yaml,run.json,metrics.jsonl}");
    assertThat(Files.readString(run.resolve("run.json")))
        .contains("\"outcome\" : \"finished\"", "\"dataDigest\"", "\"conv2\" : \"split shared 1/8\"");
    assertThat(run.resolve("events")).isNotEmptyDirectory();

    assertThat(run(0, "eval", "--run", run.toString()))
        .contains("50 test images of generated:1: accuracy", "triangle");
    Path image = folder.resolve("some.png");
    ImageIO.write(new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB), "png", image.toFile());
    assertThat(run(0, "predict", "--run", run.toString(), image.toString()))
        .containsPattern("some\\.png: \\w+ [0-9.]+ %, \\w+ [0-9.]+ %, \\w+ [0-9.]+ %");

    Path again = folder.resolve("again");
    run(0, "train", "-c", run.resolve("config.yaml").toString(), "--out", again.toString());
    assertThat(metrics(again)).isEqualTo(metrics(run));
  }

  @Test
  void a_killed_worker_costs_the_epoch_and_not_the_run() throws Exception {
    Path run = folder.resolve("killed");
    Path whole = folder.resolve("whole");
    run(0, tiny("--epochs", "3", "--out", whole.toString()));

    Path output = folder.resolve("killed.txt");
    Process trainer =
        start(output, List.of(tiny("--epochs", "3", "--out", run.toString())));
    await(output, "epoch 1/3: ");
    Matcher worker = Pattern.compile("process (\\d+)").matcher(Files.readString(output));
    assertThat(worker.find()).isTrue();
    ProcessHandle.of(Long.parseLong(worker.group(1))).ifPresent(ProcessHandle::destroyForcibly);
    assertThat(trainer.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(trainer.exitValue()).isEqualTo(1);
    assertThat(Files.readAllLines(output).getLast())
        .startsWith("asymml: the worker went away (exit code 137)")
        .endsWith("go on with: asymml train --resume " + run);
    assertThat(Files.readString(run.resolve("run.json"))).contains("\"outcome\" : \"failed: ");

    run(0, "train", "--resume", run.toString());
    assertThat(metrics(run)).isEqualTo(metrics(whole));
  }

  @Test
  void an_interrupt_saves_the_run_which_then_ends_as_if_it_had_not_been() throws Exception {
    Path whole = folder.resolve("whole");
    run(0, tiny("--epochs", "6", "--out", whole.toString()));
    Path run = folder.resolve("stopped");
    Path output = folder.resolve("stopped.txt");
    Process trainer =
        start(output, List.of(tiny("--epochs", "6", "--out", run.toString())));
    await(output, "epoch 1/6: ");
    // SIGTERM, since a shell may have had this process ignore SIGINT.
    trainer.destroy();
    assertThat(trainer.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(trainer.exitValue()).as(Files.readString(output)).isEqualTo(143);
    assertThat(Files.readString(output))
        .contains("stopped and saved", "train --resume " + run);
    assertThat(metrics(run).size()).isLessThan(6);
    run(0, "train", "--resume", run.toString());
    assertThat(metrics(run)).isEqualTo(metrics(whole));
  }
}
