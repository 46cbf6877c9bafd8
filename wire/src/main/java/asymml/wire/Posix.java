package asymml.wire;

import java.io.IOException;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// The calls of Linux that Java has no methods for: a Unix domain socket that can carry a file
/// descriptor, and memory that can be sealed. Constants and structures are those of 64-bit Linux
/// (`include/uapi` of the kernel; the same on x86-64 and AArch64).
///
/// Results are those of the C functions: -1 is a failure, whose number [Call#errno] gives.
final class Posix {
  static final int EINTR = 4;
  static final int EAGAIN = 11;
  static final int EINVAL = 22;
  static final int ENOSYS = 38;

  static final short POLLIN = 1;
  static final short POLLOUT = 4;

  static final int MSG_NOSIGNAL = 0x4000;
  static final int MSG_CMSG_CLOEXEC = 0x4000_0000;

  /// `sockaddr_un.sun_path`, less its final zero.
  static final int MAX_SOCKET_PATH_BYTES = 107;

  private static final int AF_UNIX = 1;
  private static final int SOCK_STREAM = 1;
  private static final int SOCK_NONBLOCK = 0x800;
  private static final int SOCK_CLOEXEC = 0x8_0000;
  private static final int SHUT_RDWR = 2;
  private static final int SOCKADDR_BYTES = 2 + MAX_SOCKET_PATH_BYTES + 1;

  private static final int MFD_CLOEXEC = 1;
  private static final int MFD_ALLOW_SEALING = 2;
  private static final int MFD_NOEXEC_SEAL = 8;
  private static final int F_ADD_SEALS = 1033;
  private static final int F_GET_SEALS = 1034;
  private static final int F_SEAL_SEAL = 1;
  private static final int F_SEAL_SHRINK = 2;
  private static final int F_SEAL_GROW = 4;
  private static final int SEEK_END = 2;
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_SHARED = 1;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final AddressLayout POINTER = ValueLayout.ADDRESS;

  private static final MethodHandle SOCKET = find("socket", of(INT, INT, INT, INT));
  private static final MethodHandle CONNECT = find("connect", of(INT, INT, POINTER, INT));
  private static final MethodHandle BIND = find("bind", of(INT, INT, POINTER, INT));
  private static final MethodHandle FCHMOD = find("fchmod", of(INT, INT, INT));
  private static final MethodHandle LISTEN = find("listen", of(INT, INT, INT));
  private static final MethodHandle ACCEPT = find("accept4", of(INT, INT, POINTER, POINTER, INT));
  private static final MethodHandle SENDMSG = find("sendmsg", of(LONG, INT, POINTER, INT));
  private static final MethodHandle RECVMSG = find("recvmsg", of(LONG, INT, POINTER, INT));
  private static final MethodHandle POLL = find("poll", of(INT, POINTER, LONG, INT));
  private static final MethodHandle SHUTDOWN = find("shutdown", of(INT, INT, INT));
  private static final MethodHandle CLOSE = find("close", of(INT, INT));
  private static final MethodHandle MEMFD_CREATE = find("memfd_create", of(INT, POINTER, INT));
  private static final MethodHandle FALLOCATE = find("fallocate", of(INT, INT, INT, LONG, LONG));
  private static final MethodHandle FCNTL =
      find("fcntl", of(INT, INT, INT, INT), Linker.Option.firstVariadicArg(2));
  private static final MethodHandle LSEEK = find("lseek", of(LONG, INT, LONG, INT));
  private static final MethodHandle MMAP = find("mmap", of(LONG, LONG, LONG, INT, INT, INT, LONG));
  private static final MethodHandle MUNMAP = find("munmap", of(INT, LONG, LONG));
  private static final MethodHandle STRERROR =
      LINKER.downcallHandle(
          LINKER.defaultLookup().findOrThrow("strerror"), FunctionDescriptor.of(POINTER, INT));

  private Posix() {}

  private static FunctionDescriptor of(MemoryLayout result, MemoryLayout... arguments) {
    return FunctionDescriptor.of(result, arguments);
  }

  /// A function that sets `errno`.
  private static MethodHandle find(String name, FunctionDescriptor type, Linker.Option... more) {
    Linker.Option[] options = new Linker.Option[more.length + 1];
    options[0] = Linker.Option.captureCallState("errno");
    System.arraycopy(more, 0, options, 1, more.length);
    return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), type, options);
  }

  /// Refuses other systems than Linux, with what can be done instead.
  ///
  /// @throws IOException one line
  static void requireLinux() throws IOException {
    if (!System.getProperty("os.name", "").equals("Linux")) {
      throw new IOException(
          "workers that share memory need Linux on both sides: use a worker at a tls: address");
    }
  }

  /// Room for the number of a failure. For one thread at a time.
  static final class Call {
    private final MemorySegment state = Arena.ofAuto().allocate(STATE);

    int errno() {
      return (int) ERRNO.get(state, 0L);
    }

    /// The last failure as an exception.
    ///
    /// @param what failed
    IOException failure(String what) {
      return new IOException(what + ": " + reason(errno()));
    }
  }

  private static String reason(int errno) {
    try {
      MemorySegment text = (MemorySegment) STRERROR.invokeExact(errno);
      return text.reinterpret(1024).getString(0);
    } catch (Throwable e) {
      throw never(e);
    }
  }

  // A downcall itself throws nothing but what the caller got wrong.
  private static IllegalStateException never(Throwable e) {
    return new IllegalStateException("a call of the system could not be made", e);
  }

  // --- sockets ---

  static int socket(Call call) {
    try {
      return (int)
          SOCKET.invokeExact(call.state, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    } catch (Throwable e) {
      throw never(e);
    }
  }

  static int connect(Call call, int fd, Path path) {
    try (Arena arena = Arena.ofConfined()) {
      return (int) CONNECT.invokeExact(call.state, fd, address(arena, path), SOCKADDR_BYTES);
    } catch (Throwable e) {
      throw never(e);
    }
  }

  /// Binds a socket to a file that only this user can open.
  static int bind(Call call, int fd, Path path) {
    try (Arena arena = Arena.ofConfined()) {
      // Linux gives the file the mode that the socket has.
      int result = (int) FCHMOD.invokeExact(call.state, fd, 0600);
      return result < 0
          ? result
          : (int) BIND.invokeExact(call.state, fd, address(arena, path), SOCKADDR_BYTES);
    } catch (Throwable e) {
      throw never(e);
    }
  }

  private static MemorySegment address(Arena arena, Path path) {
    MemorySegment address = arena.allocate(SOCKADDR_BYTES, Short.BYTES);
    address.set(ValueLayout.JAVA_SHORT, 0, (short) AF_UNIX);
    byte[] name = path.toString().getBytes(StandardCharsets.UTF_8);
    MemorySegment.copy(name, 0, address, ValueLayout.JAVA_BYTE, Short.BYTES, name.length);
    return address;
  }

  static int listen(Call call, int fd, int backlog) {
    try {
      return (int) LISTEN.invokeExact(call.state, fd, backlog);
    } catch (Throwable e) {
      throw never(e);
    }
  }

  static int accept(Call call, int fd) {
    try {
      return (int)
          ACCEPT.invokeExact(
              call.state, fd, MemorySegment.NULL, MemorySegment.NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    } catch (Throwable e) {
      throw never(e);
    }
  }

  static long send(Call call, int fd, MessageHeader message) {
    try {
      return (long) SENDMSG.invokeExact(call.state, fd, message.header, MSG_NOSIGNAL);
    } catch (Throwable e) {
      throw never(e);
    }
  }

  static long receive(Call call, int fd, MessageHeader message) {
    try {
      return (long) RECVMSG.invokeExact(call.state, fd, message.header, MSG_CMSG_CLOEXEC);
    } catch (Throwable e) {
      throw never(e);
    }
  }

  /// Waits for one descriptor.
  ///
  /// @param pollfd of [#pollfd]
  /// @param millis -1 for ever
  static int poll(Call call, MemorySegment pollfd, int millis) {
    try {
      return (int) POLL.invokeExact(call.state, pollfd, 1L, millis);
    } catch (Throwable e) {
      throw never(e);
    }
  }

  /// A `struct pollfd`.
  static MemorySegment pollfd(int fd, short events) {
    MemorySegment pollfd = Arena.ofAuto().allocate(8, Integer.BYTES);
    pollfd.set(INT, 0, fd);
    pollfd.set(ValueLayout.JAVA_SHORT, 4, events);
    return pollfd;
  }

  static int shutdown(Call call, int fd) {
    try {
      return (int) SHUTDOWN.invokeExact(call.state, fd, SHUT_RDWR);
    } catch (Throwable e) {
      throw never(e);
    }
  }

  static int close(Call call, int fd) {
    try {
      return (int) CLOSE.invokeExact(call.state, fd);
    } catch (Throwable e) {
      throw never(e);
    }
  }

  /// A `struct msghdr` of one buffer, with room for one descriptor. For one thread at a time.
  static final class MessageHeader {
    private static final int SOL_SOCKET = 1;
    private static final int SCM_RIGHTS = 1;
    // struct cmsghdr is a size_t and two ints; CMSG_LEN and CMSG_SPACE of one int.
    private static final int CONTROL_LENGTH = 20;
    private static final int CONTROL_SPACE = 24;

    private final MemorySegment header = Arena.ofAuto().allocate(56, Long.BYTES);
    private final MemorySegment buffer = Arena.ofAuto().allocate(16, Long.BYTES);
    private final MemorySegment control = Arena.ofAuto().allocate(CONTROL_SPACE, Long.BYTES);

    MessageHeader() {
      header.set(POINTER, 16, buffer); // msg_iov
      header.set(LONG, 24, 1); // msg_iovlen
    }

    /// Names the bytes of the next call, which takes or brings no descriptor.
    void bytes(MemorySegment memory) {
      buffer.set(POINTER, 0, memory);
      buffer.set(LONG, 8, memory.byteSize());
      header.set(POINTER, 32, MemorySegment.NULL);
      header.set(LONG, 40, 0);
    }

    /// Adds a descriptor to what is sent.
    void give(int fd) {
      control.set(LONG, 0, CONTROL_LENGTH);
      control.set(INT, 8, SOL_SOCKET);
      control.set(INT, 12, SCM_RIGHTS);
      control.set(INT, 16, fd);
      header.set(POINTER, 32, control);
      header.set(LONG, 40, CONTROL_SPACE);
    }

    /// Makes room for one descriptor in what is received. Linux closes those for which there is no
    /// room.
    void expect() {
      control.fill((byte) 0);
      header.set(POINTER, 32, control);
      header.set(LONG, 40, CONTROL_LENGTH);
    }

    /// The descriptor that has come.
    ///
    /// @return -1 if there is none
    int taken() {
      return header.get(LONG, 40) >= CONTROL_LENGTH
              && control.get(INT, 8) == SOL_SOCKET
              && control.get(INT, 12) == SCM_RIGHTS
          ? control.get(INT, 16)
          : -1;
    }
  }

  // --- memory ---

  /// Creates memory without a name that can be sealed.
  static int memory(Call call) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom("asymml");
      int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
      int fd = (int) MEMFD_CREATE.invokeExact(call.state, name, flags | MFD_NOEXEC_SEAL);
      // Before Linux 6.3 there is no such flag.
      return fd < 0 && call.errno() == EINVAL
          ? (int) MEMFD_CREATE.invokeExact(call.state, name, flags)
          : fd;
    } catch (Throwable e) {
      throw never(e);
    }
  }

  /// Takes the pages of a file now, with a failure if there are too few; at first touch it would be
  /// a signal that kills the process.
  static int allocate(Call call, int fd, long bytes) {
    try {
      return (int) FALLOCATE.invokeExact(call.state, fd, 0, 0L, bytes);
    } catch (Throwable e) {
      throw never(e);
    }
  }

  /// Fixes the size of memory for ever.
  static int seal(Call call, int fd) {
    return fcntl(call, fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  }

  /// Whether a descriptor is of memory that nobody can shrink.
  static boolean cannotShrink(Call call, int fd) {
    int seals = fcntl(call, fd, F_GET_SEALS, 0);
    return seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
  }

  private static int fcntl(Call call, int fd, int command, int argument) {
    try {
      return (int) FCNTL.invokeExact(call.state, fd, command, argument);
    } catch (Throwable e) {
      throw never(e);
    }
  }

  static long size(Call call, int fd) {
    try {
      return (long) LSEEK.invokeExact(call.state, fd, 0L, SEEK_END);
    } catch (Throwable e) {
      throw never(e);
    }
  }

  /// Maps memory for reading and writing, until the arena is closed.
  ///
  /// @return null if it cannot be mapped
  static @Nullable MemorySegment map(Call call, int fd, long bytes, Arena arena) {
    long address;
    try {
      address = (long) MMAP.invokeExact(call.state, 0L, bytes, PROT_READ_WRITE, MAP_SHARED, fd, 0L);
    } catch (Throwable e) {
      throw never(e);
    }
    return address == -1
        ? null
        : MemorySegment.ofAddress(address).reinterpret(bytes, arena, Posix::unmap);
  }

  private static void unmap(MemorySegment memory) {
    try {
      int result = (int) MUNMAP.invokeExact(new Call().state, memory.address(), memory.byteSize());
      if (result < 0) {
        throw new IllegalStateException("memory cannot be unmapped");
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw never(e);
    }
  }
}
