package asymml.cli.options;

import asymml.attest.release.OwnerAddress;
import asymml.attest.release.OwnerIdentity;
import asymml.attest.release.RequiredTee;
import asymml.session.owner.OwnerAccess;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// From whom the key to sealed data comes, and what proves this process to them. No settings of a
/// run: the owner's address and key belong to what is measured, and files of settings do not.
public final class OwnerOptions {
  private static final int SECONDS = 60;

  @Option(
      names = "--owner",
      paramLabel = "ADDRESS",
      description =
          "The owner of sealed data, tls:HOST:PORT ('asymml owner serve'): asks for the key with"
              + " evidence of this process. Whatever follows from the data is then stored sealed.")
  private @Nullable String owner;

  @Option(
      names = "--owner-key",
      paramLabel = "FILE",
      description = "The owner's certificate, PEM or DER; its key is the only one spoken to.")
  private @Nullable Path ownerKey;

  @Option(
      names = "--require-tee",
      paramLabel = "TEE",
      description = "The TEE in which this process must run: sgx, tdx or snp.")
  private @Nullable RequiredTee tee;

  @Option(
      names = "--tee-root",
      paramLabel = "DIR",
      description =
          "The file tree with the TEE's files (default: /). With another one this is a simulation,"
              + " and every line says so.")
  private @Nullable Path root;

  @Option(
      names = "--owner-timeout",
      paramLabel = "SECONDS",
      description = "How long the owner and the TEE may take for the key (default: 60).")
  private @Nullable Integer seconds;

  /// Made by picocli.
  public OwnerOptions() {}

  /// Whether there is an owner.
  ///
  /// @return true with `--owner`
  /// @throws IllegalArgumentException if options are given that go with it, some are missing, or a
  ///   value cannot be
  public boolean isGiven() {
    if (owner == null) {
      if (Stream.of(ownerKey, tee, root, seconds).anyMatch(Objects::nonNull)) {
        throw new IllegalArgumentException(
            "--owner-key, --require-tee, --tee-root and --owner-timeout go with --owner");
      }
      return false;
    }
    if (ownerKey == null || tee == null) {
      throw new IllegalArgumentException(
          "--owner needs --owner-key, the owner's certificate, and --require-tee sgx, tdx or snp");
    }
    OwnerAddress.parse(owner);
    if (seconds != null && seconds < 1) {
      throw new IllegalArgumentException("--owner-timeout must be at least 1 second: " + seconds);
    }
    return true;
  }

  /// How the key is asked for.
  ///
  /// @return with the certificate as read
  /// @throws IOException one line, if that cannot be read
  /// @throws IllegalArgumentException if [#isGiven] is false, or a value cannot be
  public OwnerAccess access() throws IOException {
    if (owner == null || ownerKey == null || tee == null) {
      throw new IllegalArgumentException("--owner, --owner-key and --require-tee go together");
    }
    OwnerAddress address = OwnerAddress.parse(owner);
    return new OwnerAccess(
        address,
        OwnerIdentity.pinned(ownerKey),
        tee,
        root == null ? Path.of("/") : root,
        Duration.ofSeconds(seconds == null ? SECONDS : seconds));
  }

  /// The options as they were given, to repeat them.
  ///
  /// @return values by name
  public Map<String, String> given() {
    Map<String, String> arguments = new LinkedHashMap<>();
    add(arguments, "--owner", owner);
    add(arguments, "--owner-key", ownerKey);
    add(arguments, "--require-tee", tee == null ? null : tee.label());
    add(arguments, "--tee-root", root);
    add(arguments, "--owner-timeout", seconds);
    return arguments;
  }

  private static void add(Map<String, String> arguments, String name, @Nullable Object value) {
    if (value != null) {
      arguments.put(name, value.toString());
    }
  }
}
