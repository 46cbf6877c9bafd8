package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

import asymml.kernels.Tensor;
import asymml.model.ClearStore;
import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.NamedTensor;
import asymml.model.Parameter;
import asymml.model.SafeTensors;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.trusted.ops.Parameters;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Checkpoint.Position;
import asymml.trusted.train.EpochTotals.Cost;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointTest {
  private static final Graph CNN = graph(Zoo.Norm.BATCH);
  private static final Position POSITION =
      new Position(
          7,
          1_234_567_890_123L,
          new EpochTotals(
              3, 12, 0.1 + 0.2, 5, Math.nextUp(1.0), new Cost(1e-300, 0.3, 9, 1L << 40)));

  /// What float32 has: a checkpoint keeps bits, not numbers.
  private static final float[] AWKWARD = {
    -0f, Float.MIN_VALUE, -Float.MAX_VALUE, Float.POSITIVE_INFINITY, Float.NaN, 1 / 3f
  };

  @TempDir private Path directory;
  private Path file = Path.of("");
  private Parameters parameters = trained(CNN, 1);
  private final Map<String, float[]> state = new TreeMap<>();

  @BeforeEach
  void fill() {
    file = directory.resolve("checkpoint.safetensors");
    state.put("conv1/basis", new float[] {1, -2, 3.5f});
    state.put("conv2/bound", new float[] {Float.MIN_NORMAL});
    state.put("awkward", AWKWARD.clone());
  }

  @AfterEach
  void free() {
    parameters.close();
  }

  private static Graph graph(Zoo.Norm norm) {
    return Zoo.build("cnn", new Shape(8, 8, 3), 3, norm);
  }

  private static Parameters trained(Graph graph, long seed) {
    Parameters parameters = new Parameters(graph, new Initializer(seed), true);
    SplittableRandom random = new SplittableRandom(seed);
    for (Parameter p : parameters.all()) {
      scatter(parameters.value(p.name()), random);
      if (p.kind().trained()) {
        scatter(parameters.velocity(p.name()), random);
      }
    }
    return parameters;
  }

  private static void scatter(Tensor tensor, SplittableRandom random) {
    for (long i = 0; i < tensor.size(); i++) {
      tensor.set(i, i % 5 == 0 ? AWKWARD[random.nextInt(AWKWARD.length)] : random.nextFloat());
    }
  }

  private static Map<String, String> identity() {
    Map<String, String> identity = new LinkedHashMap<>();
    identity.put("format", "asymml-2");
    identity.put("model", "cnn");
    identity.put("noise", "z = 1.0");
    identity.put("privacy", "protect residuals");
    identity.put("classes", "[\"a \\\"quoted\\\" one\",\"Größe\",\"\"]");
    return identity;
  }

  private void write() throws IOException {
    Checkpoint.write(ClearStore.CLEAR, file, identity(), POSITION, parameters, parameters, state);
  }

  private static List<Integer> bits(float[] values) {
    List<Integer> bits = new ArrayList<>();
    for (float value : values) {
      bits.add(Float.floatToRawIntBits(value));
    }
    return bits;
  }

  private static Map<String, List<Integer>> bits(Map<String, float[]> tensors) {
    Map<String, List<Integer>> bits = new TreeMap<>();
    tensors.forEach((name, values) -> bits.put(name, bits(values)));
    return bits;
  }

  private static Map<String, List<Integer>> content(Parameters parameters) {
    Map<String, List<Integer>> content = new TreeMap<>();
    for (Parameter p : parameters.all()) {
      content.put(p.name(), bits(parameters.value(p.name()).toArray()));
      if (p.kind().trained()) {
        content.put("velocity of " + p.name(), bits(parameters.velocity(p.name()).toArray()));
      }
    }
    return content;
  }

  @ParameterizedTest
  @EnumSource
  void everything_comes_back_to_the_bit(Zoo.Norm norm) throws Exception {
    parameters.close();
    parameters = trained(graph(norm), 3);
    write();
    Map<String, float[]> restored = new TreeMap<>();
    try (Parameters other = trained(graph(norm), 99)) {
      assertThat(content(other)).isNotEqualTo(content(parameters));
      assertThat(
              Checkpoint.read(ClearStore.CLEAR, file, identity(), other, other, restored::putAll))
          .isEqualTo(POSITION);
      assertThat(content(other)).isEqualTo(content(parameters));
    }
    assertThat(bits(restored)).isEqualTo(bits(state));
  }

  @Test
  void a_run_without_workers_has_no_other_state() throws Exception {
    state.clear();
    write();
    List<Map<String, float[]>> restored = new ArrayList<>();
    Checkpoint.read(ClearStore.CLEAR, file, identity(), parameters, parameters, restored::add);
    assertThat(restored).containsExactly(Map.of());
  }

  @Test
  void writing_twice_gives_the_same_bytes() throws Exception {
    write();
    byte[] first = Files.readAllBytes(file);
    write();
    assertThat(Files.readAllBytes(file)).isEqualTo(first);
  }

  @Test
  void other_programs_find_parameters_by_their_names_and_the_rest_apart() throws Exception {
    write();
    List<String> expected = new ArrayList<>();
    CNN.parameters().forEach(p -> expected.add(p.name()));
    CNN.parameters().stream()
        .filter(p -> p.kind().trained())
        .forEach(p -> expected.add("velocity/" + p.name()));
    state.keySet().forEach(name -> expected.add("split/" + name));
    assertThat(SafeTensors.read(file).tensors())
        .extracting(NamedTensor::name)
        .containsExactlyInAnyOrderElementsOf(expected);
    // Running statistics are no parameters that move.
    assertThat(expected).contains("bn1.running_mean").doesNotContain("velocity/bn1.running_mean");
  }

  private void assertUntouched(Map<String, String> identity, String key) {
    try (Parameters other = trained(CNN, 5)) {
      Map<String, List<Integer>> before = content(other);
      assertThatThrownBy(() ->
              Checkpoint.read(
                  ClearStore.CLEAR,
                  file,
                  identity,
                  other,
                  other,
                  _ -> fail("state of another run")))
          .isInstanceOf(TrainingException.class)
          .hasMessage(
              "%s belongs to a run with another %s: resume with the settings and data it was started with"
                  .formatted(file, key));
      assertThat(content(other)).isEqualTo(before);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"model", "noise", "privacy", "classes"})
  void a_checkpoint_of_another_run_is_refused_before_anything_is_taken_from_it(String key)
      throws Exception {
    write();
    Map<String, String> other = identity();
    other.put(key, other.get(key) + " ");
    assertUntouched(other, key);
  }

  /// A run that accounts for nothing, uses one worker or leaves gradients without noise does not
  /// name these settings at all.
  @ParameterizedTest
  @ValueSource(strings = {"privacy", "noise"})
  void a_setting_that_only_the_checkpoint_has_makes_it_another_run_s(String key) throws Exception {
    write();
    Map<String, String> other = identity();
    other.remove(key);
    assertUntouched(other, key);
  }

  @Test
  void a_setting_that_the_checkpoint_lacks_is_named() throws Exception {
    write();
    Map<String, String> other = identity();
    other.put("shield", "shares");
    assertThatThrownBy(
            () -> Checkpoint.read(ClearStore.CLEAR, file, other, parameters, parameters, _ -> {}))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("lacks 'shield'");
  }

  private void rewrite(UnaryOperator<List<NamedTensor>> edit) throws IOException {
    write();
    SafeTensors.Contents contents = SafeTensors.read(file);
    SafeTensors.write(file, contents.metadata(), edit.apply(new ArrayList<>(contents.tensors())));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"conv2.weight", "bn1.running_var", "velocity/fc.weight", "velocity/bn3.bias"})
  void a_tensor_that_is_missing_or_has_another_shape_is_named(String name) throws Exception {
    rewrite(tensors -> {
      assertThat(tensors.removeIf(t -> t.name().equals(name))).isTrue();
      return tensors;
    });
    assertThatThrownBy(() ->
            Checkpoint.read(ClearStore.CLEAR, file, identity(), parameters, parameters, _ -> {}))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no checkpoint of this program: it has no '" + name + "' of shape");
    rewrite(tensors -> {
      tensors.replaceAll(t ->
          t.name().equals(name)
              ? NamedTensor.of(name, new int[] {(int) t.size() + 1}, new float[(int) t.size() + 1])
              : t);
      return tensors;
    });
    assertThatThrownBy(() ->
            Checkpoint.read(ClearStore.CLEAR, file, identity(), parameters, parameters, _ -> {}))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("has no '" + name + "' of shape");
  }

  @Test
  void a_file_cut_or_changed_anywhere_is_refused_in_one_line() throws Exception {
    write();
    byte[] whole = Files.readAllBytes(file);
    SplittableRandom random = new SplittableRandom(17);
    for (int trial = 0; trial < 60; trial++) {
      int at = trial < 20 ? trial : random.nextInt(whole.length);
      Files.write(file, Arrays.copyOf(whole, at));
      assertRefused("cut at " + at);
      byte[] changed = whole.clone();
      changed[whole.length - 1 - at % 20_000] ^= (byte) (1 << random.nextInt(8));
      Files.write(file, changed);
      assertRefused("a bit changed " + at % 20_000 + " before the end");
    }
  }

  private void assertRefused(String how) {
    assertThatThrownBy(() ->
            Checkpoint.read(
                ClearStore.CLEAR,
                file,
                identity(),
                parameters,
                parameters,
                _ -> fail("state of a damaged file")))
        .as(how)
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file.toString())
        .hasMessageNotContaining("\n");
  }

  @Test
  void a_write_that_fails_leaves_the_old_checkpoint() throws Exception {
    write();
    byte[] before = Files.readAllBytes(file);
    Files.createDirectories(directory.resolve(file.getFileName() + ".tmp").resolve("full"));
    Position later = new Position(8, POSITION.step() + 1, EpochTotals.ZERO);
    assertThatThrownBy(() ->
            Checkpoint.write(
                ClearStore.CLEAR, file, identity(), later, parameters, parameters, state))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("checkpoint.safetensors");
    assertThat(Files.readAllBytes(file)).isEqualTo(before);
  }

  @Test
  void a_run_s_checkpoint_is_read_into_the_run_that_saved_it() throws Exception {
    RunPlan run = RunPlan.of(TinyRuns.config(1, 4), TinyRuns.data(6, 3, 1));
    try (Parameters own = new Parameters(run.graph(), new Initializer(1), true);
        Execution execution = new TrustedExecution(run, own)) {
      RunCheckpoint checkpoint =
          new RunCheckpoint(new RunLayout(directory), run.identity(), own, null, execution);
      Map<String, List<Integer>> before = content(own);
      checkpoint.save(POSITION);
      own.value("fc.weight").fill(7);
      assertThat(checkpoint.read()).isEqualTo(POSITION);
      assertThat(content(own)).isEqualTo(before);
    }
  }
}
