package asymml.kernels;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SCRATCHPAD;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_get_size;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_set_data_handle;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_desc_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_desc_query;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_desc_query_md;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_execute;
import static org.bytedeco.dnnl.global.dnnl.dnnl_query_exec_arg_md;
import static org.bytedeco.dnnl.global.dnnl.dnnl_query_impl_info_str;
import static org.bytedeco.dnnl.global.dnnl.dnnl_stream_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_stream_default_flags;
import static org.bytedeco.dnnl.global.dnnl.dnnl_stream_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_stream_wait;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.bytedeco.dnnl.dnnl_exec_arg_t;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.javacpp.Pointer;

/// One oneDNN primitive with everything a call needs, made once: its memories, argument array,
/// scratch memory and stream. A call only moves the memories whose address changed.
///
/// Not thread-safe: one caller at a time.
final class Primitive implements AutoCloseable {
  // struct dnnl_exec_arg_t { int arg; dnnl_memory_t memory; }
  private static final long ARGUMENT_BYTES = 16;
  private static final long ARGUMENT_MEMORY_OFFSET = 8;

  // What oneDNN takes for a primitive beside its scratch memory, mostly generated code; measured.
  private static final long OVERHEAD_BYTES = 1 << 18;

  private final String name;
  // What the descriptor was planned with on this thread, see Dnnl.planningEngine.
  private final int threads = OpenMp.threads();
  private final dnnl_primitive_desc descriptor;
  private final dnnl_primitive primitive = new dnnl_primitive();
  private final dnnl_stream stream = new dnnl_stream();
  private final int[] roles;
  private final dnnl_memory[] memories;
  private final long[] addresses;
  private final Address handle = new Address(0);
  // Shared: planned, run and closed by whichever thread the owner uses, one at a time.
  private final Arena arena = Arena.ofShared();
  private final MemoryBudget budget;
  private final long takenBytes;
  private final MemorySegment scratch;
  private final dnnl_exec_arg_t arguments;
  private boolean closed;

  /// Plans the primitive.
  ///
  /// @param name for messages
  /// @param descriptor owned by this from now on
  /// @param roles the `DNNL_ARG_` numbers of its operands; [#run] takes their addresses in this
  ///   order
  Primitive(String name, dnnl_primitive_desc descriptor, int... roles) {
    this(MemoryBudget.unlimited(), name, descriptor, roles);
  }

  /// Plans the primitive.
  ///
  /// @param budget what its memory is taken from until [#close]
  /// @throws MemoryLimitException if the budget has less left; the descriptor is gone then
  Primitive(MemoryBudget budget, String name, dnnl_primitive_desc descriptor, int... roles) {
    this.budget = budget;
    this.name = name;
    this.descriptor = descriptor;
    this.roles = roles.clone();
    memories = new dnnl_memory[roles.length + 1];
    addresses = new long[roles.length];
    dnnl_memory_desc scratchLayout = layout(DNNL_ARG_SCRATCHPAD);
    long scratchBytes = dnnl_memory_desc_get_size(scratchLayout);
    takenBytes = scratchBytes + OVERHEAD_BYTES;
    boolean taken = false;
    boolean planned = false;
    try {
      budget.take(takenBytes);
      taken = true;
      scratch = buffer(arena, scratchBytes);
      Dnnl.check(dnnl_primitive_create(primitive, descriptor), name);
      planned = true;
    } finally {
      if (!planned) {
        arena.close();
        dnnl_primitive_desc_destroy(descriptor);
        budget.giveBack(taken ? takenBytes : 0);
      }
    }
    Dnnl.check(dnnl_stream_create(stream, Dnnl.engine(), dnnl_stream_default_flags), "stream");
    for (int i = 0; i < roles.length; i++) {
      memories[i] = memory(layout(roles[i]), 0);
    }
    memories[roles.length] = memory(scratchLayout, scratch.address());
    MemorySegment array = arena.allocate(ARGUMENT_BYTES * memories.length, ARGUMENT_BYTES);
    for (int i = 0; i < memories.length; i++) {
      int role = i < roles.length ? roles[i] : DNNL_ARG_SCRATCHPAD;
      array.set(ValueLayout.JAVA_INT, ARGUMENT_BYTES * i, role);
      array.set(
          ValueLayout.JAVA_LONG,
          ARGUMENT_BYTES * i + ARGUMENT_MEMORY_OFFSET,
          memories[i].address());
    }
    arguments = new dnnl_exec_arg_t(new Address(array.address()));
  }

  private static dnnl_memory memory(dnnl_memory_desc layout, long address) {
    dnnl_memory memory = new dnnl_memory();
    Dnnl.check(dnnl_memory_create(memory, layout, Dnnl.engine(), new Address(address)), "memory");
    return memory;
  }

  /// Allocates zeroed memory; at least one line, so that an empty scratch still has an address.
  static MemorySegment buffer(Arena arena, long sizeBytes) {
    return arena.allocate(Math.max(sizeBytes, Tensor.ALIGNMENT_BYTES), Tensor.ALIGNMENT_BYTES);
  }

  /// The layout that the primitive chose for an operand; borrowed, gone when this is closed.
  dnnl_memory_desc layout(int role) {
    return dnnl_primitive_desc_query_md(descriptor, dnnl_query_exec_arg_md, role);
  }

  /// The bytes of an operand in the primitive's own layout.
  long sizeBytes(int role) {
    return dnnl_memory_desc_get_size(layout(role));
  }

  /// Borrowed, as the hint that backward primitives need.
  dnnl_primitive_desc descriptor() {
    return descriptor;
  }

  /// oneDNN's name of the chosen implementation.
  String implementation() {
    return implementation(descriptor);
  }

  /// oneDNN's name of the implementation that a descriptor stands for.
  static String implementation(dnnl_primitive_desc descriptor) {
    try (Arena local = Arena.ofConfined()) {
      MemorySegment out = local.allocate(ValueLayout.ADDRESS);
      Dnnl.check(
          dnnl_primitive_desc_query(
              descriptor, dnnl_query_impl_info_str, 0, new Address(out.address())),
          "query");
      return out.get(ValueLayout.ADDRESS, 0).reinterpret(Long.MAX_VALUE).getString(0);
    }
  }

  /// Refuses the reference implementation, which is hundreds of times slower than the others.
  Primitive requireFast() {
    String implementation = implementation();
    if (implementation.startsWith("ref")) {
      close();
      throw new IllegalStateException(
          "oneDNN has only its reference implementation for " + name + ": " + implementation);
    }
    return this;
  }

  /// Runs it and waits for the end.
  ///
  /// @param operands one address for each role given at construction, checked by the caller
  void run(long... operands) {
    requireOpen(closed, name);
    for (int i = 0; i < roles.length; i++) {
      if (addresses[i] != operands[i]) {
        Dnnl.check(dnnl_memory_set_data_handle(memories[i], handle.at(operands[i])), name);
        addresses[i] = operands[i];
      }
    }
    OpenMp.useThreads(threads);
    Dnnl.check(dnnl_primitive_execute(primitive, stream, memories.length, arguments), name);
    Dnnl.check(dnnl_stream_wait(stream), name);
  }

  static void requireOpen(boolean closed, String name) {
    if (closed) {
      throw new IllegalStateException(name + " is closed");
    }
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    dnnl_primitive_destroy(primitive);
    for (dnnl_memory memory : memories) {
      dnnl_memory_destroy(memory);
    }
    dnnl_stream_destroy(stream);
    dnnl_primitive_desc_destroy(descriptor);
    scratch.fill((byte) 0);
    arena.close();
    budget.giveBack(takenBytes);
  }

  /// A bare native address for the binding. It owns nothing and has no deallocator.
  static final class Address extends Pointer {
    Address(long address) {
      super((Pointer) null);
      this.address = address;
    }

    /// Moves this to another address, so that a call need not allocate a new one.
    Address at(long newAddress) {
      address = newAddress;
      return this;
    }
  }
}
