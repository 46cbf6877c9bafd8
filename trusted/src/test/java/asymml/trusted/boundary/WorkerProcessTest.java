package asymml.trusted.boundary;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.wire.ProtocolException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Shell scripts stand in for workers here; the real one is run by the two-process tests.
class WorkerProcessTest {
  private static final Duration LIMIT = Duration.ofSeconds(10);

  @TempDir Path folder;

  private WorkerProcess start(String script, Duration limit) throws ProtocolException {
    return WorkerProcess.start(
        List.of("/bin/sh", "-c", script, "worker"), 3, folder.resolve("worker.log"), limit);
  }

  @Test
  void a_command_that_fails_is_told_with_its_exit_code_and_last_words() {
    assertThatThrownBy(() -> start("echo first >&2; printf 'no \\033[2Jluck' >&2; exit 3", LIMIT))
        .isInstanceOf(ProtocolException.class)
        .hasMessage("the worker did not start (exit code 3); its last words: \"no ?[2Jluck\"");
  }

  @Test
  void a_command_that_does_not_exist_is_told() {
    assertThatThrownBy(() ->
            WorkerProcess.start(
                List.of("/nonexistent/java"), 1, folder.resolve("worker.log"), LIMIT))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("exit code 127");
  }

  @Test
  void a_command_that_says_nothing_is_killed_at_the_time_limit() throws Exception {
    Path pid = folder.resolve("pid");
    assertThatThrownBy(() -> start("echo $$ > " + pid + "; exec sleep 60", Duration.ofMillis(500)))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("did not start within");
    long id = Long.parseLong(Files.readString(pid).strip());
    assertThat(ProcessHandle.of(id).map(ProcessHandle::isAlive).orElse(false)).isFalse();
  }

  @Test
  void a_worker_gets_its_options_but_no_secrets_from_the_environment() throws Exception {
    Path env = folder.resolve("env");
    Path args = folder.resolve("args");
    // Surefire and Maven set variables of their own; none of them may arrive.
    Path home;
    try (WorkerProcess worker =
        start("env > " + env + "; echo \"$@\" > " + args + "; echo ready", LIMIT)) {
      assertThat(Files.readString(args))
          .isEqualTo("--listen " + worker.address() + " --threads 3 --accept-seconds 10\n");
      assertThat(Files.readAllLines(env))
          .extracting(line -> line.substring(0, line.indexOf('=')))
          .contains("PATH")
          .doesNotContain("MAVEN_OPTS", "USER", "MAVEN_PROJECTBASEDIR")
          .allMatch(name ->
              name.matches(
                  "PATH|HOME|TMPDIR|LANG|LC_ALL|TZ|JAVA_HOME|LD_LIBRARY_PATH|PWD|OLDPWD|SHLVL|_"
                      + "|(OMP|GOMP|KMP|CUDA|NVIDIA|ONEDNN|DNNL)_.*"));
      home = worker.address().path().getParent();
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(home)))
          .isEqualTo("rwx------");
    }
    assertThat(home).doesNotExist();
  }

  @Test
  void a_worker_that_stays_is_killed_and_an_interrupt_of_the_terminal_does_not_reach_it()
      throws Exception {
    WorkerProcess worker = start("echo ready; exec sleep 60", LIMIT);
    new ProcessBuilder("/bin/sh", "-c", "kill -INT " + worker.pid()).start().waitFor();
    Thread.sleep(100);
    assertThat(worker.isAlive()).isTrue();
    long start = System.nanoTime();
    worker.close();
    worker.close();
    assertThat(Duration.ofNanos(System.nanoTime() - start))
        .isBetween(Duration.ofMillis(1900), Duration.ofSeconds(5));
    Thread.sleep(100);
    assertThat(worker.isAlive()).isFalse();
  }
}
