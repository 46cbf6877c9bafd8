package asymml.interop;

import asymml.model.ClearStore;
import asymml.model.Graph;
import asymml.model.Layer;
import asymml.model.NamedTensor;
import asymml.model.Parameter;
import asymml.model.PrivateStore;
import asymml.model.SafeTensors;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import tools.jackson.databind.json.JsonMapper;

/// Writes the parameters of a model in the safetensors format, as a `state_dict` of PyTorch: with
/// the names of [TorchNames] and the layout of [TorchLayout], standardised weights as they are
/// used. Convolutions to which torchvision gives a bias get one of zeros.
///
/// The metadata holds `format` (`pt`), `model`, `classes`, `mean` and `standard_deviation` (JSON
/// lists, of images whose values are 0 to 1), and the model's notes.
public final class TorchSafeTensors {
  static final String FORMAT = "format";
  static final String PYTORCH = "pt";
  private static final JsonMapper JSON = new JsonMapper();

  private TorchSafeTensors() {}

  /// Writes a file atomically, mode 0600.
  ///
  /// @param model what to write
  /// @param file its path; the directory must exist
  /// @throws IOException one line, if it cannot be written
  /// @throws IllegalArgumentException one line, if the layout of a layer cannot be translated
  public static void write(ExportedModel model, Path file) throws IOException {
    write(model, ClearStore.CLEAR, file);
  }

  /// The same in a store.
  ///
  /// @param model what to write
  /// @param store how it is stored
  /// @param file its path; the directory must exist
  /// @throws IOException one line, if it cannot be written
  /// @throws IllegalArgumentException one line, if the layout of a layer cannot be translated
  public static void write(ExportedModel model, PrivateStore store, Path file) throws IOException {
    Graph graph = model.graph();
    TorchLayout layout = new TorchLayout(graph);
    Map<String, String> names = TorchNames.of(graph);
    List<NamedTensor> tensors = new ArrayList<>();
    for (int i = 0; i < graph.nodes().size(); i++) {
      for (Parameter p : graph.parameters(i)) {
        String name = Objects.requireNonNull(names.get(p.name()));
        tensors.add(
            NamedTensor.of(name, layout.axes(p), layout.toTorch(p, model.values().apply(p))));
        if (TorchNames.hasConvolutionBias(graph)
            && graph.nodes().get(i).layer() instanceof Layer.Conv2d conv
            && !conv.bias()) {
          int[] axes = {conv.outChannels()};
          tensors.add(NamedTensor.of(bias(name), axes, new float[axes[0]]));
        }
      }
    }
    Map<String, String> metadata = new LinkedHashMap<>(model.notes());
    metadata.put(FORMAT, PYTORCH);
    metadata.put("model", graph.name());
    metadata.put("classes", JSON.writeValueAsString(model.classNames()));
    metadata.put("mean", JSON.writeValueAsString(model.mean()));
    metadata.put("standard_deviation", JSON.writeValueAsString(model.standardDeviation()));
    SafeTensors.write(store, file, metadata, tensors);
  }

  /// The name of the bias beside a weight.
  static String bias(String weight) {
    return weight.substring(0, weight.lastIndexOf('.')) + ".bias";
  }
}
