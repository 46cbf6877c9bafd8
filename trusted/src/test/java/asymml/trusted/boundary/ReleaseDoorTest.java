package asymml.trusted.boundary;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.privacy.Channel;
import asymml.privacy.Release;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.NoiseStrength.Multiplier;
import asymml.trusted.plan.NoiseStrength.None;
import asymml.trusted.plan.NoiseStrength.Ratio;
import asymml.wire.Message;
import asymml.wire.Slot;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What the door writes, read where the worker reads it. The noise comes from a seeded generator;
/// statistics are compared at 4.5 standard deviations, false alarm 7e-6 each, 11 in this class.
class ReleaseDoorTest {
  private static final Release EXACT =
      new Release(Channel.WEIGHTS, "conv", 1, new Release.Uncovered("a test"));
  private static final Release NOISY =
      new Release(Channel.RESIDUALS, "conv", 1, new Release.Uncovered("a test"));
  private static final double ALARM = 4.5;
  private static final int THREADS = 3;
  private static final long REGION_BYTES = 1 << 22;

  @TempDir Path folder;

  private final Arena arena = Arena.ofShared();
  private final SplittableRandom random = new SplittableRandom(40);
  private FakeWorker peer;
  private RemoteWorker worker;
  private ReleaseDoor door;

  @BeforeEach
  void connect() throws Exception {
    System.out.println("seed 40");
    peer =
        FakeWorker.polite(
            folder,
            (link, _) -> {
              while (!(FakeWorker.done(link) instanceof Message.Bye)) {
                // Every request is done as soon as it comes.
              }
            });
    worker = RemoteWorker.connect(peer.address(), null, Duration.ofMinutes(5));
    worker.mapRegion(REGION_BYTES);
    door = new ReleaseDoor(worker, new SeededSecureRandom(41), THREADS);
    ReleaseLog log = new ReleaseLog();
    log.begin(Stream.of(EXACT, NOISY).flatMap(r -> Collections.nCopies(1000, r).stream()).toList());
    door.log(log);
  }

  @AfterEach
  void disconnect() throws Exception {
    door.close();
    worker.close();
    peer.close();
    arena.close();
  }

  private static Slot slot(int examples, int dim) {
    return new Slot(0, (long) examples * dim);
  }

  private static ClipBound bound(double norm) {
    ClipBound bound = new ClipBound();
    bound.restore(norm);
    return bound;
  }

  /// Examples of random direction and the norms given.
  private Tensor examples(int dim, double... norms) {
    Tensor values = Tensor.allocate(arena, norms.length, dim);
    for (int n = 0; n < norms.length; n++) {
      double[] direction = random.doubles(dim, -1, 1).toArray();
      double norm = Math.sqrt(Arrays.stream(direction).map(v -> v * v).sum());
      for (int i = 0; i < dim; i++) {
        values.set((long) n * dim + i, (float) (norms[n] * direction[i] / norm));
      }
    }
    return values;
  }

  private Tensor written(Slot slot, int examples) {
    return worker.result(slot, examples, (int) (slot.floats() / examples));
  }

  private Tensor release(Tensor values, NoiseStrength strength, ClipBound bound) throws Exception {
    Slot slot = new Slot(0, values.size());
    NoisyRelease release = door.noisy(NOISY, slot, values.length(0), strength, bound);
    release.write(0, values);
    assertThat(release.finish().slot()).isEqualTo(slot);
    return written(slot, values.length(0));
  }

  @Test
  void an_exact_release_is_the_tensor_s_bytes() throws Exception {
    Tensor weights = examples(1000, 3);
    Slot slot = new Slot(256, 1000);
    Released released = door.exact(EXACT, weights, slot);
    assertThat(released.slot()).isEqualTo(slot);
    assertThat(worker.result(slot, 1000).toArray()).isEqualTo(weights.toArray());
    assertThat(worker.bytesToWorker()).isEqualTo(4000);
    assertThatThrownBy(() -> door.exact(EXACT, weights, new Slot(0, 999)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void without_noise_nothing_is_clipped_and_no_bound_is_moved() throws Exception {
    ClipBound untouched = new ClipBound();
    Tensor values = examples(77, 1e-3, 1, 1e6);
    NoisyRelease release = door.noisy(NOISY, slot(3, 77), 3, new None(), untouched);
    assertThat(release.needsMeasuring()).isFalse();
    release.write(1, values.examples(1, 2));
    release.write(0, values.examples(0, 1));
    release.finish();
    assertThat(written(slot(3, 77), 3).toArray()).isEqualTo(values.toArray());
    assertThat(untouched.known()).isFalse();
    assertThat(worker.bytesToWorker()).isEqualTo(3 * 77 * 4);
  }

  /// Noise of 1e-9 of the bound lets the clipped values be seen to float32's rounding.
  @ParameterizedTest
  @ValueSource(ints = {1, 13, 1024, 1027, 5000})
  void norms_above_the_bound_are_scaled_to_it_and_those_below_are_not(int dim) throws Exception {
    double c = 2.5;
    double[] norms = {1e-3, 2.4, 2.5 - 1e-6, 2.6, 25, 1e12};
    Tensor values = examples(dim, norms);
    Tensor out = release(values, new Multiplier(1e-9), bound(c));
    for (int n = 0; n < norms.length; n++) {
      double norm = Math.sqrt(Elementwise.sumOfSquares(values.examples(n, 1)));
      double scale = Math.min(1, c / norm);
      assertThat(Math.sqrt(Elementwise.sumOfSquares(out.examples(n, 1))))
          .isCloseTo(scale * norm, within(c * 3e-7));
      for (int i = 0; i < dim; i++) {
        double expected = scale * values.get((long) n * dim + i);
        assertThat((double) out.get((long) n * dim + i))
            .isCloseTo(expected, within(Math.abs(expected) * 0x1p-24 + 1e-8 * c));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"0.7, true", "1e-4, true", "0.1, false", "1, false"})
  void the_noise_is_as_strong_as_asked_and_not_shifted(double strength, boolean multiplier)
      throws Exception {
    int n = 20;
    int dim = 10_001;
    double c = 3;
    double sigma = multiplier ? strength * c : strength * c / Math.sqrt(dim);
    Tensor values = examples(dim, random.doubles(n, 0.1, 9).toArray());
    NoiseStrength asked = multiplier ? new Multiplier(strength) : new Ratio(strength);
    Tensor out = release(values, asked, bound(c));
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < n * dim; i++) {
      double norm = Math.sqrt(Elementwise.sumOfSquares(values.examples(i / dim, 1)));
      double noise = (out.get(i) - values.get(i) * Math.min(1, c / norm)) / sigma;
      sum += noise;
      squares += noise * noise;
    }
    double count = (double) n * dim;
    assertThat(sum / Math.sqrt(count)).isBetween(-ALARM, ALARM);
    // The lattice adds a variance of at most 2^-20 / 12, which is not seen.
    assertThat((squares - count) / Math.sqrt(2 * count)).isBetween(-ALARM, ALARM);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "0.3, 7", "1e-4, 1e3", "12345, 1e-5"})
  void what_leaves_is_a_multiple_of_the_lattice(double z, double c) throws Exception {
    int dim = 1027; // whole vectors and a rest
    Tensor out = release(examples(dim, 0.01 * c, c, 100 * c), new Multiplier(z), bound(c));
    double lattice = Math.scalb(1.0, Math.getExponent(z * c) - 10);
    int odd = 0;
    int exact = 0;
    for (int i = 0; i < out.size(); i++) {
      double multiple = out.get(i) / lattice;
      if (Math.abs(multiple) < 0x1p24) { // beyond, float32 keeps fewer bits of the multiple
        exact++;
        assertThat(multiple).isEqualTo(Math.rint(multiple));
        odd += ((long) multiple & 1) == 0 ? 0 : 1;
      }
    }
    assertThat(exact).isGreaterThan(dim);
    // The lattice is no coarser than that.
    assertThat((odd - exact / 2.0) / Math.sqrt(exact / 4.0)).isBetween(-ALARM, ALARM);
  }

  @Test
  void the_first_batch_sets_the_bound_and_the_next_moves_it() throws Exception {
    ClipBound bound = new ClipBound();
    Tensor first = examples(64, 1, 2, 3, 4, 100);
    NoisyRelease release = door.noisy(NOISY, slot(5, 64), 5, new Ratio(0.1), bound);
    assertThat(release.needsMeasuring()).isTrue();
    assertThatThrownBy(
            () -> door.noisy(NOISY, slot(5, 64), 5, new Ratio(0.1), bound).write(0, first))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("no batch has been seen yet");
    release.measure(3, first.examples(3, 2));
    release.measure(0, first.examples(0, 3));
    release.measured();
    assertThat(release.needsMeasuring()).isFalse();
    assertThat(bound.norm()).isCloseTo(3, within(1e-6));
    release.write(0, first);
    release.finish();
    assertThat(bound.norm()).isCloseTo(3, within(1e-6)); // the same batch does not move it
    NoisyRelease next = door.noisy(NOISY, slot(3, 64), 3, new Ratio(0.1), bound);
    assertThat(next.needsMeasuring()).isFalse();
    next.write(0, examples(64, 13, 13, 13));
    assertThat(bound.norm()).isCloseTo(3, within(1e-6)); // not before the release is finished
    next.finish();
    assertThat(bound.norm()).isCloseTo(4, within(1e-6));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void values_that_are_not_finite_never_leave_and_end_the_release(float bad) throws Exception {
    Tensor values = examples(100, 1, 1, 1);
    values.set(299, bad);
    ClipBound bound = bound(1);
    NoisyRelease release = door.noisy(NOISY, slot(3, 100), 3, new Multiplier(1), bound);
    assertThatThrownBy(() -> release.write(0, values))
        .isInstanceOf(NonFiniteException.class)
        .hasMessage("the activations are no longer finite");
    assertThat(written(slot(3, 100), 3).examples(2, 1).toArray()).containsOnly(0);
    assertDead(release, examples(100, 1, 1, 1));
    assertThat(bound.norm()).isEqualTo(1);
    NoisyRelease first = door.noisy(NOISY, slot(3, 100), 3, new Multiplier(1), new ClipBound());
    assertThatThrownBy(() -> first.measure(0, values)).isInstanceOf(NonFiniteException.class);
    assertDead(first, examples(100, 1, 1, 1));
    assertThat(worker.bytesToWorker()).isZero();
  }

  private static void assertDead(NoisyRelease release, Tensor values) {
    List<ThrowingCallable> uses =
        List.of(
            () -> release.write(0, values),
            () -> release.measure(0, values),
            release::measured,
            release::finish);
    for (ThrowingCallable use : uses) {
      assertThatThrownBy(use)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("this release has failed or is finished");
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void a_finished_release_is_over(boolean noisy) throws Exception {
    Tensor values = examples(50, 1, 2);
    NoiseStrength strength = noisy ? new Multiplier(1) : new None();
    NoisyRelease release = door.noisy(NOISY, slot(2, 50), 2, strength, bound(1));
    release.write(0, values);
    release.finish();
    float[] before = written(slot(2, 50), 2).toArray();
    assertDead(release, values);
    assertThat(written(slot(2, 50), 2).toArray()).isEqualTo(before);
    assertThat(worker.bytesToWorker()).isEqualTo(400);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void each_example_leaves_once_and_none_is_missing(boolean noisy) {
    Tensor values = examples(20, 1, 2, 3, 4);
    NoiseStrength strength = noisy ? new Ratio(1) : new None();
    NoisyRelease twice = door.noisy(NOISY, slot(4, 20), 4, strength, bound(1));
    twice.write(0, values.examples(0, 2));
    float[] before = written(slot(4, 20), 4).toArray();
    assertThatThrownBy(() -> twice.write(1, values.examples(1, 2)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("example 1 of this release was written already");
    assertThat(written(slot(4, 20), 4).toArray()).isEqualTo(before);
    assertDead(twice, values);
    NoisyRelease missing = door.noisy(NOISY, slot(4, 20), 4, strength, bound(1));
    missing.write(1, values.examples(1, 3));
    assertThatThrownBy(missing::finish)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("a release of 4 examples was given 3");
    NoisyRelease unmeasured = door.noisy(NOISY, slot(4, 20), 4, strength, new ClipBound());
    unmeasured.measure(1, values.examples(1, 3));
    assertThatThrownBy(unmeasured::measured)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("a release of 4 examples was given 3");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void examples_may_be_published_in_parts_each_once_and_in_the_end_all(boolean noisy)
      throws Exception {
    Tensor values = examples(16, 1, 2, 3, 4);
    NoiseStrength strength = noisy ? new Ratio(1) : new None();
    ClipBound bound = bound(1);
    NoisyRelease release = door.noisy(NOISY, slot(4, 16), 4, strength, bound);
    release.write(2, values.examples(2, 2));
    Released last = release.publish(2, 2);
    assertThat(last.slot()).isEqualTo(new Slot(2 * 16 * Float.BYTES, 32));
    assertThat(worker.bytesToWorker()).isEqualTo(128);
    release.write(0, values.examples(0, 2));
    release.publish(0, 2);
    assertThat(bound.norm()).isEqualTo(1);
    assertThat(release.finish().slot()).isEqualTo(slot(4, 16));
    assertThat(worker.bytesToWorker()).isEqualTo(256);
    // The whole batch moves the bound, once.
    assertThat(bound.norm()).isCloseTo(noisy ? 1.15 : 1, within(1e-6));
    if (!noisy) {
      assertThat(written(slot(4, 16), 4).toArray()).isEqualTo(values.toArray());
    }
    NoisyRelease early = door.noisy(NOISY, slot(4, 16), 4, strength, bound);
    early.write(0, values.examples(0, 1));
    assertThatThrownBy(() -> early.publish(0, 2))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("example 1 is missing");
    assertDead(early, values);
    NoisyRelease twice = door.noisy(NOISY, slot(4, 16), 4, strength, bound);
    twice.write(0, values);
    twice.publish(0, 2);
    assertThatThrownBy(() -> twice.publish(1, 3))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("example 1 was published already");
    NoisyRelease partly = door.noisy(NOISY, slot(4, 16), 4, strength, bound);
    partly.write(0, values);
    partly.publish(0, 3);
    assertThatThrownBy(partly::finish)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("a release of 4 examples was given 3");
  }

  @Test
  void examples_of_another_size_or_place_are_refused() {
    ClipBound bound = bound(1);
    for (NoiseStrength strength : List.of(new None(), new Multiplier(1))) {
      List<ThrowingCallable> mistakes =
          List.of(
              () -> door.noisy(NOISY, slot(4, 20), 4, strength, bound).write(0, examples(19, 1)),
              () -> door.noisy(NOISY, slot(4, 20), 4, strength, bound).write(0, examples(21, 1)),
              () -> door.noisy(NOISY, slot(4, 20), 4, strength, bound).write(3, examples(20, 1, 1)),
              () -> door.noisy(NOISY, slot(4, 20), 4, strength, bound).write(-1, examples(20, 1)),
              () -> door.noisy(NOISY, slot(4, 20), 3, strength, bound),
              () -> door.noisy(NOISY, slot(4, 20), 0, strength, bound));
      for (ThrowingCallable mistake : mistakes) {
        assertThatThrownBy(mistake).isInstanceOf(IllegalArgumentException.class);
      }
    }
    assertThat(written(slot(4, 20), 4).toArray()).containsOnly(0);
  }

  @Test
  void noise_that_rounding_would_swallow_or_float32_not_hold_is_refused() throws Exception {
    Tensor values = examples(30, 1);
    for (double z : new double[] {0x1.0p-37, 1e-300, 1e40, 1e308}) {
      assertThatThrownBy(() -> new Multiplier(z))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("noise");
    }
    NoisyRelease release = door.noisy(NOISY, slot(1, 30), 1, new Multiplier(1e12), bound(1e30));
    assertThatThrownBy(() -> release.write(0, values))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("noise");
    assertDead(release, values);
    assertThat(written(slot(1, 30), 1).toArray()).containsOnly(0);
    for (double z : new double[] {0x1.0p-35, 1e12}) {
      assertThat(Elementwise.allFinite(release(values, new Multiplier(z), bound(10)))).isTrue();
    }
  }

  /// Pairs of 4096 values: 1128 correlations at 6 standard deviations, false alarm 2e-6 in all.
  @Test
  void no_noise_is_shared_by_examples_lanes_layers_or_steps() throws Exception {
    int n = 8;
    int dim = 4096;
    Tensor zeros = Tensor.allocate(arena, n, dim);
    List<float[]> noises = new ArrayList<>();
    for (int step = 0; step < 3; step++) {
      for (int layer = 0; layer < 2; layer++) {
        Slot slot = new Slot((long) layer * n * dim * Float.BYTES, (long) n * dim);
        NoisyRelease release = door.noisy(NOISY, slot, n, new Multiplier(1), bound(1));
        release.write(0, zeros.examples(0, 5));
        release.write(5, zeros.examples(5, 3));
        release.finish();
        Tensor out = written(slot, n);
        for (int i = 0; i < n; i++) {
          noises.add(out.examples(i, 1).toArray());
        }
      }
    }
    Set<List<Float>> beginnings = new HashSet<>();
    for (int a = 0; a < noises.size(); a++) {
      float[] x = noises.get(a);
      assertThat(beginnings.add(List.of(x[0], x[1], x[2], x[3]))).isTrue();
      for (int b = 0; b < a; b++) {
        double inner = 0;
        for (int i = 0; i < dim; i++) {
          inner += (double) x[i] * noises.get(b)[i];
        }
        assertThat(inner / Math.sqrt(dim)).as("noise %d and %d", a, b).isBetween(-6.0, 6.0);
      }
    }
  }

  /// As before and after a resume. On zeros what leaves is noise alone, in steps of `sigma / 1024`,
  /// so single values coincide; a window of 8 of one door is found in the other by chance with
  /// probability below 1e-11. Correlation: false alarm 7e-6.
  @Test
  void two_doors_share_no_noise() throws Exception {
    int size = 1 << 16;
    Tensor zeros = Tensor.allocate(arena, 4, size / 4);
    List<float[]> noises = new ArrayList<>();
    for (int run = 0; run < 2; run++) {
      try (ReleaseDoor own = new ReleaseDoor(worker, new SecureRandom(), THREADS)) {
        ReleaseLog log = new ReleaseLog();
        log.begin(List.of(NOISY));
        own.log(log);
        NoisyRelease release = own.noisy(NOISY, slot(4, size / 4), 4, new Multiplier(1), bound(1));
        release.write(0, zeros);
        release.finish();
        noises.add(written(slot(4, size / 4), 4).toArray());
      }
    }
    Set<List<Float>> windows = new HashSet<>();
    double inner = 0;
    for (int at = 0; at < size; at++) {
      inner += (double) noises.get(0)[at] * noises.get(1)[at];
      if (at % 8 == 0) {
        windows.add(window(noises.get(0), at));
      }
    }
    assertThat(windows).hasSize(size / 8);
    for (int at = 0; at + 8 <= size; at++) {
      assertThat(windows.contains(window(noises.get(1), at))).as("repeat at %d", at).isFalse();
    }
    assertThat(inner / Math.sqrt(size)).isBetween(-ALARM, ALARM);
  }

  private static List<Float> window(float[] values, int at) {
    List<Float> window = new ArrayList<>();
    for (int i = at; i < at + 8; i++) {
      window.add(values[i]);
    }
    return window;
  }

  @Test
  void a_door_needs_a_thread_and_gives_no_noise_once_closed() {
    assertThatThrownBy(() -> new ReleaseDoor(worker, new SeededSecureRandom(42), 0))
        .isInstanceOf(IllegalArgumentException.class);
    door.close();
    NoisyRelease release = door.noisy(NOISY, slot(1, 30), 1, new Multiplier(1), bound(10));
    assertThatThrownBy(() -> release.write(0, examples(30, 1)))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(release::finish).isInstanceOf(IllegalStateException.class);
  }
}
