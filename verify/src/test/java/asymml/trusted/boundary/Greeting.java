package asymml.trusted.boundary;

import asymml.wire.ProtocolException;
import asymml.wire.Transport;
import java.time.Duration;

/// A connection to a worker over any transport, for tests that write down or replay its bytes.
public final class Greeting {
  private Greeting() {}

  /// Greets the worker at the other end.
  ///
  /// @param transport what the bytes go through
  /// @param timeout by when it must have answered
  /// @return the connection; the caller closes it
  /// @throws ProtocolException if it does not speak this protocol
  public static RemoteWorker over(Transport transport, Duration timeout) throws ProtocolException {
    return RemoteWorker.greet(transport, null, timeout);
  }
}
