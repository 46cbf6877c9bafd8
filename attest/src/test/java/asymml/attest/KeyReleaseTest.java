package asymml.attest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.attest.crypto.Certificates;
import asymml.attest.crypto.DerValue;
import asymml.attest.policy.PolicyFile;
import asymml.attest.policy.RunConfiguration;
import asymml.attest.release.Acceptance;
import asymml.attest.release.Decision;
import asymml.attest.release.EvidenceReader;
import asymml.attest.release.KeyApplicant;
import asymml.attest.release.KeyGrant;
import asymml.attest.release.KeyOwner;
import asymml.attest.release.ReleaseException;
import asymml.attest.release.ReportData;
import asymml.attest.seal.DataKey;
import asymml.attest.source.RawEvidence;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Decisions about requests for a key, without a connection: what is granted, and what each attack
/// is refused for.
class KeyReleaseTest {
  static final String RUN =
      """
      run:
        modes: [asymml]
        shields: [shares]
        protect: [residuals, gradients]
        leastNoiseMultiplier: 0.5
        greatestEpsilon: 8
        greatestDelta: 0.00001
        releaseModel: false
      """;
  static final Map<String, Object> SETTINGS =
      Map.of(
          "mode",
          "asymml",
          "shield",
          "shares",
          "protect",
          List.of("residuals", "gradients", "weights"),
          "noise-multiplier",
          0.7,
          "target-epsilon",
          8,
          "delta",
          1e-5,
          "release-model",
          false);

  @TempDir Path folder;

  private final SettableClock clock = new SettableClock(SimulatedPlatform.AT);
  private final DataKey key = DataKey.draw(new SecureRandom());
  private static SimulatedPlatform platform;
  private PublicKey tlsKey;
  private KeyOwner owner;
  private RunConfiguration configuration;

  @BeforeAll
  static void there_is_a_platform() throws Exception {
    platform = new SimulatedPlatform();
  }

  @BeforeEach
  void an_owner_accepts_a_simulated_platform() throws Exception {
    platform.debug = false;
    platform.write(folder.resolve("collateral"));
    tlsKey = TestAuthority.root("owner", 256).certificate().getPublicKey();
    configuration = RunConfiguration.of(SETTINGS);
    owner = owner(platform.specimen.policy() + platform.simulation() + RUN, tlsKey);
  }

  private KeyOwner owner(String policy, PublicKey shown) throws Exception {
    return new KeyOwner(
        shown,
        PolicyFile.parse(policy),
        new EvidenceReader(Optional.of(folder.resolve("collateral")), Optional.empty()),
        key,
        clock,
        new SecureRandom());
  }

  private byte[] request(KeyApplicant trainer, byte[] challenge) throws Exception {
    byte[] quote = platform.quote(trainer.reportData(challenge));
    return trainer.request(new RawEvidence("gramine", quote, new byte[0]));
  }

  private List<String> refusals(KeyOwner.Answer answer) {
    Decision decision = answer.decision();
    assertThat(decision.granted()).isFalse();
    assertThat(answer.message()).isEqualTo(KeyOwner.refusal()).hasSize(1);
    assertThat(decision.lines())
        .allSatisfy(line -> assertThat(line).startsWith("SIMULATION: not a vendor's root: "));
    return decision.reasons().stream().map(r -> r.substring(0, r.indexOf(": found "))).toList();
  }

  private List<String> refusalsOf(RunConfiguration declared) throws Exception {
    KeyOwner.Exchange exchange = owner.begin("trainer");
    return refusals(
        exchange.answer(request(new KeyApplicant(tlsKey, declared), exchange.challenge())));
  }

  @Test
  void an_accepted_trainer_gets_the_key_and_nobody_else_can_open_the_grant() throws Exception {
    KeyOwner.Exchange exchange = owner.begin("192.0.2.1:4000");
    KeyApplicant trainer = new KeyApplicant(tlsKey, configuration);
    byte[] request = request(trainer, exchange.challenge());
    KeyOwner.Answer answer = exchange.answer(request);
    assertThat(answer.decision().reasons()).isEmpty();
    try (KeyGrant released = trainer.open(answer.message())) {
      assertThat(released.key().id()).isEqualTo(key.id());
      assertThat(released.acceptance())
          .isEqualTo(
              new Acceptance(
                  true, false, "SGX enclave " + platform.specimen.text("mrenclave"), "UpToDate"));
    }
    assertThat(answer.decision().lines())
        .containsExactly(
            "SIMULATION: not a vendor's root: 2025-06-20T00:00:00Z granted 192.0.2.1:4000: SGX"
                + " enclave %s, TCB UpToDate, configuration %s, key %s"
                    .formatted(
                        platform.specimen.text("mrenclave"),
                        HexFormat.of().formatHex(configuration.digest()),
                        HexFormat.of().formatHex(key.id())));
    Path file = folder.resolve("data.key");
    key.write(file);
    String hex = Files.readString(file).strip().split(" ", -1)[1];
    byte[] secret = HexFormat.of().parseHex(hex);
    for (byte[] sent : List.of(exchange.challenge(), request, answer.message())) {
      assertThat(contains(sent, secret)).isFalse();
    }
    assertThat(answer.decision().toString().toLowerCase(Locale.ROOT))
        .doesNotContain(hex)
        .doesNotContain(Base64.getEncoder().encodeToString(secret).toLowerCase(Locale.ROOT));
    KeyApplicant other = new KeyApplicant(tlsKey, configuration);
    request(other, exchange.challenge());
    assertThatThrownBy(() -> other.open(answer.message()))
        .isInstanceOf(ReleaseException.class)
        .hasMessage("the owner's grant does not hold: it was changed on its way");
  }

  private static boolean contains(byte[] all, byte[] part) {
    for (int i = 0; i + part.length <= all.length; i++) {
      if (Arrays.equals(all, i, i + part.length, part, 0, part.length)) {
        return true;
      }
    }
    return false;
  }

  @Test
  void report_data_is_the_digest_of_all_that_is_bound() throws Exception {
    byte[] nonce = new byte[32];
    Arrays.fill(nonce, (byte) 7);
    ByteBuffer expected = ByteBuffer.allocate(19 + 32 + 4 + 1 + 4 + 2 + 4 + 3 + 4 + 5);
    expected.put("asymml evidence v1\0".getBytes(StandardCharsets.US_ASCII)).put(nonce);
    expected.putInt(1).put(new byte[] {1}).putInt(2).put(new byte[] {2, 3});
    expected.putInt(3).put(new byte[] {4, 5, 6});
    expected.putInt(5).put("train".getBytes(StandardCharsets.US_ASCII));
    assertThat(
            ReportData.of(
                nonce,
                new byte[] {1},
                new byte[] {2, 3},
                new byte[] {4, 5, 6},
                "train".getBytes(StandardCharsets.US_ASCII)))
        .isEqualTo(MessageDigest.getInstance("SHA-512").digest(expected.array()));
  }

  @Test
  void another_measurement_is_refused_and_the_trainer_is_told_nothing() throws Exception {
    String other = "platforms: any\nsgx:\n- mrenclave: '%s'\n".formatted("ab".repeat(32));
    owner = owner(other + platform.simulation() + RUN, tlsKey);
    assertThat(refusalsOf(configuration)).containsExactly("identity not accepted");
    KeyApplicant trainer = new KeyApplicant(tlsKey, configuration);
    request(trainer, owner.begin("trainer").challenge());
    assertThatThrownBy(() -> trainer.open(KeyOwner.refusal()))
        .isInstanceOf(ReleaseException.class)
        .hasMessage("refused, see the owner's log");
  }

  @Test
  void debug_is_refused() throws Exception {
    platform.debug = true;
    assertThat(refusalsOf(configuration)).containsExactly("debug");
  }

  @Test
  void a_replayed_request_is_refused_on_its_own_connection_and_on_another() throws Exception {
    KeyOwner.Exchange exchange = owner.begin("trainer");
    byte[] request = request(new KeyApplicant(tlsKey, configuration), exchange.challenge());
    assertThat(exchange.answer(request).decision().granted()).isTrue();
    assertThat(refusals(exchange.answer(request))).containsExactly("nonce");
    assertThat(refusals(owner.begin("trainer").answer(request)))
        .containsExactly("nonce", "report data");
  }

  @Test
  void a_nonce_is_good_for_sixty_seconds() throws Exception {
    KeyOwner.Exchange exchange = owner.begin("trainer");
    byte[] request = request(new KeyApplicant(tlsKey, configuration), exchange.challenge());
    Instant issued = clock.instant();
    clock.set(issued.plusSeconds(60).plusNanos(1));
    assertThat(refusals(exchange.answer(request))).containsExactly("nonce expired");
    KeyOwner.Exchange back = owner.begin("trainer");
    byte[] second = request(new KeyApplicant(tlsKey, configuration), back.challenge());
    clock.set(clock.instant().minusSeconds(1));
    assertThat(refusals(back.answer(second))).containsExactly("nonce expired");
    KeyOwner.Exchange last = owner.begin("trainer");
    byte[] third = request(new KeyApplicant(tlsKey, configuration), last.challenge());
    clock.set(clock.instant().plusSeconds(60));
    assertThat(last.answer(third).decision().granted()).isTrue();
  }

  @Test
  void evidence_for_another_owner_or_another_configuration_is_refused() throws Exception {
    PublicKey other = TestAuthority.root("other", 256).certificate().getPublicKey();
    KeyOwner.Exchange exchange = owner.begin("trainer");
    assertThat(
            refusals(
                exchange.answer(
                    request(new KeyApplicant(other, configuration), exchange.challenge()))))
        .containsExactly("report data");
    KeyOwner.Exchange second = owner.begin("trainer");
    byte[] request = request(new KeyApplicant(tlsKey, configuration), second.challenge());
    byte[] from = "\"noise-multiplier\":0.7".getBytes(StandardCharsets.US_ASCII);
    replace(request, from, "\"noise-multiplier\":0.8".getBytes(StandardCharsets.US_ASCII));
    assertThat(refusals(second.answer(request))).containsExactly("report data");
  }

  private static void replace(byte[] all, byte[] from, byte[] to) {
    for (int i = 0; i + from.length <= all.length; i++) {
      if (Arrays.equals(all, i, i + from.length, from, 0, from.length)) {
        System.arraycopy(to, 0, all, i, to.length);
        return;
      }
    }
    throw new AssertionError("not found");
  }

  @Test
  void all_reasons_are_collected() throws Exception {
    platform.debug = true;
    KeyOwner.Exchange exchange = owner.begin("trainer");
    KeyApplicant trainer =
        new KeyApplicant(tlsKey, RunConfiguration.of(Map.of("mode", "untrusted-only")));
    byte[] request = request(trainer, exchange.challenge());
    clock.set(clock.instant().plusSeconds(61));
    assertThat(refusals(exchange.answer(request)))
        .containsExactly(
            "nonce expired",
            "run mode",
            "run shield",
            "run protect",
            "run noise-multiplier",
            "run target-epsilon",
            "run delta",
            "run release-model",
            "debug");
  }

  @Test
  void a_changed_grant_is_not_opened() throws Exception {
    KeyOwner.Exchange exchange = owner.begin("trainer");
    KeyApplicant trainer = new KeyApplicant(tlsKey, configuration);
    byte[] grant = exchange.answer(request(trainer, exchange.challenge())).message();
    for (int i = 0; i < grant.length; i++) {
      byte[] changed = grant.clone();
      changed[i] ^= 1;
      assertThatThrownBy(() -> trainer.open(changed)).isInstanceOf(ReleaseException.class);
    }
    trainer.open(grant).close();
  }

  @Test
  void keys_of_small_order_are_refused() throws Exception {
    KeyOwner.Exchange exchange = owner.begin("trainer");
    byte[] request = request(new KeyApplicant(tlsKey, configuration), exchange.challenge());
    // Type, length and nonce, length, then an SPKI whose last 32 of 44 bytes are the point. The
    // evidence is made anew for the key of zeros, which anybody can do who has a TEE.
    int spki = 1 + 4 + 32 + 4;
    Arrays.fill(request, spki + 12, spki + 44, (byte) 0);
    byte[] nonce = Arrays.copyOfRange(request, 5, 37);
    byte[] data =
        ReportData.of(
            nonce,
            Arrays.copyOfRange(request, spki, spki + 44),
            tlsKey.getEncoded(),
            configuration.digest(),
            "train".getBytes(StandardCharsets.US_ASCII));
    byte[] quote = platform.quote(data);
    ByteBuffer made = ByteBuffer.allocate(request.length + 64);
    int before = spki + 44 + 4 + configuration.text().length + 4 + 5;
    made.put(request, 0, before).putInt(quote.length).put(quote).putInt(0);
    assertThat(refusals(exchange.answer(Arrays.copyOf(made.array(), made.position()))))
        .containsExactly("ephemeral key");
  }

  /// Where the last bits of a signature are zero, it verifies with them left out too.
  @Test
  void a_certificate_has_one_encoding() throws Exception {
    byte[] der = TestAuthority.root("owner", 256).certificate().getEncoded();
    int unused = der.length - DerValue.read(der).sequence("it").getLast().content().length;
    assertThat(Certificates.der(der, "it").getEncoded()).isEqualTo(der);
    for (int bits = 1; bits < 256; bits++) {
      byte[] changed = der.clone();
      changed[unused] = (byte) bits;
      assertThatThrownBy(() -> Certificates.der(changed, "it"))
          .isInstanceOf(EvidenceException.class);
    }
  }

  @Test
  void garbled_requests_are_refused_whatever_is_changed() throws Exception {
    long seed = new SecureRandom().nextLong();
    System.out.println("seed of the mutations: " + seed);
    Random random = new Random(seed);
    KeyOwner.Exchange first = owner.begin("trainer");
    byte[] request = request(new KeyApplicant(tlsKey, configuration), first.challenge());
    assertThat(first.answer(request).decision().granted()).isTrue();
    for (int cut = 0; cut < request.length; cut += 1 + random.nextInt(200)) {
      assertThat(refusals(first.answer(Arrays.copyOf(request, cut)))).containsExactly("request");
    }
    assertThat(refusals(first.answer(Arrays.copyOf(request, request.length + 1))))
        .containsExactly("request");
    for (int i = 0; i < 100; i++) {
      byte[] changed = request.clone();
      for (int n = random.nextInt(3); n >= 0; n--) {
        changed[random.nextInt(changed.length)] ^= (byte) (1 << random.nextInt(8));
      }
      if (!Arrays.equals(changed, request)) {
        // The nonce was used already: there is more against it.
        KeyOwner.Answer answer = first.answer(changed);
        assertThat(answer.message()).as("seed %s", seed).isEqualTo(KeyOwner.refusal());
        assertThat(answer.decision().reasons())
            .as("seed %s", seed)
            .anyMatch(reason -> !reason.contains("used before"));
      }
      byte[] noise = new byte[random.nextInt(200)];
      random.nextBytes(noise);
      assertThat(refusals(first.answer(noise))).as("seed %s", seed).containsExactly("request");
    }
    for (byte[] message : List.of(first.challenge(), KeyOwner.refusal())) {
      assertThat(refusals(first.answer(message))).containsExactly("request");
    }
  }

  @Test
  void a_guest_of_sev_snp_gets_the_key_with_the_hosts_certificate_table() throws Exception {
    SimulatedGuest guest = new SimulatedGuest();
    clock.set(guest.specimen.at());
    owner = owner(guest.specimen.policy() + guest.simulation() + RUN, tlsKey);
    for (boolean table : List.of(true, false)) {
      KeyOwner.Exchange exchange = owner.begin("trainer");
      KeyApplicant trainer = new KeyApplicant(tlsKey, configuration);
      byte[] report = guest.report(trainer.reportData(exchange.challenge()));
      byte[] request =
          trainer.request(
              new RawEvidence("sev_guest", report, table ? guest.table() : new byte[0]));
      KeyOwner.Answer answer = exchange.answer(request);
      if (table) {
        assertThat(answer.decision().reasons()).isEmpty();
        assertThat(answer.decision().evidence()).startsWith("SEV-SNP guest ");
        trainer.open(answer.message()).close();
      } else {
        assertThat(refusals(answer)).contains("VEK certificate missing");
      }
    }
  }

  @Test
  void evidence_of_no_tee_is_refused() throws Exception {
    KeyOwner.Exchange exchange = owner.begin("trainer");
    KeyApplicant trainer = new KeyApplicant(tlsKey, configuration);
    trainer.reportData(exchange.challenge());
    byte[] gpu = {0x11, (byte) 0xe0, 1, 0, 0, 0, 0, 0};
    byte[] request = trainer.request(new RawEvidence("gpu", gpu, new byte[0]));
    KeyOwner.Answer answer = exchange.answer(request);
    assertThat(refusals(answer)).containsExactly("evidence unreadable");
    assertThat(answer.decision().reasons().getFirst()).contains("a GPU's report makes no process");
    assertThatThrownBy(
            () -> trainer.request(new RawEvidence("x", new byte[(1 << 16) + 1], new byte[0])))
        .hasMessageContaining("the evidence has 65537 bytes, more than the 65536");
  }

  @Test
  void a_policy_that_does_not_say_what_may_be_trained_releases_nothing() {
    assertThatThrownBy(() -> owner(platform.specimen.policy() + platform.simulation(), tlsKey))
        .hasMessageStartingWith("policy key run is missing");
  }
}
