package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `asymml owner`: keys, sealed files, policies.
class OwnerCommandTest {
  @TempDir Path folder;

  private String key;

  @BeforeEach
  void a_key_is_made() {
    key = folder.resolve("data.key").toString();
    Outcome outcome = Outcome.of("owner", "init", "--key", key);
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out()).startsWith("written: " + key + ", the data key ");
  }

  private String at(String name) {
    return folder.resolve(name).toString();
  }

  @Test
  void a_folder_is_sealed_and_opened() throws IOException {
    Files.createDirectories(folder.resolve("set/cat"));
    Files.writeString(folder.resolve("set/cat/1.txt"), "one");
    Files.writeString(folder.resolve("set/2.txt"), "x".repeat(200_000));
    Outcome seal = Outcome.of("owner", "seal", at("set"), at("set.sealed"), "--key", key);
    assertThat(seal.err()).isEmpty();
    assertThat(seal.out()).contains("2 files");
    Outcome open = Outcome.of("owner", "open", at("set.sealed"), at("opened"), "--key", key);
    assertThat(open.err()).isEmpty();
    assertThat(open.out()).contains("2 files, in clear");
    assertThat(folder.resolve("opened/cat/1.txt")).hasContent("one");
    assertThat(folder.resolve("opened/2.txt")).hasContent("x".repeat(200_000));
    assertThat(Outcome.of("owner", "open", at("set.sealed"), at("opened"), "--key", key).err())
        .isEqualTo("asymml: " + at("opened") + " exists: name a new file or folder\n");
  }

  @Test
  void a_file_is_sealed_and_opened() throws IOException {
    Files.writeString(folder.resolve("a"), "secret");
    assertThat(Outcome.of("owner", "seal", at("a"), at("a.sealed"), "--key", key).code()).isZero();
    assertThat(Outcome.of("owner", "open", at("a.sealed"), at("b"), "--key", key).code()).isZero();
    assertThat(folder.resolve("b")).hasContent("secret");
  }

  @Test
  void mistakes_end_in_one_line() throws IOException {
    assertThat(Outcome.of("owner", "init", "--key", key).err())
        .startsWith("asymml: " + key + " exists: a data key is never overwritten")
        .hasLineCount(1);
    Files.writeString(folder.resolve("a"), "secret");
    Outcome.of("owner", "seal", at("a"), at("a.sealed"), "--key", key);
    Outcome.of("owner", "init", "--key", at("other.key"));
    Outcome other = Outcome.of("owner", "open", at("a.sealed"), at("b"), "--key", at("other.key"));
    assertThat(other.code()).isEqualTo(1);
    assertThat(other.err())
        .startsWith("asymml: " + at("a.sealed") + ": sealed under the data key ")
        .hasLineCount(1);
    assertThat(folder.resolve("b")).doesNotExist();
    assertThat(Outcome.of("owner", "open", at("a"), at("b"), "--key", key).err())
        .isEqualTo("asymml: %s: no sealed file: cut short in its header\n".formatted(at("a")));
    assertThat(Outcome.of("owner", "seal", at("none"), at("b"), "--key", key).err())
        .isEqualTo("asymml: no such file or folder: " + at("none") + "\n");
    assertThat(Outcome.of("owner", "seal", at("a"), at("b")).code()).isEqualTo(2);
  }

  @Test
  void a_policy_is_checked_and_its_dangers_are_named() throws IOException {
    Path policy =
        Files.writeString(
            folder.resolve("policy.yaml"),
            """
            platforms: any
            revocation: unavailable-accepted
            tcb: {accept: [UpToDate, insecureOutOfDate]}
            sgx:
            - mrenclave: '%s'
            """
                .formatted("ab".repeat(32)));
    Outcome outcome = Outcome.of("owner", "policy", policy.toString());
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out())
        .contains("accepts 1 enclaves of SGX, 0 domains of TDX, 0 guests of SEV-SNP")
        .contains("accepts TCB OutOfDate (dangerous)", "revocation lists may be missing");
    Files.writeString(policy, "platforms: any\n");
    assertThat(Outcome.of("owner", "policy", policy.toString()).out())
        .contains("no identity: nothing is accepted");
    Files.writeString(policy, "sgx: []\n");
    assertThat(Outcome.of("owner", "policy", policy.toString()).err())
        .isEqualTo(
            "asymml: %s: policy key platforms is missing: list the PPIDs and chip ids of your"
                    .formatted(policy)
                + " machines, or write any\n");
  }
}
