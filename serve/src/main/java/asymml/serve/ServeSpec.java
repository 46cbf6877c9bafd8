package asymml.serve;

import org.jspecify.annotations.Nullable;

/// Where and how a model is served.
///
/// @param host name or address of the interface that is listened on
/// @param port 0 for any free one, at most 65535
/// @param https what proves who the server is; null for HTTP without TLS
/// @param limits on what is taken
public record ServeSpec(String host, int port, @Nullable HttpsFiles https, ServeLimits limits) {
  private static final int MOST_PORT = 65535;

  /// Checks the port.
  public ServeSpec {
    if (port < 0 || port > MOST_PORT) {
      throw new IllegalArgumentException("a port is 0 to 65535: " + port);
    }
  }
}
