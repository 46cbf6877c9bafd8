package asymml.untrusted;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.kernels.MemoryBudget;
import asymml.wire.OpDescriptor;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SelfTestTest {
  private static final List<OpDescriptor> SMALL =
      List.of(
          new OpDescriptor(2, 5, 7, 3, 4, 3, 3, 2, 1),
          new OpDescriptor(3, 4, 4, 13, 7, 1, 1, 1, 0),
          new OpDescriptor(5, 1, 1, 17, 11, 1, 1, 1, 0));

  private final StringWriter out = new StringWriter();

  private boolean run(Backend backend, Reference reference) {
    // A clock that stands still would repeat each operation for ever.
    AtomicLong time = new AtomicLong();
    return new SelfTest(
            backend,
            Precision.FP32,
            reference,
            new PrintWriter(out),
            () -> time.addAndGet(1_000_000_000))
        .run(SMALL, false);
  }

  @Test
  void a_right_backend_passes_against_the_definition_and_against_another_backend() {
    try (Backend cpu = new CpuBackend(MemoryBudget.unlimited())) {
      assertThat(run(cpu, new Definition())).isTrue();
    }
    assertThat(out.toString())
        .contains("self-test of cpu (oneDNN ", "against its definition in double precision")
        .contains("3x3 stride 2  2x5x7x3 to 4", "linear        5x1x1x17 to 11")
        .contains("self-test passed: all 9 results within their bounds")
        .doesNotContain("FAILED");
    try (Backend cpu = new CpuBackend(MemoryBudget.unlimited());
        Backend naive = new NaiveBackend()) {
      assertThat(run(naive, Reference.of(cpu))).isTrue();
    }
  }

  /// Right but for the last value of one pass.
  private static final class Broken extends DelegatingBackend {
    private final Pass pass;
    private final float factor;

    Broken(Pass pass, float factor) {
      super(new NaiveBackend());
      this.pass = pass;
      this.factor = factor;
    }

    private Completion spoil(Pass which, MemorySegment result, Completion end) {
      end.await();
      if (which == pass) {
        long last = result.byteSize() / Float.BYTES - 1;
        float value = result.getAtIndex(ValueLayout.JAVA_FLOAT, last);
        result.setAtIndex(ValueLayout.JAVA_FLOAT, last, factor * value + (factor - 1));
      }
      return end;
    }

    @Override
    public Completion forward(int opId, MemorySegment x, MemorySegment y) {
      return spoil(Pass.FORWARD, y, super.forward(opId, x, y));
    }

    @Override
    public Completion backwardData(int opId, MemorySegment dy, MemorySegment dx) {
      return spoil(Pass.BACKWARD_DATA, dx, super.backwardData(opId, dy, dx));
    }

    @Override
    public Completion backwardWeights(
        int opId, MemorySegment x, MemorySegment dy, MemorySegment dw) {
      return spoil(Pass.BACKWARD_WEIGHTS, dw, super.backwardWeights(opId, x, dy, dw));
    }
  }

  @ParameterizedTest
  @EnumSource
  void one_wrong_value_fails_its_line_and_the_whole(Pass pass) {
    try (Backend broken = new Broken(pass, 1.0001f)) {
      assertThat(run(broken, new Definition())).isFalse();
    }
    assertThat(out.toString()).contains("self-test FAILED: 3 of 9 results out of their bounds");
    assertThat(out.toString().lines().filter(l -> l.endsWith("FAILED")))
        .hasSize(3)
        .allMatch(l -> l.contains(pass.toString()));
  }

  @Test
  void a_result_that_is_no_number_fails() {
    try (Backend broken = new Broken(Pass.FORWARD, Float.NaN)) {
      assertThat(run(broken, new Definition())).isFalse();
    }
    assertThat(out.toString()).contains("Infinity");
  }

  @Test
  void a_backend_that_refuses_or_breaks_down_fails_with_its_reason() {
    try (Backend refuses =
        new DelegatingBackend(new NaiveBackend()) {
          @Override
          public void define(int opId, OpDescriptor op) throws RefusedException {
            throw new RefusedException("not in the mood");
          }
        }) {
      assertThat(run(refuses, new Definition())).isFalse();
    }
    assertThat(out.toString()).contains("FAILED: not in the mood");
    try (Backend breaks =
        new DelegatingBackend(new NaiveBackend()) {
          @Override
          public Completion forward(int opId, MemorySegment x, MemorySegment y) {
            throw new DeviceException("cudaThing failed with status 700 (burnt)");
          }
        }) {
      assertThat(run(breaks, new Definition())).isFalse();
    }
    assertThat(out.toString()).contains("FAILED: cudaThing failed with status 700 (burnt)");
  }
}
