package asymml.untrusted;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import asymml.wire.Message;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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
        "--listen unix:/tmp/w --memory-limit 0",
        "--listen unix:/tmp/w --memory-limit much",
        "--listen unix:/tmp/w --tls-clients c.pem",
        "--listen tls:localhost:0 --tls-keystore w --tls-password-file pw --until-stdin-ends",
        "--listen unix:/tmp/w --frobnicate",
        "--self-test --listen unix:/tmp/w",
        "--self-test --record f",
        "--self-test --device gpu",
        "--self-test --device cuda",
        "--self-test --precision fp64",
        "--self-test --precision tf32",
        "--self-test --device cpu --precision bf16",
        "--self-test --cuda-libs /tmp",
      })
  void wrong_usage_exits_2_and_says_what_is_wrong(String args) {
    assertThat(run(args.isEmpty() ? new String[0] : args.split(" "))).isEqualTo(2);
    assertThat(err.toString())
        .startsWith("asymml worker: ")
        .contains("(see 'asymml worker --help')")
        .hasLineCount(1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--self-test --device cpu --precision bf16 | --precision bf16 is not offered by --device"
            + " cpu, which computes in fp32",
        "--self-test --cuda-libs /tmp | --cuda-libs goes with --device cuda:N",
        "--device cuda:0 | give one of --listen ADDRESS and --self-test",
        "--self-test --device gpu | Invalid value for option '--device': a device is cpu or cuda:N:"
            + " gpu",
      })
  void a_mismatch_is_said_in_one_line(String args, String line) {
    assertThat(run(args.strip().split(" "))).isEqualTo(2);
    assertThat(err.toString().strip())
        .isEqualTo("asymml worker: " + line + " (see 'asymml worker --help')");
  }

  @Test
  void a_gpu_that_is_not_there_is_one_line_and_a_failure() {
    // A machine with a GPU would run the whole self-test here; that is not this test's business.
    assumeThat(Files.exists(Path.of("/dev/nvidiactl"))).isFalse();
    assertThat(run("--self-test", "--device", "cuda:0", "--cuda-libs", folder.toString()))
        .isEqualTo(1);
    assertThat(err.toString().strip())
        .matches("asymml worker: (no NVIDIA driver: |the CUDA 13 runtime ).*")
        .doesNotContain("\n");
    assertThat(out.toString()).isEmpty();
  }

  @Test
  void version_names_the_protocol_that_the_worker_speaks() {
    assertThat(run("--version")).isZero();
    assertThat(out.toString().strip())
        .isEqualTo("asymml worker, protocol " + Message.PROTOCOL_VERSION);
  }

  @Test
  void help_shows_options_exit_codes_and_examples() {
    assertThat(run("--help")).isZero();
    assertThat(out.toString())
        .contains(
            "--listen",
            "--threads",
            "--memory-limit",
            "half of this machine's memory",
            "--tls-clients",
            "--record",
            "(default: 1G)",
            "--device",
            "--precision",
            "--cuda-libs",
            "--self-test",
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
