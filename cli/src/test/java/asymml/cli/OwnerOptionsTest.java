package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.attest.seal.DataKey;
import asymml.attest.seal.SealKind;
import asymml.attest.seal.SealedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `--owner` and what goes with it, and the files of sealed runs as their owner opens them.
class OwnerOptionsTest {
  @TempDir Path folder;

  private String at(String name) {
    return folder.resolve(name).toString();
  }

  private static void assertRefused(int code, String reason, String... arguments) {
    Outcome outcome = Outcome.of(arguments);
    assertThat(outcome.err()).contains(reason).hasLineCount(1);
    assertThat(outcome.code()).isEqualTo(code);
  }

  private String[] train(String... more) {
    List<String> all = new ArrayList<>(List.of("train", "--owner", "tls:localhost:1"));
    all.addAll(List.of("--owner-key", at("owner.pem"), "--require-tee", "snp"));
    all.addAll(Arrays.asList(more));
    return all.toArray(String[]::new);
  }

  @Test
  void options_that_go_together_are_asked_for_together() {
    assertRefused(2, "--owner needs --owner-key", "train", "--owner", "tls:localhost:1");
    assertRefused(2, "go with --owner", "train", "--require-tee", "snp");
    assertRefused(2, "go with --owner", "train", "--tee-root", at("tee"));
    assertRefused(2, "'sev' is none of sgx, tdx, snp", "train", "--require-tee", "sev");
    assertRefused(2, "--owner-timeout must be at least 1", train("--owner-timeout", "0"));
    String[] unix = train();
    unix[2] = "unix:x";
    assertRefused(2, "an owner's address is tls:HOST:PORT, not 'unix:x'", unix);
    assertRefused(
        2, "go with --owner", "export", "--run", at("r"), "--out", "m.onnx", "--tee-root", "x");
  }

  @Test
  void what_would_be_in_clear_is_refused_by_name() throws Exception {
    assertRefused(2, "--plan auto measures this machine", train("--plan", "auto"));
    assertRefused(1, "no such file: " + at("owner.pem"), train());
    Outcome.of("owner", "init", "--key", at("data.key"));
    Files.writeString(folder.resolve("x.sealed"), "ASYMSEAL");
    assertRefused(
        1,
        "is sealed: it is trained on with its owner's key (--owner, --owner-key)",
        "train",
        "--data",
        at("x.sealed"));
  }

  private static void seal(Path file, DataKey key, SealKind kind, int run) throws IOException {
    byte[] id = new byte[16];
    id[0] = (byte) run;
    byte[] text = kind.name().getBytes(StandardCharsets.US_ASCII);
    try (SealedWriter out =
        new SealedWriter(file, key, new SecureRandom(), kind, text.length, id)) {
      out.write(text);
      out.finish();
    }
  }

  @Test
  void an_owner_opens_the_files_of_one_run() throws Exception {
    Outcome.of("owner", "init", "--key", at("data.key"));
    Path run = Files.createDirectory(folder.resolve("run"));
    assertRefused(
        1,
        "has no sealed files of a run (*.sealed)",
        "owner",
        "open",
        at("run"),
        at("opened"),
        "--key",
        at("data.key"));
    Files.writeString(run.resolve("config.yaml"), "epochs: 3\n");
    try (DataKey key = DataKey.read(folder.resolve("data.key"))) {
      seal(run.resolve("checkpoint.safetensors.sealed"), key, SealKind.CHECKPOINT, 1);
      seal(run.resolve("metrics.jsonl.sealed"), key, SealKind.METRICS, 1);
      Outcome opened =
          Outcome.of("owner", "open", at("run"), at("opened"), "--key", at("data.key"));
      assertThat(opened.out()).contains("2 files, in clear");
      assertThat(folder.resolve("opened/metrics.jsonl")).hasContent("METRICS");
      assertThat(folder.resolve("opened/checkpoint.safetensors")).hasContent("CHECKPOINT");
      assertThat(folder.resolve("opened/config.yaml")).hasContent("epochs: 3");
      seal(run.resolve("run.json.sealed"), key, SealKind.RECORD, 2);
    }
    assertRefused(
        1,
        "run.json.sealed is no file of the run to which the others here belong",
        "owner",
        "open",
        at("run"),
        at("other"),
        "--key",
        at("data.key"));
  }
}
