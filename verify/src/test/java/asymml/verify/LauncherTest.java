package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The launcher in a checkout that is built, over a Java that prints how it is called.
class LauncherTest {
  private static final Path LAUNCHER = Path.of("..", "asymml");

  @TempDir Path folder;

  private Path checkout;
  private Path jdk;

  private record Result(int status, String out) {}

  @BeforeEach
  void aBuiltCheckout() throws IOException {
    jdk = folder.resolve("jdk");
    Files.createDirectories(jdk.resolve("bin"));
    Files.writeString(jdk.resolve("release"), "JAVA_VERSION=\"25.0.1\"\n");
    script(jdk.resolve("bin/java"), "#!/bin/sh\nfor a; do echo \"[$a]\"; done\n");
    script(jdk.resolve("bin/javac"), "#!/bin/sh\nexit 0\n");
    checkout = built(folder.resolve("checkout"));
  }

  private static Path built(Path checkout) throws IOException {
    Files.createDirectories(checkout.resolve("cli/target/lib"));
    Files.createDirectories(checkout.resolve("target"));
    Files.writeString(checkout.resolve("pom.xml"), "<project/>");
    script(checkout.resolve("asymml"), Files.readString(LAUNCHER));
    Files.createFile(checkout.resolve("target/launcher-build"));
    return checkout;
  }

  private static void script(Path file, String text) throws IOException {
    Files.writeString(file, text);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private Result run(Path launcher, Map<String, String> environment, String... args)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(launcher.toString()));
    command.addAll(List.of(args));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    Map<String, String> own = builder.environment();
    own.keySet().removeAll(List.of("JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS"));
    own.put("JAVA_HOME", jdk.toString());
    own.putAll(environment);
    Process process = builder.start();
    process.getOutputStream().close();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Result(process.waitFor(), out);
  }

  @Test
  void arguments_reach_the_command() throws Exception {
    Result result = run(checkout.resolve("asymml"), Map.of(), "predict", "--run", "a b", "");
    assertThat(result.status()).isZero();
    assertThat(result.out())
        .contains("[" + checkout.toRealPath().resolve("cli/target/lib") + "]\n")
        .endsWith("[asymml.cli/asymml.cli.Main]\n[predict]\n[--run]\n[a b]\n[]\n");
  }

  @Test
  void it_runs_through_symbolic_links() throws Exception {
    Path absolute = folder.resolve("absolute");
    Files.createSymbolicLink(absolute, checkout.resolve("asymml"));
    Path bin = Files.createDirectory(folder.resolve("bin"));
    Path relative = bin.resolve("asymml");
    Files.createSymbolicLink(relative, Path.of("..", "absolute"));
    for (Path link : List.of(absolute, relative)) {
      Result result = run(link, Map.of(), "models");
      assertThat(result.status()).isZero();
      assertThat(result.out())
          .contains("[" + checkout.toRealPath().resolve("cli/target/lib") + "]");
    }
    assertThat(bin).isDirectoryNotContaining("glob:**target");
  }

  @Test
  void what_is_built_runs_where_nothing_can_be_written() throws Exception {
    Path lock = checkout.resolve("target/launcher-build.lock");
    Files.setPosixFilePermissions(
        checkout.resolve("target"), PosixFilePermissions.fromString("r-xr-xr-x"));
    Result result = run(checkout.resolve("asymml"), Map.of(), "models");
    assertThat(result.status()).isZero();
    assertThat(result.out()).endsWith("[models]\n");
    assertThat(lock).as("a lock is for builds").doesNotExist();
  }

  @Test
  void a_build_that_cannot_be_written_is_refused_in_one_line() throws Exception {
    Files.delete(checkout.resolve("target/launcher-build"));
    Path target = checkout.resolve("target");
    Files.setPosixFilePermissions(target, PosixFilePermissions.fromString("r-xr-xr-x"));
    assumeThat(Files.isWritable(target)).as("root writes everywhere").isFalse();
    Result result = run(checkout.resolve("asymml"), Map.of(), "models");
    assertThat(result.status()).isEqualTo(1);
    assertThat(result.out().lines())
        .singleElement()
        .asString()
        .contains("a build is needed (first use)", "cannot be written");
  }

  @Test
  void a_colon_in_the_path_is_named() throws Exception {
    Path odd = built(folder.resolve("a:b"));
    Result result = run(odd.resolve("asymml"), Map.of(), "models");
    assertThat(result.status()).isEqualTo(1);
    assertThat(result.out().lines())
        .singleElement()
        .asString()
        .startsWith("asymml: Java cannot load programs from a folder with ':' in its name");
  }

  @Test
  void without_a_home_maven_downloads_into_the_checkout() throws Exception {
    Path programs = Files.createDirectory(folder.resolve("programs"));
    script(programs.resolve("mvn"), "#!/bin/sh\nfor a; do echo \"[$a]\"; done\n");
    Map<String, String> environment = new HashMap<>();
    environment.put("PATH", programs + ":" + System.getenv("PATH"));
    environment.put("HOME", folder.toString());
    assertThat(run(checkout.resolve("asymml"), environment, "test", "-o").out())
        .isEqualTo("[-B]\n[-T]\n[2]\n[verify]\n[-o]\n");
    Path repository = checkout.toRealPath().resolve("target/maven");
    for (String home : List.of("", "/nonexistent", folder.resolve("missing").toString())) {
      environment.put("HOME", home);
      assertThat(run(checkout.resolve("asymml"), environment, "test", "-o").out())
          .startsWith("[-B]\n[-Dmaven.repo.local=" + repository + "]\n[-T]\n")
          .endsWith("[-o]\n");
    }
  }

  @Test
  void a_garbage_collector_of_the_user_stays() throws Exception {
    Map<String, String> chosen = new HashMap<>();
    assertThat(run(checkout.resolve("asymml"), chosen, "models").out())
        .contains("[-XX:+UseSerialGC]");
    chosen.put("JDK_JAVA_OPTIONS", "-Xmx2g -XX:+UseG1GC");
    assertThat(run(checkout.resolve("asymml"), chosen, "models").out())
        .doesNotContain("UseSerialGC");
  }

  @Test
  void a_crash_leaves_no_core_file_and_its_error_file_in_the_run_directory() throws Exception {
    Path asymml = checkout.resolve("asymml");
    assertThat(run(asymml, Map.of(), "train").out())
        .contains("[-XX:-CreateCoredumpOnCrash]")
        .contains("[-XX:ErrorFile=runs/hs_err_pid%p.log]");
    assertThat(run(asymml, Map.of(), "train", "--out", "my run", "--epochs", "1").out())
        .contains("[-XX:ErrorFile=my run/hs_err_pid%p.log]");
    assertThat(run(asymml, Map.of(), "train", "--resume=50%").out())
        .contains("[-XX:ErrorFile=50%%/hs_err_pid%p.log]");
    assertThat(run(asymml, Map.of(), "train", "--out", "my run", "--owner=tls:h:1").out())
        .as("a run on sealed data leaves nothing in clear")
        .contains("[-XX:ErrorFile=/dev/null]");
  }
}
