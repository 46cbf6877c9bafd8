package asymml.session;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.interop.InitialWeights;
import asymml.model.NamedTensor;
import asymml.model.SafeTensors;
import asymml.model.Shape;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.plan.Mode;
import asymml.trusted.run.RunLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A ResNet-18 in a file with torchvision's names is trained on with other classes and a frozen
/// stem.
class FineTuningTest {
  private static final Shape SHAPE = new Shape(64, 64, 3);
  private static final TrainingSpec SPEC =
      TrainingSpec.defaults()
          .withModel("resnet18")
          .withMode(Mode.TRUSTED_ONLY)
          .withBatchSize(4)
          .withEpochs(1);

  @TempDir Path folder;

  private static DataSet data(List<String> classes, long seed) {
    byte[] pixels = new byte[6 * SHAPE.size()];
    int[] labels = new int[6];
    for (int i = 0; i < 6; i++) {
      labels[i] = i % classes.size();
      byte[] one = TinyImages.pixels(SHAPE, labels[i] % 2, seed + i);
      System.arraycopy(one, 0, pixels, i * one.length, one.length);
    }
    ImageSet images = ImageSet.of(SHAPE, classes, labels, pixels);
    return new DataSet("six", images, images, Normalization.of(images), false, 0);
  }

  private static Map<String, NamedTensor> tensors(Path file) throws Exception {
    return SafeTensors.read(file).tensors().stream()
        .collect(Collectors.toMap(NamedTensor::name, tensor -> tensor));
  }

  @Test
  void the_classifier_is_replaced_the_stem_stays_and_the_rest_is_trained() throws Exception {
    Path file = folder.resolve("resnet18.safetensors");
    try (TrainingSession session =
        TrainingSession.create(
            ResolvedRun.of(SPEC, data(List.of("a", "b"), 1), null), folder.resolve("source"))) {
      session.train();
      try (TrainedRun run = session.trained()) {
        run.export(ModelFormat.SAFETENSORS, file);
      }
    }
    Map<String, NamedTensor> source = tensors(file);
    assertThat(source)
        .containsKeys("bn1.running_mean", "layer1.0.conv1.weight", "layer2.0.downsample.0.weight")
        .containsKeys("layer4.1.bn2.running_var", "fc.bias");
    assertThat(Objects.requireNonNull(source.get("conv1.weight")).shape())
        .containsExactly(64, 3, 7, 7);
    TrainingSpec initialised = SPEC.withInit(InitSpec.of(file)).withSeed(9);
    TrainingSpec tuning =
        initialised.withTraining(initialised.training().withFrozen(List.of("conv1", "bn1")));
    List<InitialWeights> heard = new ArrayList<>();
    Path tuned = folder.resolve("tuned");
    try (TrainingSession session =
        TrainingSession.create(
            ResolvedRun.of(tuning, data(List.of("x", "y", "z"), 50), null), tuned)) {
      session
          .listener(
              new SessionListener() {
                @Override
                public void initialised(InitialWeights initial) {
                  heard.add(initial);
                }
              })
          .train();
    }
    assertThat(heard)
        .singleElement()
        .satisfies(read -> assertThat(read.missing()).containsExactly("fc.weight", "fc.bias"));
    Map<String, NamedTensor> before = tensors(new RunLayout(folder.resolve("source")).checkpoint());
    Map<String, NamedTensor> after = tensors(new RunLayout(tuned).checkpoint());
    assertThat(Objects.requireNonNull(after.get("fc.weight")).shape()[0]).isEqualTo(3);
    for (String name : before.keySet()) {
      if (name.startsWith("velocity/") || name.startsWith("fc.")) {
        continue;
      }
      float[] own = Objects.requireNonNull(after.get(name)).toArray();
      float[] from = Objects.requireNonNull(before.get(name)).toArray();
      if (name.startsWith("conv1.") || name.startsWith("bn1.")) {
        assertThat(own).as(name).isEqualTo(from);
      } else {
        assertThat(own).as(name).isNotEqualTo(from);
      }
    }
  }
}
