package asymml.trusted.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Architecture;
import asymml.model.NamedTensor;
import asymml.model.Parameter;
import asymml.model.SafeTensors;
import asymml.model.Zoo;
import asymml.trusted.train.TinyRuns.Course;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TrainedModelTest {
  @TempDir static Path folder;
  private static Path checkpoint = Path.of("");

  @BeforeAll
  static void train() throws Exception {
    var layout = TinyRuns.layout(folder.resolve("run"));
    TinyRuns.run(TinyRuns.config(1, 4), TinyRuns.data(6, 3, 1), layout, false, Course.toTheEnd());
    checkpoint = layout.checkpoint();
  }

  @Test
  void a_checkpoint_holds_the_model_as_it_was_trained() throws Exception {
    Map<String, NamedTensor> saved = TrainedModel.byName(SafeTensors.read(checkpoint));
    try (TrainedModel model = TrainedModel.read(checkpoint)) {
      assertThat(model.description())
          .isEqualTo(
              TrainedModel.Description.of(
                  Architecture.of("cnn"),
                  Zoo.Norm.BATCH,
                  TinyRuns.data(6, 3, 1).train(),
                  TinyRuns.data(6, 3, 1).normalization()));
      for (Parameter p : model.graph().parameters()) {
        assertThat(model.parameters().value(p.name()).toArray())
            .isEqualTo(TrainedModel.find(saved, p.name(), p, checkpoint).toArray());
      }
    }
  }

  @Test
  void a_file_cut_anywhere_is_refused() throws Exception {
    byte[] whole = Files.readAllBytes(checkpoint);
    Path cut = folder.resolve("cut");
    for (int length : new int[] {0, 1, 7, 8, 9, 100, whole.length / 2, whole.length - 1}) {
      Files.write(cut, Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> TrainedModel.read(cut))
          .as("%d bytes", length)
          .isInstanceOf(IOException.class)
          .hasMessageContaining(cut.toString());
    }
  }

  @Test
  void a_flipped_bit_in_the_data_is_found() throws Exception {
    byte[] bytes = Files.readAllBytes(checkpoint);
    bytes[bytes.length - 5] ^= 4;
    Path flipped = Files.write(folder.resolve("flipped"), bytes);
    assertThatThrownBy(() -> TrainedModel.read(flipped))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("damaged");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "no model at all", "\u0089PNG\r\n and more bytes than eight"})
  void a_foreign_file_is_refused(String content) throws Exception {
    Path foreign = Files.writeString(folder.resolve("foreign"), content);
    assertThatThrownBy(() -> TrainedModel.read(foreign))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(foreign.toString());
    assertThatThrownBy(() -> TrainedModel.read(folder.resolve("absent")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("absent");
  }

  private static Path rewritten(Map<String, String> change, List<NamedTensor> tensors)
      throws IOException {
    Map<String, String> metadata = new HashMap<>(SafeTensors.read(checkpoint).metadata());
    metadata.putAll(change);
    metadata.values().removeIf(String::isEmpty);
    Path file = folder.resolve("rewritten");
    SafeTensors.write(file, metadata, tensors);
    return file;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "format | '' | lacks 'format'",
        "format | other-1 | another format than asymml-2",
        "model | '' | lacks 'model'",
        "model | alexnet | no model is called 'alexnet'",
        "norm | layer | cannot be read",
        "input | [8,8] | no image shape",
        "input | [8,8,0] | cannot be read",
        "input | [null,8,3] | cannot be read",
        "input | null | nothing in 'input'",
        "input | eight | cannot be read",
        "input | [2,2,3] | images are too small",
        "input | [60000,60000,60000] | cannot be built",
        "classes | [\"one\"] | at least 2 classes",
        "classes | [\"a\",\"b\"] | has no 'fc.weight' of shape [2, 1, 1, 64]",
        "classes | null | nothing in 'classes'",
        "mean | [0.5] | cannot be read",
        "standardDeviation | [1,1,0] | cannot be read"
      })
  void a_description_that_makes_no_sense_is_refused(String key, String value, String message)
      throws Exception {
    Path file = rewritten(Map.of(key, value), SafeTensors.read(checkpoint).tensors());
    assertThatThrownBy(() -> TrainedModel.read(file))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file + " is no checkpoint of this program: it ")
        .hasMessageContaining(message);
  }

  @Test
  void a_missing_or_misshapen_tensor_is_named() throws Exception {
    List<NamedTensor> tensors = new ArrayList<>(SafeTensors.read(checkpoint).tensors());
    tensors.removeIf(t -> t.name().equals("conv2.weight"));
    Path missing = rewritten(Map.of(), tensors);
    assertThatThrownBy(() -> TrainedModel.read(missing))
        .hasMessageContaining("has no 'conv2.weight' of shape [32, 3, 3, 16]");
    // As many values, in the layout of other programs.
    tensors.add(NamedTensor.of("conv2.weight", new int[] {32, 16, 3, 3}, new float[4608]));
    Path misshapen = rewritten(Map.of(), tensors);
    assertThatThrownBy(() -> TrainedModel.read(misshapen))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("has no 'conv2.weight' of shape [32, 3, 3, 16]");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "epoch | '' | lacks 'epoch'",
        "epoch | one | no whole number in 'epoch'",
        "step | -1 | negative number in 'step'",
        "epoch.batches | 3000000000 | too large a number in 'epoch.batches'",
        "epoch.lossSum | NaN | no finite number in 'epoch.lossSum'",
        "epoch.seconds | long | no number in 'epoch.seconds'",
        "seed | '' | lacks 'seed'",
        "format | other | another format than asymml-2"
      })
  void a_run_does_not_resume_from_counters_that_make_no_sense(
      String key, String value, String message) throws Exception {
    var layout = TinyRuns.layout(folder.resolve("resumed"));
    Path file = rewritten(Map.of(key, value), SafeTensors.read(checkpoint).tensors());
    Files.copy(file, layout.checkpoint(), StandardCopyOption.REPLACE_EXISTING);
    assertThatThrownBy(() ->
            TinyRuns.run(
                TinyRuns.config(1, 4), TinyRuns.data(6, 3, 1), layout, true, Course.toTheEnd()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("is no checkpoint of this program")
        .hasMessageContaining(message);
  }
}
