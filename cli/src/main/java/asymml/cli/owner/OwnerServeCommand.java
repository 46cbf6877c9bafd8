package asymml.cli.owner;

import asymml.attest.EvidenceException;
import asymml.attest.policy.Policy;
import asymml.attest.release.Decision;
import asymml.attest.release.DecisionLog;
import asymml.attest.release.EvidenceReader;
import asymml.attest.release.KeyOwner;
import asymml.attest.release.KeyServer;
import asymml.attest.release.LeaseBook;
import asymml.attest.release.OwnerAddress;
import asymml.attest.release.OwnerIdentity;
import asymml.attest.release.ServerListener;
import asymml.attest.seal.DataKey;
import asymml.cli.options.PlatformOptions;
import asymml.cli.options.PolicyOption;
import asymml.cli.terminal.StopSignals;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.util.HexFormat;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `asymml owner serve`.
@Command(
    name = "serve",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Releases the data key by TLS 1.3 to trainers whose evidence and declared configuration the"
          + " policy accepts. Every decision is printed, and written to the log before it is"
          + " answered; a trainer that is refused learns no reason.",
      "Policy and keys are read once, collateral for each request. Dates are compared with this"
          + " machine's clock. SIGINT and SIGTERM end it once the open connections have ended."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  A TLS key for the owner, and the certificate to which trainers are pinned:",
      "    keytool -genkeypair -keyalg EC -dname CN=owner -storetype PKCS12 -keystore owner.p12",
      "    keytool -exportcert -rfc -keystore owner.p12 -file owner.pem",
      "  Serve the key data.key to what policy.yaml accepts:",
      "    asymml owner serve --listen tls:0.0.0.0:4433 --tls-keystore owner.p12"
          + " --tls-password-file pw --key data.key --policy policy.yaml"
          + " --collateral collateral/mine --log owner.log"
    })
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
final class OwnerServeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--listen",
      required = true,
      paramLabel = "ADDRESS",
      description = "tls:HOST:PORT (port 0: any free one).")
  private String listen;

  @Option(
      names = "--tls-keystore",
      required = true,
      paramLabel = "FILE",
      description = "PKCS12 file with the owner's TLS key and certificate, and nothing else.")
  private Path keystore;

  @Option(
      names = "--tls-password-file",
      required = true,
      paramLabel = "FILE",
      description = "File whose first line is the keystore's password.")
  private Path passwordFile;

  @Mixin private KeyOptions key;
  @Mixin private PolicyOption policies;
  @Mixin private PlatformOptions platform;

  @Option(
      names = "--log",
      required = true,
      paramLabel = "FILE",
      description =
          "The log of decisions, one line of JSON each; it is appended to ('asymml owner log' shows"
              + " it).")
  private Path logFile;

  @Option(
      names = "--leases",
      paramLabel = "FILE",
      description =
          "With the policy's rollback: owner, the file in which the steps of each run are counted."
              + " It must never be put back to an older state.")
  private @Nullable Path leases;

  @Option(
      names = "--connections",
      paramLabel = "N",
      defaultValue = "16",
      description =
          "Connections at the same time; further ones are turned away (default: ${DEFAULT-VALUE}).")
  private int connections;

  @Option(
      names = "--deadline",
      paramLabel = "SECONDS",
      defaultValue = "60",
      description = "How long a connection may take in all (default: ${DEFAULT-VALUE}).")
  private int deadline;

  @Override
  public Integer call() throws IOException, EvidenceException {
    OwnerAddress address;
    KeyServer.Limits limits;
    try {
      address = OwnerAddress.parse(listen);
      limits = new KeyServer.Limits(connections, Duration.ofSeconds(deadline));
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
    Policy policy = policies.read();
    OwnerIdentity identity = OwnerIdentity.load(keystore, passwordFile);
    try (DataKey dataKey = DataKey.read(key.file());
        DecisionLog log = DecisionLog.open(logFile);
        LeaseBook book = leases == null ? null : LeaseBook.open(leases)) {
      KeyOwner owner =
          new KeyOwner(
              identity.key(),
              policy,
              new EvidenceReader(platform.collateral(), platform.vek()),
              dataKey,
              book,
              Clock.systemUTC(),
              new SecureRandom());
      PrintWriter err = spec.commandLine().getErr();
      try (KeyServer server =
              new KeyServer(
                  identity,
                  address,
                  owner,
                  log,
                  limits,
                  new Printed(spec.commandLine().getOut(), err));
          StopSignals signals =
              new StopSignals(
                  err, "stopping when the open connections have ended", server::close)) {
        greet(new OwnerAddress(address.host(), server.port()), identity, dataKey, policy);
        server.serve();
        return signals.received() ? signals.exitCode() : ExitCode.OK;
      }
    }
  }

  private void greet(OwnerAddress at, OwnerIdentity identity, DataKey dataKey, Policy policy) {
    PrintWriter out = spec.commandLine().getOut();
    if (policy.isSimulation()) {
      out.println(
          Decision.SIMULATION + ": the policy accepts evidence that says nothing about hardware");
    }
    out.println("key      %s".formatted(HexFormat.of().formatHex(dataKey.id())));
    out.println("log      " + logFile);
    out.println(
        "rollback "
            + (leases == null
                ? "not prevented: budgets can be spent twice"
                : "steps in " + leases));
    out.println(
        "serving  %s, TLS key with the SHA-256 %s"
            .formatted(at, OwnerIdentity.fingerprint(identity.key())));
    out.flush();
  }

  /// Prints what happens.
  private record Printed(PrintWriter out, PrintWriter err) implements ServerListener {
    @Override
    public void decided(Decision decision) {
      synchronized (out) {
        decision.lines().forEach(out::println);
        out.flush();
      }
    }

    @Override
    public void failed(String line) {
      err.println("asymml: " + line);
      err.flush();
    }
  }
}
