package asymml.attest.release;

import asymml.attest.EvidenceException;
import asymml.attest.Finding;
import asymml.attest.Problem;
import asymml.attest.intel.TcbStatus;
import asymml.attest.policy.Evidence;
import asymml.attest.policy.EvidenceVerifier;
import asymml.attest.policy.Policy;
import asymml.attest.policy.RunBounds;
import asymml.attest.policy.RunConfiguration;
import asymml.attest.policy.Verdict;
import asymml.attest.seal.DataKey;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The owner's half of the key release: challenges, and decides about requests.
public final class KeyOwner {
  /// How long after its challenge a request is answered.
  public static final Duration NONCE_LIFE = Duration.ofSeconds(60);

  /// The only purpose: training on what was sealed under the key.
  public static final String TRAIN = "train";

  private final byte[] tlsKey;
  private final Policy policy;
  private final RunBounds bounds;
  private final EvidenceReader reader;
  private final DataKey key;
  private final @Nullable LeaseBook leases;
  private final Clock clock;
  private final SecureRandom random;

  /// Prepares to decide, and counts no steps.
  ///
  /// @param tlsKey the owner's, which trainers pin
  /// @param policy of the owner, with its section `run`
  /// @param reader of evidence
  /// @param key to release; not closed
  /// @param clock the owner's
  /// @param random of the operating system
  /// @throws ReleaseException if the policy does not say what may be trained, or wants steps to be
  ///   counted
  public KeyOwner(
      PublicKey tlsKey,
      Policy policy,
      EvidenceReader reader,
      DataKey key,
      Clock clock,
      SecureRandom random)
      throws ReleaseException {
    this(tlsKey, policy, reader, key, null, clock, random);
  }

  /// Prepares to decide.
  ///
  /// @param tlsKey the owner's, which trainers pin
  /// @param policy of the owner, with its section `run`
  /// @param reader of evidence
  /// @param key to release; not closed
  /// @param leases counts the steps of runs, if the policy wants that; not closed
  /// @param clock the owner's
  /// @param random of the operating system
  /// @throws ReleaseException if the policy does not say what may be trained, or a book of leases
  ///   is missing or of no use
  public KeyOwner(
      PublicKey tlsKey,
      Policy policy,
      EvidenceReader reader,
      DataKey key,
      @Nullable LeaseBook leases,
      Clock clock,
      SecureRandom random)
      throws ReleaseException {
    this.tlsKey = tlsKey.getEncoded();
    this.policy = policy;
    bounds =
        policy
            .run()
            .orElseThrow(() ->
                new ReleaseException(
                    "policy key run is missing: say what may be trained with the key"));
    if (bounds.countsSteps() != (leases != null)) {
      throw new ReleaseException(
          bounds.countsSteps()
              ? "policy key run.rollback is owner: name the file in which steps are counted"
              : "policy key run.rollback is none: no steps are counted, and no file is needed");
    }
    this.reader = reader;
    this.key = key;
    this.leases = leases;
    this.clock = clock;
    this.random = random;
  }

  /// An answer to a request.
  ///
  /// @param decision for the owner's log
  /// @param message for the trainer, which is told no reason
  @SuppressWarnings("ArrayRecordComponent") // Not compared.
  public record Answer(Decision decision, byte[] message) {}

  /// What a trainer is told if it gets no key, whatever the reason.
  ///
  /// @return the message
  public static byte[] refusal() {
    return new Message.Refusal().encoded();
  }

  /// Begins a release with a fresh nonce.
  ///
  /// @param peer who asks, for the log
  /// @return one challenge, good for one request
  public Exchange begin(String peer) {
    byte[] nonce = new byte[Message.NONCE];
    random.nextBytes(nonce);
    return new Exchange(peer, nonce, clock.instant());
  }

  /// One challenge and the decision about its request. For one thread.
  public final class Exchange {
    private final String peer;
    private final byte[] nonce;
    private final Instant issued;
    private final List<Finding> findings = new ArrayList<>();
    private boolean used;

    private Exchange(String peer, byte[] nonce, Instant issued) {
      this.peer = peer;
      this.nonce = nonce;
      this.issued = issued;
    }

    /// The challenge to send.
    ///
    /// @return the message
    public byte[] challenge() {
      return new Message.Challenge(nonce).encoded();
    }

    /// Decides about a request. All reasons against it are collected.
    ///
    /// @param message as received; hostile
    /// @return granted only if there is nothing against it
    public Answer answer(byte[] message) {
      findings.clear();
      Message.Request request;
      try {
        if (!(Message.parse(message) instanceof Message.Request parsed)) {
          return unreadable("a message that is no request");
        }
        request = parsed;
      } catch (ReleaseException e) {
        return unreadable(String.valueOf(e.getMessage()));
      }
      Instant now = clock.instant();
      nonce(request.nonce(), now);
      used = true;
      purpose(request.purpose());
      configuration(request.configuration());
      @Nullable PublicKey ephemeral = ephemeralKey(request.ephemeralKey());
      Optional<Evidence> evidence = evidence(request);
      Optional<Verdict> verdict = evidence.map(e -> verify(e, request, now));
      Acceptance found =
          new Acceptance(
              policy.isSimulation(),
              bounds.countsSteps(),
              evidence.map(Evidence::summary).orElse(""),
              verdict.flatMap(Verdict::status).map(TcbStatus::label).orElse(""));
      Message.@Nullable Grant grant =
          findings.isEmpty() && ephemeral != null && verdict.isPresent()
              ? grant(message, request, ephemeral, found)
              : null;
      Decision decision =
          new Decision(
              now,
              peer,
              grant != null,
              found.simulation(),
              found.evidence(),
              found.tcbStatus(),
              HexFormat.of().formatHex(RunConfiguration.digest(request.configuration())),
              HexFormat.of().formatHex(key.id()),
              findings.stream().map(Finding::line).toList());
      return new Answer(decision, grant == null ? refusal() : grant.encoded());
    }

    /// Answers a request to count steps.
    ///
    /// @param message as received; hostile
    /// @return what was counted
    /// @throws ReleaseException one line, if it is one that must be refused
    /// @throws IOException one line, if what is counted cannot be written
    byte[] lease(byte[] message) throws IOException {
      if (!(Message.parse(message) instanceof Message.Lease lease)) {
        throw new ReleaseException("a message that asks for no lease");
      }
      if (leases == null) {
        throw new ReleaseException("a lease was asked for, and the policy counts no steps");
      }
      Instant now = clock.instant();
      findings.clear();
      nonce(lease.nonce(), now);
      used = true;
      byte[] right =
          LeaseMac.request(
              key, nonce, lease.fresh(), lease.run(), lease.expected(), lease.wanted());
      if (!findings.isEmpty() || !MessageDigest.isEqual(lease.mac(), right)) {
        throw new ReleaseException("a lease was asked for by somebody without the key, or late");
      }
      LeaseBook.Answer answer = leases.change(lease.run(), lease.expected(), lease.wanted(), now);
      return new Message.Leased(
              answer.granted(),
              answer.steps(),
              LeaseMac.answer(
                  key, nonce, lease.fresh(), lease.run(), answer.granted(), answer.steps()))
          .encoded();
    }

    /// Refuses what could not be read as a request.
    ///
    /// @param reason one line
    /// @return the refusal
    public Answer unreadable(String reason) {
      used = true;
      Decision decision =
          new Decision(
              clock.instant(),
              peer,
              false,
              policy.isSimulation(),
              "",
              "",
              "",
              HexFormat.of().formatHex(key.id()),
              List.of(
                  Finding.of(Problem.REQUEST, reason, "a request of the key release, version 1")
                      .line()));
      return new Answer(decision, refusal());
    }

    private void nonce(byte[] found, Instant now) {
      HexFormat hex = HexFormat.of();
      if (!MessageDigest.isEqual(found, nonce)) {
        findings.add(
            Finding.of(Problem.NONCE, hex.formatHex(found), hex.formatHex(nonce) + ", once"));
      } else if (used) {
        findings.add(
            Finding.of(Problem.NONCE, hex.formatHex(found) + ", used before", "a fresh nonce"));
      }
      Instant end = issued.plus(NONCE_LIFE);
      // A clock that was set back makes no nonce younger.
      if (now.isAfter(end) || now.isBefore(issued)) {
        findings.add(
            Finding.of(
                Problem.NONCE_EXPIRED,
                "a request at " + now,
                "one from %s to %s".formatted(issued, end)));
      }
    }

    private void purpose(byte[] found) {
      if (!MessageDigest.isEqual(found, TRAIN.getBytes(StandardCharsets.US_ASCII))) {
        findings.add(
            Finding.of(Problem.PURPOSE, "hex " + HexFormat.of().formatHex(found), "'train'"));
      }
    }

    private void configuration(byte[] text) {
      try {
        findings.addAll(bounds.check(RunConfiguration.parse(text)));
      } catch (EvidenceException e) {
        findings.add(unusable(Problem.CONFIGURATION, e, "settings in canonical JSON"));
      }
    }

    private @Nullable PublicKey ephemeralKey(byte[] spki) {
      try {
        return KeyWrap.publicKey(spki);
      } catch (ReleaseException e) {
        findings.add(unusable(Problem.EPHEMERAL_KEY, e, "SPKI of an X25519 key"));
        return null;
      }
    }

    private Optional<Evidence> evidence(Message.Request request) {
      try {
        return Optional.of(reader.read(request.evidence(), request.certificates()));
      } catch (EvidenceException | IOException e) {
        findings.add(unusable(Problem.EVIDENCE_UNREADABLE, e, "a quote, or a report of SEV-SNP"));
        return Optional.empty();
      }
    }

    private Verdict verify(Evidence evidence, Message.Request request, Instant now) {
      byte[] reportData =
          ReportData.of(
              nonce,
              request.ephemeralKey(),
              tlsKey,
              RunConfiguration.digest(request.configuration()),
              request.purpose());
      Verdict verdict = EvidenceVerifier.verify(evidence, policy, now, Optional.of(reportData));
      findings.addAll(verdict.reasons());
      return verdict;
    }

    private Message.@Nullable Grant grant(
        byte[] message, Message.Request request, PublicKey ephemeral, Acceptance found) {
      try {
        return new KeyWrap(challenge(), message, tlsKey, request.purpose())
            .wrap(key, found, ephemeral, random);
      } catch (ReleaseException e) {
        findings.add(unusable(Problem.EPHEMERAL_KEY, e, "an X25519 key"));
        return null;
      }
    }

    private static Finding unusable(Problem problem, Exception e, String expected) {
      return Finding.of(problem, String.valueOf(e.getMessage()), expected);
    }
  }
}
