package asymml.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.GaussianMasks;
import asymml.kernels.Tensor;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.privacy.Channel;
import asymml.privacy.Delta;
import asymml.privacy.Epsilon;
import asymml.privacy.Ledger;
import asymml.privacy.PldAccountant;
import asymml.privacy.PrivacyStatement;
import asymml.privacy.Release;
import asymml.privacy.Sampling;
import asymml.trusted.boundary.PrecisionCheck;
import asymml.trusted.boundary.ReleaseDoor;
import asymml.trusted.boundary.RemoteWorker;
import asymml.trusted.check.Verification;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.plan.Basis;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.Shield;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.LedgerFile;
import asymml.trusted.run.MetricsLog;
import asymml.trusted.run.RunLayout;
import asymml.trusted.split.Workers;
import asymml.trusted.train.DpSgd;
import asymml.trusted.train.EpochTotals;
import asymml.trusted.train.PrivacyConfig;
import asymml.trusted.train.TrainConfig;
import asymml.trusted.train.TrainListener;
import asymml.trusted.train.Trainer;
import asymml.untrusted.WorkerThread;
import asymml.verify.RecordingProxy.Received;
import asymml.wire.Message;
import asymml.wire.ProtocolException;
import asymml.wire.RecordedEvent;
import asymml.wire.Recording;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Training on two workers under masks: what each of them gets, what it costs, and that a stopped
/// run goes on.
class SharesTest {
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final Shape SHAPE = new Shape(16, 16, 3);
  private static final int EPOCHS = 3;
  private static final int STEPS = 3;
  private static final double EPSILON = 8;
  private static final DataSet DATA =
      new DataSet("tiny", images(44, 1), images(20, 2), Normalization.of(images(44, 1)), true, 2);

  @TempDir Path folder;

  private static ImageSet images(int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] labels = new int[count];
    byte[] pixels = new byte[count * SHAPE.size()];
    for (int n = 0; n < count; n++) {
      labels[n] = n % 2;
      for (int i = 0; i < SHAPE.size(); i++) {
        int stripe = (labels[n] == 0 ? i / 3 % 16 : i / 48) / 2 % 2;
        pixels[n * SHAPE.size() + i] = (byte) (stripe * 120 + random.nextInt(100));
      }
    }
    return ImageSet.of(SHAPE, List.of("upright", "lying"), labels, pixels);
  }

  private static TrainConfig config(Mode mode, double positions) {
    boolean split = mode == Mode.ASYMML;
    return new TrainConfig(
        "cnn",
        Zoo.Norm.GROUP,
        mode,
        Decomposition.SHARED,
        new RankPolicy.Fixed(0),
        List.of(Plan.FIRST, Plan.LAST),
        new NoiseStrength.None(),
        new NoiseStrength.None(),
        EPOCHS,
        16,
        new TrainConfig.Optimizer(
            0.01f, 0.9f, 0, TrainConfig.Schedule.CONSTANT, 0, List.of(), 0.1f),
        0,
        true,
        5,
        split
            ? new PrivacyConfig(
                Set.of(Channel.RESIDUALS, Channel.GRADIENTS),
                new Epsilon(EPSILON),
                new Delta(1e-5),
                PrivacyConfig.Drawing.SHUFFLE,
                Basis.PUBLIC,
                new PrivacyConfig.Clip.Public())
            : PrivacyConfig.NONE,
        split ? new Shield.Shares(positions) : new Shield.Residual());
  }

  private RunLayout layout(String name) throws Exception {
    RunLayout layout = new RunLayout(folder.resolve(name));
    Files.createDirectories(layout.events());
    return layout;
  }

  private static final class Counting implements TrainListener {
    private int steps;

    @Override
    public void epochStarted(int epoch, int batches, int firstBatch) {}

    @Override
    public void stepDone(EpochTotals totals) {
      steps++;
    }

    @Override
    public void evaluated(int done, int total) {}

    @Override
    public void epochDone(EpochMetrics metrics) {}
  }

  /// What the two workers received of a run.
  ///
  /// @param masked what passed to the first
  /// @param masks what passed to the second
  /// @param held what the second computed on, in its own recording
  private record Views(List<Received> masked, List<Received> masks, List<float[]> held) {
    List<Message.ExpandMask> keys() {
      return masks.stream()
          .map(Received::request)
          .filter(Message.ExpandMask.class::isInstance)
          .map(Message.ExpandMask.class::cast)
          .toList();
    }
  }

  private Views run(TrainConfig config, RunLayout layout, boolean resume, int stopAfter)
      throws Exception {
    Path own = Files.createTempDirectory(folder, "proxies");
    Path second = Files.createDirectory(own.resolve("second"));
    Path recording = own.resolve("second.rec");
    List<Received> toFirst;
    List<Received> toSecond;
    try (WorkerThread one = new WorkerThread();
        WorkerThread two = new WorkerThread("--record", recording.toString());
        RecordingProxy masked = new RecordingProxy(own, one.address(), List.of());
        RecordingProxy masks = new RecordingProxy(second, two.address(), List.of())) {
      try (RemoteWorker a = RemoteWorker.connect(masked.address(), null, LIMIT);
          RemoteWorker b = RemoteWorker.connect(masks.address(), null, LIMIT);
          ReleaseDoor doorA = new ReleaseDoor(a, new SecureRandom(), 2);
          ReleaseDoor doorB = new ReleaseDoor(b, new SecureRandom(), 2);
          Trainer trainer =
              new Trainer(
                  config,
                  DATA,
                  null,
                  Workers.of(new Workers.Party(a, doorA), new Workers.Party(b, doorB))
                      .verified(Verification.EVERY),
                  resume ? LedgerFile.read(layout.ledger()) : null)) {
        Counting counting = new Counting();
        trainer.run(layout, resume, counting, () -> counting.steps >= stopAfter);
      }
      toFirst = masked.received();
      toSecond = masks.received();
    }
    return new Views(toFirst, toSecond, operands(recording));
  }

  private static List<float[]> operands(Path recording) throws Exception {
    List<float[]> operands = new ArrayList<>();
    try (Recording view = Recording.open(recording)) {
      for (RecordedEvent event : view.events()) {
        switch (event) {
          case RecordedEvent.Forward(_, _, var x, _) ->
              operands.add(x.toArray(ValueLayout.JAVA_FLOAT));
          case RecordedEvent.BackwardData(_, _, var dy, _) ->
              operands.add(dy.toArray(ValueLayout.JAVA_FLOAT));
          case RecordedEvent.BackwardWeights _ ->
              throw new AssertionError("weight gradients are computed on the trusted side");
          case RecordedEvent.DefineOp _, RecordedEvent.LoadWeights _, RecordedEvent.Received _ -> {}
        }
      }
    }
    return operands;
  }

  private static List<Double> losses(RunLayout layout) throws Exception {
    return MetricsLog.readAll(layout.metrics()).stream().map(EpochMetrics::trainLoss).toList();
  }

  @Test
  void
      a_run_under_masks_ends_where_one_without_workers_does_and_its_statement_counts_both_channels()
          throws Exception {
    RunLayout shares = layout("shares");
    Views views = run(config(Mode.ASYMML, 1), shares, false, Integer.MAX_VALUE);
    RunLayout whole = layout("whole");
    // Pixels of a run that is accounted for are normalised by constants.
    DataSet data =
        new DataSet("tiny", DATA.train(), DATA.test(), Normalization.constant(3), true, 2);
    try (Trainer trainer = new Trainer(config(Mode.TRUSTED_ONLY, 1), data, null, null)) {
      trainer.run(whole, false, new Counting(), () -> false);
    }
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
      assertThat(losses(shares).get(epoch)).isCloseTo(losses(whole).get(epoch), within(3e-3));
    }

    PrivacyStatement statement =
        PrivacyStatement.of(LedgerFile.read(shares.ledger()), new PldAccountant());
    assertThat(statement.masked().value()).isBetween(0.99 * EPSILON, EPSILON);
    assertThat(statement.residuals().value()).isLessThan(statement.masked().value());
    assertThat(statement.view().isFinite()).isFalse();
    assertThat(statement.lines())
        .anyMatch(
            line -> line.startsWith("residuals and gradients, against any one worker: epsilon 8 "))
        .anyMatch(line -> line.contains("infinite, because of weights"))
        .anyMatch(line -> line.contains("do not collude"));

    assertHolderGetsMasksOnly(views);
    assertMaskedValuesAreMasked(views);
  }

  /// All that the second worker computes on follows from keys that it was sent.
  private static void assertHolderGetsMasksOnly(Views views) {
    List<float[]> known = new ArrayList<>();
    try (Arena arena = Arena.ofShared();
        GaussianMasks masks = new GaussianMasks(1)) {
      for (Message.ExpandMask m : views.keys()) {
        Tensor out =
            Tensor.allocate(arena, m.examples(), (int) (m.masks().floats() / m.examples()));
        masks.write(m.key().bytes(), m.deviation(), out);
        known.add(out.toArray());
      }
    }
    assertThat(views.held).hasSize(EPOCHS * STEPS * 4);
    for (float[] held : views.held) {
      assertThat(known.stream().anyMatch(mask -> Arrays.equals(mask, held)))
          .as("an operand of %d values follows from a key", held.length)
          .isTrue();
    }
  }

  /// What the first worker gets has the variance of masks, and no two are alike.
  private static void assertMaskedValuesAreMasked(Views views) {
    double deviation = views.keys().getFirst().deviation();
    assertThat(deviation).isGreaterThan(1);
    List<float[]> operands =
        views.masked.stream()
            .filter(r -> !(r.request() instanceof Message.LoadWeights))
            .flatMap(r -> r.operands().stream())
            .toList();
    assertThat(operands).hasSize(EPOCHS * STEPS * 4);
    for (float[] values : operands) {
      double squares = 0;
      for (float value : values) {
        squares += (double) value * value;
      }
      double rms = Math.sqrt(squares / values.length);
      // A mask's own deviation, and at most 1 / sqrt(values of an example) of what it hides.
      assertThat(rms).isCloseTo(deviation, within(deviation * 0.1));
    }
    assertThat(views.masked).noneMatch(r -> r.request() instanceof Message.ExpandMask);
  }

  /// Logical batches of 64, in physical ones of 16: what workers get is masked anew for each,
  /// weights are sent once a step, and one joint release covers them.
  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void dp_sgd_under_masks_covers_any_one_workers_whole_view_and_the_released_model(int imageViews)
      throws Exception {
    TrainConfig config =
        config(Mode.ASYMML, 1)
            .withBatchSize(16)
            .withPrivacy(
                PrivacyConfig.of(
                    new DpSgd(64, 1, imageViews, 0.9, 0.02, null, 1L << 30),
                    new Epsilon(EPSILON),
                    new Delta(1e-4)));
    RunLayout layout = layout("dp-sgd-" + imageViews);
    Views views = run(config, layout, false, Integer.MAX_VALUE);
    Ledger ledger = LedgerFile.read(layout.ledger());
    Sampling.Poisson poisson = (Sampling.Poisson) ledger.sampling();
    int physical = 16 / imageViews;
    int batches = poisson.slots() / physical;
    long steps = ledger.steps();
    assertThat(poisson.slots() % physical).isZero();
    assertThat(steps).isEqualTo((long) EPOCHS * Math.ceilDiv(DATA.train().size(), 64));

    List<Release> releases = ledger.entries().getFirst().releases();
    List<Release> noised =
        releases.stream().filter(r -> r.mechanism() instanceof Release.Gaussian).toList();
    Release joint = noised.getFirst();
    assertThat(joint.channel()).isEqualTo(Channel.WEIGHTS);
    double z = multiplier(joint);
    List<Release> masked = noised.subList(1, noised.size());
    assertThat(masked).hasSize(4).noneMatch(r -> r.channel() == Channel.WEIGHTS);
    assertThat(masked)
        .allSatisfy(r -> {
          assertThat(multiplier(r)).isCloseTo(z * Math.sqrt(4 / 0.02), within(1e-9 * z));
          // An image has a part of norm 1 in each of its places.
          assertThat(((Release.Gaussian) r.mechanism()).clipNorm().value())
              .isEqualTo(Math.sqrt(imageViews));
          assertThat(r.values() % imageViews).isZero();
        });
    double deviation = z * Math.sqrt(imageViews * 4 / 0.02);
    assertThat(views.keys())
        .allSatisfy(key -> assertThat(key.deviation()).isCloseTo(deviation, within(1e-9 * z)));

    PrivacyStatement statement = PrivacyStatement.of(ledger, new PldAccountant());
    assertThat(statement.view().value()).isBetween(0.99 * EPSILON, EPSILON);
    assertThat(statement.lines())
        .anyMatch(line -> line.startsWith("any one worker's whole view: epsilon 8 "))
        .anyMatch(line -> line.startsWith("released model: epsilon 8 "));

    assertThat(views.keys()).hasSize((int) steps * batches * 4);
    assertThat(views.keys().stream().map(Message.ExpandMask::key)).doesNotHaveDuplicates();
    long weights =
        views.masked.stream().filter(r -> r.request() instanceof Message.LoadWeights).count();
    assertThat(weights).isEqualTo(steps * 2);
  }

  private static double multiplier(Release release) {
    return ((Release.Gaussian) release.mechanism()).noiseMultiplier().value();
  }

  @Test
  void no_mask_is_used_twice_and_a_stopped_run_goes_on_with_new_ones() throws Exception {
    TrainConfig config = config(Mode.ASYMML, 0.25);
    RunLayout layout = layout("stopped");
    Views before = run(config, layout, false, STEPS + 1);
    Views after = run(config, layout, true, Integer.MAX_VALUE);
    assertThat(MetricsLog.readAll(layout.metrics())).hasSize(EPOCHS);
    List<Message.ExpandMask> keys = new ArrayList<>(before.keys());
    keys.addAll(after.keys());
    assertThat(keys).hasSize(EPOCHS * STEPS * 4);
    assertThat(keys.stream().map(Message.ExpandMask::key)).doesNotHaveDuplicates();

    RunLayout complete = layout("complete");
    run(config, complete, false, Integer.MAX_VALUE);
    // The same samples of positions; only the rounding under other masks differs, which a ReLU may
    // decide about: 4e-4 was seen.
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
      assertThat(losses(layout).get(epoch)).isCloseTo(losses(complete).get(epoch), within(3e-3));
    }
    assertThat(losses(complete).getFirst()).isGreaterThan(0.1);
  }

  @Test
  void a_worker_that_is_not_strict_float32_is_refused() throws Exception {
    try (LocalWorker strict = new LocalWorker()) {
      PrecisionCheck.require(strict.remote, strict.door, "the first worker");
    }
    try (FaultyWorker worker = new FaultyWorker(folder, Integer.MAX_VALUE, 0);
        RemoteWorker remote = RemoteWorker.connect(worker.address(), null, LIMIT);
        ReleaseDoor door = new ReleaseDoor(remote, new SecureRandom(), 1)) {
      assertRefused(remote, door, "the error of a known product is 1.0e+00");
    }
    try (FaultyWorker worker =
            new FaultyWorker(
                Files.createDirectory(folder.resolve("tf32")),
                Integer.MAX_VALUE,
                0,
                "tf32 products, float32 sums");
        RemoteWorker remote = RemoteWorker.connect(worker.address(), null, LIMIT);
        ReleaseDoor door = new ReleaseDoor(remote, new SecureRandom(), 1)) {
      assertRefused(remote, door, "start it with precision fp32");
    }
  }

  private static void assertRefused(RemoteWorker remote, ReleaseDoor door, String said) {
    assertThatThrownBy(() -> PrecisionCheck.require(remote, door, "the second worker"))
        .isInstanceOf(ProtocolException.class)
        .hasMessageStartingWith("the second worker ")
        .hasMessageContaining(said);
  }

  @Test
  void one_worker_is_not_enough() throws Exception {
    try (LocalWorker worker = new LocalWorker()) {
      Workers one = Workers.of(worker.party());
      assertThatThrownBy(() -> new Trainer(config(Mode.ASYMML, 1), DATA, null, one, null).close())
          .hasMessage("masks need two workers");
    }
  }
}
