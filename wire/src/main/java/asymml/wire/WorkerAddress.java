package asymml.wire;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/// Where a worker listens.
public sealed interface WorkerAddress {
  /// A Unix domain socket on this machine; tensors stand in shared memory.
  ///
  /// @param path the socket's file
  record Unix(Path path) implements WorkerAddress {
    @Override
    public String toString() {
      return "unix:" + path;
    }
  }

  /// A TCP port that speaks TLS 1.3; tensors come in the stream.
  ///
  /// @param host name or address, not empty; an IPv6 address without brackets
  /// @param port 0 (only to listen: any free one) to 65535
  record Tls(String host, int port) implements WorkerAddress {
    /// Checks the ranges above.
    public Tls {
      if (host.isEmpty() || host.chars().anyMatch(c -> c <= ' ' || c == '[' || c == ']')) {
        throw new IllegalArgumentException("not a host: '" + host + "'");
      }
      if (port < 0 || port > 65535) {
        throw new IllegalArgumentException("a port is 0 to 65535: " + port);
      }
    }

    @Override
    public String toString() {
      return "tls:" + (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
    }
  }

  /// Reads an address as users write it.
  ///
  /// @param text `unix:PATH` or `tls:HOST:PORT`, an IPv6 host in brackets
  /// @return the address
  /// @throws IllegalArgumentException if it is neither
  static WorkerAddress parse(String text) {
    if (text.startsWith("unix:") && text.length() > 5) {
      try {
        return new Unix(Path.of(text.substring(5)));
      } catch (InvalidPathException e) {
        throw new IllegalArgumentException("not a path: '" + text.substring(5) + "'", e);
      }
    }
    int colon = text.lastIndexOf(':');
    if (text.startsWith("tls:") && colon > 4) {
      String host = text.substring(4, colon);
      if (host.startsWith("[") && host.endsWith("]")) {
        host = host.substring(1, host.length() - 1);
      } else if (host.indexOf(':') >= 0) {
        throw new IllegalArgumentException("an IPv6 host stands in brackets: '" + text + "'");
      }
      try {
        return new Tls(host, Integer.parseInt(text.substring(colon + 1)));
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException("not a port: '" + text.substring(colon + 1) + "'", e);
      }
    }
    throw new IllegalArgumentException(
        "a worker's address is unix:PATH or tls:HOST:PORT, not '" + text + "'");
  }
}
