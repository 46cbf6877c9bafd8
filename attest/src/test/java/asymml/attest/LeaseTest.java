package asymml.attest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.attest.policy.PolicyFile;
import asymml.attest.release.EvidenceReader;
import asymml.attest.release.KeyOwner;
import asymml.attest.release.LeaseBook;
import asymml.attest.release.LeaseClient;
import asymml.attest.release.ReleaseException;
import asymml.attest.seal.DataKey;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Steps that an owner counts, over real connections.
class LeaseTest {
  private static final String RUN =
      """
      run:
        modes: any
        shields: any
        leastNoiseMultiplier: any
        releaseModel: false
      """;
  private static final String COUNTED = "platforms: any\n" + RUN + "  rollback: owner\n";

  @TempDir Path folder;

  private final SecureRandom random = new SecureRandom();
  private final DataKey key = DataKey.draw(random);

  private SimulatedOwner owner(String policy) throws Exception {
    key.write(folder.resolve("data.key"));
    return new SimulatedOwner(folder, policy, key);
  }

  private LeaseClient client(SimulatedOwner owner, DataKey known, int run) {
    byte[] id = new byte[16];
    id[0] = (byte) run;
    return new LeaseClient(
        owner.address(), owner.tlsKey(), known, id, random, Duration.ofMinutes(5));
  }

  @Test
  void steps_are_counted_for_each_run_and_by_whom_knows_the_number() throws Exception {
    try (SimulatedOwner owner = owner(COUNTED)) {
      LeaseClient one = client(owner, key, 1);
      LeaseClient two = client(owner, key, 2);
      assertThat(one.ask(0, 8)).isEqualTo(new LeaseBook.Answer(true, 8));
      assertThat(two.ask(0, 5)).isEqualTo(new LeaseBook.Answer(true, 5));
      assertThat(one.ask(0, 8)).as("an old copy").isEqualTo(new LeaseBook.Answer(false, 8));
      assertThat(one.ask(8, 8)).isEqualTo(new LeaseBook.Answer(true, 8));
      assertThat(one.ask(8, 3)).as("not used").isEqualTo(new LeaseBook.Answer(true, 3));
      assertThat(Files.readString(folder.resolve("leases")))
          .hasLineCount(3)
          .contains("\"run\":\"0200000000")
          .endsWith("\"steps\":3}\n");
    }
    Files.writeString(folder.resolve("leases"), "{\"at\":", StandardOpenOption.APPEND);
    try (LeaseBook book = LeaseBook.open(folder.resolve("leases"))) {
      assertThat(Files.readString(folder.resolve("leases"))).endsWith("\"steps\":3}\n");
      assertThatThrownBy(() -> LeaseBook.open(folder.resolve("leases")))
          .isInstanceOf(ReleaseException.class)
          .hasMessageContaining("in use");
      assertThat(book).isNotNull();
    }
  }

  @Test
  void what_was_counted_survives_the_owner_and_a_damaged_book_is_refused() throws Exception {
    Path file = folder.resolve("leases");
    Files.writeString(
        file,
        "{\"at\":\"2026-01-01T00:00:00Z\",\"run\":\"%s\",\"steps\":77}\n"
            .formatted("01" + "00".repeat(15)));
    try (SimulatedOwner owner = owner(COUNTED)) {
      assertThat(client(owner, key, 1).ask(0, 8)).isEqualTo(new LeaseBook.Answer(false, 77));
    }
    Files.writeString(file, "{}\n", StandardOpenOption.APPEND);
    assertThatThrownBy(() -> LeaseBook.open(file))
        .isInstanceOf(ReleaseException.class)
        .hasMessageContaining("line 2 is no lease");
    assertThatThrownBy(() -> LeaseBook.open(folder.resolve("none/leases")))
        .hasMessageContaining("no such folder");
  }

  @Test
  void who_has_another_key_counts_nothing_and_is_believed_by_nobody() throws Exception {
    try (SimulatedOwner owner = owner(COUNTED)) {
      try (DataKey other = DataKey.draw(random)) {
        LeaseClient stranger = client(owner, other, 1);
        assertThatThrownBy(() -> stranger.ask(0, 8))
            .isInstanceOf(IOException.class)
            .hasMessageContaining("the owner counts no steps of this run");
      }
      assertThat(client(owner, key, 1).ask(0, 8).granted()).isTrue();
    }
  }

  @Test
  void a_policy_that_counts_needs_a_book_and_one_that_does_not_has_none() throws Exception {
    try (SimulatedOwner owner = owner("platforms: any\n" + RUN)) {
      assertThatThrownBy(() -> client(owner, key, 1).ask(0, 8))
          .hasMessageContaining("the owner counts no steps of this run");
    }
    assertThatThrownBy(() -> keyOwner(COUNTED, null))
        .hasMessage("policy key run.rollback is owner: name the file in which steps are counted");
    try (LeaseBook book = LeaseBook.open(folder.resolve("book"))) {
      assertThatThrownBy(() -> keyOwner("platforms: any\n" + RUN + "  rollback: none\n", book))
          .hasMessage(
              "policy key run.rollback is none: no steps are counted, and no file is needed");
    }
    assertThatThrownBy(() -> PolicyFile.parse("platforms: any\n" + RUN + "  rollback: maybe\n"))
        .hasMessageContaining("run.rollback must be owner or none: maybe");
  }

  private void keyOwner(String policy, @Nullable LeaseBook book) throws Exception {
    new KeyOwner(
        TestAuthority.root("owner", 256).certificate().getPublicKey(),
        PolicyFile.parse(policy),
        new EvidenceReader(Optional.empty(), Optional.empty()),
        key,
        book,
        Clock.systemUTC(),
        random);
  }

  @Test
  void macs_of_other_purposes_and_keys_differ() {
    byte[] one = "one".getBytes(StandardCharsets.US_ASCII);
    byte[] two = "two".getBytes(StandardCharsets.US_ASCII);
    HexFormat hex = HexFormat.of();
    assertThat(key.mac(one, one)).hasSize(32).isEqualTo(key.mac(one, one));
    assertThat(hex.formatHex(key.mac(one, one)))
        .isNotEqualTo(hex.formatHex(key.mac(two, one)))
        .isNotEqualTo(hex.formatHex(key.mac(one, two)))
        .isNotEqualTo(hex.formatHex(DataKey.draw(random).mac(one, one)));
  }
}
