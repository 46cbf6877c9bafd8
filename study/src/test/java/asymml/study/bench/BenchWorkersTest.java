package asymml.study.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.Kernels;
import asymml.study.bench.BenchSpec.Processes;
import asymml.trusted.plan.Mode;
import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What goes wrong around a benchmark. Benchmarks with workers are in other tests.
class BenchWorkersTest {
  @TempDir Path folder;

  private static BenchWorkers workers(BenchPoint point, BenchSpec spec, String device) {
    return new BenchWorkers(
        point.graph(), 2, spec.terms(), new Processes(1, device, 1), new SecureRandom());
  }

  @Test
  void a_plan_without_a_worker_starts_none_whatever_it_would_compute_on() throws Exception {
    BenchSpec spec = BenchSpecTest.spec(Mode.TRUSTED_ONLY);
    BenchPoint point = BenchPoint.of(spec);
    List<OptionalLong> heard = new ArrayList<>();
    workers(point, spec, "abacus")
        .use(point.plan(Mode.TRUSTED_ONLY), (_, worker) -> heard.add(worker));
    assertThat(heard).containsExactly(OptionalLong.empty());
  }

  @Test
  void what_fails_in_a_benchmark_comes_out_as_it_is() {
    BenchSpec spec = BenchSpecTest.spec(Mode.TRUSTED_ONLY);
    BenchPoint point = BenchPoint.of(spec);
    IOException failure = new IOException("the disk is full");
    assertThatThrownBy(() ->
            workers(point, spec, "cpu")
                .use(
                    point.plan(Mode.TRUSTED_ONLY),
                    (_, _) -> {
                      throw failure;
                    }))
        .isSameAs(failure);
  }

  @Test
  void a_worker_that_does_not_start_is_told_in_a_line_and_leaves_nothing_behind() {
    assertThat(Kernels.version()).isNotBlank(); // what they unpack lies elsewhere
    BenchSpec spec = BenchSpecTest.spec(Mode.ASYMML);
    BenchPoint point = BenchPoint.of(spec);
    String before = System.getProperty("java.io.tmpdir");
    System.setProperty("java.io.tmpdir", folder.toString());
    try {
      assertThatThrownBy(() ->
              workers(point, spec, "abacus")
                  .use(
                      point.plan(Mode.ASYMML),
                      (_, _) -> {
                        throw new AssertionError("a worker started");
                      }))
          .isInstanceOf(IOException.class)
          .message()
          .contains("the worker did not start", "abacus")
          .doesNotContain("\n");
    } finally {
      System.setProperty("java.io.tmpdir", before);
    }
    assertThat(folder).isEmptyDirectory();
  }
}
