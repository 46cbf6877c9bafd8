package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import asymml.model.Initializer;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.Decoding;
import asymml.trusted.data.ImageSet;
import asymml.trusted.ops.Parameters;
import asymml.trusted.train.GradientStage.Draws;
import asymml.trusted.train.GradientStage.Sums;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StageMemberTest {
  private static final DataSet DATA = TinyImages.data();

  @TempDir Path folder;

  private StageMember.Images all;

  @BeforeEach
  void encode() throws Exception {
    Path split = TinyImages.folder(folder, 24, 10, 0).resolve("train");
    byte[][] content = new byte[24][];
    for (int i = 0; i < 24; i++) {
      content[i] =
          Files.readAllBytes(split.resolve(TinyImages.CLASSES.get(i % 2)).resolve(i + ".png"));
    }
    all = part(IntStream.range(0, 24).toArray(), content);
  }

  private static StageMember.Images part(int[] numbers, byte[][] content) {
    return new StageMember.Images(
        numbers,
        IntStream.of(numbers).mapToObj(i -> content[i]).toArray(byte[][]::new),
        IntStream.of(numbers).map(i -> i % 2).toArray());
  }

  private static ResolvedRun run(String... settings) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("model", "cnn");
    values.put("norm", "group");
    values.put("mode", "trusted-only");
    values.put("batch-size", "8");
    values.put("threads", "1");
    for (int i = 0; i < settings.length; i += 2) {
      values.put(settings[i], settings[i + 1]);
    }
    return ResolvedRun.of(new Settings(values).spec(), DATA, null);
  }

  private static ResolvedRun dpSgd() {
    return run(
        "dp-sgd", "true", "logical-batch-size", "12", "noise-multiplier", "1", "delta", "1e-3");
  }

  private static float[] values(ResolvedRun run) {
    try (Parameters parameters = new Parameters(run.graph(), new Initializer(4), true)) {
      return parameters.copy();
    }
  }

  @Test
  void it_decodes_what_a_single_process_decodes() throws Exception {
    ImageSet decoded =
        StageMember.decode(
            all, all.numbers(), TinyImages.SHAPE, TinyImages.CLASSES, Decoding.DEFAULT);
    assertThat(decoded.digest()).isEqualTo(DATA.train().digest());
    assertThat(ImageSet.digest(TinyImages.SHAPE, TinyImages.CLASSES, DATA.train().identities()))
        .isEqualTo(DATA.train().digest());
  }

  @Test
  void an_image_that_is_none_is_named_by_its_number() {
    StageMember.Images broken =
        new StageMember.Images(new int[] {17}, new byte[][] {{1, 2, 3}}, new int[] {0});
    assertThatThrownBy(() ->
            StageMember.decode(
                broken, new int[] {0}, TinyImages.SHAPE, TinyImages.CLASSES, Decoding.DEFAULT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("image 17");
  }

  @Test
  void each_part_sums_its_own_examples_of_a_step() throws Exception {
    ResolvedRun run = run();
    float[] values = values(run);
    int[] examples = {3, 4, 11, 20, 21, 22};
    StageMember.Images left = part(new int[] {0, 3, 20, 5}, all.content());
    StageMember.Images right = part(new int[] {22, 4, 11, 21, 1}, all.content());
    StageMember.Images none = part(new int[] {7, 8}, all.content());
    try (StageMember member = StageMember.open(StageMember.Job.of(run))) {
      Sums whole = member.sum(values, all, null, examples, 5);
      Sums parts =
          member
              .sum(values, left, null, examples, 5)
              .plus(member.sum(values, right, null, examples, 5))
              .plus(member.sum(values, none, null, examples, 5));
      assertThat(whole.examples()).isEqualTo(6);
      assertThat(parts.examples()).isEqualTo(6);
      assertThat(parts.lossSum()).isCloseTo(whole.lossSum(), within(1e-4));
      double largest = 0;
      double difference = 0;
      for (int i = 0; i < whole.gradients().length; i++) {
        largest = Math.max(largest, Math.abs(whole.gradients()[i]));
        difference = Math.max(difference, Math.abs(whole.gradients()[i] - parts.gradients()[i]));
      }
      assertThat(difference).isLessThan(1e-4 * largest);
    }
  }

  @Test
  void with_draws_a_part_takes_examples_that_nobody_names() throws Exception {
    ResolvedRun run = dpSgd();
    float[] values = values(run);
    // At a rate of 1 there is no chance.
    Draws certain = new Draws(24, 24, 24, 2);
    try (StageMember member = StageMember.open(StageMember.Job.of(run))) {
      assertThat(member.sum(values, all, certain, new int[0], 5).examples()).isEqualTo(24);
      assertThat(
              member
                  .sum(
                      values,
                      new StageMember.Images(new int[0], new byte[0][], new int[0]),
                      certain,
                      new int[0],
                      5)
                  .examples())
          .isZero();
    }
  }

  @Test
  void a_step_in_which_no_example_is_drawn_is_one_like_any_other() throws Exception {
    ResolvedRun run = dpSgd();
    // One of 2 billion: not drawn but once in 10 million runs.
    Draws never = new Draws(2_000_000_000L, 1, 100, 1);
    try (StageMember member = StageMember.open(StageMember.Job.of(run))) {
      Sums sums = member.sum(values(run), all, never, new int[0], 5);
      assertThat(sums.examples()).isZero();
      assertThat(sums.gradients()).containsOnly(0);
    }
  }

  @Test
  void the_score_is_a_sum_over_the_part() throws Exception {
    ResolvedRun run = run();
    float[] values = values(run);
    try (StageMember member = StageMember.open(StageMember.Job.of(run))) {
      double[] whole = member.score(values, all);
      double[] left = member.score(values, part(IntStream.range(0, 9).toArray(), all.content()));
      double[] right = member.score(values, part(IntStream.range(9, 24).toArray(), all.content()));
      assertThat(whole[2]).isEqualTo(24);
      assertThat(left[0] + right[0]).isCloseTo(whole[0], within(1e-4));
      assertThat(left[1] + right[1]).isEqualTo(whole[1]);
    }
  }

  @Test
  void a_job_is_sent_as_it_is_and_knows_its_own_members() throws Exception {
    StageMember.Job job = StageMember.Job.of(dpSgd());
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(job);
    }
    Object received;
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      received = in.readObject();
    }
    assertThat(received).isEqualTo(job);
    // Statistics of private pixels are not sent in a run that is accounted for.
    assertThat(job.mean()).isEqualTo(List.of(0.5f, 0.5f, 0.5f));
    try (StageMember member = StageMember.open(job)) {
      assertThat(member.isFor(StageMember.Job.of(dpSgd()))).isTrue();
      assertThat(member.isFor(StageMember.Job.of(run()))).isFalse();
    }
  }
}
