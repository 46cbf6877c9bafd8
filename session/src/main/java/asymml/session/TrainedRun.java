package asymml.session;

import asymml.interop.ExportedModel;
import asymml.kernels.Tensor;
import asymml.model.ClearStore;
import asymml.model.PrivateStore;
import asymml.privacy.PrivacyStatement;
import asymml.trusted.data.DataException;
import asymml.trusted.data.DataSet;
import asymml.trusted.data.ImageFiles;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import asymml.trusted.data.Progress;
import asymml.trusted.data.TestSet;
import asymml.trusted.run.EpochMetrics;
import asymml.trusted.run.RunLayout;
import asymml.trusted.train.Evaluator;
import asymml.trusted.train.TrainedModel;
import asymml.trusted.train.TrainingException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A run directory with a checkpoint, to read: settings, metrics, what the run has cost, and the
/// model. The model runs wholly in this process, and nothing is released, unless it is [#split].
public final class TrainedRun implements AutoCloseable {
  private final RunLayout layout;
  private final TrainingSpec spec;
  private final TrainedModel model;
  private @Nullable Evaluator single;
  private @Nullable PrivacyStatement statement;

  private TrainedRun(RunLayout layout, TrainingSpec spec, TrainedModel model) {
    this.layout = layout;
    this.spec = spec;
    this.model = model;
  }

  /// A class with its probability.
  ///
  /// @param className as the training data named it
  /// @param probability 0 to 1
  public record Prediction(String className, double probability) {}

  /// Reads settings and model.
  ///
  /// @param directory of the run
  /// @return the run, which the caller closes
  /// @throws IOException one line, if there is no trained model, or a file is damaged
  public static TrainedRun open(Path directory) throws IOException {
    return open(new RunLayout(directory));
  }

  /// Reads settings and model of a run whose files are stored in a way of their own.
  ///
  /// @param layout of the run
  /// @return the run, which the caller closes
  /// @throws IOException one line, if there is no trained model, or a file is damaged
  public static TrainedRun open(RunLayout layout) throws IOException {
    Path directory = layout.directory();
    if (layout.holdsSealedRun() && !layout.store().isSealed()) {
      throw new IOException(
          directory + " holds a sealed run: its owner opens it by 'asymml owner open'");
    }
    if (!Files.isRegularFile(layout.checkpoint())) {
      throw new IOException(
          "%s holds no trained model (no %s): give the directory of a training run"
              .formatted(directory, layout.checkpoint().getFileName()));
    }
    TrainingSpec spec = Settings.ofRun(layout);
    return new TrainedRun(layout, spec, TrainedModel.read(layout));
  }

  /// Where it is.
  ///
  /// @return the files of the run directory
  public RunLayout layout() {
    return layout;
  }

  /// What the run was told.
  ///
  /// @return its specification
  public TrainingSpec spec() {
    return spec;
  }

  /// The model: that with the best validation accuracy if the run chooses by it, else that of the
  /// last checkpoint.
  ///
  /// @return valid until this is closed
  public TrainedModel model() {
    return model;
  }

  /// Which model it is.
  ///
  /// @return such as "after 12 epochs", or "of epoch 7, the best by validation accuracy"
  public String whichModel() {
    int epoch = model.epoch();
    if (Files.exists(layout.best())) {
      return "of epoch %s, the best by validation accuracy".formatted(epoch);
    }
    return "after %s epoch%s".formatted(epoch, epoch == 1 ? "" : "s");
  }

  /// The epochs that are done.
  ///
  /// @return their metrics
  /// @throws IOException if the file is damaged
  public List<EpochMetrics> epochs() throws IOException {
    return RunRecord.epochs(layout);
  }

  /// What the run had cost when this was first asked: the ledger is read once.
  ///
  /// @return null if it has no ledger: then it has released nothing
  /// @throws IOException if the ledger is damaged, or is an older one than the model: it would
  ///   state too small an epsilon
  public @Nullable PrivacyStatement statement() throws IOException {
    if (statement == null) {
      @Nullable PrivacyStatement read = RunRecord.statement(layout);
      if (read != null) {
        RunRecord.requireLedgerOf(layout.directory(), read.ledger(), model);
      }
      statement = read;
    }
    return statement;
  }

  /// What the run claims of its model, which is all that may be said of a file that [#export]
  /// writes.
  ///
  /// @return one line: epsilon and delta, or that nothing is claimed
  /// @throws IOException if the ledger is damaged
  public String modelStatement() throws IOException {
    @Nullable PrivacyStatement stated = statement();
    return stated == null ? PrivacyStatement.NO_MODEL_LINE : stated.modelLine();
  }

  /// Writes the model for other programs, with its statement. The file is a release of the model:
  /// it lies outside the run directory's protection, with parameters, class names and statistics of
  /// pixels, unencrypted.
  ///
  /// @param format of the file
  /// @param file its path; the directory must exist; mode 0600
  /// @throws IOException one line, if it cannot be written
  /// @throws IllegalArgumentException one line, if the format cannot express the model
  public void export(ModelFormat format, Path file) throws IOException {
    export(format, ClearStore.CLEAR, file);
  }

  /// The same, stored in a way of its own.
  ///
  /// @param format of the file
  /// @param store how it is stored
  /// @param file its path; the directory must exist; mode 0600
  /// @throws IOException one line, if it cannot be written
  /// @throws IllegalArgumentException one line, if the format cannot express the model
  public void export(ModelFormat format, PrivateStore store, Path file) throws IOException {
    TrainedModel.Description described = model.description();
    Normalization normalization = described.normalization();
    Map<String, String> notes = new LinkedHashMap<>();
    notes.put("privacy", modelStatement());
    format.write(
        new ExportedModel(
            model.graph(),
            p -> model.parameters().used(p.name()).toArray(),
            normalization.mean(),
            normalization.standardDeviation(),
            described.classNames(),
            notes),
        store,
        file);
  }

  /// Opens images that fit the model.
  ///
  /// @param images which, for example those of [#spec]
  /// @param progress hears how far the decoding is
  /// @return the limited splits
  /// @throws DataException if anything is wrong with them, or shape or classes are not the model's
  public DataSet open(DataSpec images, Progress progress) throws DataException {
    DataSet opened = images.open(spec.training().seed(), progress);
    TrainedModel.Description described = model.description();
    if (!described.input().equals(opened.test().shape())
        || !described.classNames().equals(opened.test().classNames())) {
      throw new DataException(
          "%s does not fit the model: it has %s images of %s classes, the model takes %s of %s"
              .formatted(
                  opened.name(),
                  opened.test().shape(),
                  opened.test().classNames().size(),
                  described.input(),
                  described.classNames()));
    }
    return opened;
  }

  /// Opens test images that fit the model. No training images are needed, or read.
  ///
  /// @param images which, for example those of [#spec]
  /// @param progress hears how far the decoding is
  /// @return the limited test split
  /// @throws DataException if anything is wrong with them, or shape or classes are not the model's
  public TestSet openTest(DataSpec images, Progress progress) throws DataException {
    TrainedModel.Description described = model.description();
    return images.openTest(
        described.input(), described.classNames(), spec.training().seed(), progress);
  }

  /// Tests the model.
  ///
  /// @param images with labels, of the model's shape and classes
  /// @param batchSize images at a time, at least 1
  /// @return loss, accuracy and confusions
  /// @throws TrainingException if the outputs are not finite
  public Evaluator.Score evaluate(ImageSet images, int batchSize) throws TrainingException {
    try (Evaluator evaluator = new Evaluator(model.graph(), model.parameters(), batchSize)) {
      return evaluator.score(images, model.description().normalization(), (_, _) -> {});
    }
  }

  /// Decodes an image as the run's own were decoded.
  ///
  /// @param image a JPEG or PNG file of the model's size, or of any if the run scaled its images
  /// @return pixels `[H, W, C]`, 0 to 255 each
  /// @throws DataException if it is no such image
  public byte[] pixels(Path image) throws DataException {
    return ImageFiles.decode(image, model.description().input(), spec.data().decoding());
  }

  /// Decodes the bytes of an image file as the run's own images were decoded.
  ///
  /// @param name how to call it in errors
  /// @param content a JPEG or PNG file of the model's size, or of any if the run scaled its images
  /// @return pixels `[H, W, C]`, 0 to 255 each
  /// @throws DataException if it is no such image
  public byte[] pixels(String name, byte[] content) throws DataException {
    return ImageFiles.decode(name, content, model.description().input(), spec.data().decoding());
  }

  /// Classifies an image.
  ///
  /// @param image a JPEG or PNG file of the model's size, or of any if the run scaled its images
  /// @return every class, the likeliest first
  /// @throws DataException if it is no such image
  public List<Prediction> predict(Path image) throws DataException {
    return predict(pixels(image));
  }

  /// Classifies an image.
  ///
  /// @param pixels `[H, W, C]`, 0 to 255 each
  /// @return every class, the likeliest first
  public List<Prediction> predict(byte[] pixels) {
    TrainedModel.Description described = model.description();
    try (Arena arena = Arena.ofConfined()) {
      Tensor input =
          Tensor.allocate(
              arena,
              1,
              described.input().height(),
              described.input().width(),
              described.input().channels());
      described.normalization().apply(pixels, input);
      return predictions(described.classNames(), single().logits(input).toArray());
    }
  }

  /// The classes with their probabilities.
  ///
  /// @param classNames in the order of the logits
  /// @param logits of one image
  /// @return the likeliest first
  static List<Prediction> predictions(List<String> classNames, float[] logits) {
    double[] probabilities = softmax(logits);
    List<Prediction> predictions = new ArrayList<>();
    for (int c = 0; c < probabilities.length; c++) {
      predictions.add(new Prediction(classNames.get(c), probabilities[c]));
    }
    predictions.sort(Comparator.comparingDouble(Prediction::probability).reversed());
    return predictions;
  }

  /// Runs the model together with workers: its split layers' inputs are released.
  ///
  /// @param spec who computes, and on what terms
  /// @return to be closed before this
  /// @throws DataException if public images are needed, and something is wrong with them
  /// @throws InvalidSpecException if the model cannot be split so, or cannot be accounted for
  /// @throws IOException if a worker is not to be had
  public InferenceSession split(InferenceSpec spec) throws DataException, IOException {
    return InferenceSession.open(this, spec, (_, _, _) -> {});
  }

  /// The network for one image, planned once.
  private Evaluator single() {
    if (single == null) {
      single = new Evaluator(model.graph(), model.parameters(), 1);
    }
    return single;
  }

  /// Probabilities of logits.
  static double[] softmax(float[] logits) {
    double largest = Double.NEGATIVE_INFINITY;
    for (float logit : logits) {
      largest = Math.max(largest, logit);
    }
    double sum = 0;
    double[] probabilities = new double[logits.length];
    for (int i = 0; i < logits.length; i++) {
      probabilities[i] = Math.exp(logits[i] - largest);
      sum += probabilities[i];
    }
    for (int i = 0; i < logits.length; i++) {
      probabilities[i] /= sum;
    }
    return probabilities;
  }

  /// Frees the model's parameters.
  @Override
  public void close() {
    if (single != null) {
      single.close();
    }
    model.close();
  }
}
