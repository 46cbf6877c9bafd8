package asymml.cli.options;

import asymml.serve.HttpsFiles;
import asymml.serve.ServeLimits;
import asymml.serve.ServeSpec;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Where a model is served, how, and how much is taken.
@SuppressWarnings("NullAway.Init") // picocli sets the fields before the command runs
public final class ServeOptions {
  private static final int MIB_BITS = 20;
  private static final int MOST_MIB = 1024;

  @Option(
      names = "--listen",
      paramLabel = "HOST:PORT",
      defaultValue = "127.0.0.1:8080",
      description = "Where to listen; port 0 takes any free one (default: ${DEFAULT-VALUE}).")
  private String listen;

  @Option(
      names = "--https-certificate",
      paramLabel = "FILE",
      description =
          "Serve HTTPS: the server's certificate, PEM, followed by those that have signed it.")
  private @Nullable Path certificate;

  @Option(
      names = "--https-key",
      paramLabel = "FILE",
      description = "The certificate's private key, PEM (PKCS 8) without a pass phrase.")
  private @Nullable Path key;

  @Option(
      names = "--https-clients",
      paramLabel = "FILE",
      description =
          "Let in only clients that prove to hold the key of one of these certificates, or of one"
              + " that they have signed.")
  private @Nullable Path clients;

  @Option(
      names = "--plain-http",
      description =
          "Serve without TLS to other machines, too: images and answers are then sent in clear.")
  private boolean plain;

  @Option(
      names = "--queue",
      paramLabel = "N",
      defaultValue = "256",
      description =
          "Images that wait or are being classified; beyond, requests are answered with 503"
              + " (default: ${DEFAULT-VALUE}).")
  private int queue;

  @Option(
      names = "--max-body",
      paramLabel = "MIB",
      defaultValue = "8",
      description = "Refuse larger bodies of requests, in MiB (default: ${DEFAULT-VALUE}).")
  private int body;

  @Option(
      names = "--connections",
      paramLabel = "N",
      defaultValue = "256",
      description =
          "Connections at the same time; further ones wait to be accepted (default:"
              + " ${DEFAULT-VALUE}).")
  private int connections;

  @Option(
      names = "--request-timeout",
      paramLabel = "SECONDS",
      defaultValue = "30",
      description =
          "For a header, for a body, and for an image in the queue to take (default:"
              + " ${DEFAULT-VALUE}).")
  private int timeout;

  @Option(
      names = "--batch-wait",
      paramLabel = "MS",
      description =
          "With --worker: how long a batch that is not full waits for further images (default: 5).")
  private @Nullable Integer wait;

  /// The specification.
  ///
  /// @param batches whether images are classified several at a time
  /// @throws IllegalArgumentException if something is out of range or contradicts another
  public ServeSpec spec(boolean batches) {
    if (wait != null && !batches) {
      throw new IllegalArgumentException("--batch-wait has no effect without --worker");
    }
    if (body < 1 || body > MOST_MIB) {
      throw new IllegalArgumentException("--max-body is 1 to 1024 MiB: " + body);
    }
    Duration defaultWait = batches ? ServeLimits.DEFAULT.batchWait() : Duration.ZERO;
    URI address = address(listen);
    @Nullable HttpsFiles https = https();
    if (https == null && !plain && !isLoopback(address.getHost())) {
      throw new IllegalArgumentException(
          "other machines reach %s: give --https-certificate and --https-key, or allow images to be sent in clear with --plain-http"
              .formatted(listen));
    }
    if (https != null && plain) {
      throw new IllegalArgumentException("--plain-http has no effect with --https-certificate");
    }
    return new ServeSpec(
        address.getHost(),
        address.getPort(),
        https,
        new ServeLimits(
            queue,
            Math.min(body, MOST_MIB) << MIB_BITS,
            connections,
            Duration.ofSeconds(timeout),
            wait == null ? defaultWait : Duration.ofMillis(wait)));
  }

  private @Nullable HttpsFiles https() {
    if (certificate != null && key != null) {
      return new HttpsFiles(certificate, key, clients);
    }
    if (certificate != null || key != null || clients != null) {
      throw new IllegalArgumentException("HTTPS needs both --https-certificate and --https-key");
    }
    return null;
  }

  private static URI address(String text) {
    try {
      URI address = URI.create("http://" + text);
      if (address.getHost() != null
          && address.getPort() >= 0
          && address.getRawAuthority().equals(text)
          && address.getUserInfo() == null) {
        return address;
      }
    } catch (IllegalArgumentException _) {
      // Said below.
    }
    throw new IllegalArgumentException(
        "--listen is HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080: " + text);
  }

  private static boolean isLoopback(String host) {
    try {
      return InetAddress.getByName(host).isLoopbackAddress();
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException("--listen: the host " + host + " is not known", e);
    }
  }
}
