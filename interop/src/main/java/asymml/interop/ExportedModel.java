package asymml.interop;

import asymml.model.Graph;
import asymml.model.Parameter;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/// A trained model, as it is given to other programs.
///
/// @param graph its layers
/// @param values of each parameter, in the layout of [Parameter]: standardised weights as the
///   layers use them
/// @param mean subtracted from each channel of images whose values are 0 to 1
/// @param standardDeviation that each channel is then divided by, above 0
/// @param classNames in the order of the logits
/// @param notes what the file is to say of the model, by name
@SuppressWarnings("ArrayRecordComponent") // Not compared.
public record ExportedModel(
    Graph graph,
    Function<Parameter, float[]> values,
    float[] mean,
    float[] standardDeviation,
    List<String> classNames,
    Map<String, String> notes) {
  /// Copies everything but the graph, and checks that it fits.
  public ExportedModel {
    int channels = graph.input().channels();
    if (mean.length != channels || standardDeviation.length != channels) {
      throw new IllegalArgumentException(
          "images of %s channels need as many means and standard deviations, not %s and %s"
              .formatted(channels, mean.length, standardDeviation.length));
    }
    if (classNames.size() != graph.classes()) {
      throw new IllegalArgumentException(
          "%s names for %s classes".formatted(classNames.size(), graph.classes()));
    }
    mean = mean.clone();
    standardDeviation = standardDeviation.clone();
    classNames = List.copyOf(classNames);
    notes = Collections.unmodifiableMap(new LinkedHashMap<>(notes));
  }

  /// The means.
  ///
  /// @return a copy
  @Override
  public float[] mean() {
    return mean.clone();
  }

  /// The standard deviations.
  ///
  /// @return a copy
  @Override
  public float[] standardDeviation() {
    return standardDeviation.clone();
  }

  /// What an image must be, in words.
  String inputText() {
    return "unsigned bytes [batch, height %s, width %s, channels %s], as decoded%s"
        .formatted(
            graph.input().height(),
            graph.input().width(),
            graph.input().channels(),
            graph.input().channels() == 3 ? ", red first" : "");
  }
}
