package asymml.untrusted;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import asymml.wire.OpDescriptor;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// How the backend calls CUDA, against the stand-in of `src/test/native/fake_cuda.cc`, in a process
/// of its own. It shows that arguments, layouts and the order of copies and kernels are right, and
/// nothing about a GPU. Needs a C++ compiler.
class CudaBackendTest {
  private static final List<String> EMPTY =
      List.of(
          "libcuda.so.1",
          "libcublas.so.13",
          "libcublasLt.so.13",
          "libcudnn_graph.so.9",
          "libcudnn_ops.so.9",
          "libcudnn_adv.so.9",
          "libcudnn_cnn.so.9");

  @TempDir static Path fake;

  private record Outcome(int exitCode, String text) {}

  @BeforeAll
  static void compile_the_stand_in() throws Exception {
    assumeThat(compiler()).as("no C++ compiler (c++)").isTrue();
    Path source = Path.of("src/test/native/fake_cuda.cc").toAbsolutePath();
    compile("libcudart.so.13", source, "-O2", "-pthread");
    Path nothing = Files.createFile(fake.resolve("nothing.cc"));
    for (String library : EMPTY) {
      compile(library, nothing);
    }
  }

  private static boolean compiler() {
    try {
      return run(List.of("c++", "--version"), Map.of()).exitCode == 0;
    } catch (UncheckedIOException e) {
      return false;
    }
  }

  private static void compile(String library, Path source, String... options) {
    List<String> command = new ArrayList<>(List.of("c++", "-shared", "-fPIC"));
    command.addAll(List.of(options));
    command.addAll(
        List.of(
            "-Wl,-soname," + library, "-o", fake.resolve(library).toString(), source.toString()));
    Outcome outcome = run(command, Map.of());
    assertThat(outcome.exitCode).as(outcome.text).isZero();
  }

  private static Outcome run(List<String> command, Map<String, String> environment) {
    try {
      ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
      builder.environment().putAll(environment);
      Path output = Files.createTempFile(fake, "output", ".txt");
      Process process = builder.redirectOutput(output.toFile()).start();
      process.getOutputStream().close();
      // A child that hangs must not hang the test.
      boolean ended = process.waitFor(2, TimeUnit.MINUTES);
      if (!ended) {
        process.destroyForcibly().waitFor();
      }
      String text = Files.readString(output);
      assertThat(ended).as("ended in time: " + text).isTrue();
      return new Outcome(process.exitValue(), text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  private static Outcome inItsOwnProcess(
      Class<?> main, Map<String, String> environment, String... arguments) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules",
                "jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                main.getName()));
    command.addAll(List.of(arguments));
    Map<String, String> all = new HashMap<>(environment);
    all.put("LD_LIBRARY_PATH", fake.toString());
    return run(command, all);
  }

  /// The self-test on operations that a naive loop can afford, and the ends of many calls at a
  /// time.
  static final class Small {
    private static final List<OpDescriptor> OPERATIONS =
        List.of(
            new OpDescriptor(3, 13, 7, 5, 7, 3, 3, 1, 1),
            new OpDescriptor(1, 9, 11, 13, 1, 3, 3, 2, 1),
            new OpDescriptor(5, 3, 3, 17, 11, 1, 1, 1, 0),
            new OpDescriptor(2, 7, 5, 3, 9, 1, 1, 2, 0),
            new OpDescriptor(1, 15, 11, 3, 5, 7, 7, 2, 3),
            new OpDescriptor(2, 6, 8, 4, 3, 3, 5, 1, 1),
            new OpDescriptor(1, 1, 1, 1, 1, 1, 1, 1, 0),
            new OpDescriptor(7, 1, 1, 13, 207, 1, 1, 1, 0));

    private Small() {}

    public static void main(String[] args) throws RefusedException {
      System.exit(run(Precision.parse(args[0]), Path.of(args[1])) ? 0 : 1);
    }

    private static boolean run(Precision precision, Path libraries) throws RefusedException {
      try (Backend gpu = CudaBackend.open(new Device.Cuda(0), precision, libraries);
          Backend naive = new NaiveBackend()) {
        PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
        boolean passed =
            new SelfTest(gpu, precision, Reference.of(naive), out, System::nanoTime)
                .run(OPERATIONS, true);
        queued(gpu);
        return passed;
      }
    }

    /// Steps of load, forward, data, weights on two operations in turn, all queued before the first
    /// is awaited, give what one call at a time gives.
    private static void queued(Backend gpu) throws RefusedException {
      OpDescriptor[] ops = {OPERATIONS.get(0), OPERATIONS.get(2)};
      List<Completion> ends = new ArrayList<>();
      List<MemorySegment> results = new ArrayList<>();
      List<MemorySegment> expected = new ArrayList<>();
      Random random = new Random(3);
      try (Arena arena = Arena.ofShared();
          Backend naive = new NaiveBackend()) {
        for (int i = 0; i < 2; i++) {
          gpu.define(100 + i, ops[i]);
          naive.define(100 + i, ops[i]);
        }
        for (int step = 0; step < 8; step++) {
          int id = 100 + step % 2;
          OpDescriptor op = ops[step % 2];
          MemorySegment w = normal(arena, random, op.weightFloats());
          MemorySegment x = normal(arena, random, op.inputFloats());
          MemorySegment dy = normal(arena, random, op.outputFloats());
          ends.add(gpu.loadWeights(id, w));
          naive.loadWeights(id, w).await();
          Reference.Operands operands = new Reference.Operands(op, x, w, dy);
          for (Pass pass : Pass.values()) {
            MemorySegment result = arena.allocate(pass.results(op) * Float.BYTES, 64);
            MemorySegment right = arena.allocate(pass.results(op) * Float.BYTES, 64);
            ends.add(SelfTest.call(gpu, id, pass, operands, result));
            SelfTest.call(naive, id, pass, operands, right).await();
            results.add(result);
            expected.add(right);
          }
        }
        ends.forEach(Completion::await);
        for (int i = 0; i < results.size(); i++) {
          check(i, results.get(i), expected.get(i));
        }
        System.out.println("queued calls agree");
      }
    }

    /// Tensors that changed places would differ by about as much as they hold.
    private static void check(int number, MemorySegment result, MemorySegment expected) {
      float[] actual = result.toArray(ValueLayout.JAVA_FLOAT);
      float[] right = expected.toArray(ValueLayout.JAVA_FLOAT);
      double squares = 0;
      double errors = 0;
      for (int i = 0; i < right.length; i++) {
        squares += (double) right[i] * right[i];
        errors += Math.pow((double) actual[i] - right[i], 2);
      }
      if (!(errors <= 1e-4 * squares)) {
        throw new AssertionError(
            "result %d is off by %.1e of its norm".formatted(number, Math.sqrt(errors / squares)));
      }
    }

    private static MemorySegment normal(Arena arena, Random random, long floats) {
      MemorySegment memory = arena.allocate(floats * Float.BYTES, 64);
      for (long i = 0; i < floats; i++) {
        memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
      }
      return memory;
    }
  }

  @ParameterizedTest
  @EnumSource
  void all_operations_agree_with_their_definition(Precision precision) {
    Outcome outcome = inItsOwnProcess(Small.class, Map.of(), precision.toString(), fake.toString());
    assertThat(outcome.text)
        .contains("self-test of cuda:0 (fake GPU, cuDNN 9.19.0), " + precision.description())
        .contains("copies of 64 MB: ")
        .contains("self-test passed: all 24 results within their bounds")
        .contains("queued calls agree")
        .doesNotContain("FAILED", "fake cuda:", " failed with status");
    assertThat(outcome.exitCode).isZero();
  }

  @Test
  void a_gpu_that_computes_wrong_fails_the_self_test() {
    Outcome outcome =
        inItsOwnProcess(Small.class, Map.of("FAKE_CUDA_BROKEN", "1"), "fp32", fake.toString());
    assertThat(outcome.text).contains("self-test FAILED: ");
    assertThat(outcome.exitCode).isEqualTo(1);
  }

  @Test
  void a_gpu_that_is_not_there_or_a_library_of_another_cuda_is_named() {
    Outcome number =
        inItsOwnProcess(
            Main.class,
            Map.of(),
            "--self-test",
            "--device",
            "cuda:3",
            "--cuda-libs",
            fake.toString());
    assertThat(number.text).contains("asymml worker: there is no cuda:3: this machine has 1 GPU\n");
    assertThat(number.exitCode).isEqualTo(1);
    Outcome old =
        inItsOwnProcess(
            Main.class,
            Map.of("FAKE_CUDA_12", "1"),
            "--self-test",
            "--device",
            "cuda:0",
            "--cuda-libs",
            fake.toString());
    assertThat(old.text).contains("asymml worker: this cuDNN is built for CUDA 12, not 13: ");
    assertThat(old.exitCode).isEqualTo(1);
  }
}
