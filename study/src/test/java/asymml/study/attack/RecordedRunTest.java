package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.session.InvalidSpecException;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataSet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What is refused before a worker starts. Recorded runs are in the tests of attacks.
class RecordedRunTest {
  private static final DataSet DATA = PlantedStep.images(8, 4);

  @TempDir Path folder;

  private void record(TrainingSpec spec, Path directory) throws Exception {
    RecordedRun.of(spec, 0, DATA, directory);
  }

  @Test
  void a_directory_that_holds_a_run_is_left_as_it_is() throws Exception {
    Path used = Files.createDirectory(folder.resolve("used"));
    Files.writeString(used.resolve("config.yaml"), "epochs: 7");
    assertThatThrownBy(() -> record(PlantedStep.spec(4), used))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(used + " already holds a run (config.yaml)");
    assertThat(used.resolve("config.yaml")).hasContent("epochs: 7");
    assertThat(used.resolve("view.rec")).doesNotExist();
  }

  @Test
  void a_run_that_cannot_be_makes_no_directory() {
    Path directory = folder.resolve("run");
    TrainingSpec other = PlantedStep.spec(4).withTrustedLayers(List.of("conv9"));
    assertThatThrownBy(() -> record(other, directory))
        .isInstanceOf(InvalidSpecException.class)
        .hasMessageContaining("'conv9' is no linear layer of cnn");
    assertThat(directory).doesNotExist();
  }

  @Test
  void a_file_in_the_place_of_the_directory_is_told() throws Exception {
    Path file = Files.writeString(folder.resolve("run"), "mine");
    assertThatThrownBy(() -> record(PlantedStep.spec(4), file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(file.toString());
    assertThat(file).hasContent("mine");
  }
}
