package asymml.study;

import asymml.model.Graph;
import asymml.model.Initializer;
import asymml.model.NamedTensor;
import asymml.model.Parameter;
import asymml.model.SafeTensors;
import asymml.model.Shape;
import asymml.model.Zoo;
import asymml.session.Settings;
import asymml.session.TrainedRun;
import asymml.session.TrainingSpec;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;

/// A run directory with a model that was not trained, of images of 8 by 8 pixels and two classes.
public final class PlantedModel {
  /// The shape of its images.
  public static final Shape INPUT = new Shape(8, 8, 3);

  private static final List<String> CLASSES = List.of("a", "b");

  private PlantedModel() {}

  /// Writes settings and a checkpoint of initial parameters after 3 epochs of 21 steps.
  ///
  /// @param directory created if absent
  /// @param spec of the run
  /// @param given values of some of the parameters, by name
  /// @return the run, which the caller closes
  /// @throws IOException if a file cannot be written or read back
  public static TrainedRun open(Path directory, TrainingSpec spec, Map<String, float[]> given)
      throws IOException {
    RunLayout layout = new RunLayout(Files.createDirectories(directory));
    Settings.of(spec).write(layout.config());
    Zoo.Norm norm = spec.training().norm();
    Graph graph = spec.training().model().graph(INPUT, CLASSES.size(), norm);
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put("format", "asymml-2");
    metadata.put("model", spec.training().model().text());
    metadata.put("norm", norm.name().toLowerCase(Locale.ROOT));
    metadata.put("weightLayout", "OHWI");
    metadata.put("input", "[8,8,3]");
    metadata.put("classes", "[\"a\",\"b\"]");
    metadata.put("mean", "[0.5,0.5,0.5]");
    metadata.put("standardDeviation", "[0.25,0.25,0.25]");
    metadata.put("epoch", "3");
    metadata.put("step", "21");
    Initializer initializer = new Initializer(1, given);
    List<NamedTensor> tensors = new ArrayList<>();
    for (Parameter p : graph.parameters()) {
      tensors.add(NamedTensor.of(p.name(), p.shape(), initializer.values(p)));
    }
    SafeTensors.write(layout.checkpoint(), metadata, tensors);
    return TrainedRun.open(directory);
  }

  /// Random images.
  ///
  /// @param train how many to train on
  /// @param test how many to test on
  /// @param grey whether the channels of a pixel are equal
  /// @return a data set that fits the model
  public static DataSet data(int train, int test, boolean grey) {
    SplittableRandom random = new SplittableRandom(6);
    return new DataSet(
        "planted",
        images(train, grey, random),
        images(test, grey, random),
        Normalization.constant(INPUT.channels()),
        false,
        0);
  }

  private static ImageSet images(int count, boolean grey, SplittableRandom random) {
    byte[] pixels = new byte[count * INPUT.size()];
    random.nextBytes(pixels);
    for (int i = 0; grey && i < pixels.length; i++) {
      pixels[i] = pixels[i - i % INPUT.channels()];
    }
    return ImageSet.of(INPUT, CLASSES, random.ints(count, 0, CLASSES.size()).toArray(), pixels);
  }
}
