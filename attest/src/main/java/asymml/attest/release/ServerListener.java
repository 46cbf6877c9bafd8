package asymml.attest.release;

/// Hears what an owner's server does. Called by several threads.
public interface ServerListener {
  /// A request was decided about, and the decision is in the log.
  ///
  /// @param decision as logged
  void decided(Decision decision);

  /// A connection ended without a request, or its decision could not be logged.
  ///
  /// @param line one line
  void failed(String line);
}
