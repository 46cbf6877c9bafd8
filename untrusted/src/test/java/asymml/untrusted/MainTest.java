package asymml.untrusted;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class MainTest {
  @TempDir Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(String... args) {
    CommandLine line = Main.commandLine();
    line.setOut(new PrintWriter(out));
    line.setErr(new PrintWriter(err));
    return line.execute(args);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "--listen tcp:host:1",
        "--listen unix:/tmp/w --threads 0",
        "--listen unix:/tmp/w --threads x",
        "--listen unix:/tmp/w --accept-seconds 0",
        "--listen tls:localhost:0",
        "--listen tls:localhost:0 --tls-keystore w.p12",
        "--listen unix:/tmp/w --tls-keystore w.p12 --tls-password-file pw",
        "--listen unix:/tmp/w --record f --record-limit much",
        "--listen unix:/tmp/w --record f --record-limit 99999999999G",
        "--listen unix:/tmp/w --frobnicate",
      })
  void wrong_usage_exits_2_and_says_what_is_wrong(String args) {
    assertThat(run(args.isEmpty() ? new String[0] : args.split(" "))).isEqualTo(2);
    assertThat(err.toString()).contains("Usage: asymml worker");
  }

  @Test
  void help_shows_options_exit_codes_and_examples() {
    assertThat(run("--help")).isZero();
    assertThat(out.toString())
        .contains(
            "--listen",
            "--threads",
            "--record",
            "(default: 1G)",
            "Exit codes:",
            "Examples:",
            "UNTRUSTED");
  }

  @Test
  void a_failure_exits_1_with_one_line() throws Exception {
    Path taken = Files.createFile(folder.resolve("taken"));
    assertThat(run("--listen", "unix:" + taken)).isEqualTo(1);
    assertThat(err.toString().strip())
        .startsWith("asymml worker: cannot listen on unix:")
        .doesNotContain("\n");
    err.getBuffer().setLength(0);
    Path none = folder.resolve("none");
    assertThat(
            run(
                "--listen", "tls:localhost:0",
                "--tls-keystore", none.toString(),
                "--tls-password-file", none.toString()))
        .isEqualTo(1);
    assertThat(err.toString().strip()).startsWith("asymml worker: cannot use").doesNotContain("\n");
  }

  @Test
  void a_worker_that_nobody_wants_gives_up() {
    assertThat(run("--listen", "unix:" + folder.resolve("w"), "--accept-seconds", "1"))
        .isEqualTo(1);
    assertThat(err.toString()).contains("nobody connected");
  }
}
