package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.attest.SimulatedOwner;
import asymml.attest.SimulatedTee;
import asymml.attest.seal.DataKey;
import asymml.attest.seal.SealedReader;
import asymml.verify.SealedImagesFolder;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/// The commands of an owner and a trainer, one after the other, in a simulation.
class SealedCommandsTest {
  private static final String MARK = "SIMULATION: not protected: ";
  private static final String RUN =
      """
      run:
        modes: [trusted-only]
        shields: any
        leastNoiseMultiplier: any
        releaseModel: false
        rollback: owner
      """;

  @TempDir Path folder;

  private record Said(int code, String out, String err) {}

  private static Said run(List<String> arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine line = Main.commandLine();
    line.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true));
    int code = Main.execute(line, arguments.toArray(String[]::new));
    return new Said(code, out.toString(), err.toString());
  }

  private static Said done(String... arguments) {
    Said said = run(List.of(arguments));
    assertThat(said.err()).isEmpty();
    assertThat(said.code()).isZero();
    return said;
  }

  private String at(String name) {
    return folder.resolve(name).toString();
  }

  private List<String> with(SimulatedOwner owner, String... arguments) {
    List<String> all = new ArrayList<>(Arrays.asList(arguments));
    all.addAll(List.of("--owner", owner.address().toString(), "--owner-key", at("owner.pem")));
    all.addAll(List.of("--require-tee", "snp", "--tee-root", at("guest")));
    return all;
  }

  @Test
  void sealed_images_become_a_model_that_its_owner_alone_opens() throws Exception {
    SimulatedTee tee = new SimulatedTee();
    tee.guest(folder.resolve("guest"));
    SealedImagesFolder images = SealedImagesFolder.draw(folder.resolve("images"), 8, 4);
    done("owner", "init", "--key", at("data.key"));
    done("owner", "seal", at("images"), at("images.sealed"), "--key", at("data.key"));
    try (SimulatedOwner owner =
        new SimulatedOwner(folder, tee.policy() + RUN, DataKey.read(folder.resolve("data.key")))) {
      List<String> train =
          with(owner, "train", "--data", at("images.sealed"), "--mode", "trusted-only");
      train.addAll(List.of("--epochs", "1", "--batch-size", "4", "--threads", "1"));
      train.addAll(List.of("--out", at("run")));
      Said trained = run(train);
      assertThat(trained.err()).isEmpty();
      assertThat(trained.code()).isZero();
      assertThat(trained.out().lines()).allMatch(line -> line.startsWith(MARK));
      assertThat(trained.out())
          .contains("tee      SIMULATION: not protected: SEV-SNP guest 5151")
          .contains("images.sealed: 8 training and 4 test images", "epoch 1/1: done")
          .doesNotContain("loss", "canary")
          .doesNotContainPattern("accuracy [0-9]");
      Said exported =
          run(with(owner, "export", "--run", at("run"), "--out", at("model.onnx.sealed")));
      assertThat(exported.err()).isEmpty();
      assertThat(exported.out().lines()).allMatch(line -> line.startsWith(MARK));
      assertThat(exported.out()).contains("as onnx", "sealed: its owner opens it");
      List<String> refused = new ArrayList<>(train);
      refused.set(refused.indexOf("trusted-only"), "untrusted-only");
      refused.set(refused.indexOf(at("run")), at("refused"));
      refused.addAll(List.of("--worker", "unix:" + at("none")));
      Said no = run(refused);
      assertThat(no.code()).isEqualTo(1);
      assertThat(no.err())
          .isEqualTo(
              MARK + "asymml: %s: refused, see the owner's log\n".formatted(owner.address()));
      assertThat(folder.resolve("refused")).doesNotExist();
    }
    assertThat(Files.readString(folder.resolve("model.onnx.sealed"), StandardCharsets.ISO_8859_1))
        .startsWith("ASYMSEAL");
    assertThat(run(List.of("eval", "--run", at("run"))).err())
        .contains("holds a sealed run: its owner opens it by 'asymml owner open'");
    done("owner", "open", at("model.onnx.sealed"), at("model.onnx"), "--key", at("data.key"));
    assertThat(Files.readString(folder.resolve("model.onnx"), StandardCharsets.ISO_8859_1))
        .contains("canary-class-wren");
    assertThat(done(open("opened", "leases")).out()).contains("3 files, in clear");
    assertReport();
    try (DataKey key = DataKey.read(folder.resolve("data.key"));
        SealedReader checkpoint =
            new SealedReader(folder.resolve("run/checkpoint.safetensors.sealed"), key)) {
      Files.writeString(
          folder.resolve("others"),
          "{\"at\":\"2026-01-01T00:00:00Z\",\"run\":\"%s\",\"steps\":7}\n"
              .formatted(HexFormat.of().formatHex(checkpoint.metadata())));
    }
    Said old = run(List.of(open("old", "others")));
    assertThat(old.code()).isEqualTo(1);
    assertThat(old.err())
        .isEqualTo(
            "asymml: %s is not the newest of the run: its ledger lists 0 steps, and 7 are counted in %s; it is an old copy, or was killed and not resumed, or that file is an old one\n"
                .formatted(at("run"), at("others")));
    assertThat(done("eval", "--run", at("opened"), "--data", at("images")).out())
        .contains("canary-class-finch");
    assertThat(images.canaries()).isNotEmpty();
  }

  private String[] open(String out, String leases) {
    return new String[] {
      "owner", "open", at("run"), at(out), "--key", at("data.key"), "--leases", at(leases)
    };
  }

  /// The page names the evidence that the directory has.
  private void assertReport() throws Exception {
    done("report", "--run", at("opened"), "--out", at("report.html"));
    assertThat(Files.readString(folder.resolve("report.html")))
        .contains(
            "SIMULATION: not protected: SEV-SNP guest " + "51".repeat(48),
            "accepted by the owner; evidence and decision in evidence/1");
  }

  @Test
  void what_a_sealed_run_cannot_be_is_refused_by_name() throws Exception {
    Files.writeString(folder.resolve("owner.pem"), "none");
    assertRefused("--owner needs --owner-key", "train", "--owner", "tls:localhost:1");
    assertRefused("go with --owner", "train", "--require-tee", "snp");
    assertRefused("'sev' is none of sgx, tdx, snp", "train", "--require-tee", "sev");
    String[] owner = {
      "train", "--owner", "tls:localhost:1", "--owner-key", at("owner.pem"), "--require-tee", "snp"
    };
    List<String> plan = new ArrayList<>(List.of(owner));
    plan.addAll(List.of("--plan", "auto"));
    assertRefused("--plan auto measures this machine", plan.toArray(String[]::new));
    assertThat(run(List.of(owner)).err()).contains("owner.pem");
    Files.writeString(folder.resolve("x.sealed"), "ASYMSEAL");
    assertThat(run(List.of("train", "--data", at("x.sealed"))).err())
        .contains("is sealed: it is trained on with its owner's key (--owner, --owner-key)");
  }

  private static void assertRefused(String reason, String... arguments) {
    Said said = run(List.of(arguments));
    assertThat(said.err()).contains(reason);
    assertThat(said.code()).isEqualTo(2);
  }
}
