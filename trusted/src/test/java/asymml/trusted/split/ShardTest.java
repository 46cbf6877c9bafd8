package asymml.trusted.split;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.kernels.Tensor;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.boundary.OpenDoor;
import asymml.trusted.network.SplitNetwork;
import asymml.trusted.ops.Parameters;
import asymml.trusted.plan.Mode;
import asymml.trusted.plan.NoiseStrength;
import asymml.trusted.plan.Placement.Decomposition;
import asymml.trusted.plan.Plan;
import asymml.trusted.plan.RankPolicy;
import asymml.trusted.plan.ReleasePlan;
import asymml.trusted.plan.ReleaseTerms;
import asymml.wire.Slot;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShardTest {
  private static final int EXAMPLES = 5;
  private static final List<Integer> NULLS = List.of(1, 4);

  @TempDir Path folder;

  private OpenDoor open(String name, long seed) throws Exception {
    return new OpenDoor(Files.createDirectory(folder.resolve(name)), seed, 2);
  }

  @Test
  void a_batch_is_shared_out_evenly_and_each_example_goes_to_one_worker() throws Exception {
    try (OpenDoor one = open("one", 1);
        OpenDoor two = open("two", 2);
        OpenDoor three = open("three", 3)) {
      List<Workers.Party> parties = List.of(party(one), party(two), party(three));
      for (int batch = 1; batch < 20; batch++) {
        List<Shard> shards = Shard.of(new Workers(parties, 1), batch, 1);
        Shard.requireEachOnce(shards, batch);
        assertThat(shards).hasSize(Math.min(3, batch));
        assertThat(Shard.largest(shards)).isEqualTo(Math.ceilDiv(batch, 3));
      }
      List<Shard> twice = List.of(shard(one, 0, 3), shard(two, 2, 2));
      assertThatThrownBy(() -> Shard.requireEachOnce(twice, 4))
          .hasMessageContaining("released twice");
      List<Shard> missing = List.of(shard(one, 0, 3));
      assertThatThrownBy(() -> Shard.requireEachOnce(missing, 4)).hasMessageContaining("not all");
    }
  }

  @Test
  void a_shard_s_chunks_hold_each_example_once_and_start_where_a_tensor_may() throws Exception {
    try (OpenDoor one = open("one", 1);
        OpenDoor two = open("two", 2)) {
      List<Workers.Party> parties = List.of(party(one), party(two));
      for (int batch = 1; batch < 40; batch++) {
        for (int chunks = 1; chunks < 6; chunks++) {
          for (Shard shard : Shard.of(new Workers(parties, chunks), batch, 4)) {
            int next = 0;
            for (Shard.Chunk chunk : shard.chunks()) {
              assertThat(chunk.from()).isEqualTo(next);
              assertThat(chunk.from() % 4).isZero();
              assertThat(chunk.count()).isPositive();
              next += chunk.count();
            }
            assertThat(next).isEqualTo(shard.count());
            assertThat(shard.chunks().size()).isLessThanOrEqualTo(chunks);
          }
        }
      }
      assertThat(Shard.of(new Workers(parties, 3), 32, 1).getLast().chunks())
          .containsExactly(new Shard.Chunk(0, 5), new Shard.Chunk(5, 5), new Shard.Chunk(10, 6));
    }
    assertThat(Shard.step(IntStream.of(16, 3 * 32))).isEqualTo(1);
    assertThat(Shard.step(IntStream.of(64, 10, 4))).isEqualTo(8);
    assertThat(Shard.step(IntStream.of(7))).isEqualTo(16);
    assertThat(new Shard.Chunk(8, 5).place(new Slot(128, 130), 10))
        .isEqualTo(new Slot(128 + 8 * 10 * Float.BYTES, 50));
  }

  private static Shard shard(OpenDoor to, int from, int count) {
    return new Shard(party(to), from, count, List.of(new Shard.Chunk(0, count)));
  }

  private static Workers.Party party(OpenDoor open) {
    return new Workers.Party(open.worker(), open.door());
  }

  /// What leaves are the inputs themselves, with a thousandth of noise, so that they can be found.
  @Test
  void a_worker_gets_its_own_examples_once_and_null_examples_leave_to_nobody() throws Exception {
    Graph graph = Zoo.build("cnn", new Shape(16, 16, 3), 10, Zoo.Norm.GROUP);
    Plan plan =
        Plan.of(graph, Mode.DP_ONLY, Decomposition.SHARED, RankPolicy.parse("0"), List.of());
    ReleaseTerms terms = new ReleaseTerms.Unaccounted(new NoiseStrength.Ratio(1e-3), "a test");
    List<float[]> examples = new ArrayList<>();
    try (OpenDoor one = open("one", 4);
        OpenDoor two = open("two", 5);
        Parameters parameters = new Parameters(graph, new Initializer(6), true);
        SplitContext context =
            new SplitContext(
                graph,
                EXAMPLES,
                new ReleasePlan(graph, plan, terms),
                Workers.of(party(one), party(two)));
        SplitNetwork network =
            SplitNetwork.forTraining(graph, plan, EXAMPLES, parameters, context, 0)) {
      context.workers().mapRegion(network.regionBytes());
      context.nullExamples(NULLS::contains);
      SplittableRandom random = new SplittableRandom(7);
      Tensor input = network.input();
      for (long i = 0; i < input.size(); i++) {
        input.set(i, (float) random.nextGaussian());
      }
      for (int i = 0; i < EXAMPLES; i++) {
        examples.add(input.examples(i, 1).toArray());
      }
      network.forward(0);
      int floats = Math.toIntExact(network.regionBytes() / Float.BYTES);
      Slot all = new Slot(0, floats);
      float[] first = one.worker().result(all, floats).toArray();
      float[] second = two.worker().result(all, floats).toArray();
      for (int i = 0; i < EXAMPLES; i++) {
        boolean real = !NULLS.contains(i);
        assertThat(found(examples.get(i), first))
            .as("%d, first", i)
            .isEqualTo(real && i < 2 ? 1 : 0);
        assertThat(found(examples.get(i), second))
            .as("%d, second", i)
            .isEqualTo(real && i >= 2 ? 1 : 0);
      }
    }
  }

  /// How often an example stands in a region, up to noise and scale.
  private static int found(float[] example, float[] region) {
    int found = 0;
    int step = (int) (Slot.ALIGNMENT_BYTES / Float.BYTES);
    for (int at = 0; at + example.length <= region.length; at += step) {
      double inner = 0;
      double own = 0;
      double there = 0;
      for (int i = 0; i < example.length; i++) {
        double value = region[at + i];
        inner += value * example[i];
        own += (double) example[i] * example[i];
        there += value * value;
      }
      if (inner > 0.5 * Math.sqrt(own * there) && there > 0) {
        found++;
      }
    }
    return found;
  }
}
