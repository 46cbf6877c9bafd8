package asymml.trusted.boundary;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.wire.ProtocolException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Shell scripts stand in for workers here; the real one is run by the two-process tests.
class WorkerProcessTest {
  private static final Duration LIMIT = Duration.ofMinutes(5);

  @TempDir Path folder;

  private WorkerProcess start(String script, Duration limit) throws ProtocolException {
    return WorkerProcess.start(
        List.of("/bin/sh", "-c", script, "worker"), 3, folder.resolve("worker.log"), limit);
  }

  @Test
  void a_command_that_fails_is_told_with_its_exit_code_and_last_words() {
    assertThatThrownBy(() -> start("echo first >&2; printf 'no \\033[2Jluck' >&2; exit 3", LIMIT))
        .isInstanceOf(ProtocolException.class)
        .hasMessage("the worker did not start (exit code 3); its last output: \"no ?[2Jluck\"");
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
  void a_command_that_says_nothing_is_killed_at_the_time_limit() {
    Set<Long> before = children();
    assertThatThrownBy(() -> start("exec sleep 600", Duration.ofMillis(500)))
        .isInstanceOf(ProtocolException.class)
        .hasMessageContaining("did not start within");
    assertThat(before).containsAll(children());
  }

  private static Set<Long> children() {
    return ProcessHandle.current()
        .children()
        .map(ProcessHandle::pid)
        .collect(Collectors.toUnmodifiableSet());
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
          .isEqualTo(
              "--listen "
                  + worker.address()
                  + " --threads 3 --accept-seconds 300"
                  + " --until-stdin-ends\n");
      assertThat(Files.readAllLines(env))
          .extracting(line -> line.substring(0, line.indexOf('=')))
          .contains("PATH")
          .doesNotContain("MAVEN_OPTS", "USER", "MAVEN_PROJECTBASEDIR", "LC_ALL")
          .allMatch(name ->
              name.matches(
                  "PATH|HOME|TMPDIR|LANG|LC_[A-Z]*|TZ|JAVA_HOME|LD_LIBRARY_PATH|PWD|OLDPWD|SHLVL|_"
                      + "|(OMP|GOMP|KMP|CUDA|NVIDIA|ONEDNN|DNNL)_.*"));
      // What the system says of a file becomes a part of messages.
      assertThat(Files.readAllLines(env)).contains("LC_MESSAGES=C", "LC_NUMERIC=C");
      home = worker.address().path().getParent();
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(home)))
          .isEqualTo("rwx------");
    }
    assertThat(home).doesNotExist();
  }

  @Test
  void a_connected_worker_leaves_no_name_that_a_killed_trainer_could_leave() throws Exception {
    try (WorkerProcess worker = start("echo ready", LIMIT)) {
      assertThat(worker.address().path().getParent()).isDirectory();
      worker.connected();
      assertThat(worker.address().path().getParent()).doesNotExist();
    }
  }

  @Test
  void what_a_worker_creates_is_this_users_alone() throws Exception {
    Path log = folder.resolve("fresh.log");
    Path own = folder.resolve("own");
    List<String> command = List.of("/bin/sh", "-c", ": > " + own + "; echo ready", "worker");
    try (WorkerProcess worker = WorkerProcess.start(command, 1, log, LIMIT)) {
      for (Path file : List.of(log, own)) {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
            .as(worker.address() + " made " + file)
            .isEqualTo("rw-------");
      }
    }
  }

  @Test
  void an_interrupt_of_the_terminal_does_not_reach_a_worker() throws Exception {
    Path question = fifo("question");
    Path answer = fifo("answer");
    String script = "echo ready; read word < " + question + "; echo $word > " + answer;
    try (WorkerProcess worker = start(script, LIMIT)) {
      run("kill -INT " + worker.pid());
      run("kill -TERM " + worker.pid());
      // Both ends of a pipe wait for each other: a worker that had died would answer nothing.
      CompletableFuture<String> said =
          CompletableFuture.supplyAsync(() -> {
            try {
              Files.writeString(question, "alive\n");
              return Files.readString(answer);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
      assertThat(said.get(5, TimeUnit.MINUTES)).isEqualTo("alive\n");
    }
  }

  private Path fifo(String name) throws Exception {
    Path path = folder.resolve(name);
    run("mkfifo " + path);
    return path;
  }

  private static void run(String command) throws Exception {
    assertThat(new ProcessBuilder("/bin/sh", "-c", command).start().waitFor()).isZero();
  }

  @Test
  void the_standard_input_of_a_worker_ends_with_its_trainer() throws Exception {
    Path end = folder.resolve("end");
    try (WorkerProcess worker = start("echo ready; cat; : > " + end, LIMIT)) {
      assertThat(worker.isAlive()).isTrue();
      assertThat(end).doesNotExist();
    }
    assertThat(end).exists();
  }

  @Test
  void a_worker_that_stays_is_killed() throws Exception {
    WorkerProcess worker = start("echo ready; exec sleep 600", LIMIT);
    ProcessHandle process = ProcessHandle.of(worker.pid()).orElseThrow();
    assertThat(worker.isAlive()).isTrue();
    worker.close();
    worker.close();
    process.onExit().get(5, TimeUnit.MINUTES);
    assertThat(worker.isAlive()).isFalse();
    assertThat(worker.describeEnd()).startsWith(" (exit code 137)");
  }

  @Test
  void a_worker_that_leaves_by_itself_is_not_killed() throws Exception {
    WorkerProcess worker = start("echo ready; exit 4", LIMIT);
    ProcessHandle.of(worker.pid())
        .map(ProcessHandle::onExit)
        .orElse(CompletableFuture.completedFuture(null))
        .get(5, TimeUnit.MINUTES);
    worker.close();
    assertThat(worker.describeEnd()).isEqualTo(" (exit code 4)");
  }
}
