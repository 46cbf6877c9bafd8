package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import asymml.analysis.WorkerView;
import asymml.privacy.Ledger;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.run.LedgerFile;
import asymml.wire.Recording;
import java.awt.image.BufferedImage;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Commands from their arguments to the files that they leave, with worker processes; what is
/// killed or stopped is a process of its own.
class CommandTest {
  private static final List<String> TINY =
      List.of(
          "train",
          "--limit-train",
          "256",
          "--limit-test",
          "50",
          "--batch-size",
          "32",
          "--epochs",
          "6",
          "--noise-multiplier",
          "0");
  private static final Pattern TIMES =
      Pattern.compile("\"(imagesPerSecond|trustedCpuSeconds|workerCpuSeconds)\":[^,}]*");

  /// Of a run that nothing happened to, which the others must end like.
  private static List<String> undisturbed;

  @TempDir static Path folder;

  /// A process under way, what it says read line by line.
  private static final class Running {
    // Signals go by its handle: the methods of the process itself close what it is read from.
    private final Process process;
    private final BufferedReader lines;
    private final StringBuilder said = new StringBuilder();

    /// @param main the class to run, and its arguments
    Running(List<String> main) throws IOException {
      List<String> command =
          new ArrayList<>(
              List.of(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-XX:+UseSerialGC",
                  "--add-modules",
                  "jdk.incubator.vector",
                  "--enable-native-access=ALL-UNNAMED",
                  "-cp",
                  System.getProperty("java.class.path")));
      command.addAll(main);
      process = new ProcessBuilder(command).redirectErrorStream(true).start();
      lines = process.inputReader();
      // A process that hangs must not hang the tests.
      CompletableFuture.delayedExecutor(30, TimeUnit.MINUTES).execute(process::destroyForcibly);
    }

    /// Reads on until a line has this in it.
    void awaitLine(String content) throws IOException {
      String line = lines.readLine();
      while (line != null) {
        said.append(line).append('\n');
        if (line.contains(content)) {
          return;
        }
        line = lines.readLine();
      }
      throw new AssertionError("never said: " + content + "\n" + said);
    }

    /// Reads to the end.
    ///
    /// @return all that it has said
    String end(int expectedCode) throws Exception {
      lines.lines().forEach(line -> said.append(line).append('\n'));
      assertThat(process.waitFor()).as(said.toString()).isEqualTo(expectedCode);
      return said.toString();
    }
  }

  private static Running start(String... arguments) throws IOException {
    List<String> main = new ArrayList<>(List.of("asymml.cli.Main"));
    main.addAll(List.of(arguments));
    return new Running(main);
  }

  /// Runs a command to its end in this process, which needs to be warmed up once only.
  private static String run(int expectedCode, String... arguments) {
    Outcome outcome = Outcome.of(arguments);
    String said = outcome.out() + outcome.err();
    assertThat(outcome.code()).as(said).isEqualTo(expectedCode);
    return said;
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

  @BeforeAll
  static void train_without_disturbance() throws Exception {
    Path run = folder.resolve("whole");
    assertThat(run(0, tiny("--out", run.toString())))
        .contains(
            "256 training and 50 test images", "UNTRUSTED", "not running in a TEE", "not accounted")
        .contains("asymml eval --run " + run, "asymml predict --run " + run, "tensorboard");
    undisturbed = metrics(run);
  }

  @Test
  void a_run_leaves_all_that_is_needed_to_test_and_use_it() throws Exception {
    Path run = folder.resolve("whole");
    assertThat(Files.readString(run.resolve("config.yaml"))).contains("epochs: 6\n");
    assertThat(Files.readString(run.resolve("run.json")))
        .contains("\"outcome\" : \"finished\"", "\"dataDigest\"", "\"conv2\" : \"split shared 2\"");
    assertThat(run.resolve("events")).isNotEmptyDirectory();

    assertThat(run(0, "eval", "--run", run.toString()))
        .contains("50 test images of generated:1: accuracy", "triangle");
    Path image = folder.resolve("some.png");
    ImageIO.write(new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB), "png", image.toFile());
    assertThat(run(0, "predict", "--run", run.toString(), image.toString()))
        .containsPattern("some\\.png: \\w+ [0-9.]+ %, \\w+ [0-9.]+ %, \\w+ [0-9.]+ %");
  }

  @Test
  void a_run_is_its_owners_alone() throws Exception {
    try (Stream<Path> all = Files.walk(folder.resolve("whole"))) {
      List<Path> paths = all.toList();
      assertThat(paths).contains(folder.resolve("whole/worker.log"));
      for (Path path : paths) {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
            .as(path.toString())
            .isEqualTo(Files.isDirectory(path) ? "rwx------" : "rw-------");
      }
    }
  }

  @Test
  void two_workers_share_a_run() throws Exception {
    Path run = folder.resolve("two");
    List<String> brief = new ArrayList<>(TINY);
    brief.set(brief.indexOf("--epochs") + 1, "1");
    brief.addAll(List.of("--worker", "local,local", "--out", run.toString()));
    assertThat(run(0, brief.toArray(String[]::new)))
        .contains(
            "UNTRUSTED, 1 of 2: ", "UNTRUSTED, 2 of 2: ", "statements treat them as colluding");
    assertThat(run.resolve("worker-2.log")).isRegularFile();
    assertThat(metrics(run)).hasSize(1);
  }

  @Test
  void a_killed_worker_ends_the_run_with_the_command_that_resumes_it() throws Exception {
    Path run = folder.resolve("killed");
    Running trainer = start(tiny("--out", run.toString()));
    trainer.awaitLine("epoch 1/6: ");
    Matcher worker = Pattern.compile("process (\\d+)").matcher(trainer.said);
    assertThat(worker.find()).isTrue();
    ProcessHandle.of(Long.parseLong(worker.group(1))).ifPresent(ProcessHandle::destroyForcibly);
    assertThat(trainer.end(1).lines().toList().getLast())
        .startsWith("asymml: the worker went away (exit code 137)")
        .containsPattern("; the checkpoint has \\d of 6 epochs \\(\\d+ steps\\), resume with")
        .endsWith("resume with: asymml train --resume " + run);
    assertThat(Files.readString(run.resolve("run.json"))).contains("\"outcome\" : \"failed: ");
  }

  /// Whoever started this test may have had it ignore SIGINT or SIGHUP, which would be inherited.
  private static boolean ignores(int signal) throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("SigIgn:"))
        .map(line -> Long.parseUnsignedLong(line.substring(7).strip(), 16))
        .anyMatch(mask -> (mask >> (signal - 1) & 1) == 1);
  }

  @ParameterizedTest
  @CsvSource({"TERM, 15", "HUP, 1"})
  void a_signal_saves_the_run_which_then_ends_as_if_there_had_been_none(String name, int number)
      throws Exception {
    assumeFalse(ignores(number), "this process ignores the signal");
    Path run = folder.resolve("stopped-" + name);
    Running trainer = start(tiny("--out", run.toString()));
    trainer.awaitLine("epoch 1/6: ");
    assertThat(
            new ProcessBuilder("kill", "-" + name, Long.toString(trainer.process.pid()))
                .start()
                .waitFor())
        .isZero();
    assertThat(trainer.end(128 + number)).contains("stopped and saved", "train --resume " + run);
    assertThat(metrics(run).size()).isLessThan(6);

    run(0, "train", "--resume", run.toString());
    assertThat(metrics(run)).isEqualTo(undisturbed);
  }

  private static String[] accounted(Path run) {
    return new String[] {
      "train",
      "--limit-train",
      "128",
      "--limit-test",
      "50",
      "--batch-size",
      "32",
      "--epochs",
      "2",
      "--norm",
      "group",
      "--protect",
      "all",
      "--target-epsilon",
      "30",
      "--out",
      run.toString()
    };
  }

  /// A plan's ranks count trusted layers: the 0 is the first layer's, which keeps nothing because
  /// it keeps all.
  @Test
  void ranks_by_layer_noise_the_gradient_sums_of_all_layers_that_keep_something() throws Exception {
    Path run = folder.resolve("by-layer");
    List<String> arguments = new ArrayList<>(List.of(accounted(run)));
    arguments.set(arguments.indexOf("--epochs") + 1, "1");
    arguments.addAll(List.of("--rank", "layers:0:4"));
    run(0, arguments.toArray(String[]::new));
    JsonNode ledger = new JsonMapper().readTree(Files.readString(run.resolve("ledger.json")));
    List<String> noised = new ArrayList<>();
    for (JsonNode entry : ledger.get("entries")) {
      for (JsonNode release : entry.get("releases")) {
        if (release.get("channel").asString().equals("weights")
            && release.toString().contains("noiseMultiplier")) {
          noised.add(release.get("layer").asString());
        }
      }
    }
    assertThat(noised).contains("conv1", "conv2", "conv3", "fc", "bn1", "bn2", "bn3");
    assertThat(Files.readString(run.resolve("run.json")))
        .containsPattern("\"viewEpsilon\" : (29\\.\\d*|30)");
  }

  private static String ledger(Path run) throws Exception {
    return run(0, "privacy", "ledger", run.toString());
  }

  @Test
  void a_run_that_is_accounted_for_and_killed_has_cost_what_an_undisturbed_one_costs()
      throws Exception {
    Path whole = folder.resolve("accounted");
    assertThat(run(0, accounted(whole)))
        .contains("budget: 8 of 8 steps", "expect an accuracy near chance")
        .containsPattern("residuals +Gaussian, z = [0-9.]+[^\n]* own noise only")
        .containsPattern("whole view +the worker +(29\\.[5-9]\\d*|30) +at delta 1e-5");
    assertThat(Files.readString(whole.resolve("run.json"))).contains("\"viewEpsilon\" : 29.");

    Path killed = folder.resolve("accounted-killed");
    Running trainer = start(accounted(killed));
    trainer.awaitLine("epoch 1/2: ");
    trainer.process.toHandle().destroyForcibly();
    trainer.end(137);
    run(0, "train", "--resume", killed.toString());
    assertThat(ledger(killed)).isEqualTo(ledger(whole)).contains("8 steps");
    assertThat(metrics(killed)).hasSize(2);

    // An old copy of the ledger alone would state too small an epsilon.
    Path file = killed.resolve("ledger.json");
    Ledger all = LedgerFile.read(file);
    Ledger.Entry first = all.entries().getFirst();
    List<Ledger.Entry> entries = new ArrayList<>(all.entries());
    entries.set(0, new Ledger.Entry(first.releases(), first.steps() - 1));
    LedgerFile.write(file, new Ledger(all.sampling(), all.delta(), entries, all.workers()));
    assertThat(run(1, "privacy", "ledger", killed.toString()))
        .contains("is behind its checkpoint (7 steps of 8)");
  }

  @Test
  void a_worker_that_is_started_here_keeps_what_it_sees_if_told_to() throws Exception {
    Path view = folder.resolve("view.rec");
    Path out = folder.resolve("recorded");
    String[] arguments =
        tiny("--worker-record", view.toString(), "--worker-record-limit", "32M", "--out", out + "");
    run(0, arguments);
    assertThat(metrics(out)).isEqualTo(undisturbed);
    assertThat(Files.size(view)).isBetween(16L << 20, 32L << 20);
    try (WorkerView seen = WorkerView.open(view)) {
      assertThat(seen.operations().getFirst().passes()).hasSizeGreaterThan(5);
      assertThat(seen.ending()).isEqualTo(Recording.Ending.TRUNCATED);
    }
    assertThat(Files.readString(out.resolve("config.yaml"))).doesNotContain("record");
  }

  @Test
  void without_its_ledger_a_run_does_not_go_on() throws Exception {
    Path run = Files.createDirectory(folder.resolve("no-ledger"));
    for (String name : List.of("config.yaml", "checkpoint.safetensors", "metrics.jsonl")) {
      Files.copy(folder.resolve("whole").resolve(name), run.resolve(name));
    }
    assertThat(run(1, "train", "--resume", run.toString())).contains("ledger.json");
    assertThat(run(1, "privacy", "ledger", run.toString())).contains("has no ledger");
  }

  @Test
  void a_benchmark_sets_the_trusted_side_s_cost_of_one_mode_against_another_s() throws Exception {
    Path json = folder.resolve("bench.json");
    String arguments =
        "bench --model cnn --batch-size 8 --steps 2 --warm-up 2 --rounds 1 --json " + json;
    assertThat(run(0, arguments.split(" ")))
        .contains("trusted-cost ratio", "split, rank 4")
        .doesNotContain("PROJECTION");
    JsonNode facts = new JsonMapper().readTree(Files.readString(json));
    assertThat(facts.get("trustedCostRatio").asDouble()).isPositive();
    JsonNode split = facts.get("modes").get("asymml");
    for (String phase : List.of("decompose", "door", "weights out", "send", "wait", "merge")) {
      assertThat(split.get("phasesMillis").get(phase).asDouble()).as(phase).isPositive();
    }
    assertThat(split.get("bytesToWorker").asLong()).isPositive();
    assertThat(split.get("workerPeakBytes").asLong()).isPositive();
  }

  private static String grid(Path out) throws IOException {
    return Pattern.compile("\"\\w+Seconds\" : [^,\n}]*")
        .matcher(Files.readString(out.resolve("tradeoff.json")))
        .replaceAll("");
  }

  /// Without noise, which is never repeated.
  @Test
  void a_grid_that_was_cut_off_goes_on_to_the_same_table() throws Exception {
    String arguments =
        "analyze tradeoff --limit-train 128 --limit-test 50 --batch-size 16 --epochs 4 --ranks 0"
            + " --noise 0 --out ";
    Path whole = folder.resolve("grid");
    run(0, (arguments + whole).split(" "));

    Path cut = folder.resolve("cut-grid");
    Running stopped = start((arguments + cut).split(" "));
    stopped.awaitLine("epoch 1/4: ");
    stopped.process.toHandle().destroy();
    assertThat(stopped.end(143))
        .contains("stopped and saved; 0 of 1 cells are done: rerun the command to resume");
    assertThat(cut.resolve("tradeoff.json")).doesNotExist();

    assertThat(run(0, (arguments + cut).split(" ")))
        .contains("1 cells, 0 finished")
        .doesNotContain("epoch 1/4: ");
    assertThat(grid(cut)).isEqualTo(grid(whole));
  }

  @Test
  void a_plan_is_found_and_can_be_given_to_a_run() throws Exception {
    Path json = folder.resolve("plan.json");
    String arguments =
        "plan --model cnn --batch-size 8 --steps 2 --limit-train 64 --energy 0.4 --json " + json;
    assertThat(run(0, arguments.split(" ")))
        .contains("trusted by choice", "predicted", "measured", "use ");
    JsonNode facts = new JsonMapper().readTree(Files.readString(json));
    assertThat(facts.get("layers")).hasSize(4);
    assertThat(facts.get("predictedMillis").asDouble()).isPositive();
    for (JsonNode layer : facts.get("layers")) {
      assertThat(layer.get("energyLeft").asDouble()).isLessThanOrEqualTo(0.4);
      assertThat(layer.get("rank").asInt() > 0).isEqualTo(layer.get("energyLeft").asDouble() > 0);
    }
    String rank = facts.get("rank").asString();
    assertThat(rank).startsWith("layers:0:");
    // As `--rank` of a run or benchmark takes it.
    assertThat(RankPolicy.parse(rank)).hasToString(rank);
  }

  @Test
  void an_emulated_worker_serves_benchmarks_and_no_training() throws Exception {
    String bench =
        "bench --model cnn --batch-size 4 --steps 2 --warm-up 1 --rounds 1 --modes asymml"
            + " --worker-delay 2000";
    String printed = run(0, bench.split(" "));
    assertThat(printed).contains("EMULATED: computes nothing, answers each request after 2000");
    assertThat(printed).containsPattern("\\n {2}wait +[0-9.]+");

    Path socket = folder.resolve("emulated.sock");
    Running worker =
        new Running(
            List.of(
                "asymml.untrusted.Main", "--device", "emulated:0", "--listen", "unix:" + socket));
    try {
      worker.awaitLine("worker listening on unix:");
      List<String> train = new ArrayList<>(TINY);
      train.addAll(
          List.of("--worker", "unix:" + socket, "--out", folder.resolve("none").toString()));
      assertThat(run(2, train.toArray(String[]::new))).contains("the worker computes nothing");
    } finally {
      worker.process.destroy();
    }
  }
}
