package asymml.untrusted;

import asymml.wire.OpDescriptor;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.LongSupplier;

/// Runs every kind of operation on a backend, compares the results with a [Reference] and measures
/// the rates: `asymml worker --self-test`.
final class SelfTest {
  private static final long SEED = 29;
  private static final long ALIGNMENT_BYTES = 64;
  // An operation is repeated for so long, at most so often.
  private static final long RATE_NANOS = 100_000_000;
  private static final int MOST_REPEATS = 100;

  /// Batch, height, width, channels in and out, kernel twice, stride, padding. Sizes of CIFAR and
  /// ImageNet networks first; then such as no vector, tile or block divides.
  private static final List<OpDescriptor> OPERATIONS =
      List.of(
          new OpDescriptor(32, 32, 32, 64, 64, 3, 3, 1, 1),
          new OpDescriptor(32, 8, 8, 256, 256, 3, 3, 1, 1),
          new OpDescriptor(32, 2, 2, 512, 512, 3, 3, 1, 1),
          new OpDescriptor(32, 32, 32, 64, 128, 3, 3, 2, 1),
          new OpDescriptor(32, 16, 16, 64, 256, 1, 1, 1, 0),
          new OpDescriptor(32, 32, 32, 64, 128, 1, 1, 2, 0),
          new OpDescriptor(4, 224, 224, 3, 64, 7, 7, 2, 3),
          new OpDescriptor(128, 1, 1, 512, 10, 1, 1, 1, 0),
          new OpDescriptor(64, 1, 1, 2048, 1000, 1, 1, 1, 0),
          new OpDescriptor(3, 13, 7, 5, 7, 3, 3, 1, 1),
          new OpDescriptor(1, 9, 11, 13, 1, 3, 3, 2, 1),
          new OpDescriptor(5, 3, 3, 17, 11, 1, 1, 1, 0),
          new OpDescriptor(2, 7, 5, 3, 9, 1, 1, 2, 0),
          new OpDescriptor(1, 15, 11, 3, 5, 7, 7, 2, 3),
          new OpDescriptor(1, 1, 1, 1, 1, 1, 1, 1, 0),
          new OpDescriptor(7, 1, 1, 13, 207, 1, 1, 1, 0));

  /// 64 MB of weights and next to nothing else: what it costs is their way.
  private static final OpDescriptor TRANSFER = new OpDescriptor(1, 1, 1, 4096, 4096, 1, 1, 1, 0);

  private final Backend backend;
  private final Precision precision;
  private final Reference reference;
  private final PrintWriter out;
  private final LongSupplier nanoTime;
  private int results;
  private int failures;

  /// @param backend what is tested; the caller closes it
  /// @param precision what its arithmetic is said to be
  /// @param reference what is right
  /// @param out takes the table
  /// @param nanoTime a clock
  SelfTest(
      Backend backend,
      Precision precision,
      Reference reference,
      PrintWriter out,
      LongSupplier nanoTime) {
    this.backend = backend;
    this.precision = precision;
    this.reference = reference;
    this.out = out;
    this.nanoTime = nanoTime;
  }

  /// Has a backend run one pass.
  static Completion call(
      Backend backend, int opId, Pass pass, Reference.Operands o, MemorySegment result) {
    return switch (pass) {
      case FORWARD -> backend.forward(opId, o.x(), result);
      case BACKWARD_DATA -> backend.backwardData(opId, o.dy(), result);
      case BACKWARD_WEIGHTS -> backend.backwardWeights(opId, o.x(), o.dy(), result);
    };
  }

  /// Tests everything and prints the table and the verdict.
  ///
  /// @param copies whether tensors are copied to the device, so that the copies' rates are of
  ///   interest
  /// @return whether all is well
  boolean run(boolean copies) {
    return run(OPERATIONS, copies);
  }

  /// Tests these operations.
  boolean run(List<OpDescriptor> operations, boolean copies) {
    out.printf(
        "self-test of %s, %s, against %s%n", backend.name(), backend.precision(), reference.name());
    out.printf(
        "%-13s %-22s %-16s %9s %9s %9s%s%n",
        "operation", "shape", "pass", "error", "bound", "GFLOP/s", copies ? "   kernel" : "");
    int opId = 0;
    for (OpDescriptor op : operations) {
      test(opId++, op, copies);
    }
    if (copies) {
      measureCopies(opId);
    }
    boolean passed = failures == 0;
    out.println(
        passed
            ? "self-test passed: all %s results within their bounds".formatted(results)
            : "self-test FAILED: %s of %s results out of their bounds"
                .formatted(failures, results));
    out.flush();
    return passed;
  }

  private void test(int opId, OpDescriptor op, boolean copies) {
    try (Arena arena = Arena.ofShared()) {
      long floats =
          op.inputFloats()
              + op.outputFloats()
              + op.weightFloats()
              + Math.max(Math.max(op.inputFloats(), op.outputFloats()), op.weightFloats());
      MemorySegment region =
          arena.allocate(floats * Float.BYTES + 4 * ALIGNMENT_BYTES, ALIGNMENT_BYTES);
      backend.attach(region);
      try {
        Places places = new Places(region);
        SplittableRandom random = new SplittableRandom(SEED);
        Reference.Operands operands =
            new Reference.Operands(
                op,
                fill(places.next(op.inputFloats()), random),
                fill(places.next(op.weightFloats()), random),
                fill(places.next(op.outputFloats()), random));
        backend.define(opId, op);
        backend.loadWeights(opId, operands.weights()).await();
        MemorySegment rest = places.rest();
        for (Pass pass : Pass.values()) {
          MemorySegment result = rest.asSlice(0, pass.results(op) * Float.BYTES);
          result.fill((byte) -1);
          test(opId, pass, operands, result, arena, copies);
        }
      } catch (RefusedException | DeviceException e) {
        results++;
        failures++;
        out.printf("%-13s %-22s FAILED: %s%n", kind(op), shape(op), e.getMessage());
      } finally {
        backend.detach(region);
      }
    }
    out.flush();
  }

  private void test(
      int opId,
      Pass pass,
      Reference.Operands operands,
      MemorySegment result,
      Arena arena,
      boolean copies)
      throws RefusedException {
    OpDescriptor op = operands.op();
    call(backend, opId, pass, operands, result).await();
    double error = largestError(reference.expected(pass, operands, arena), result);
    double bound = precision.errorBound(pass.terms(op));
    boolean failed = !(error <= bound);
    results++;
    if (failed) {
      failures++;
    }
    long products = op.outputFloats() * op.kernelHeight() * op.kernelWidth() * op.inChannels();
    double seconds = seconds(() -> call(backend, opId, pass, operands, result).await());
    out.printf(
        Locale.ROOT,
        "%-13s %-22s %-16s %9.1e %9.1e %9s%s%s%n",
        kind(op),
        shape(op),
        pass,
        error,
        bound,
        rate(2e-9 * products / seconds),
        copies ? " " + rate(2e-9 * products / backend.kernelSeconds().orElse(Double.NaN)) : "",
        failed ? "  FAILED" : "");
  }

  private static String rate(double value) {
    return String.format(Locale.ROOT, value < 10 ? "%8.2f" : "%8.0f", value);
  }

  /// The largest difference over the larger of the right value and the root mean square of all of
  /// them; infinite if a result is no number.
  private static double largestError(Reference.Expected expected, MemorySegment result) {
    double squares = 0;
    for (int i = 0; i < expected.count(); i++) {
      squares += expected.value(i) * expected.value(i);
    }
    double typical = Math.sqrt(squares / expected.count());
    double largest = 0;
    for (int i = 0; i < expected.count(); i++) {
      double right = expected.value(i);
      double actual = result.getAtIndex(ValueLayout.JAVA_FLOAT, expected.place(i));
      double error = Math.abs(actual - right) / Math.max(Math.abs(right), typical);
      largest = Double.isNaN(error) ? Double.POSITIVE_INFINITY : Math.max(largest, error);
    }
    return largest;
  }

  private double seconds(Runnable call) {
    long start = nanoTime.getAsLong();
    long spent = 0;
    int calls = 0;
    while (calls == 0 || (spent < RATE_NANOS && calls < MOST_REPEATS)) {
      call.run();
      calls++;
      spent = nanoTime.getAsLong() - start;
    }
    return spent * 1e-9 / calls;
  }

  private void measureCopies(int opId) {
    long bytes = TRANSFER.weightFloats() * Float.BYTES;
    try (Arena arena = Arena.ofShared()) {
      MemorySegment region = arena.allocate(bytes + (1 << 16), ALIGNMENT_BYTES);
      backend.attach(region);
      try {
        Places places = new Places(region);
        MemorySegment weights = places.next(TRANSFER.weightFloats());
        MemorySegment x = places.next(TRANSFER.inputFloats());
        MemorySegment dy = places.next(TRANSFER.outputFloats());
        backend.define(opId, TRANSFER);
        double there = seconds(() -> backend.loadWeights(opId, weights).await());
        double back =
            seconds(() -> backend.backwardWeights(opId, x, dy, weights).await())
                - backend.kernelSeconds().orElse(0);
        out.printf(
            Locale.ROOT,
            "copies of %d MB: %.1f GB/s to the device, %.1f GB/s back%n",
            bytes >> 20,
            bytes * 1e-9 / there,
            bytes * 1e-9 / back);
      } catch (RefusedException | DeviceException e) {
        results++;
        failures++;
        out.println("copies FAILED: " + e.getMessage());
      } finally {
        backend.detach(region);
      }
    }
  }

  private static String kind(OpDescriptor op) {
    if (op.height() == 1 && op.width() == 1 && op.kernelHeight() == 1) {
      return "linear";
    }
    String kernel = op.kernelHeight() + "x" + op.kernelWidth();
    return op.stride() == 1 ? kernel : kernel + " stride " + op.stride();
  }

  private static String shape(OpDescriptor op) {
    return op.batch()
        + "x"
        + op.height()
        + "x"
        + op.width()
        + "x"
        + op.inChannels()
        + " to "
        + op.outChannels();
  }

  // Uniform with variance 1.
  private static MemorySegment fill(MemorySegment tensor, SplittableRandom random) {
    double edge = Math.sqrt(3);
    for (long i = 0; i < tensor.byteSize() / Float.BYTES; i++) {
      tensor.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextDouble(-edge, edge));
    }
    return tensor;
  }

  /// Hands out aligned places of a region.
  private static final class Places {
    private final MemorySegment region;
    private long at;

    Places(MemorySegment region) {
      this.region = region;
    }

    MemorySegment next(long floats) {
      MemorySegment place = region.asSlice(at, floats * Float.BYTES);
      at = (at + place.byteSize() + ALIGNMENT_BYTES - 1) / ALIGNMENT_BYTES * ALIGNMENT_BYTES;
      return place;
    }

    MemorySegment rest() {
      return region.asSlice(at);
    }
  }
}
