package asymml.wire;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.util.concurrent.TimeUnit;

/// A stream socket of this machine that can carry descriptors. At most one thread reads and one
/// writes; any thread closes.
final class UnixSocket implements AutoCloseable {
  private static final int COPY_BYTES = 1 << 16;

  /// One direction of a connection, with the structures of its calls: nothing is allocated per
  /// message.
  private static final class Direction {
    private final Posix.Call call = new Posix.Call();
    private final Posix.MessageHeader header = new Posix.MessageHeader();
    private final MemorySegment poll;
    private final String late;

    private Direction(int fd, short events, String late) {
      this.poll = Posix.pollfd(fd, events);
      this.late = late;
    }
  }

  private final int fd;
  private final Direction in;
  private final Direction out;
  // Whose calls are under way: the number of a descriptor that is closed may be another's at once.
  private int users;
  private boolean closed;

  /// @param fd a socket, which is closed with this object
  /// @param late what is said if nothing comes in time
  UnixSocket(int fd, String late) {
    this.fd = fd;
    this.in = new Direction(fd, Posix.POLLIN, late);
    this.out = new Direction(fd, Posix.POLLOUT, "the peer takes no more messages");
  }

  private synchronized void enter() throws IOException {
    if (closed) {
      throw new ClosedChannelException();
    }
    users++;
  }

  private synchronized void leave() {
    users--;
    if (closed && users == 0) {
      Posix.close(new Posix.Call(), fd);
    }
  }

  /// Whether it was closed while a call was under way.
  private synchronized void requireOpen() throws IOException {
    if (closed) {
      throw new ClosedChannelException();
    }
  }

  /// Takes a connection of a socket that listens.
  ///
  /// @return its descriptor
  int accept(Deadline deadline) throws IOException {
    enter();
    try {
      int peer = Posix.accept(in.call, fd);
      while (peer < 0) {
        await("accept", in, deadline);
        peer = Posix.accept(in.call, fd);
      }
      return peer;
    } finally {
      leave();
    }
  }

  /// Sends some of the bytes, waiting until there is room for one.
  ///
  /// @param given a descriptor to send with the first of them, or -1
  void write(ByteBuffer bytes, int given, Deadline deadline) throws IOException {
    enter();
    MemorySegment memory = addressable(bytes);
    try {
      out.header.bytes(memory);
      if (given >= 0) {
        out.header.give(given);
      }
      long count = Posix.send(out.call, fd, out.header);
      while (count < 0) {
        await("send", out, deadline);
        count = Posix.send(out.call, fd, out.header);
      }
      bytes.position(bytes.position() + (int) count);
    } finally {
      Reference.reachabilityFence(memory); // the system knows its address only
      leave();
    }
  }

  /// The system reads direct buffers only; of others it gets a copy.
  private static MemorySegment addressable(ByteBuffer bytes) {
    if (bytes.isDirect()) {
      return MemorySegment.ofBuffer(bytes);
    }
    int count = Math.min(bytes.remaining(), COPY_BYTES);
    return Arena.ofAuto().allocate(count).copyFrom(MemorySegment.ofBuffer(bytes).asSlice(0, count));
  }

  /// Receives what there is, waiting for at least one byte.
  ///
  /// @param descriptors whether a descriptor may come along, which [#taken] then gives
  /// @return the number of bytes, or -1 at the end of the stream
  int read(ByteBuffer into, boolean descriptors, Deadline deadline) throws IOException {
    enter();
    try {
      MemorySegment memory =
          into.isDirect()
              ? MemorySegment.ofBuffer(into)
              : Arena.ofAuto().allocate(Math.min(into.remaining(), COPY_BYTES));
      long count = receive(memory, descriptors);
      while (count < 0) {
        await("receive", in, deadline);
        count = receive(memory, descriptors);
      }
      if (count == 0) {
        requireOpen();
        return -1;
      }
      if (into.isDirect()) {
        into.position(into.position() + (int) count);
      } else {
        into.put(memory.asSlice(0, count).asByteBuffer());
      }
      return (int) count;
    } finally {
      leave();
    }
  }

  private long receive(MemorySegment memory, boolean descriptors) {
    in.header.bytes(memory);
    if (descriptors) {
      in.header.expect();
    }
    return Posix.receive(in.call, fd, in.header);
  }

  /// The descriptor that came with the last read.
  ///
  /// @return -1 if there was none
  int taken() {
    return in.header.taken();
  }

  /// Waits after a call that failed until it is worth another try.
  private void await(String what, Direction direction, Deadline deadline) throws IOException {
    requireOpen();
    int errno = direction.call.errno();
    if (errno == Posix.EINTR) {
      return;
    }
    if (errno != Posix.EAGAIN) {
      throw direction.call.failure(what);
    }
    long nanos = deadline.remainingNanos();
    if (nanos <= 0) {
      throw new ProtocolException(ProtocolException.Reason.TIMED_OUT, direction.late);
    }
    // Zero would not wait at all: round up.
    long millis =
        deadline.limited()
            ? Math.min(TimeUnit.NANOSECONDS.toMillis(nanos) + 1, Integer.MAX_VALUE)
            : -1;
    if (Posix.poll(direction.call, direction.poll, (int) millis) < 0
        && direction.call.errno() != Posix.EINTR) {
      throw direction.call.failure("poll");
    }
    requireOpen();
  }

  /// Ends the connection. Idempotent; a thread that waits on it fails at once.
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      Posix.Call call = new Posix.Call();
      // Wakes those that wait. The descriptor goes with the last of them.
      Posix.shutdown(call, fd);
      if (users == 0) {
        Posix.close(call, fd);
      }
    }
  }
}
