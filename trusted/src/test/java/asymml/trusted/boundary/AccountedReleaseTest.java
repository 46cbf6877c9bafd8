package asymml.trusted.boundary;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.Elementwise;
import asymml.kernels.Tensor;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.NoiseStrength.Multiplier;
import asymml.trusted.plan.NoiseStrength.None;
import asymml.trusted.plan.NoiseStrength.Ratio;
import asymml.wire.ProtocolException;
import asymml.wire.Slot;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What the door lets out under an account: nothing that is not planned, nothing twice, nothing
/// with less than its noise. The noise comes from a seeded generator; single statistics are
/// compared at 4.5 standard deviations, false alarm 7e-6 each, 100 in this class, and others by the
/// hundred at 6.5, false alarm 1e-10 each.
class AccountedReleaseTest {
  private static final double ALARM = 4.5;
  private static final double ALARM_OF_MANY = 6.5;
  private static final int EXAMPLES = 4;
  private static final int DIM = 30;
  private static final double CLIP = 2;
  private static final double NOISE = 0.1;

  private static final Release WEIGHTS =
      new Release(Channel.WEIGHTS, "conv", 90, new Release.PostProcessing("noised sums"));
  private static final Release RESIDUALS = gaussian(Channel.RESIDUALS, DIM, CLIP, NOISE);
  private static final Release SUMS = gaussian(Channel.WEIGHTS, DIM, CLIP, NOISE);
  private static final Release BASIS =
      new Release(Channel.BASIS, "conv", 6, new Release.Uncovered("fitted to private batches"));
  private static final List<Release> ALL = List.of(WEIGHTS, RESIDUALS, SUMS, BASIS);

  @TempDir Path folder;

  private final Arena arena = Arena.ofShared();
  private final SplittableRandom random = new SplittableRandom(50);
  private OpenDoor open;
  private ReleaseDoor door;

  private static Release gaussian(Channel channel, long values, double clip, double noise) {
    return new Release(
        channel,
        "conv",
        values,
        new Release.Gaussian(new ClipNorm(clip), new NoiseMultiplier(noise)));
  }

  @BeforeEach
  void connect() throws Exception {
    System.out.println("seed 50");
    open = new OpenDoor(folder, 51, 3);
    door = open.door();
  }

  @AfterEach
  void disconnect() throws Exception {
    open.close();
    arena.close();
  }

  private Tensor tensor(float value, int... shape) {
    Tensor tensor = Tensor.allocate(arena, shape);
    tensor.fill(value);
    return tensor;
  }

  private static Slot slot(int examples, int dim) {
    return new Slot(0, (long) examples * dim);
  }

  private float[] seen(Slot slot) {
    return open.worker().result(slot, (int) slot.floats()).toArray();
  }

  private static ClipBound fixed(double clip) {
    return ClipBound.fixed(new ClipNorm(clip));
  }

  private void noisy(Release what) throws ProtocolException {
    NoisyRelease release =
        door.noisy(what, slot(EXAMPLES, DIM), EXAMPLES, new Multiplier(NOISE), fixed(CLIP));
    release.write(0, tensor(1, EXAMPLES, DIM));
    release.finish();
  }

  /// One use of each way out; what it lets out is given.
  private ThrowingCallable use(Release what) {
    return switch (what.channel()) {
      case WEIGHTS ->
          what.mechanism() instanceof Release.Gaussian
              ? () -> door.perturb(what, 0, tensor(1, DIM))
              : () -> door.exact(what, tensor(1, 90), slot(1, 90));
      case RESIDUALS, GRADIENTS -> () -> noisy(what);
      case BASIS -> () -> door.implied(what);
    };
  }

  private static void assertRefused(ThrowingCallable use, Release what) {
    assertThatThrownBy(use)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "the release door refuses %s of conv: no such release is planned for this step, or it"
                    .formatted(what.channel().label())
                + " has happened");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void what_is_not_planned_is_refused_before_a_byte_is_written(int which) {
    Release what = ALL.get(which);
    open.log().begin(ALL.stream().filter(other -> !other.equals(what)).toList());
    assertRefused(use(what), what);
    assertThat(seen(slot(1, 200))).containsOnly(0);
    assertThat(open.worker().bytesToWorker()).isZero();
  }

  @Test
  void a_sum_that_is_not_planned_stays_as_it_was() {
    Tensor sum = tensor(1, DIM);
    assertRefused(() -> door.perturb(SUMS, 0, sum), SUMS);
    assertThat(sum.toArray()).containsOnly(1);
  }

  @Test
  void the_plan_is_for_a_layer_a_channel_and_a_mechanism_not_for_some_of_them() {
    open.log().begin(ALL);
    for (Release other :
        List.of(
            new Release(Channel.RESIDUALS, "conv2", DIM, RESIDUALS.mechanism()),
            new Release(Channel.GRADIENTS, "conv", DIM, RESIDUALS.mechanism()),
            new Release(Channel.RESIDUALS, "conv", DIM, new Release.Uncovered("no reason")))) {
      assertThatThrownBy(() -> noisy(other))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("no such release is planned");
    }
    assertThat(open.worker().bytesToWorker()).isZero();
  }

  @Test
  void a_door_whose_log_nobody_began_lets_nothing_out() {
    for (Release what : ALL) {
      assertRefused(use(what), what);
    }
    door.log(new ReleaseLog());
    for (Release what : ALL) {
      assertRefused(use(what), what);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void a_release_happens_once_a_step_and_the_next_step_allows_it_again(int which) throws Throwable {
    Release what = ALL.get(which);
    for (int step = 0; step < 3; step++) {
      open.log().begin(ALL);
      use(what).call();
      float[] before = seen(slot(1, 200));
      long bytes = open.worker().bytesToWorker();
      assertRefused(use(what), what);
      assertThat(seen(slot(1, 200))).isEqualTo(before);
      assertThat(open.worker().bytesToWorker()).isEqualTo(bytes);
    }
  }

  @Test
  void what_a_step_left_over_is_not_carried_into_the_next() {
    open.log().begin(ALL);
    open.log().begin(List.of(WEIGHTS));
    assertRefused(use(RESIDUALS), RESIDUALS);
  }

  @Test
  void a_release_planned_twice_happens_twice() throws Throwable {
    open.log().begin(List.of(RESIDUALS, RESIDUALS));
    use(RESIDUALS).call();
    use(RESIDUALS).call();
    assertRefused(use(RESIDUALS), RESIDUALS);
  }

  private static ClipBound following(double norm) {
    ClipBound bound = new ClipBound();
    bound.restore(norm);
    return bound;
  }

  @Test
  void a_bound_that_follows_the_data_or_is_another_one_is_refused() throws Exception {
    open.log().begin(ALL);
    for (ClipBound bound :
        List.of(
            new ClipBound(),
            following(CLIP),
            fixed(Math.nextUp(CLIP)),
            fixed(Math.nextDown(CLIP)))) {
      assertThatThrownBy(() -> door.noisy(RESIDUALS, slot(4, DIM), 4, new Multiplier(NOISE), bound))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("differs from the fixed one");
    }
    noisy(RESIDUALS); // the refusals did not use it up
  }

  @Test
  void less_noise_than_is_accounted_for_is_refused_and_more_is_not() throws Exception {
    for (NoiseStrength strength :
        List.of(
            new None(),
            new Multiplier(Math.nextDown(NOISE)),
            new Ratio(NOISE * Math.sqrt(DIM) * (1 - 1e-12)),
            new Ratio(NOISE))) {
      open.log().begin(ALL);
      assertThatThrownBy(() -> door.noisy(RESIDUALS, slot(4, DIM), 4, strength, fixed(CLIP)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("less noise than is accounted for");
    }
    for (NoiseStrength strength :
        List.of(new Multiplier(NOISE), new Multiplier(3), new Ratio(NOISE * DIM))) {
      open.log().begin(ALL);
      NoisyRelease release = door.noisy(RESIDUALS, slot(4, DIM), 4, strength, fixed(CLIP));
      release.write(0, tensor(1, 4, DIM));
      release.finish();
    }
  }

  @Test
  void a_batch_that_passes_for_one_example_is_refused() {
    open.log().begin(ALL);
    for (int examples : new int[] {1, 2}) {
      assertThatThrownBy(() ->
              door.noisy(RESIDUALS, slot(4, DIM), examples, new Multiplier(NOISE), fixed(CLIP)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("values would be released for an example");
    }
    for (Tensor[] sums :
        List.of(
            new Tensor[] {tensor(1, DIM - 1)},
            new Tensor[] {tensor(1, DIM), tensor(1, 1)},
            new Tensor[0])) {
      assertThatThrownBy(() -> door.perturb(SUMS, 0, sums))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("values would be released for an example");
    }
  }

  @Test
  void a_mechanism_stands_for_its_own_way_out_alone() {
    Release exactly = gaussian(Channel.WEIGHTS, 90, CLIP, NOISE);
    List<Release> planned = new ArrayList<>(ALL);
    planned.add(exactly);
    open.log().begin(planned);
    for (ThrowingCallable mistake :
        List.<ThrowingCallable>of(
            () -> door.exact(exactly, tensor(1, 90), slot(1, 90)),
            () -> door.implied(RESIDUALS),
            () -> door.implied(WEIGHTS),
            () -> door.perturb(WEIGHTS, 0, tensor(1, 90)),
            () -> door.perturb(BASIS, 0, tensor(1, 6)))) {
      assertThatThrownBy(mistake).isInstanceOf(IllegalArgumentException.class);
    }
    assertThat(seen(slot(1, 200))).containsOnly(0);
    assertThat(open.worker().bytesToWorker()).isZero();
  }

  /// Examples of random direction and the norms given.
  private Tensor examples(int dim, double... norms) {
    Tensor values = Tensor.allocate(arena, norms.length, dim);
    for (int n = 0; n < norms.length; n++) {
      double[] direction =
          IntStream.range(0, dim).mapToDouble(_ -> random.nextGaussian()).toArray();
      double norm = Math.sqrt(Arrays.stream(direction).map(v -> v * v).sum());
      for (int i = 0; i < dim; i++) {
        values.set((long) n * dim + i, (float) (norms[n] * direction[i] / norm));
      }
    }
    return values;
  }

  private Tensor release(Tensor values, double clip, double noise, NullExamples nullExamples)
      throws ProtocolException {
    int n = values.length(0);
    int dim = values.length(1);
    Release what = gaussian(Channel.RESIDUALS, dim, clip, noise);
    open.log().begin(List.of(what));
    Slot slot = slot(n, dim);
    NoisyRelease release = door.noisy(what, slot, n, new Multiplier(noise), fixed(clip));
    release.write(0, values.examples(0, 1), nullExamples);
    release.write(1, values.examples(1, n - 1), nullExamples);
    release.finish();
    return open.worker().result(slot, n, dim);
  }

  /// Along its own direction, an example at the bound is seen at 1 / z = 10 standard deviations; a
  /// null example at 0, in spite of the values that stand in its place.
  @Test
  void a_null_example_leaves_as_noise_around_zero_whatever_stands_in_its_place() throws Exception {
    int n = 60;
    int dim = 2000;
    double sigma = NOISE * CLIP;
    NullExamples odd = place -> place % 2 == 1;
    double[] norms = new double[n];
    for (int i = 0; i < n; i++) {
      norms[i] = i % 3 == 0 ? 1e15 : CLIP;
    }
    Tensor values = examples(dim, norms);
    Tensor out = release(values, CLIP, NOISE, odd);
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < n; i++) {
      double along = 0;
      double norm = Math.sqrt(Elementwise.sumOfSquares(values.examples(i, 1)));
      for (int d = 0; d < dim; d++) {
        double noise = out.get((long) i * dim + d) / sigma;
        along += noise * values.get((long) i * dim + d) / norm;
        squares += odd.isNull(i) ? noise * noise : 0;
      }
      if (odd.isNull(i)) {
        sum += along;
        assertThat(along).as("null example %d", i).isBetween(-ALARM, ALARM);
      } else {
        assertThat(along).as("example %d", i).isBetween(10 - ALARM, 10 + ALARM);
      }
    }
    assertThat(sum / Math.sqrt(n / 2.0)).isBetween(-ALARM, ALARM);
    double count = n / 2.0 * dim;
    assertThat((squares - count) / Math.sqrt(2 * count)).isBetween(-ALARM, ALARM);
  }

  @Test
  void without_noise_a_null_example_leaves_as_zeros_and_the_others_as_they_are() throws Exception {
    Release what = new Release(Channel.RESIDUALS, "conv", 7, new Release.Uncovered("a test"));
    open.log().begin(List.of(what));
    Tensor values = examples(7, 1, 2, 3, 4, 5);
    // What the step before left there.
    open.worker().result(slot(5, 7), 35).fill(9);
    NoisyRelease release = door.noisy(what, slot(5, 7), 5, new None(), new ClipBound());
    NullExamples nullExamples = place -> place == 0 || place == 3;
    release.write(0, values.examples(0, 2), nullExamples);
    release.write(2, values.examples(2, 3), nullExamples);
    release.finish();
    Tensor out = open.worker().result(slot(5, 7), 5, 7);
    for (int i = 0; i < 5; i++) {
      float[] expected = values.examples(i, 1).toArray();
      assertThat(out.examples(i, 1).toArray())
          .isEqualTo(nullExamples.isNull(i) ? new float[7] : expected);
    }
  }

  /// Noise of 1e-9 of the bound lets the clipped example be seen. Each value is rounded to float32,
  /// by 2^-24 of itself at most, and so is the norm; its own noise adds at most 1e-9 * 6 sqrt(dim).
  @ParameterizedTest
  @CsvSource({"1, 1", "2, 1e-6", "13, 1e6", "1024, 1", "1027, 3e-5"})
  void no_example_s_norm_exceeds_the_bound_whatever_it_was(int dim, double clip) throws Exception {
    int n = 200;
    double[] norms =
        IntStream.range(0, n)
            .mapToDouble(_ -> Math.pow(10, random.nextDouble(-44, 38.4)))
            .toArray();
    Tensor values = examples(dim, norms);
    Tensor out = release(values, clip, 1e-9, NullExamples.NONE);
    double allowed = clip * (1 + 0x1p-24 + 6e-9 * Math.sqrt(dim));
    int clipped = 0;
    for (int i = 0; i < n; i++) {
      double before = Math.sqrt(Elementwise.sumOfSquares(values.examples(i, 1)));
      double after = Math.sqrt(Elementwise.sumOfSquares(out.examples(i, 1)));
      assertThat(after).as("norm %s clipped to %s", before, clip).isLessThanOrEqualTo(allowed);
      if (before > clip) {
        clipped++;
        assertThat(after).isGreaterThan(2 * clip - allowed);
      }
    }
    assertThat(clipped).isBetween(20, n - 20);
  }

  private static List<Tensor> copies(Arena arena, List<Tensor> tensors) {
    return tensors.stream().map(t -> Tensor.allocate(arena, t.shape()).copyFrom(t)).toList();
  }

  private void perturb(List<Tensor> sums, double clip, double noise) {
    long values = sums.stream().mapToLong(Tensor::size).sum();
    Release what = gaussian(Channel.WEIGHTS, values, clip, noise);
    open.log().begin(List.of(what));
    door.perturb(what, 0x1p-10, sums.toArray(Tensor[]::new));
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "0.01, 300", "20, 1e-4"})
  void sums_get_noise_of_z_times_the_bound_on_every_value_of_every_tensor(
      double noise, double clip) {
    double sigma = noise * clip;
    double lattice = Math.scalb(1.0, Math.getExponent(sigma * (1 + 0x1p-10)) - 10);
    List<Tensor> sums = new ArrayList<>();
    for (int size : new int[] {9000, 1, 1023, 1024, 3, 1025, 3073, 12_345}) {
      Tensor sum = Tensor.allocate(arena, size);
      for (int i = 0; i < size; i++) {
        // On the lattice, so that what is added can be taken off again exactly.
        sum.set(i, (float) (lattice * random.nextInt(-5000, 5000)));
      }
      sums.add(sum);
    }
    List<Tensor> before = copies(arena, sums);
    perturb(sums, clip, noise);
    for (int t = 0; t < sums.size(); t++) {
      double sum = 0;
      double squares = 0;
      int same = 0;
      int size = (int) sums.get(t).size();
      for (int i = 0; i < size; i++) {
        double added = (sums.get(t).get(i) - before.get(t).get(i)) / sigma;
        sum += added;
        squares += added * added;
        same += added == 0 ? 1 : 0;
      }
      assertThat(sum / Math.sqrt(size)).as("mean of %d", size).isBetween(-ALARM, ALARM);
      if (size > 1000) {
        // The noise is 2^-10 stronger than accounted for, which moves this by 0.16 at most.
        assertThat((squares - size) / Math.sqrt(2.0 * size))
            .as("variance of %d", size)
            .isBetween(-ALARM, ALARM + 0.16);
      }
      // A step of the lattice is at least sigma / 2048: about 1 in 2500 to 5000 gets noise 0.
      assertThat(same).isLessThanOrEqualTo(1 + size / 500);
    }
  }

  /// 3 lanes share a tensor of 3 * 4096 values: each lane's stretch, of each tensor and step, must
  /// be new. 66 inner products.
  @Test
  void the_noise_of_lanes_tensors_and_steps_is_independent() {
    int stretch = 4096;
    List<double[]> noises = new ArrayList<>();
    for (int step = 0; step < 2; step++) {
      List<Tensor> sums = List.of(tensor(0, 3 * stretch), tensor(0, 3 * stretch));
      perturb(sums, 1, 1);
      for (Tensor sum : sums) {
        for (int lane = 0; lane < 3; lane++) {
          int from = lane * stretch;
          noises.add(IntStream.range(from, from + stretch).mapToDouble(sum::get).toArray());
        }
      }
    }
    assertThat(noises).hasSize(12);
    for (int a = 0; a < noises.size(); a++) {
      for (int b = 0; b < a; b++) {
        double inner = 0;
        for (int i = 0; i < stretch; i++) {
          inner += noises.get(a)[i] * noises.get(b)[i];
        }
        assertThat(inner / Math.sqrt(stretch))
            .as("stretches %d and %d", a, b)
            .isBetween(-ALARM_OF_MANY, ALARM_OF_MANY);
      }
    }
    for (double[] noise : noises) {
      for (int lag : new int[] {1, 2, 4, 8, 512, 1024, 2048}) {
        double inner = 0;
        for (int i = lag; i < stretch; i++) {
          inner += noise[i] * noise[i - lag];
        }
        assertThat(inner / Math.sqrt(stretch - lag))
            .as("lag %d", lag)
            .isBetween(-ALARM_OF_MANY, ALARM_OF_MANY);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void a_sum_that_is_not_finite_gets_no_noise_and_its_release_is_over(float bad) {
    open.log().begin(List.of(SUMS));
    Tensor sum = tensor(1, DIM);
    sum.set(DIM - 1, bad);
    assertThatThrownBy(() -> door.perturb(SUMS, 0, sum)).isInstanceOf(NonFiniteException.class);
    assertThat(sum.get(0)).isEqualTo(1);
    assertRefused(() -> door.perturb(SUMS, 0, tensor(1, DIM)), SUMS);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0x1p-37, 1e40})
  void noise_that_rounding_would_swallow_or_float32_not_hold_is_refused_for_sums(double noise) {
    Tensor sum = tensor(1, DIM);
    assertThatThrownBy(() -> perturb(List.of(sum), 10, noise))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("noise");
    assertThat(sum.toArray()).containsOnly(1);
  }
}
