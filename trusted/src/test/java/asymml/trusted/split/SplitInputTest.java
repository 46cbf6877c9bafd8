package asymml.trusted.split;

import static asymml.trusted.split.OracleLayer.difference;
import static asymml.trusted.split.OracleLayer.doubles;
import static asymml.trusted.split.OracleLayer.norm;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.ConvShape;
import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.trusted.boundary.ClipBound;
import asymml.trusted.boundary.NonFiniteException;
import asymml.trusted.boundary.ReleaseLog;
import asymml.trusted.boundary.Released;
import asymml.trusted.decompose.Decomposer;
import asymml.trusted.decompose.Refresh;
import asymml.trusted.decompose.SharedDecomposer;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Rank;
import asymml.trusted.split.LayerRig.Setting;
import asymml.wire.Slot;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// One input that is sent: once a step, in order, and clipped to a bound that follows it.
class SplitInputTest {
  private static final ConvShape SHAPE = new ConvShape(7, 4, 4, 3, 2, 3, 3, 1, 1);
  private static final int VALUES = 48;
  private static final Slot SLOT = new Slot(0, 7L * VALUES);
  private static final Release RESIDUAL =
      new Release(Channel.RESIDUALS, "input", VALUES, new Release.Uncovered("a test"));

  @TempDir Path folder;

  private record Sent(int shard, int chunk, Released x) {}

  private LayerRig rig(int workers, int chunks) throws Exception {
    LayerRig rig =
        LayerRig.split(LayerRig.folder(folder), Setting.of(SHAPE, 0).on(workers, chunks));
    rig.fill(50);
    return rig;
  }

  private static ReleaseLog plan(LayerRig rig, Release... releases) {
    ReleaseLog log = new ReleaseLog();
    for (OracleWorker worker : rig.workers) {
      worker.party().door().log(log);
    }
    log.begin(List.of(releases));
    return log;
  }

  private static SplitInput input(LayerRig rig, SplitSite site) {
    Workers workers = rig.context.workers();
    return new SplitInput(site, rig.context, Shard.of(workers, 7, 1), rig.profile, rig.x, SLOT);
  }

  private static SplitSite site(
      @Nullable Decomposer decomposer, double noise, ClipBound bound, @Nullable Release basis) {
    NoiseStrength strength =
        noise == 0 ? new NoiseStrength.None() : new NoiseStrength.Multiplier(noise);
    return new SplitSite(decomposer, RESIDUAL, strength, bound, basis);
  }

  private static double[] sent(LayerRig rig, int example) {
    Tensor all = rig.worker().party().worker().result(SLOT, 7, VALUES);
    return doubles(all.examples(example, 1));
  }

  @Test
  void chunks_go_round_the_workers_and_a_second_layer_asks_for_the_same_releases()
      throws Exception {
    try (LayerRig rig = rig(2, 2)) {
      plan(rig, RESIDUAL, RESIDUAL);
      SplitInput input = input(rig, site(null, 0, new ClipBound(), null));
      assertThatThrownBy(() -> input.current(0))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("backward before forward");
      List<Sent> once = new ArrayList<>();
      input.release(0, (shard, chunk, x) -> once.add(new Sent(shard, chunk, x)));
      assertThat(once)
          .extracting(sent -> sent.shard + " " + sent.chunk)
          .containsExactly("0 0", "1 0", "0 1", "1 1");
      // Shards of 3 and 4 examples at the start of each worker's place, in chunks.
      assertThat(once.stream().map(s -> s.x.slot()).toList())
          .containsExactly(
              new Slot(0, VALUES),
              new Slot(0, 2 * VALUES),
              new Slot(4L * VALUES, 2 * VALUES),
              new Slot(8L * VALUES, 2 * VALUES));
      assertThat(input.current(0).slot()).isEqualTo(new Slot(0, 3 * VALUES));
      assertThat(input.current(1).slot()).isEqualTo(new Slot(0, 4 * VALUES));
      long bytes = rig.context.workers().bytesOut();
      assertThat(bytes).isEqualTo(4L * 7 * VALUES);

      List<Sent> twice = new ArrayList<>();
      input.release(0, (shard, chunk, x) -> twice.add(new Sent(shard, chunk, x)));
      assertThat(twice).containsExactlyInAnyOrderElementsOf(once);
      assertThat(rig.context.workers().bytesOut()).isEqualTo(bytes);
    }
  }

  @Test
  void a_second_release_takes_a_new_pass_and_a_plan_for_it() throws Exception {
    try (LayerRig rig = rig(1, 1)) {
      ReleaseLog log = plan(rig, RESIDUAL);
      SplitInput input = input(rig, site(null, 0, new ClipBound(), null));
      input.release(0, (_, _, _) -> {});
      Released before = input.current(0);
      input.forget();
      assertThatThrownBy(() -> input.current(0)).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> input.release(1, (_, _, _) -> {}))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("the release door refuses");
      // A release that was refused has not happened: there is nothing to go backward from.
      assertThatThrownBy(() -> input.current(0)).isInstanceOf(IllegalStateException.class);
      log.begin(List.of(RESIDUAL));
      input.release(1, (_, _, _) -> {});
      assertThat(input.current(0)).isNotSameAs(before);
    }
  }

  @Test
  void shards_that_leave_an_example_out_or_send_one_twice_are_refused() throws Exception {
    try (LayerRig rig = rig(2, 1)) {
      SplitSite site = site(null, 0, new ClipBound(), null);
      for (int batch : new int[] {6, 8}) {
        List<Shard> shards = Shard.of(rig.context.workers(), batch, 1);
        assertThatThrownBy(
                () -> new SplitInput(site, rig.context, shards, rig.profile, rig.x, SLOT))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("not all of 7 examples");
      }
    }
  }

  /// Norms of 1 to 7: the median is 4.
  private static void scaleToPlaces(Tensor x) {
    for (int i = 0; i < 7; i++) {
      double factor = (i + 1) / norm(doubles(x.examples(i, 1)));
      for (long v = 0; v < VALUES; v++) {
        x.set(i * (long) VALUES + v, (float) (factor * x.get(i * (long) VALUES + v)));
      }
    }
  }

  @Test
  void the_first_bound_is_the_median_norm_and_what_is_above_it_is_clipped() throws Exception {
    try (LayerRig rig = rig(1, 2)) {
      ReleaseLog log = plan(rig, RESIDUAL);
      scaleToPlaces(rig.x);
      ClipBound bound = new ClipBound();
      SplitInput input = input(rig, site(null, 1e-7, bound, null));
      input.release(0, (_, _, _) -> {});
      assertThat(bound.norm()).isCloseTo(4, within(1e-5));
      for (int i = 0; i < 7; i++) {
        double[] x = doubles(rig.x.examples(i, 1));
        double factor = Math.min(1, 4.0 / (i + 1));
        for (int v = 0; v < VALUES; v++) {
          assertThat(sent(rig, i)[v]).isCloseTo(factor * x[v], within(1e-5));
        }
      }
      // Norms of 10 to 70 move it a tenth of the way.
      for (long i = 0; i < rig.x.size(); i++) {
        rig.x.set(i, 10 * rig.x.get(i));
      }
      input.forget();
      log.begin(List.of(RESIDUAL));
      input.release(1, (_, _, _) -> {});
      assertThat(bound.norm()).isCloseTo(4 + 0.1 * (40 - 4), within(1e-4));
      for (int i = 0; i < 7; i++) {
        assertThat(norm(sent(rig, i))).isCloseTo(4, within(1e-4));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
  void values_that_are_not_finite_end_the_step_before_anything_is_asked_of_a_worker(float value)
      throws Exception {
    try (LayerRig rig = rig(1, 1)) {
      for (ClipBound bound : List.of(new ClipBound(), ClipBound.fixed(new ClipNorm(3)))) {
        plan(rig, RESIDUAL);
        rig.x.set(3 * VALUES + 5, value);
        SplitInput input = input(rig, site(null, 0.5, bound, null));
        assertThatThrownBy(() ->
                input.release(
                    0,
                    (_, _, _) -> {
                      throw new AssertionError("asked");
                    }))
            .isInstanceOf(NonFiniteException.class);
        assertThatThrownBy(() -> input.current(0)).isInstanceOf(IllegalStateException.class);
        // No bound was learned from it.
        assertThat(bound.known()).isEqualTo(!bound.isDataDependent());
      }
      assertThat(rig.context.workers().bytesOut()).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void what_stays_of_an_example_is_bounded_closely(int rank) throws Exception {
    try (LayerRig rig = rig(1, 1);
        SharedDecomposer decomposer =
            new SharedDecomposer(7, new Shape(4, 4, 3), 0, new Rank.Fixed(rank), Refresh.DEFAULT)) {
      plan(rig, RESIDUAL);
      SplitInput input = input(rig, site(decomposer, 0, new ClipBound(), null));
      input.release(0, (_, _, _) -> {});
      for (int i = 0; i < 7; i++) {
        double kept = Math.pow(norm(difference(doubles(rig.x.examples(i, 1)), sent(rig, i))), 2);
        assertThat(input.keptSquares(i)).isBetween(kept * (1 - 1e-6), kept * (1 + 1e-4));
      }
      SplitInput whole = input(rig, site(null, 0, new ClipBound(), null));
      assertThat(whole.keptSquares(3)).isZero();
      assertThat(whole.lowRank(SHAPE)).isNull();
    }
  }

  @Test
  void a_basis_that_shows_in_residuals_counts_as_released_in_each_step() throws Exception {
    Release basis = new Release(Channel.BASIS, "input", 6, new Release.Uncovered("a test"));
    try (LayerRig rig = rig(1, 1);
        SharedDecomposer decomposer =
            new SharedDecomposer(7, new Shape(4, 4, 3), 0, new Rank.Fixed(1), Refresh.DEFAULT)) {
      ReleaseLog log = plan(rig, RESIDUAL, basis);
      SplitInput input = input(rig, site(decomposer, 0, new ClipBound(), basis));
      input.release(0, (_, _, _) -> {});
      log.requireDone(List.of(RESIDUAL, basis));
      log.begin(List.of(RESIDUAL));
      input.forget();
      assertThatThrownBy(() -> input.release(1, (_, _, _) -> {}))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("of input");
      log.requireDone(List.of(basis));
      // Not counted, so not shown: the residual was not released either.
      assertThatThrownBy(() -> log.requireDone(List.of(RESIDUAL)))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void a_noised_basis_is_renewed_when_it_is_due_and_kept_in_between() throws Exception {
    Release basis =
        new Release(
            Channel.BASIS,
            "input",
            6,
            new Release.Gaussian(new ClipNorm(20), new NoiseMultiplier(0.01)));
    try (LayerRig rig = rig(1, 1);
        SharedDecomposer decomposer =
            new SharedDecomposer(
                7, new Shape(4, 4, 3), 0, new Rank.Fixed(2), Refresh.DEFAULT, false)) {
      SplitInput input = input(rig, site(decomposer, 0, new ClipBound(), basis));
      float[] before = {};
      for (long step : new long[] {0, 1, 2, 10}) {
        boolean due = step % 10 == 0;
        rig.fill(60 + step);
        ReleaseLog log = plan(rig, RESIDUAL, basis);
        input.forget();
        input.release(step, (_, _, _) -> {});
        log.requireDone(List.of(RESIDUAL));
        float[] now = decomposer.state().getOrDefault("basis", new float[0]);
        assertThat(Arrays.equals(now, before)).as("step %d", step).isEqualTo(!due);
        before = now;
        if (due) {
          log.requireDone(List.of(basis));
        } else {
          assertThatThrownBy(() -> log.requireDone(List.of(basis)))
              .isInstanceOf(IllegalStateException.class);
        }
      }
    }
  }
}
