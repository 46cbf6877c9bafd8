package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.attest.policy.RunBounds;
import asymml.attest.policy.RunConfiguration;
import asymml.attest.release.KeyClient;
import asymml.attest.release.OwnerAddress;
import asymml.attest.release.OwnerIdentity;
import asymml.attest.release.RequiredTee;
import asymml.attest.source.EvidenceSource;
import asymml.privacy.Channel;
import asymml.session.Settings;
import asymml.trusted.plan.Mode;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/// `asymml owner serve` and `asymml owner log`.
class OwnerServeCommandTest {
  private static final String POLICY =
      """
      platforms: any
      run:
        modes: [asymml]
        shields: any
        protect: [residuals, gradients]
        greatestEpsilon: 8
        greatestDelta: 1.0e-5
        releaseModel: false
      """;

  private static final String PASSWORD = "for this test only";

  @TempDir static Path shared;

  @TempDir Path folder;

  private String at(String name) {
    return folder.resolve(name).toString();
  }

  @BeforeAll
  static void an_owner_has_a_tls_key() throws Exception {
    Path keystore = shared.resolve("owner.p12");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.addAll(List.of("-genkeypair", "-keyalg", "EC", "-dname", "CN=owner"));
    command.addAll(List.of("-alias", "owner", "-storetype", "PKCS12"));
    command.addAll(List.of("-keystore", keystore.toString(), "-storepass", PASSWORD));
    assertThat(new ProcessBuilder(command).redirectErrorStream(true).start().waitFor()).isZero();
    KeyStore keys = KeyStore.getInstance(keystore.toFile(), PASSWORD.toCharArray());
    Files.write(shared.resolve("owner.crt"), keys.getCertificate("owner").getEncoded());
    Files.writeString(shared.resolve("password"), PASSWORD + "\n");
  }

  @BeforeEach
  void an_owner_has_a_data_key_and_a_policy() throws Exception {
    Outcome.of("owner", "init", "--key", at("data.key"));
    Files.writeString(folder.resolve("policy.yaml"), POLICY);
  }

  private String[] serve(String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "owner",
                "serve",
                "--listen",
                "tls:127.0.0.1:0",
                "--tls-keystore",
                shared.resolve("owner.p12").toString(),
                "--tls-password-file",
                shared.resolve("password").toString(),
                "--key",
                at("data.key"),
                "--policy",
                at("policy.yaml"),
                "--log",
                at("owner.log")));
    arguments.addAll(Arrays.asList(more));
    return arguments.toArray(String[]::new);
  }

  /// Hands out what is printed, flush by flush.
  private static final class Printed extends StringWriter {
    private final BlockingQueue<String> texts = new LinkedBlockingQueue<>();

    @Override
    public void flush() {
      texts.add(toString());
    }

    Matcher until(String pattern) throws InterruptedException {
      while (true) {
        Matcher matcher = Pattern.compile(pattern).matcher(texts.take());
        if (matcher.find()) {
          return matcher;
        }
      }
    }
  }

  @Test
  void a_refusal_is_printed_and_logged_and_sigterm_ends_the_server() throws Exception {
    Printed out = new Printed();
    StringWriter err = new StringWriter();
    CommandLine line = Main.commandLine();
    line.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true));
    FutureTask<Integer> server = new FutureTask<>(() -> Main.execute(line, serve()));
    Thread.ofPlatform().daemon().start(server);
    OwnerAddress address =
        OwnerAddress.parse(out.until("serving  (tls:127.0.0.1:[0-9]+)").group(1));
    Path attestation = Files.createDirectories(folder.resolve("tee/dev/attestation"));
    Files.writeString(attestation.resolve("attestation_type"), "dcap");
    Files.writeString(attestation.resolve("user_report_data"), "");
    Files.write(attestation.resolve("quote"), new byte[] {3, 0, 2, 0});
    EvidenceSource source = EvidenceSource.find(folder.resolve("tee"), Duration.ofMinutes(1));
    assertThatThrownBy(() ->
            KeyClient.request(
                address,
                OwnerIdentity.pinned(shared.resolve("owner.crt")),
                RunConfiguration.of(Map.of("mode", "asymml")),
                source,
                RequiredTee.SGX,
                Duration.ofMinutes(2)))
        .hasMessage(address + ": refused, see the owner's log");
    out.until("run target-epsilon: found nothing; expected above 0 and at most 8.0");
    String self = String.valueOf(ProcessHandle.current().pid());
    assertThat(new ProcessBuilder("kill", "-TERM", self).start().waitFor()).isZero();
    assertThat(server.get()).isEqualTo(143);
    assertThat(err.toString()).contains("stopping when the open connections have ended");
    Outcome log = Outcome.of("owner", "log", at("owner.log"));
    assertThat(log.code()).isZero();
    assertThat(log.out())
        .contains(" refused 127.0.0.1:", "no readable evidence, configuration ")
        .contains("  evidence unreadable: found ", "decided by the policy key run.greatestEpsilon")
        .doesNotContain("run mode");
    Files.writeString(folder.resolve("owner.log"), "nothing");
    assertThat(Outcome.of("owner", "log", at("owner.log")).err())
        .isEqualTo("asymml: %s: these lines are no decisions: [1]\n".formatted(at("owner.log")));
  }

  @Test
  void mistakes_end_in_one_line() throws Exception {
    assertThat(Outcome.of(serve("--connections", "0")).err())
        .startsWith("asymml: at least 1 connection: 0")
        .hasLineCount(1);
    assertThat(Outcome.of(serve("--deadline", "0")).code()).isEqualTo(2);
    String[] unix = serve();
    unix[3] = "unix:x";
    assertThat(Outcome.of(unix).err())
        .startsWith("asymml: an owner's address is tls:HOST:PORT, not 'unix:x'");
    unix[3] = "tls:192.0.2.1:1";
    assertThat(Outcome.of(unix).err()).startsWith("asymml: cannot listen at tls:192.0.2.1:1: ");
    Files.writeString(folder.resolve("policy.yaml"), "platforms: any\n");
    assertThat(Outcome.of(serve()).err())
        .isEqualTo("asymml: policy key run is missing: say what may be trained with the key\n");
    assertThat(Outcome.of("owner", "log", at("none")).err())
        .isEqualTo("asymml: no such file: " + at("none") + "\n");
  }

  @Test
  void steps_are_counted_if_and_only_if_the_policy_says_so() throws Exception {
    assertThat(Outcome.of(serve("--leases", at("leases"))).err())
        .isEqualTo(
            "asymml: policy key run.rollback is none: no steps are counted, and no file is"
                + " needed\n");
    assertThat(Outcome.of("owner", "policy", at("policy.yaml")).out())
        .contains("rollback: none (dangerous: who resumes an old copy of a run spends its budget");
    Files.writeString(folder.resolve("policy.yaml"), POLICY + "  rollback: owner\n");
    assertThat(Outcome.of(serve()).err())
        .isEqualTo(
            "asymml: policy key run.rollback is owner: name the file in which steps are counted\n");
    assertThat(Outcome.of("owner", "policy", at("policy.yaml")).out())
        .contains("rollback: the owner counts steps");
    Files.writeString(folder.resolve("leases"), "no lease\n");
    assertThat(Outcome.of(serve("--leases", at("leases"))).err())
        .startsWith("asymml: %s: line 1 is no lease".formatted(at("leases")))
        .hasLineCount(1);
  }

  @Test
  void a_policy_says_which_runs_get_the_key_and_what_their_epsilon_covers() throws IOException {
    Outcome outcome = Outcome.of("owner", "policy", at("policy.yaml"));
    assertThat(outcome.out())
        .contains(
            "releases keys to runs of mode asymml, shield any, with gradients and residuals"
                + " accounted for",
            "bounds: noise multiplier any; epsilon of the channels that must be accounted for"
                + " (dangerous: of the others nothing is bounded) at most 8.0 at delta 1.0E-5 at"
                + " most",
            "trained model: only sealed");
    Files.writeString(
        folder.resolve("policy.yaml"),
        POLICY.replace("[residuals, gradients]", "[residuals, gradients, weights]"));
    assertThat(Outcome.of("owner", "policy", at("policy.yaml")).out())
        .contains("epsilon of a worker's whole view at most 8.0 at delta 1.0E-5 at most");
  }

  @Test
  void policies_know_the_words_of_training() {
    assertThat(RunBounds.MODES)
        .containsExactlyInAnyOrderElementsOf(
            Arrays.stream(Mode.values()).map(Mode::label).toList());
    assertThat(RunBounds.CHANNELS)
        .containsExactlyInAnyOrderElementsOf(
            Settings.parse(
                    "run.yaml", "protect: all\nnoise-multiplier: 1\npublic-data: p\nnorm: group")
                .spec()
                .training()
                .privacy()
                .protect()
                .stream()
                .map(Channel::label)
                .toList());
  }
}
