package asymml.wire;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.PublicKey;
import java.util.Optional;

/// A connection to one peer that carries bytes both ways. Sockets are opened in [UnixTransport] and
/// [TlsTransport] and nowhere else. It is not sealed so that fuzzers can feed bytes to a [Link] by
/// the million, without a socket.
///
/// Every wait has a deadline, and a peer that is gone ends it at once. At most one thread reads and
/// one writes.
public interface Transport extends AutoCloseable {
  /// Whether the two sides can map the same memory.
  ///
  /// @return true if tensors need not go through the stream
  boolean sharesMemory();

  /// The key that the peer has proved to hold.
  ///
  /// @return empty if the connection asked for none
  Optional<PublicKey> peerKey();

  /// Hands memory to the peer, with the next bytes that are written.
  ///
  /// @param region memory that [Region#create] made
  /// @throws UnsupportedOperationException if the two sides share none
  void share(Region region);

  /// Maps the memory that the peer has handed over with bytes that were read.
  ///
  /// @param sizeBytes the size that it must have
  /// @return a region; the caller closes it
  /// @throws IOException if there is none, if it has another size or could be shrunk, or if it
  ///   cannot be mapped
  /// @throws UnsupportedOperationException if the two sides share none
  Region shared(long sizeBytes) throws IOException;

  /// Writes all remaining bytes.
  ///
  /// @param bytes what to write; its position moves to its limit
  /// @param deadline by when
  /// @throws ProtocolException if the peer is gone or does not take them in time
  void write(ByteBuffer bytes, Deadline deadline) throws ProtocolException;

  /// Reads what there is, waiting for at least one byte.
  ///
  /// @param into where to, with at least one byte of room; its position moves
  /// @param deadline by when the first byte must be there
  /// @return the number of bytes read, or -1 if the peer has ended the stream
  /// @throws ProtocolException if the connection broke or nothing came in time
  int read(ByteBuffer into, Deadline deadline) throws ProtocolException;

  /// Ends the connection. Idempotent; a thread that waits on it fails at once.
  @Override
  void close();
}
