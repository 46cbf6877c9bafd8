package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.attest.SimulatedOwner;
import asymml.attest.SimulatedTee;
import asymml.attest.seal.DataKey;
import asymml.attest.seal.SealedReader;
import asymml.attest.seal.SealedTree;
import asymml.untrusted.WorkerThread;
import asymml.verify.SealedImagesFolder;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/// A trainer as it is in an enclave: nothing can be written but its run directory, natives come
/// from a folder, there is no temporary and no home folder, and the worker is reached by TLS. What
/// a test cannot take away, `scripts/confined-run.sh` does, as root. Along the way nothing private
/// shows: not when the run is trained, killed, resumed or exported, nor when it is read without its
/// key.
class ConfinedRunTest {
  private static final String RUN =
      """
      run:
        modes: [asymml]
        shields: any
        leastNoiseMultiplier: any
        releaseModel: false
        rollback: owner
      """;
  private static final List<String> NATIVES =
      List.of(
          "javacpp/linux-x86_64/libjnijavacpp.so",
          "dnnl/linux-x86_64/libjnidnnl.so",
          "dnnl/linux-x86_64/libdnnl.so.3",
          "dnnl/linux-x86_64/libgomp.so.1",
          "opencl/linux-x86_64/libjniOpenCL.so",
          "opencl/linux-x86_64/libOpenCL.so.1");
  private static final Pattern FLAGS = Pattern.compile("flags:\\s+([0-7]+)");

  @TempDir Path folder;

  private final List<String> said = new ArrayList<>();
  private final List<WorkerThread> workers = new ArrayList<>();
  private SealedImagesFolder images;
  private DataKey key;

  @BeforeEach
  void natives_images_and_a_key_are_there() throws Exception {
    Files.createDirectories(folder.resolve("natives"));
    for (String library : NATIVES) {
      String name = library.substring(library.lastIndexOf('/') + 1);
      try (InputStream in =
          Objects.requireNonNull(
              ConfinedRunTest.class.getResourceAsStream("/org/bytedeco/" + library), library)) {
        Files.copy(in, folder.resolve("natives").resolve(name));
      }
    }
    images = SealedImagesFolder.draw(folder.resolve("images"), 12, 4);
    key = DataKey.draw(new SecureRandom());
    key.write(folder.resolve("data.key"));
    SealedTree.seal(images.images(), folder.resolve("images.sealed"), key, new SecureRandom());
    String hex = Files.readString(folder.resolve("data.key")).strip().split(" ", -1)[1];
    images.canaries().put("key", HexFormat.of().parseHex(hex));
    images.canaries().put("key in hexadecimal", hex.getBytes(StandardCharsets.US_ASCII));
  }

  private String at(String name) {
    return folder.resolve(name).toString();
  }

  /// A worker by TLS that records all it receives; it has the owner's certificate, for this test.
  private String worker() throws Exception {
    WorkerThread worker =
        WorkerThread.at(
            "tls:127.0.0.1:0",
            "--tls-keystore",
            at("owner.p12"),
            "--tls-password-file",
            at("password"),
            "--record",
            at("recording-" + workers.size()));
    workers.add(worker);
    Matcher address = Pattern.compile("tls:127\\.0\\.0\\.1:\\d+").matcher(worker.readyLine());
    assertThat(address.find()).isTrue();
    return address.group();
  }

  private Process confined(SimulatedOwner owner, String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:-UsePerfData",
            "-XX:-CreateCoredumpOnCrash",
            "-XX:ErrorFile=/dev/null",
            "-Djava.io.tmpdir=/proc/none",
            "-Duser.home=/proc/none",
            "-Djava.library.path=" + at("natives"),
            "-Dorg.bytedeco.javacpp.pathsFirst=true",
            "-Dorg.bytedeco.javacpp.cachedir=" + at("natives"),
            "-Dasymml.command=asymml",
            "--add-modules",
            "jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            "asymml.cli.Main"));
    command.addAll(List.of(arguments));
    command.addAll(List.of("--owner", owner.address().toString()));
    command.addAll(List.of("--owner-key", at("owner.pem"), "--require-tee", "snp"));
    command.addAll(List.of("--tee-root", at("guest")));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().clear();
    builder.environment().put("LC_ALL", "C.UTF-8");
    return builder.start();
  }

  /// Reads until a line of an epoch.
  private void awaitEpoch(BufferedReader out) throws IOException {
    while (true) {
      String line = out.readLine();
      assertThat(line).as("the end of %s", said).isNotNull();
      said.add(line);
      if (line.contains(": done, metrics sealed")) {
        return;
      }
    }
  }

  private void readRest(BufferedReader out) {
    said.addAll(out.lines().toList());
  }

  /// What the system knows of a process that trains.
  private void assertConfined(Process process) throws IOException {
    Path proc = Path.of("/proc", Long.toString(process.pid()));
    assertThat(process.toHandle().descendants()).as("processes").isEmpty();
    List<String> maps = Files.readAllLines(proc.resolve("maps"));
    assertThat(maps).noneMatch(line -> line.contains("/dev/shm") || line.contains("/memfd:"));
    String natives = folder.resolve("natives").toRealPath() + "/";
    for (String library : List.of("libdnnl.so", "libjnidnnl.so", "libjnijavacpp.so")) {
      assertThat(maps)
          .filteredOn(line -> line.contains("/" + library))
          .isNotEmpty()
          .allMatch(line -> line.contains(natives));
    }
    // The JDK keeps one half of a pair, whose other half is closed: what a closed socket becomes.
    Set<String> unix =
        Files.readAllLines(proc.resolve("net/unix")).stream()
            .skip(1)
            .map(line -> "socket:[" + line.strip().split("\\s+", -1)[6] + "]")
            .collect(Collectors.toSet());
    Map<String, String> files = new LinkedHashMap<>();
    try (Stream<Path> all = Files.list(proc.resolve("fd"))) {
      for (Path each : all.toList()) {
        files.put(each.getFileName().toString(), Files.readSymbolicLink(each).toString());
      }
    }
    assertThat(files.values()).filteredOn(unix::contains).hasSizeLessThanOrEqualTo(1);
    assertThat(files.values()).anyMatch(file -> file.startsWith("socket:["));
    for (Map.Entry<String, String> file : files.entrySet()) {
      if (file.getValue().startsWith("/") && isWritable(proc, file.getKey())) {
        assertThat(file.getValue()).startsWith(folder.resolve("run").toRealPath() + "/");
      }
    }
  }

  private static boolean isWritable(Path proc, String descriptor) throws IOException {
    Matcher flags = FLAGS.matcher(Files.readString(proc.resolve("fdinfo").resolve(descriptor)));
    assertThat(flags.find()).isTrue();
    return (Integer.parseInt(flags.group(1), 8) & 3) != 0;
  }

  /// A command of somebody without the key.
  private void refused(String reason, String... arguments) {
    StringWriter text = new StringWriter();
    CommandLine line = Main.commandLine();
    line.setOut(new PrintWriter(text, true)).setErr(new PrintWriter(text, true));
    assertThat(Main.execute(line, arguments)).isNotZero();
    assertThat(text.toString()).contains(reason);
    said.addAll(text.toString().lines().toList());
  }

  private void assertNothingPrivate() throws Exception {
    for (String place : List.of("run", "model.sealed", "owner.log", "leases", "guest")) {
      assertThat(images.foundBelow(folder.resolve(place))).as(place).isEmpty();
    }
    for (int i = 0; i < workers.size(); i++) {
      Path recording = folder.resolve("recording-" + i);
      assertThat(Files.size(recording)).isGreaterThan(1000);
      assertThat(images.foundBelow(recording)).as("what a worker received").isEmpty();
    }
    assertThat(images.in(String.join("\n", said).getBytes(StandardCharsets.UTF_8))).isEmpty();
  }

  @Test
  void a_confined_run_is_trained_killed_resumed_and_exported_and_nothing_private_shows()
      throws Exception {
    SimulatedTee tee = new SimulatedTee();
    tee.guest(folder.resolve("guest"));
    try (SimulatedOwner owner =
        new SimulatedOwner(folder, tee.policy() + RUN, DataKey.read(folder.resolve("data.key")))) {
      Process killed =
          confined(
              owner,
              "train",
              "--data",
              at("images.sealed"),
              "--batch-size",
              "4",
              "--epochs",
              "5000",
              "--threads",
              "1",
              "--noise-ratio",
              "0",
              "--worker",
              worker(),
              "--tls-trust",
              at("owner.pem"),
              "--out",
              at("run"));
      try (BufferedReader out = killed.inputReader()) {
        awaitEpoch(out);
        assertConfined(killed);
        // That of the process itself would close its output.
        killed.toHandle().destroyForcibly();
        killed.waitFor();
        readRest(out);
      }
      Process resumed =
          confined(
              owner,
              "train",
              "--resume",
              at("run"),
              "--worker",
              worker(),
              "--tls-trust",
              at("owner.pem"));
      try (BufferedReader out = resumed.inputReader()) {
        awaitEpoch(out);
        assertConfined(resumed);
        resumed.toHandle().destroy();
        readRest(out);
        assertThat(resumed.waitFor()).as("%s", said).isEqualTo(143);
      }
      Process exported =
          confined(
              owner, "export", "--run", at("run"), "--out", at("model.sealed"), "--format", "onnx");
      try (BufferedReader out = exported.inputReader()) {
        readRest(out);
        assertThat(exported.waitFor()).as("%s", said).isZero();
      }
    }
    for (WorkerThread worker : workers) {
      worker.close();
    }
    assertThat(said).anyMatch(line -> line.contains("stopped and saved"));
    String image = firstImage();
    refused("holds a sealed run", "eval", "--run", at("run"));
    refused("holds a sealed run", "predict", "--run", at("run"), image);
    refused("is sealed", "train", "--resume", at("run"));
    refused("holds a sealed run", "export", "--run", at("run"), "--out", at("no.onnx"));
    refused("is sealed", "train", "--data", at("images.sealed"));
    said.removeIf(line -> line.contains(image));
    assertNothingPrivate();
    // Weights are what the worker gets; everything else of the checkpoint is sealed too.
    try (SealedReader checkpoint =
        new SealedReader(folder.resolve("run/checkpoint.safetensors.sealed"), key)) {
      images.canaries().put("weights", checkpoint.read(checkpoint.length() / 2, 64));
    }
    images.canaries().put("a metric", "testLoss".getBytes(StandardCharsets.US_ASCII));
    assertThat(images.foundBelow(folder.resolve("run"))).isEmpty();
    // The test would notice.
    assertThat(images.foundBelow(images.images())).isNotEmpty();
    assertThat(images.in("of canary-class-wren".getBytes(StandardCharsets.UTF_8))).isNotEmpty();
  }

  private String firstImage() {
    try (Stream<Path> all = Files.walk(images.images())) {
      return all.filter(Files::isRegularFile).findFirst().orElseThrow().toString();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
