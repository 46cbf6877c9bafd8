package asymml.session;

import asymml.trusted.boundary.TlsTrust;
import asymml.trusted.check.Verification;
import asymml.wire.Encoding;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Who computes the untrusted part of a run, and how tensors get there.
///
/// @param workers at least one; several share each batch, or hold masked values and masks
/// @param tlsTrust X.509 certificates of remote workers; needed with `tls:` addresses, null without
/// @param tlsKey what proves this side to remote workers; null if they do not ask for it
/// @param tlsAllowExpired whether those of them that are expired or not yet valid are accepted;
///   only with certificates
/// @param wire how tensors cross the line to a remote worker
/// @param chunks in how many parts a worker gets its images of a batch, 1 to 16
/// @param verification how many steps' results are checked
/// @param timeout longest wait for an answer, at least a second
/// @param localArguments further options of workers that this side starts, for each of them; empty
///   for none
public record WorkerSpec(
    List<WorkerChoice> workers,
    @Nullable Path tlsTrust,
    @Nullable TlsKey tlsKey,
    boolean tlsAllowExpired,
    Encoding wire,
    int chunks,
    Verification verification,
    Duration timeout,
    List<List<String>> localArguments) {
  /// The largest number of chunks.
  public static final int MOST_CHUNKS = 16;

  /// Checks the ranges above.
  ///
  /// @throws InvalidSpecException if one does not hold
  public WorkerSpec {
    workers = List.copyOf(workers);
    localArguments = localArguments.stream().map(List::copyOf).toList();
    if (workers.isEmpty()) {
      throw new InvalidSpecException(
          Finding.of(Finding.Kind.OUT_OF_RANGE, "worker", "is missing: name at least one"));
    }
    if (chunks < 1 || chunks > MOST_CHUNKS) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.OUT_OF_RANGE, "chunks", "must be 1 to " + MOST_CHUNKS + ": " + chunks));
    }
    if (timeout.compareTo(Duration.ofSeconds(1)) < 0) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.OUT_OF_RANGE,
              "worker-timeout",
              "must be at least 1 second: " + timeout.toSeconds()));
    }
    boolean tls =
        workers.stream().anyMatch(w -> w instanceof WorkerChoice.Remote remote && remote.isTls());
    if (tls != (tlsTrust != null)) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.TLS_WITHOUT_TRUST,
              "a worker at a TLS address and the certificate to accept go together"));
    }
    if (tlsKey != null && !tls) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.CONTRADICTION, "tls-keystore goes with a worker at a TLS address"));
    }
    if (tlsAllowExpired && !tls) {
      throw new InvalidSpecException(
          Finding.of(
              Finding.Kind.TLS_WITHOUT_TRUST,
              "tls-allow-expired",
              "goes with a worker at a TLS address"));
    }
  }

  /// The certificates that a worker at a TLS address must show.
  ///
  /// @return null if no worker is at one
  /// @throws IOException if the file cannot be read or holds none, or one is expired or not yet
  ///   valid though that is not allowed
  @Nullable TlsTrust trust() throws IOException {
    if (tlsTrust == null) {
      return null;
    }
    TlsTrust trust = TlsTrust.ofCertificates(tlsTrust, Clock.systemUTC(), tlsAllowExpired);
    return tlsKey == null
        ? trust
        : trust.withKey(
            tlsKey.keystore(), tlsKey.passwordFile(), Clock.systemUTC(), tlsAllowExpired);
  }

  /// Looks at the certificates before anything else is done.
  ///
  /// @throws IOException as connecting would
  public void requireTrust() throws IOException {
    var _ = trust();
  }

  /// One worker process on this machine's CPU.
  ///
  /// @return the default
  public static WorkerSpec local() {
    return of(new WorkerChoice.Local(WorkerChoice.Local.CPU));
  }

  /// Workers with the defaults for the rest.
  ///
  /// @param workers not at TLS addresses
  /// @return a specification
  public static WorkerSpec of(WorkerChoice... workers) {
    return new WorkerSpec(
        List.of(workers),
        null,
        null,
        false,
        Encoding.FLOAT32,
        1,
        Verification.OFF,
        Duration.ofSeconds(60),
        List.of());
  }

  /// The same with other workers.
  ///
  /// @param workers at least one
  /// @param tlsTrust certificates of those at TLS addresses, null if there are none
  /// @return a new specification
  public WorkerSpec withWorkers(List<WorkerChoice> workers, @Nullable Path tlsTrust) {
    return new WorkerSpec(
        workers,
        tlsTrust,
        tlsTrust == null ? null : tlsKey,
        tlsTrust != null && tlsAllowExpired,
        wire,
        chunks,
        verification,
        timeout,
        localArguments);
  }

  /// The same with another proof of who this side is.
  ///
  /// @param tlsKey for workers at TLS addresses, null for none
  /// @return a new specification
  public WorkerSpec withTlsKey(@Nullable TlsKey tlsKey) {
    return new WorkerSpec(
        workers,
        tlsTrust,
        tlsKey,
        tlsAllowExpired,
        wire,
        chunks,
        verification,
        timeout,
        localArguments);
  }

  /// The same with another encoding.
  ///
  /// @param wire how tensors cross the line to a remote worker
  /// @return a new specification
  public WorkerSpec withWire(Encoding wire) {
    return new WorkerSpec(
        workers,
        tlsTrust,
        tlsKey,
        tlsAllowExpired,
        wire,
        chunks,
        verification,
        timeout,
        localArguments);
  }

  /// The same with another number of chunks.
  ///
  /// @param chunks 1 to 16
  /// @return a new specification
  public WorkerSpec withChunks(int chunks) {
    return new WorkerSpec(
        workers,
        tlsTrust,
        tlsKey,
        tlsAllowExpired,
        wire,
        chunks,
        verification,
        timeout,
        localArguments);
  }

  /// The same with results checked, or not.
  ///
  /// @param verification how many steps' are
  /// @return a new specification
  public WorkerSpec withVerification(Verification verification) {
    return new WorkerSpec(
        workers,
        tlsTrust,
        tlsKey,
        tlsAllowExpired,
        wire,
        chunks,
        verification,
        timeout,
        localArguments);
  }

  /// The same with another time limit.
  ///
  /// @param timeout longest wait for an answer
  /// @return a new specification
  public WorkerSpec withTimeout(Duration timeout) {
    return new WorkerSpec(
        workers,
        tlsTrust,
        tlsKey,
        tlsAllowExpired,
        wire,
        chunks,
        verification,
        timeout,
        localArguments);
  }

  /// The same with further options of the workers that this side starts.
  ///
  /// @param localArguments for each of them; empty for none
  /// @return a new specification
  public WorkerSpec withLocalArguments(List<List<String>> localArguments) {
    return new WorkerSpec(
        workers,
        tlsTrust,
        tlsKey,
        tlsAllowExpired,
        wire,
        chunks,
        verification,
        timeout,
        localArguments);
  }
}
