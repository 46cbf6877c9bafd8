package asymml.study.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.kernels.Tensor;
import asymml.privacy.Channel;
import asymml.privacy.ClipNorm;
import asymml.privacy.Delta;
import asymml.privacy.Ledger;
import asymml.privacy.NoiseMultiplier;
import asymml.privacy.Release;
import asymml.privacy.Sampling;
import asymml.wire.OpDescriptor;
import asymml.wire.RecordedEvent;
import asymml.wire.RecordingWriter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A worker's recording of one step in two passes, written by the test: what the worker saw of each
/// canary is planted, so that the scores are known.
class WorkerObserverTest {
  private static final Canaries CANARIES = new Canaries(1, 4);
  private static final int BATCH = Canaries.COUNT / 2;
  private static final int HIDDEN = 1;
  private static final int CLASSIFIER = 2;
  private static final int UNITS = 4;
  private static final int CLASSES = 2;

  @TempDir Path folder;

  private static Release release(Channel channel, String layer, double z) {
    return new Release(
        channel, layer, 100, new Release.Gaussian(new ClipNorm(1), new NoiseMultiplier(z)));
  }

  private static Ledger ledger(Release... releases) {
    return new Ledger(
        new Sampling.Shuffled(Canaries.COUNT, Canaries.COUNT),
        new Delta(1e-5),
        List.of(new Ledger.Entry(List.of(releases), 1)),
        2);
  }

  /// How much of a canary is in each of what the worker got.
  private record Seen(double hidden, double classifier, double byHidden, double byClassifier) {}

  /// Every third canary is there.
  private static boolean there(int canary) {
    return canary % 3 == 0;
  }

  private static void place(Tensor rows, int row, double[] direction, double factor) {
    for (int k = 0; k < direction.length; k++) {
      rows.set((long) row * direction.length + k, (float) (factor * direction[k]));
    }
  }

  /// Writes a recording.
  ///
  /// @param passes of each layer; the whole step has two
  private Path recording(Seen seen, int passes, boolean gradients) throws IOException {
    Path file = folder.resolve("view.rec");
    try (RecordingWriter writer = RecordingWriter.create(file, 1L << 28, "planted", "float32");
        Arena arena = Arena.ofConfined()) {
      define(writer, arena, HIDDEN, Canaries.COUNT, UNITS);
      define(writer, arena, CLASSIFIER, UNITS, CLASSES);
      for (int pass = 0; pass < passes; pass++) {
        layer(writer, arena, HIDDEN, pass, gradients, seen);
        layer(writer, arena, CLASSIFIER, pass, gradients, seen);
      }
    }
    return file;
  }

  private static void define(RecordingWriter writer, Arena arena, int id, int in, int out)
      throws IOException {
    writer.append(
        new RecordedEvent.DefineOp(0, id, new OpDescriptor(BATCH, 1, 1, in, out, 1, 1, 1, 0)));
    writer.append(new RecordedEvent.LoadWeights(1, id, zeros(arena, out, in)));
  }

  private static MemorySegment zeros(Arena arena, int rows, int columns) {
    return Tensor.allocate(arena, rows, columns).segment();
  }

  private static void layer(
      RecordingWriter writer, Arena arena, int id, int pass, boolean gradients, Seen seen)
      throws IOException {
    String name = id == HIDDEN ? Canaries.HIDDEN : Canaries.CLASSIFIER;
    int in = id == HIDDEN ? Canaries.COUNT : UNITS;
    int out = id == HIDDEN ? UNITS : CLASSES;
    Tensor x = Tensor.allocate(arena, BATCH, in);
    Tensor dy = Tensor.allocate(arena, BATCH, out);
    for (int row = 0; row < BATCH; row++) {
      int canary = pass * BATCH + row;
      if (there(canary)) {
        place(x, row, CANARIES.input(name, canary), id == HIDDEN ? seen.hidden : seen.classifier);
        place(
            dy,
            row,
            CANARIES.outputGradient(name, canary),
            id == HIDDEN ? seen.byHidden : seen.byClassifier);
      }
    }
    writer.append(new RecordedEvent.Forward(2, id, x.segment(), zeros(arena, BATCH, out)));
    if (gradients) {
      writer.append(new RecordedEvent.BackwardData(3, id, dy.segment(), zeros(arena, BATCH, in)));
    }
  }

  private double[] combined(Ledger ledger, Path recording, double sums) throws IOException {
    double[][] scores = new double[1][Canaries.COUNT];
    for (int i = 0; i < Canaries.COUNT; i++) {
      scores[0][i] = there(i) ? sums : 0;
    }
    double[][] combined = new WorkerObserver(recording, ledger, CANARIES, 1).combined(scores);
    assertThat(combined).hasDimensions(1, Canaries.COUNT);
    return combined[0];
  }

  /// All of it is there: 1 for those that are, whatever the weights.
  @Test
  void what_all_releases_show_is_shown_by_their_mean() throws Exception {
    Ledger ledger =
        ledger(
            release(Channel.RESIDUALS, Canaries.HIDDEN, 3),
            release(Channel.GRADIENTS, Canaries.CLASSIFIER, 0.7),
            release(Channel.WEIGHTS, "all parameters", 1.2));
    double[] scores = combined(ledger, recording(new Seen(1, 1, 1, 1), 2, true), 1);
    for (int i = 0; i < Canaries.COUNT; i++) {
      assertThat(scores[i]).isCloseTo(there(i) ? 1 : 0, within(1e-5));
    }
  }

  /// Weights `1 / z^2`: 1, 1/4, 4, 1 and 1/4 of 6.5.
  @Test
  void releases_weigh_as_much_as_they_have_little_noise() throws Exception {
    Ledger ledger =
        ledger(
            release(Channel.RESIDUALS, Canaries.HIDDEN, 1),
            release(Channel.RESIDUALS, Canaries.CLASSIFIER, 2),
            release(Channel.GRADIENTS, Canaries.HIDDEN, 0.5),
            release(Channel.GRADIENTS, Canaries.CLASSIFIER, 1),
            release(Channel.WEIGHTS, "all parameters", 2));
    double[] scores = combined(ledger, recording(new Seen(10, -8, 2, 5), 2, true), 100);
    assertThat(scores[0]).isCloseTo((10 - 0.25 * 8 + 4 * 2 + 5 + 0.25 * 100) / 6.5, within(1e-4));
    assertThat(scores[Canaries.COUNT - 1])
        .isEqualTo(there(Canaries.COUNT - 1) ? scores[0] : 0, within(1e-4));
  }

  @Test
  void what_follows_from_other_releases_counts_once() throws Exception {
    Ledger ledger =
        ledger(
            release(Channel.WEIGHTS, "all parameters", 1),
            new Release(
                Channel.WEIGHTS, Canaries.HIDDEN, 4, new Release.PostProcessing("the sums")));
    double[] scores = combined(ledger, recording(new Seen(9, 9, 9, 9), 2, true), 0.75);
    assertThat(scores[0]).isCloseTo(0.75, within(1e-12));
    assertThat(scores[1]).isZero();
  }

  @Test
  void a_recording_that_was_cut_short_is_told() throws Exception {
    Ledger ledger = ledger(release(Channel.RESIDUALS, Canaries.HIDDEN, 1));
    Path half = recording(new Seen(1, 1, 1, 1), 1, true);
    assertThatThrownBy(() -> combined(ledger, half, 1))
        .isInstanceOf(IOException.class)
        .hasMessage("the recording of hidden has 1 passes for 1 steps: it was cut short");
  }

  @Test
  void gradients_that_were_not_recorded_are_missed() throws Exception {
    Ledger ledger = ledger(release(Channel.GRADIENTS, Canaries.CLASSIFIER, 1));
    Path forward = recording(new Seen(1, 1, 1, 1), 2, false);
    assertThatThrownBy(() -> combined(ledger, forward, 1))
        .isInstanceOf(IOException.class)
        .hasMessage("the recording has no gradients of classifier");
  }

  @Test
  void a_recording_of_something_else_is_refused_in_a_line() throws Exception {
    Ledger ledger = ledger(release(Channel.RESIDUALS, "conv1", 1));
    Path nothing = recording(new Seen(0, 0, 0, 0), 0, false);
    assertThatThrownBy(() -> combined(ledger, nothing, 1))
        .isInstanceOf(IOException.class)
        .hasMessage("the worker did not record the steps: the recording holds no pass");
    Files.delete(nothing);
    Path others = recording(new Seen(1, 1, 1, 1), 2, false);
    assertThatThrownBy(() -> combined(ledger, others, 1))
        .isInstanceOf(IOException.class)
        .hasMessage("the worker did not record the steps: conv1 is not at the worker");
    Path text = Files.writeString(folder.resolve("notes.txt"), "nothing of the kind");
    assertThatThrownBy(() -> combined(ledger, text, 1))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("notes.txt");
  }
}
