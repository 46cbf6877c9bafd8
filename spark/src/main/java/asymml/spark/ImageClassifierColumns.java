package asymml.spark;

import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.Params;

/// The columns that [AsymmlClassifier] and [AsymmlClassifierModel] have in common: one of images,
/// and three that the model adds. An added column whose name is empty is left out.
public interface ImageClassifierColumns extends Params {
  /// The parameter of the images' column.
  ///
  /// @return bytes of JPEG or PNG files, or images of Spark's `image` source; `content` by default
  Param<String> imageCol();

  /// The parameter of the column of raw predictions.
  ///
  /// @return logarithms of probabilities by label, as a vector; `rawPrediction` by default
  Param<String> rawPredictionCol();

  /// The parameter of the column of probabilities.
  ///
  /// @return a vector by label; `probability` by default
  Param<String> probabilityCol();

  /// The parameter of the column of predictions.
  ///
  /// @return the likeliest label, as a `double`; `prediction` by default
  Param<String> predictionCol();

  /// The column of images.
  ///
  /// @return its name
  default String getImageCol() {
    return getOrDefault(imageCol());
  }

  /// The column of raw predictions.
  ///
  /// @return its name; empty if it is left out
  default String getRawPredictionCol() {
    return getOrDefault(rawPredictionCol());
  }

  /// The column of probabilities.
  ///
  /// @return its name; empty if it is left out
  default String getProbabilityCol() {
    return getOrDefault(probabilityCol());
  }

  /// The column of predictions.
  ///
  /// @return its name; empty if it is left out
  default String getPredictionCol() {
    return getOrDefault(predictionCol());
  }
}
