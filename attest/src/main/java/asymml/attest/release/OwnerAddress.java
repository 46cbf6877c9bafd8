package asymml.attest.release;

/// Where an owner serves keys.
///
/// @param host name or address, not empty; an IPv6 address without brackets
/// @param port 0 (only to listen: any free one) to 65535
public record OwnerAddress(String host, int port) {
  private static final String FORM = "an owner's address is tls:HOST:PORT";

  /// Checks the ranges above.
  public OwnerAddress {
    if (host.isEmpty() || host.chars().anyMatch(c -> c <= ' ' || c == '[' || c == ']')) {
      throw new IllegalArgumentException("not a host: '" + host + "'");
    }
    if (port < 0 || port > 65535) {
      throw new IllegalArgumentException("a port is 0 to 65535: " + port);
    }
  }

  /// Reads an address as users write it.
  ///
  /// @param text `tls:HOST:PORT`, an IPv6 host in brackets
  /// @return the address
  /// @throws IllegalArgumentException if it is none
  public static OwnerAddress parse(String text) {
    int colon = text.lastIndexOf(':');
    if (!text.startsWith("tls:") || colon <= 4) {
      throw new IllegalArgumentException("%s, not '%s'".formatted(FORM, text));
    }
    String host = text.substring(4, colon);
    if (host.startsWith("[") && host.endsWith("]")) {
      host = host.substring(1, host.length() - 1);
    } else if (host.indexOf(':') >= 0) {
      throw new IllegalArgumentException("an IPv6 host stands in brackets: '" + text + "'");
    }
    try {
      return new OwnerAddress(host, Integer.parseInt(text.substring(colon + 1)));
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("not a port: '" + text.substring(colon + 1) + "'", e);
    }
  }

  @Override
  public String toString() {
    return "tls:" + (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
  }
}
